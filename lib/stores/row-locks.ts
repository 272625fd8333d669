/**
 * Locks on rows, where the database has such. Whoever locks several runs does so in the order of their ids as the database has it,
 * and nobody who has locked a run waits for rows of another kind but for texts, which are written in the order of their hashes. So
 * no two ever wait for each other.
 */
import { sql, type Kysely, type RawBuilder } from "kysely";
import type { Database } from "./database.js";
import type { RunRow, Tables } from "./schema.js";

type Locking = Pick<Database, "hasRowLocks">;

/** Ends a selection of runs, which nobody else changes before the transaction ends. */
export function forUpdateInOrder({ hasRowLocks }: Locking): RawBuilder<unknown> {
  return hasRowLocks ? sql`order by id for update` : sql``;
}

/** Ends a selection of rows that are removed: those that somebody else has locked are left to the next removal. */
export function skipLocked({ hasRowLocks }: Locking): RawBuilder<unknown> {
  return hasRowLocks ? sql`for update skip locked` : sql``;
}

/** Tells whether a column has one of these values, however many they are. */
export function inList(values: readonly string[], { hasRowLocks }: Locking): RawBuilder<unknown> {
  // Only the databases that lock rows have arrays.
  return hasRowLocks ? sql`= any(${values}::text[])` : sql`in (select value from json_each(${JSON.stringify(values)}))`;
}

/** Locks those runs that there are. */
export async function lockRuns(
  trx: Kysely<Tables>,
  locking: Locking,
  runIds: readonly string[],
): Promise<Pick<RunRow, "id" | "owner" | "status">[]> {
  const { rows } = await sql<Pick<RunRow, "id" | "owner" | "status">>`
    select id, owner, status from runs where id ${inList(runIds, locking)} ${forUpdateInOrder(locking)}`.execute(trx);
  return rows;
}
