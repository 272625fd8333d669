import type { Kysely } from "kysely";
import { StoreError } from "../base/errors.js";
import { referredTo } from "./batch.js";
import type { Codec } from "./codec.js";
import type { AttemptRow, CycleRow, RunRow, Tables } from "./schema.js";
import type {
  AttemptStatus,
  CycleStatus,
  QueuedEvent,
  RecordedCycle,
  RecordedNode,
  RecordedRun,
  RecordedWait,
  WorkflowKind,
} from "./store.js";

/** Texts that are kept apart, read together. */
const MOST_BLOBS = 100;

/** A run's row. @throws {StoreError} NOT_FOUND */
export async function runRow(db: Kysely<Tables>, runId: string, locks = false): Promise<RunRow> {
  let query = db.selectFrom("runs").selectAll().where("id", "=", runId);
  if (locks) query = query.forUpdate();
  const row = await query.executeTakeFirst();
  if (row !== undefined) return row;
  throw notFound(runId);
}

export function notFound(runId: string): StoreError {
  return new StoreError(`The store has no run "${runId}". Check the id, or look it up with listRuns.`, "NOT_FOUND");
}

/** All that continuing a run takes. Cost: linear in what is recorded. */
export async function readRun(db: Kysely<Tables>, row: RunRow, codec: Codec): Promise<RecordedRun> {
  const isDag = row.kind === "dag";
  const attempts = isDag ? await attemptRows(db, row.id) : [];
  const cycles = isDag ? [] : await cycleRows(db, row.id);
  const events = isDag ? [] : await eventRows(db, row.id);
  const texts = new Texts(codec);
  texts.expect(row.inputs, row.metadata, row.scope, row.error);
  for (const { output, error } of attempts) texts.expect(output, error);
  for (const { input, output, error } of cycles) texts.expect(input, output, error);
  for (const { payload } of events) texts.expect(payload);
  await texts.fetch(db);
  const [{ data: structure }] = await db
    .selectFrom("blobs")
    .select("data")
    .where("hash", "=", row.fingerprint)
    .execute();
  return {
    runId: row.id,
    workflow: row.workflow,
    kind: row.kind as WorkflowKind,
    status: row.status as RecordedRun["status"],
    structure,
    inputs: texts.value(row.inputs) as Record<string, unknown>,
    metadata: (row.metadata === null ? {} : texts.value(row.metadata)) as Record<string, unknown>,
    scope: row.scope === null ? undefined : (JSON.parse(texts.plain(row.scope)) as string[]),
    outputs: row.outputs === null ? [] : (JSON.parse(row.outputs) as string[]),
    error: texts.thrown(row.error),
    createdAt: row.created_at,
    finishedAt: row.finished_at ?? undefined,
    nodes: nodesOf(attempts, texts),
    cycles: recordedCycles(cycles, texts),
    events: events.map(({ number, event, payload }): QueuedEvent => ({ number, event, payload: texts.value(payload) })),
  };
}

export function attemptRows(db: Kysely<Tables>, runId: string): Promise<AttemptRow[]> {
  const query = db.selectFrom("node_executions").selectAll().where("run_id", "=", runId);
  return query.orderBy("node").orderBy("attempt").execute();
}

export function cycleRows(db: Kysely<Tables>, runId: string): Promise<CycleRow[]> {
  return db.selectFrom("fsm_cycles").selectAll().where("run_id", "=", runId).orderBy("cycle").execute();
}

function eventRows(db: Kysely<Tables>, runId: string) {
  return db.selectFrom("fsm_events").selectAll().where("run_id", "=", runId).orderBy("number").execute();
}

/** The texts of rows as values, those that are kept apart included. */
export class Texts {
  private readonly blobs = new Map<string, string>();

  constructor(private readonly codec: Codec) {}

  expect(...texts: readonly (string | null)[]): void {
    for (const text of texts) {
      const hash = text === null ? undefined : referredTo(text);
      if (hash !== undefined) this.blobs.set(hash, "");
    }
  }

  async fetch(db: Kysely<Tables>): Promise<void> {
    const hashes = Array.from(this.blobs.keys());
    for (let at = 0; at < hashes.length; at += MOST_BLOBS) {
      const part = hashes.slice(at, at + MOST_BLOBS);
      const rows = await db.selectFrom("blobs").select(["hash", "data"]).where("hash", "in", part).execute();
      for (const { hash, data } of rows) this.blobs.set(hash, data);
    }
  }

  plain(text: string): string {
    const hash = referredTo(text);
    return hash === undefined ? text : (this.blobs.get(hash) as string);
  }

  value(text: string): unknown {
    return this.codec.decode(this.plain(text));
  }

  optional(text: string | null): { readonly value: unknown } | undefined {
    return text === null ? undefined : { value: this.value(text) };
  }

  thrown(text: string | null): unknown {
    return text === null ? undefined : this.codec.decodeThrown(this.plain(text));
  }
}

/** What became of each node: the attempt that completed it, or else what became of it without one, or else the last one. */
function nodesOf(rows: readonly AttemptRow[], texts: Texts): Map<string, RecordedNode> {
  const nodes = new Map<string, RecordedNode>();
  for (let at = 0; at < rows.length;) {
    const { node } = rows[at];
    const from = at;
    while (at < rows.length && rows[at].node === node) at++;
    nodes.set(node, recordedNode(rows.slice(from, at), texts));
  }
  return nodes;
}

/** @param rows - of one node, in order of attempts */
export function decisiveRow(rows: readonly AttemptRow[]): AttemptRow {
  const last = rows[rows.length - 1];
  const isFinal = ({ status, attempt }: AttemptRow) =>
    status === "completed" || (attempt === 0 && status === "skipped");
  const own = rows[0].attempt === 0 && rows[0].status !== "superseded" ? rows[0] : last;
  return rows.find(isFinal) ?? own;
}

function recordedNode(rows: readonly AttemptRow[], texts: Texts): RecordedNode {
  const { status, output, branch, is_cached, reason, error, finished_at } = decisiveRow(rows);
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
export function recordedCycles(rows: readonly CycleRow[], texts: Texts): RecordedCycle[] {
  const cycles: RecordedCycle[] = [];
  for (const row of rows) {
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
      wait: row.wait === null ? undefined : (JSON.parse(row.wait) as RecordedWait),
    });
  }
  return cycles;
}
