import type { Kysely } from "kysely";
import { show } from "../base/check.js";
import { StoreError } from "../base/errors.js";
import type { Structure } from "../planning/structure.js";
import { hashOf, reference, referredTo } from "./batch.js";
import type { Codec } from "./codec.js";
import { checkedRow, namesOf, placeOf, reasonOf, structureOf, unreadable, waitOf, type RunRows } from "./rows.js";
import type { AttemptRow, CycleRow, EventRow, RunRow, Tables } from "./schema.js";
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
  if (row !== undefined) return checkedRow("runs", runId, row);
  throw notFound(runId);
}

export function notFound(runId: string): StoreError {
  return new StoreError(`The store has no run "${runId}". Check the id, or look it up with listRuns.`, "NOT_FOUND");
}

/**
 * All that continuing a run takes. Cost: linear in what is recorded.
 * @throws {StoreError} STORE naming what was not written like this
 */
export async function readRun(db: Kysely<Tables>, row: RunRow, codec: Codec): Promise<RecordedRun> {
  const isDag = row.kind === "dag";
  const attempts = isDag ? await attemptRows(db, row.id) : [];
  const cycles = isDag ? [] : await cycleRows(db, row.id);
  const events = isDag ? [] : await eventRows(db, row.id);
  const texts = new Texts(codec, row);
  for (const attempt of attempts) texts.expect("node_executions", attempt, "output", "error");
  for (const cycle of cycles) texts.expect("fsm_cycles", cycle, "input", "output", "error", "wait");
  for (const event of events) texts.expect("fsm_events", event, "payload");
  await texts.fetch(db);
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
    createdAt: row.created_at,
    finishedAt: row.finished_at ?? undefined,
    nodes: nodesOf(attempts, texts),
    cycles: recordedCycles(cycles, texts),
    events: events.map(({ number, event, payload }): QueuedEvent => ({ number, event, payload: texts.value(payload) })),
  };
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

async function eventRows(db: Kysely<Tables>, runId: string): Promise<EventRow[]> {
  const query = db.selectFrom("fsm_events").selectAll().where("run_id", "=", runId);
  const rows = await query.orderBy("number").execute();
  return rows.map((row) => checkedRow("fsm_events", runId, row));
}

/** Columns that hold JSON as such, and no value. */
const LISTS: readonly string[] = ["scope", "outputs"];
const WAITS: readonly string[] = ["wait"];

/** The texts of a run's rows as values, those that are kept apart included. */
export class Texts {
  /** Undefined for what is not there. */
  private readonly blobs = new Map<string, string | undefined>();
  private known: Structure | undefined;
  private names: ReadonlySet<string> | undefined;
  private readonly columns: { readonly column: string; readonly text: string; readonly place: () => string }[] = [];

  constructor(
    private readonly codec: Codec,
    private readonly run: RunRow,
  ) {
    this.blobs.set(run.fingerprint, undefined);
    this.expect("runs", run, "inputs", "metadata", "scope", "outputs", "error");
  }

  /** Says which columns of a row will be asked for. */
  expect<Table extends keyof RunRows>(
    table: Table,
    row: RunRows[Table],
    ...columns: readonly (keyof RunRows[Table] & string)[]
  ): void {
    for (const column of columns) {
      const text = row[column] as string | null;
      if (text === null) continue;
      this.columns.push({ column, text, place: () => placeOf(table, row, column) });
      const hash = referredTo(text);
      if (hash !== undefined) this.blobs.set(hash, undefined);
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

  value(text: string): unknown {
    return this.read(text, (plain) => this.codec.decode(plain));
  }

  optional(text: string | null): { readonly value: unknown } | undefined {
    return text === null ? undefined : { value: this.value(text) };
  }

  thrown(text: string | null): unknown {
    return text === null ? undefined : this.value(text);
  }

  record(text: string): Record<string, unknown> {
    return this.read(text, (plain) => {
      const value = this.codec.decode(plain);
      if (typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype) {
        return value as Record<string, unknown>;
      }
      throw new TypeError("it must be a record");
    });
  }

  list(text: string): readonly string[] {
    return this.read(text, namesOf, LISTS);
  }

  wait(text: string): RecordedWait {
    return this.read(text, (plain) => waitOf(plain, (name) => this.has(name)), WAITS);
  }

  structure(): Structure {
    return (this.known ??= this.read(reference(this.run.fingerprint), structureOf));
  }

  /** Whether there is a node, or state, of this name. */
  has(name: string): boolean {
    this.names ??= new Set(this.structure().map(([own]) => own));
    return this.names.has(name);
  }

  requireState(row: CycleRow): void {
    if (this.has(row.state)) return;
    throw unreadable(this.run.id, placeOf("fsm_cycles", row, "state"), `there is no state ${show(row.state)}`);
  }

  /** @throws {StoreError} STORE naming run and column, for what `from` throws and for what is not there */
  private read<T>(text: string, from: (plain: string) => T, columns?: readonly string[]): T {
    try {
      const hash = referredTo(text);
      const plain = hash === undefined ? text : this.blobs.get(hash);
      if (typeof plain !== "string") throw new TypeError("what it refers to is not in table blobs");
      if (hash !== undefined && hashOf(plain) !== hash)
        throw new TypeError("what it refers to in table blobs was changed");
      return from(plain);
    } catch (cause) {
      const isMeant = (column: string) => columns?.includes(column) ?? ![...LISTS, ...WAITS].includes(column);
      const meant = this.columns.find((each) => each.text === text && isMeant(each.column));
      const place = meant?.place() ?? placeOf("runs", this.run, "fingerprint");
      throw unreadable(this.run.id, place, reasonOf(cause), cause);
    }
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
