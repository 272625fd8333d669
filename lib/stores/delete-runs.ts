/** Deletes runs with their complete records. */
import { type Kysely, type RawBuilder, sql } from "kysely";
import type { Database } from "./database/database.js";
import { parts } from "./database/parts.js";
import { inList, lockRuns, skipLocked } from "./database/row-locks.js";
import type { RunRow, Tables } from "./database/schema.js";
import { timeOfDay } from "./database/time.js";

/** The tables with a column `run_id`. */
const TABLES = ["node_executions", "edge_traversals", "fsm_cycles", "events", "waits", "moments", "blob_uses"] as const;

/** How long to keep an unused blob, in ms: a run that is about to be recorded may use it. */
const GRACE_PERIOD = 60_000;

type Locking = Pick<Database, "hasRowLocks">;

/**
 * Deletes runs, and those inside of them, in the caller's transaction.
 * @param statuses - keeps runs whose status is no longer one of these; undefined to delete all
 * @returns the number of deleted runs, without those inside
 */
export async function deleteRuns(
  trx: Kysely<Tables>,
  database: Locking,
  ids: readonly string[],
  statuses?: readonly string[],
): Promise<number> {
  const locked = await lockRuns(trx, database, ids);
  const deleted = locked.filter(({ status }) => statuses?.includes(status) ?? true).map(({ id }) => id);
  for (let level: readonly string[] = deleted; level.length > 0;) {
    const inside = await runsInside(trx, level);
    await trx.deleteFrom("runs").where("id", "in", level).execute();
    await trx.deleteFrom("events").where("root_id", "in", level).execute();
    for (const table of TABLES) await trx.deleteFrom(table).where("run_id", "in", level).execute();
    level = inside;
  }
  return deleted.length;
}

/** The ids of the runs directly inside of others. */
export async function runsInside(trx: Kysely<Tables>, ids: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const part of parts(ids)) {
    const query = trx.selectFrom("runs").select("id").where("is_child", "=", 1);
    const rows = await query.where("parent_run_id", "in", part).execute();
    for (const { id } of rows) found.push(id);
  }
  return found;
}

/**
 * Deletes a run and the blobs that only it used. Blobs used within the grace period are left to {@link
 * removeUnusedBlobs}.
 */
export async function deleteRun(trx: Kysely<Tables>, database: Locking, { id }: Pick<RunRow, "id">): Promise<void> {
  const uses = await trx.selectFrom("blob_uses").select("hash").where("run_id", "=", id).execute();
  await deleteRuns(trx, database, [id]);
  const hashes = uses.map(({ hash }) => hash);
  await deleteUnused(trx, database, sql`hash ${inList(hashes, database)}`);
}

export function deleteUnusedBlobs(trx: Kysely<Tables>, database: Locking): Promise<void> {
  return deleteUnused(trx, database, sql`true`);
}

/** Skips blobs that are locked: another transaction is about to use them. */
async function deleteUnused(trx: Kysely<Tables>, database: Locking, condition: RawBuilder<unknown>): Promise<void> {
  await sql`
    delete from blobs where hash in (
      select hash from blobs where ${condition} and used_at < ${timeOfDay() - GRACE_PERIOD}
        and not exists (select hash from blob_uses where blob_uses.hash = blobs.hash)
      ${skipLocked(database)})`.execute(trx);
}
