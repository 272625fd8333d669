/**
 * Row locks, where the database has them. To prevent deadlocks, a transaction locks runs in the order of their ids, as
 * the database sorts them, then blobs in the order of their hashes, and waits for no other rows.
 */
import { type Kysely, type RawBuilder, sql } from "kysely";
import type { Database } from "./database.js";
import type { RunRow, Tables } from "./schema.js";

type Locking = Pick<Database, "hasRowLocks">;

/** Ends a query of runs, and locks them until the transaction ends. */
export function forUpdateInOrder({ hasRowLocks }: Locking): RawBuilder<unknown> {
  return hasRowLocks ? sql`order by id for update` : sql``;
}

/** Ends a query of one row, and locks it. */
export function forUpdate({ hasRowLocks }: Locking): RawBuilder<unknown> {
  return hasRowLocks ? sql`for update` : sql``;
}

/**
 * Ends a query of rows to delete, and locks them. Skips rows that another transaction has locked: a later deletion gets
 * them.
 */
export function skipLocked({ hasRowLocks }: Locking): RawBuilder<unknown> {
  return hasRowLocks ? sql`for update skip locked` : sql``;
}

/** A condition: the column has one of the values, passed as a single parameter. */
export function inList(values: readonly string[], { hasRowLocks }: Locking): RawBuilder<unknown> {
  return hasRowLocks ? sql`= any(${values}::text[])` : sql`in (select value from json_each(${JSON.stringify(values)}))`;
}

/** Locks the runs that exist. */
export async function lockRuns(
  trx: Kysely<Tables>,
  locking: Locking,
  runIds: readonly string[],
): Promise<Pick<RunRow, "id" | "owner" | "status">[]> {
  const { rows } = await sql<Pick<RunRow, "id" | "owner" | "status">>`
    select id, owner, status from runs where id ${inList(runIds, locking)} ${forUpdateInOrder(locking)}`.execute(trx);
  return rows;
}
