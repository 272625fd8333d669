/** Reads and checks the rows of a run. */
import type { Kysely } from "kysely";
import { show } from "../../base/check.js";
import { StoreError } from "../../base/errors.js";
import type { Database } from "../database/database.js";
import { checkRow } from "./row-checks.js";
import type { AttemptRow, CycleRow, RunRow, Tables } from "../database/schema.js";
import { isStorable } from "../values/storable-text.js";
import { unreadable } from "../values/unreadable.js";

/** The row of a run. @throws {StoreError} NOT_FOUND */
export async function requireRunRow(db: Kysely<Tables>, runId: string): Promise<RunRow> {
  const row = await findRunRow(db, runId);
  if (row === undefined) throw notFound(runId);
  return row;
}

/** The row of a run; undefined if there is none. */
export async function findRunRow(db: Kysely<Tables>, runId: string): Promise<RunRow | undefined> {
  if (!isStorable(runId)) return undefined;
  const row = await db.selectFrom("runs").selectAll().where("id", "=", runId).executeTakeFirst();
  return row && checkRow("runs", runId, row);
}

/** The rows of the runs inside a run that are items of a map. */
export async function itemRunRows(db: Kysely<Tables>, runId: string, map: string): Promise<RunRow[]> {
  const query = db.selectFrom("runs").selectAll().where("parent_run_id", "=", runId).where("parent_node", "=", map);
  const rows = await query.orderBy("id").execute();
  return rows.map((row) => checkRow("runs", row.id, row));
}

type LockedRow = RunRow & { readonly clock: number };

/** The row of a run, locked until the transaction ends, and the database's time. @throws {StoreError} NOT_FOUND */
export async function lockRunRow(
  trx: Kysely<Tables>,
  database: Pick<Database, "clock" | "hasRowLocks">,
  runId: string,
): Promise<LockedRow> {
  const row = await findAndLockRunRow(trx, database, runId);
  if (row === undefined) throw notFound(runId);
  return checkRow("runs", runId, row);
}

/** {@link lockRunRow} without checking the row; undefined if there is none. */
export async function findAndLockRunRow(
  trx: Kysely<Tables>,
  { clock, hasRowLocks }: Pick<Database, "clock" | "hasRowLocks">,
  runId: string,
): Promise<LockedRow | undefined> {
  if (!isStorable(runId)) return undefined;
  const query = trx.selectFrom("runs").selectAll().select(clock.as("clock")).where("id", "=", runId);
  return (hasRowLocks ? query.forUpdate() : query).executeTakeFirst();
}

export function notFound(runId: string): StoreError {
  return new StoreError(`The store has no run ${show(runId)}. Check the id, or find it with listRuns.`, "NOT_FOUND");
}

export async function attemptRows(db: Kysely<Tables>, runId: string): Promise<AttemptRow[]> {
  const query = db.selectFrom("node_executions").selectAll().where("run_id", "=", runId);
  const rows = await query.orderBy("node").orderBy("attempt").execute();
  return rows.map((row) => checkRow("node_executions", runId, row));
}

export async function cycleRows(db: Kysely<Tables>, runId: string): Promise<CycleRow[]> {
  const query = db.selectFrom("fsm_cycles").selectAll().where("run_id", "=", runId);
  const rows = await query.orderBy("cycle").execute();
  return rows.map((row, i) => {
    if (checkRow("fsm_cycles", runId, row).cycle === i) return row;
    throw unreadable(runId, "table fsm_cycles", `cycle ${i} is missing`);
  });
}
