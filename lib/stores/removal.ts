/** The removal of runs with all that is recorded of them. */
import type { Kysely } from "kysely";
import type { Tables } from "./schema.js";
import { timeOfDay } from "./time.js";

/** Where rows are found by their run. */
const TABLES = ["node_executions", "edge_traversals", "fsm_cycles", "fsm_events", "blob_uses"] as const;

/** A text that was used within this time, in ms, may be about to be used by a run that is not recorded yet. */
const LATE = 60_000;

/** Texts that are removed together. */
const MOST_BLOBS = 500;

/**
 * Removes runs, in a transaction of the caller's.
 * @param statuses - a run that has another one meanwhile stays
 * @returns how many were removed
 */
export async function removeRuns(
  trx: Kysely<Tables>,
  ids: readonly string[],
  statuses: readonly string[],
): Promise<number> {
  const deleted = await trx
    .deleteFrom("runs")
    .where("id", "in", ids)
    .where("status", "in", statuses)
    .returning("id")
    .execute();
  const gone = deleted.map(({ id }) => id);
  if (gone.length === 0) return 0;
  for (const table of TABLES) await trx.deleteFrom(table).where("run_id", "in", gone).execute();
  return gone.length;
}

/** Removes one run, and the long texts that only it had; those used a moment ago stay until the next removal of many. */
export async function removeRun(trx: Kysely<Tables>, { id, status }: { id: string; status: string }): Promise<void> {
  const uses = await trx.selectFrom("blob_uses").select("hash").where("run_id", "=", id).execute();
  await removeRuns(trx, [id], [status]);
  for (let at = 0; at < uses.length; at += MOST_BLOBS) {
    const hashes = uses.slice(at, at + MOST_BLOBS).map(({ hash }) => hash);
    await unusedBlobs(trx).where("hash", "in", hashes).execute();
  }
}

export async function removeUnusedBlobs(db: Kysely<Tables>): Promise<void> {
  await unusedBlobs(db).execute();
}

function unusedBlobs(db: Kysely<Tables>) {
  return db
    .deleteFrom("blobs")
    .where("used_at", "<", timeOfDay() - LATE)
    .where((eb) =>
      eb.not(eb.exists(eb.selectFrom("blob_uses").select("hash").whereRef("blob_uses.hash", "=", "blobs.hash"))),
    );
}
