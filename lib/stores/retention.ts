import type { Kysely } from "kysely";
import { checkNumber, checkOptions } from "../base/check.js";
import { nowChecked, toEpoch } from "../base/clock.js";
import type { Tables } from "./schema.js";

/** What is removed: at least one of them has to be given. */
export interface PruneOptions {
  /** Runs that ended longer ago than this, in ms. */
  readonly olderThan?: number;
  /** Of each workflow, all but the runs that ended last: so many are kept. */
  readonly keepLast?: number;
}

/** How many runs are removed in one transaction, so that nobody has to wait for long. */
const PORTION = 100;

/** A text that was used within this time, in ms, may be about to be used by a run that is not recorded yet. */
const LATE = 60_000;

/**
 * Removes runs that are over, oldest first, with all that is recorded of them; running and paused ones stay.
 * @returns how many
 * @throws {TypeError} | {RangeError} naming the option, its rule and the value received
 */
export async function prune(db: Kysely<Tables>, options: PruneOptions): Promise<number> {
  checkOptions(options, ["olderThan", "keepLast"], "prune");
  const { olderThan, keepLast } = options;
  checkNumber("olderThan", olderThan, { min: 0, unit: "milliseconds" });
  checkNumber("keepLast", keepLast, { min: 0, integer: true });
  if (olderThan === undefined && keepLast === undefined)
    throw new TypeError('prune takes "olderThan", "keepLast" or both.');
  const finished = await db
    .selectFrom("runs")
    .select(["id", "workflow", "finished_at"])
    .where("status", "in", ["completed", "failed", "cancelled"])
    .orderBy("finished_at", "desc")
    .orderBy("created_at", "desc")
    .orderBy("id", "desc")
    .execute();
  const oldest = olderThan === undefined ? -Infinity : toEpoch(nowChecked()) - olderThan;
  const seen = new Map<string, number>();
  const doomed = finished.filter(({ workflow, finished_at }) => {
    const newer = seen.get(workflow) ?? 0;
    seen.set(workflow, newer + 1);
    return (finished_at ?? 0) < oldest || newer >= (keepLast ?? Infinity);
  });
  let removed = 0;
  for (let end = doomed.length; end > 0; end -= PORTION) {
    const ids = doomed.slice(Math.max(0, end - PORTION), end).map(({ id }) => id);
    removed += await db.transaction().execute((trx) => remove(trx, ids));
  }
  await removeUnusedBlobs(db);
  return removed;
}

/** Gives how many there were: one that somebody has resumed meanwhile stays. */
async function remove(db: Kysely<Tables>, ids: readonly string[]): Promise<number> {
  const deleted = await db
    .deleteFrom("runs")
    .where("id", "in", ids)
    .where("status", "not in", ["running", "paused"])
    .returning("id")
    .execute();
  const gone = deleted.map(({ id }) => id);
  if (gone.length === 0) return 0;
  for (const table of ["node_executions", "edge_traversals", "fsm_cycles", "fsm_events", "blob_uses"] as const) {
    await db.deleteFrom(table).where("run_id", "in", gone).execute();
  }
  return gone.length;
}

async function removeUnusedBlobs(db: Kysely<Tables>): Promise<void> {
  await db
    .deleteFrom("blobs")
    .where("used_at", "<", toEpoch(nowChecked()) - LATE)
    .where((eb) =>
      eb.not(eb.exists(eb.selectFrom("blob_uses").select("hash").whereRef("blob_uses.hash", "=", "blobs.hash"))),
    )
    .execute();
}
