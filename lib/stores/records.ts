import { show } from "../base/check.js";
import type { Kysely } from "kysely";
import { StoreError } from "../base/errors.js";
import type { Codec } from "./codec.js";
import type { Database } from "./database.js";
import { requireConsistent } from "./consistency.js";
import { untakenEvents } from "./event-rows.js";
import { isStorable } from "./storable-text.js";
import { pausesIn, pauseTexts } from "./pauses.js";
import { checkedRow, unreadable } from "./rows.js";
import { effectiveAttempt } from "./effective-attempt.js";
import type { AttemptRow, CycleRow, EventRow, RunRow, Tables } from "./schema.js";
import { ColumnDecoder } from "./column-decoder.js";
import type {
  AttemptStatus,
  CycleStatus,
  QueuedEvent,
  RecordedCycle,
  RecordedNode,
  RecordedRun,
  WorkflowKind,
} from "./store.js";

/** A run's row. @throws {StoreError} NOT_FOUND */
export async function requireRunRow(db: Kysely<Tables>, runId: string): Promise<RunRow> {
  const row = await findRunRow(db, runId);
  if (row === undefined) throw notFound(runId);
  return row;
}

/** A run's row; undefined when there is none. */
export async function findRunRow(db: Kysely<Tables>, runId: string): Promise<RunRow | undefined> {
  if (!isStorable(runId)) return undefined;
  const row = await db.selectFrom("runs").selectAll().where("id", "=", runId).executeTakeFirst();
  return row && checkedRow("runs", runId, row);
}

type LockedRow = RunRow & { readonly clock: number };

/** A run's row, which nobody else changes before the transaction ends, and the database's time. @throws {StoreError} NOT_FOUND */
export async function lockRunRow(
  trx: Kysely<Tables>,
  database: Pick<Database, "clock" | "hasRowLocks">,
  runId: string,
): Promise<LockedRow> {
  const row = await findAndLockRunRow(trx, database, runId);
  if (row === undefined) throw notFound(runId);
  return checkedRow("runs", runId, row);
}

/** The row, locked, whatever it holds; undefined when there is none. */
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
  return new StoreError(`The store has no run ${show(runId)}. Check the id, or look it up with listRuns.`, "NOT_FOUND");
}

/**
 * All that continuing a run takes. Cost: linear in what is recorded.
 * @throws {StoreError} STORE naming what was not written like this
 */
export async function readRun(db: Kysely<Tables>, row: RunRow, codec: Codec): Promise<RecordedRun> {
  const isDag = row.kind === "dag";
  const attempts = isDag ? await attemptRows(db, row.id) : [];
  const cycles = isDag ? [] : await cycleRows(db, row.id);
  const events = isDag ? [] : await untakenEvents(db, row.id);
  const texts = decoderFor(row, attempts, cycles, codec);
  for (const event of events) texts.register("fsm_events", event, "payload");
  await texts.fetchBlobs(db);
  requireConsistent(row, attempts, cycles, texts);
  return {
    runId: row.id,
    workflow: row.workflow,
    kind: row.kind as WorkflowKind,
    status: row.status as RecordedRun["status"],
    structure: JSON.stringify(texts.structure()),
    inputs: texts.record(row.inputs),
    metadata: row.metadata === null ? {} : texts.record(row.metadata),
    scope: row.scope === null ? undefined : texts.list(row.scope),
    outputs: row.outputs === null ? [] : texts.list(row.outputs),
    error: texts.thrown(row.error),
    createdAt: row.created_at,
    finishedAt: row.finished_at ?? undefined,
    dueAt: row.due_at ?? undefined,
    get pauses() {
      return pausesIn(row, (text) => texts.value(text));
    },
    nodes: withPauses(nodesOf(attempts, texts), row),
    cycles: recordedCycles(cycles, texts),
    events: events.map((event) => queuedEvent(event, texts)),
  };
}

/** The texts of a run, its attempts and its cycles, to be fetched. */
export function decoderFor(
  row: RunRow,
  attempts: readonly AttemptRow[],
  cycles: readonly CycleRow[],
  codec: Codec,
  touch?: (made: object) => void,
): ColumnDecoder {
  const texts = new ColumnDecoder(codec, row.id, row, touch);
  for (const text of pauseTexts(row)) texts.register("runs", { ...row, pauses: text }, "pauses");
  for (const attempt of attempts) texts.register("node_executions", attempt, "output", "error");
  for (const cycle of cycles) texts.register("fsm_cycles", cycle, "input", "output", "error", "wait");
  return texts;
}

export async function attemptRows(db: Kysely<Tables>, runId: string): Promise<AttemptRow[]> {
  const query = db.selectFrom("node_executions").selectAll().where("run_id", "=", runId);
  const rows = await query.orderBy("node").orderBy("attempt").execute();
  return rows.map((row) => checkedRow("node_executions", runId, row));
}

export async function cycleRows(db: Kysely<Tables>, runId: string): Promise<CycleRow[]> {
  const query = db.selectFrom("fsm_cycles").selectAll().where("run_id", "=", runId);
  const rows = await query.orderBy("cycle").execute();
  return rows.map((row, i) => {
    if (checkedRow("fsm_cycles", runId, row).cycle === i) return row;
    throw unreadable(runId, "table fsm_cycles", `cycle ${i} is missing`);
  });
}

export function queuedEvent({ id, event, payload, sent_at }: EventRow, texts: ColumnDecoder): QueuedEvent {
  return { id, event, payload: texts.value(payload), sentAt: sent_at };
}

/** What became of each node: the attempt that completed it, or else what became of it without one, or else the last one. */
function nodesOf(rows: readonly AttemptRow[], texts: ColumnDecoder): Map<string, RecordedNode> {
  const nodes = new Map<string, RecordedNode>();
  for (let at = 0; at < rows.length;) {
    const { node } = rows[at];
    const from = at;
    while (at < rows.length && rows[at].node === node) at++;
    nodes.set(node, recordedNode(rows.slice(from, at), texts));
  }
  return nodes;
}

/** Adds the nodes that paused the run, some of which did without an attempt in progress. */
function withPauses(nodes: Map<string, RecordedNode>, row: RunRow): Map<string, RecordedNode> {
  for (const { node, reason } of pausesIn(row, () => undefined)) {
    nodes.set(node, { ...(nodes.get(node) ?? NO_ATTEMPT), status: "paused", reason });
  }
  return nodes;
}

const NO_ATTEMPT: Omit<RecordedNode, "status"> = {
  attempts: 0,
  output: undefined,
  branch: undefined,
  isCached: false,
  reason: undefined,
  error: undefined,
  startedAt: undefined,
  finishedAt: undefined,
};

function recordedNode(rows: readonly AttemptRow[], texts: ColumnDecoder): RecordedNode {
  const { status, output, branch, is_cached, reason, error, finished_at } = effectiveAttempt(rows);
  const started = rows.find((row) => row.started_at !== null);
  return {
    status: status as AttemptStatus,
    attempts: rows[rows.length - 1].attempt,
    output: texts.optional(output),
    branch: branch ?? undefined,
    isCached: is_cached === 1,
    reason: reason ?? undefined,
    error: texts.thrown(error),
    startedAt: started?.started_at ?? undefined,
    finishedAt: finished_at ?? undefined,
  };
}

/** Cycles in their order. What went from one to the next unchanged is kept once. */
export function recordedCycles(rows: readonly CycleRow[], texts: ColumnDecoder): RecordedCycle[] {
  const cycles: RecordedCycle[] = [];
  for (const row of rows) {
    texts.requireState(row);
    cycles.push({
      cycle: row.cycle,
      state: row.state,
      status: row.status as CycleStatus,
      attempts: row.attempts,
      worker: row.worker ?? undefined,
      startedAt: row.started_at ?? undefined,
      finishedAt: row.finished_at ?? undefined,
      input: texts.optional(row.input) ?? cycles.at(-1)?.output,
      event: row.event ?? undefined,
      output: texts.optional(row.output),
      error: texts.thrown(row.error),
      reason: row.reason ?? undefined,
      wait: row.wait === null ? undefined : texts.wait(row.wait),
    });
  }
  return cycles;
}
