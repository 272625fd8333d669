/** Reads and checks the rows of a run. */
import type { Kysely } from "kysely";
import { append } from "../../base/append.js";
import { show } from "../../base/check.js";
import { StoreError } from "../../base/errors.js";
import type { Database } from "../database/database.js";
import { parts } from "../database/parts.js";
import type { WorkflowKind } from "../store.js";
import { checkRow } from "./row-checks.js";
import type { AttemptRow, CycleRow, RunRow, Tables, WaitRow } from "../database/schema.js";
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

/** The rows of the runs directly inside another one, oldest first. */
export async function runsInsideOf(db: Kysely<Tables>, runId: string): Promise<RunRow[]> {
  const query = db.selectFrom("runs").selectAll().where("parent_run_id", "=", runId).where("is_child", "=", 1);
  const rows = await query.orderBy("created_at").orderBy("id").execute();
  for (const row of rows) checkRow("runs", row.id, row);
  return rows;
}

/** The rows of the runs directly inside of others that have ended and were not cancelled. */
export async function endedRunsInside(db: Kysely<Tables>, runIds: readonly string[]): Promise<RunRow[]> {
  const found: RunRow[] = [];
  for (const part of parts(runIds)) {
    const query = db.selectFrom("runs").selectAll().where("parent_run_id", "in", part).where("is_child", "=", 1);
    const rows = await query.where("status", "in", ["completed", "failed"]).orderBy("id").execute();
    for (const row of rows) found.push(checkRow("runs", row.id, row));
  }
  return found;
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
  return new StoreError(
    `The store has no run ${show(runId)}. Check the id: it was never recorded, or is deleted.`,
    "NOT_FOUND",
  );
}

/** The attempts of runs, by run, ordered by node and attempt. */
export async function attemptRowsOf(db: Kysely<Tables>, runIds: readonly string[]): Promise<Map<string, AttemptRow[]>> {
  const found = new Map<string, AttemptRow[]>();
  for (const part of parts(runIds)) {
    const query = db.selectFrom("node_executions").selectAll().where("run_id", "in", part);
    const rows = await query.orderBy("run_id").orderBy("node").orderBy("attempt").execute();
    for (const row of rows) append(found, row.run_id, checkRow("node_executions", row.run_id, row));
  }
  return found;
}

export async function attemptRows(db: Kysely<Tables>, runId: string): Promise<AttemptRow[]> {
  return (await attemptRowsOf(db, [runId])).get(runId) ?? [];
}

/** The attempts of one node, in order. */
export async function attemptsOf(db: Kysely<Tables>, runId: string, node: string): Promise<AttemptRow[]> {
  const query = db.selectFrom("node_executions").selectAll().where("run_id", "=", runId).where("node", "=", node);
  const rows = await query.orderBy("attempt").execute();
  return rows.map((row) => checkRow("node_executions", runId, row));
}

/** The id of the outermost run that contains a run. */
export async function rootOf(
  db: Kysely<Tables>,
  { id, is_child, parent_run_id }: Pick<RunRow, "id" | "is_child" | "parent_run_id">,
): Promise<string> {
  let root = id;
  for (let outer = is_child === 1 ? parent_run_id : null; outer !== null;) {
    root = outer;
    const query = db.selectFrom("runs").select(["is_child", "parent_run_id"]).where("id", "=", outer);
    const row = await query.executeTakeFirst();
    outer = row?.is_child === 1 ? row.parent_run_id : null;
  }
  return root;
}

/** What the nodes of runs wait for, or waited for, by run. */
export async function waitRowsOf(db: Kysely<Tables>, runIds: readonly string[]): Promise<Map<string, WaitRow[]>> {
  const found = new Map<string, WaitRow[]>();
  for (const part of parts(runIds)) {
    const rows = await db.selectFrom("waits").selectAll().where("run_id", "in", part).orderBy("node").execute();
    for (const row of rows) append(found, row.run_id, checkRow("waits", row.run_id, row));
  }
  return found;
}

export async function waitRows(db: Kysely<Tables>, runId: string): Promise<WaitRow[]> {
  return (await waitRowsOf(db, [runId])).get(runId) ?? [];
}

/** Whether a node of the run itself still waits. */
export function isOpenWait({ node, event, until, payload }: WaitRow): boolean {
  return payload === null && (event !== null || until !== null) && !node.includes(".");
}

/** The cycles of runs, by run, in order. @throws {StoreError} STORE for a cycle that is missing */
export async function cycleRowsOf(db: Kysely<Tables>, runIds: readonly string[]): Promise<Map<string, CycleRow[]>> {
  const found = new Map<string, CycleRow[]>();
  for (const part of parts(runIds)) {
    const query = db.selectFrom("fsm_cycles").selectAll().where("run_id", "in", part);
    const rows = await query.orderBy("run_id").orderBy("cycle").execute();
    for (const row of rows) {
      const { run_id: runId } = row;
      const next = found.get(runId)?.length ?? 0;
      if (checkRow("fsm_cycles", runId, row).cycle !== next) {
        throw unreadable(runId, "table fsm_cycles", `cycle ${next} is missing`);
      }
      append(found, runId, row);
    }
  }
  return found;
}

export async function cycleRows(db: Kysely<Tables>, runId: string): Promise<CycleRow[]> {
  return (await cycleRowsOf(db, [runId])).get(runId) ?? [];
}

/** The kind of a run's workflow; undefined until it is known. */
export function kindOf({ kind }: Pick<RunRow, "kind">): WorkflowKind | undefined {
  return kind === "" ? undefined : (kind as WorkflowKind);
}
