/** The removal of runs with all that is recorded of them. */
import { sql, type Kysely, type RawBuilder } from "kysely";
import type { Database } from "./database.js";
import { inList, lockRuns, skipLocked } from "./row-locks.js";
import type { RunRow, Tables } from "./schema.js";
import { timeOfDay } from "./time.js";

/** Where rows are found by their run. */
const TABLES = ["node_executions", "edge_traversals", "fsm_cycles", "fsm_events", "blob_uses"] as const;

/** A text that was used within this time, in ms, may be about to be used by a run that is not recorded yet. */
const GRACE_PERIOD = 60_000;

type Locking = Pick<Database, "hasRowLocks">;

/**
 * Removes runs, in a transaction of the caller's.
 * @param statuses - a run that has another one meanwhile stays; undefined to remove all
 * @returns how many were removed
 */
export async function removeRuns(
  trx: Kysely<Tables>,
  database: Locking,
  ids: readonly string[],
  statuses?: readonly string[],
): Promise<number> {
  const locked = await lockRuns(trx, database, ids);
  const doomed = locked.filter(({ status }) => statuses?.includes(status) ?? true).map(({ id }) => id);
  if (doomed.length === 0) return 0;
  await trx.deleteFrom("runs").where("id", "in", doomed).execute();
  for (const table of TABLES) await trx.deleteFrom(table).where("run_id", "in", doomed).execute();
  return doomed.length;
}

/** Removes one run, and the long texts that only it had; those used a moment ago stay until the next removal of many. */
export async function removeRun(trx: Kysely<Tables>, database: Locking, { id }: Pick<RunRow, "id">): Promise<void> {
  const uses = await trx.selectFrom("blob_uses").select("hash").where("run_id", "=", id).execute();
  await removeRuns(trx, database, [id]);
  const hashes = uses.map(({ hash }) => hash);
  await removeUnused(trx, database, sql`hash ${inList(hashes, database)}`);
}

export function removeUnusedBlobs(trx: Kysely<Tables>, database: Locking): Promise<void> {
  return removeUnused(trx, database, sql`true`);
}

/** Whoever is about to use a text has locked it. */
async function removeUnused(trx: Kysely<Tables>, database: Locking, condition: RawBuilder<unknown>): Promise<void> {
  await sql`
    delete from blobs where hash in (
      select hash from blobs where ${condition} and used_at < ${timeOfDay() - GRACE_PERIOD}
        and not exists (select hash from blob_uses where blob_uses.hash = blobs.hash)
      ${skipLocked(database)})`.execute(trx);
}
