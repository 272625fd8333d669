import { type Kysely, sql } from "kysely";
import type { Database } from "../database/database.js";
import { parts } from "../database/parts.js";
import { inList, skipLocked } from "../database/row-locks.js";
import type { RunRow, Tables } from "../database/schema.js";
import { addressedRuns } from "../reading/recoverable-runs.js";
import type { ServedWorkflow } from "./queue.js";

/** A run at rest that an event may continue. No event ends a pause that was thrown or requested. */
export const RESTS = sql`status in ('waiting', 'paused') and pauses is null and owner is null and ready_at is null and is_child = 0`;

/**
 * Makes ready those of the runs that are at rest and have received an event they wait for. Skips locked runs, whose
 * events the next sweep finds.
 * @returns those that became ready
 */
export async function readyAddressed(
  db: Kysely<Tables>,
  database: Pick<Database, "clock" | "hasRowLocks">,
  runIds: readonly string[],
): Promise<string[]> {
  const ids = await addressedRuns(db, runIds);
  return ids.length === 0 ? [] : readyResting(db, database, ids);
}

/** Makes ready those of the runs that are at rest and not locked by others. @returns those that became ready */
export async function readyResting(
  db: Kysely<Tables>,
  database: Pick<Database, "clock" | "hasRowLocks">,
  ids: readonly string[],
): Promise<string[]> {
  const { rows } = await sql<Pick<RunRow, "id">>`
    update runs set ready_at = ${database.clock} where id in (
      select id from runs where id ${inList(ids, database)} and ${RESTS} ${skipLocked(database)})
    returning id`.execute(db);
  return rows.map(({ id }) => id);
}

/** The runs at rest of workflows that have events to take, whether or not they wait for these. */
export async function possiblyAddressed(
  database: Pick<Database, "db" | "hasRowLocks">,
  workflows: readonly Pick<ServedWorkflow, "name" | "kind">[],
): Promise<string[]> {
  const { db } = database;
  const untaken = await db.selectFrom("events").select("root_id").distinct().where("taken_at", "is", null).execute();
  const isServed = (run: Pick<RunRow, "workflow" | "kind">) =>
    workflows.some(({ name, kind }) => name === run.workflow && kind === run.kind);
  const found: string[] = [];
  for (const part of parts(untaken)) {
    const ids = part.map(({ root_id }) => root_id);
    const { rows } = await sql<Pick<RunRow, "id" | "workflow" | "kind">>`
      select id, workflow, kind from runs where id ${inList(ids, database)} and ${RESTS}`.execute(db);
    for (const run of rows) if (isServed(run)) found.push(run.id);
  }
  return found;
}
