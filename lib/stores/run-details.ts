import type { Kysely } from "kysely";
import { append } from "../base/append.js";
import type { Pause } from "../run/pause.js";
import type { NodeStatus } from "../run/status.js";
import { inputsIn, type Structure } from "../planning/structure.js";
import type { Codec } from "./codec.js";
import { withJson } from "../base/json.js";
import { requireConsistent, requireEdges } from "./consistency.js";
import { effectiveAttempt } from "./effective-attempt.js";
import { unescapeName } from "./storable-text.js";
import { pausesIn } from "./pauses.js";
import { attemptRows, cycleRows, findRunRow, recordedCycles, decoderFor } from "./records.js";
import type { Redaction } from "./redaction.js";
import { checkedRow, describeColumn, reasonOf, unreadable } from "./rows.js";
import { metadataIn, summaryOf, whole, type RunSummary } from "./run-list.js";
import type { AttemptRow, CycleRow, RunRow, Tables, TraversalRow } from "./schema.js";
import type { AttemptStatus, RecordedCycle } from "./store.js";
import type { ColumnDecoder } from "./column-decoder.js";

/**
 * All that is recorded of a run, for people to read. `JSON.stringify` writes all of it, whatever the values are, and each object
 * in it, too, by a `toJSON` that does not show and is no part of the value: see `base/json.ts`. What `decode` of a type gives
 * is left as that made it, and a bigint by itself is none of JSON's.
 */
export interface RunDetails extends RunSummary {
  readonly inputs: Readonly<Record<string, unknown>>;
  /** The results of the nodes that no other one takes, by name; of an fsm, the latest value of its last state. */
  readonly outputs: Readonly<Record<string, unknown>>;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly error: unknown;
  /** Who drives the run; undefined when nobody does. */
  readonly owner: string | undefined;
  /** In the order of definition. */
  readonly nodes: ReadonlyMap<string, NodeDetails>;
  /** In the order in which they began. */
  readonly attempts: readonly AttemptDetails[];
  readonly edges: readonly EdgeDetails[];
  /** The ids of the runs that are replays of this one. */
  readonly children: readonly string[];
  /** Of an fsm. */
  readonly cycles: readonly RecordedCycle[];
}

/** What became of a node. */
export interface NodeDetails {
  readonly status: NodeStatus;
  readonly attempts: number;
  /** Its result, undefined where there is none. */
  readonly output: unknown;
  readonly branch: string | undefined;
  readonly cached: boolean;
  readonly error: unknown;
  /** Why it was skipped, or paused. */
  readonly reason: string | undefined;
  readonly startedAt: number | undefined;
  /** In ms, from its first attempt's start to its end. */
  readonly duration: number | undefined;
  /** Resuming the run does not compute it again. */
  readonly resumable: boolean;
}

export interface AttemptDetails {
  readonly node: string;
  /** Counted from 1. */
  readonly attempt: number;
  readonly status: AttemptStatus;
  /** The host and process it ran in. */
  readonly worker: string | undefined;
  /** What it got, from the run's inputs and from other nodes, by parameter. */
  readonly input: Readonly<Record<string, unknown>>;
  readonly output: unknown;
  readonly error: unknown;
  readonly startedAt: number | undefined;
  readonly finishedAt: number | undefined;
}

/** A result that went from one node to another. */
export interface EdgeDetails {
  readonly from: string;
  readonly to: string;
}

type Values = Record<string, unknown>;

/** All of a run, undefined when there is none of this id. Cost: linear in what is recorded. */
export async function runDetails(
  db: Kysely<Tables>,
  runId: string,
  codec: Codec,
  redaction: Redaction,
): Promise<RunDetails | undefined> {
  const row = await findRunRow(db, runId);
  if (row === undefined) return undefined;
  const attempts = await attemptRows(db, runId);
  const cycles = await cycleRows(db, runId);
  const edges = await edgeRows(db, runId);
  const children = db.selectFrom("runs").select("id").where("parent_run_id", "=", runId);
  const childRows = await children.orderBy("created_at").orderBy("id").execute();
  const texts = decoderFor(row, attempts, cycles, codec, withJson);
  await texts.fetchBlobs(db);
  requireConsistent(row, attempts, cycles, texts);
  requireEdges(runId, edges, attempts, texts);

  const reader = new Reader(texts, redaction);
  const structure = texts.structure();
  const isDag = row.kind === "dag";
  const pauses = pausesIn(row, (text, node) => redaction.apply(node, texts.value(text)));
  const nodes = withJson(isDag ? reader.nodes(row, structure, attempts, pauses) : reader.states(structure, cycles));
  const given = redaction.apply("inputs", texts.record(row.inputs)) as Values;
  const shownCycles = reader.cycles(cycles);
  return withJson({
    ...summaryOf(row, cycles.at(-1), metadataIn(row, texts, redaction), pauses),
    inputs: withJson(given),
    outputs: outputsOf(row.outputs === null ? [] : texts.list(row.outputs), nodes),
    error: reader.error(row.error),
    owner: row.owner ?? undefined,
    nodes,
    attempts: isDag
      ? reader.attempts(attempts, nodes, inputsOf(structure, given, nodes, edges))
      : executions(shownCycles),
    edges: traversed(edges),
    children: childRows.map(({ id }) => id),
    cycles: shownCycles,
  });
}

async function edgeRows(db: Kysely<Tables>, runId: string): Promise<TraversalRow[]> {
  const query = db.selectFrom("edge_traversals").selectAll().where("run_id", "=", runId);
  const rows = await query.orderBy("traversed_at").orderBy("target").orderBy("input").execute();
  return rows.map((row) => {
    checkedRow("edge_traversals", runId, row);
    return { ...row, input: nameIn(row, "input", row.input), output: row.output && nameIn(row, "output", row.output) };
  });
}

/** @throws {StoreError} STORE naming run and column */
function nameIn(row: TraversalRow, column: keyof TraversalRow, text: string): string {
  try {
    return unescapeName(text);
  } catch (cause) {
    throw unreadable(row.run_id, describeColumn("edge_traversals", row, column), reasonOf(cause), cause);
  }
}

/** Each edge once, even where it leads to several parameters. */
function traversed(rows: readonly TraversalRow[]): EdgeDetails[] {
  const edges = new Map<string, EdgeDetails>();
  for (const { source, target } of rows) edges.set(JSON.stringify([source, target]), { from: source, to: target });
  return Array.from(edges.values());
}

function outputsOf(names: readonly string[], nodes: ReadonlyMap<string, NodeDetails>): Values {
  const record = Object.create(null) as Values;
  for (const name of names) record[name] = nodes.get(name)?.output;
  return withJson(record);
}

/** What each node got from the run's inputs and along the edges, by parameter. */
function inputsOf(
  structure: Structure,
  given: Values,
  nodes: ReadonlyMap<string, NodeDetails>,
  edges: readonly TraversalRow[],
): Map<string, Values> {
  const inputs = new Map<string, Values>();
  for (const [node, , ...wiring] of structure) {
    const values = Object.create(null) as Values;
    // They may be hidden as a whole.
    const names = typeof given === "object" ? inputsIn(wiring) : [];
    for (const name of names) if (Object.hasOwn(given, name)) values[name] = given[name];
    inputs.set(node, withJson(values));
  }
  for (const { target, source, output, input } of edges) {
    const from = nodes.get(source);
    // Of a fork, all of the result goes along the branch it took.
    const isPart = output !== null && from?.branch === undefined;
    const values = inputs.get(target) ?? withJson(Object.create(null) as Values);
    values[input] = isPart ? (from?.output as Values | undefined)?.[output] : from?.output;
    inputs.set(target, values);
  }
  return inputs;
}

const NO_NODE: NodeDetails = {
  status: "pending",
  attempts: 0,
  output: undefined,
  branch: undefined,
  cached: false,
  error: undefined,
  reason: undefined,
  startedAt: undefined,
  duration: undefined,
  resumable: true,
};

/** A node that a partial run leaves out. */
const SKIPPED: NodeDetails = { ...NO_NODE, status: "skipped" };

/** Rows as people may read them. */
class Reader {
  constructor(
    private readonly texts: ColumnDecoder,
    private readonly redaction: Redaction,
  ) {}

  value(name: string, text: string | null): unknown {
    return text === null ? undefined : this.redaction.apply(name, this.texts.value(text));
  }

  error(text: string | null): unknown {
    const thrown = this.texts.thrown(text);
    return thrown instanceof Error ? withJson(thrown) : thrown;
  }

  nodes(
    { status, scope }: RunRow,
    structure: Structure,
    rows: readonly AttemptRow[],
    pauses: readonly Pause[],
  ): Map<string, NodeDetails> {
    const byNode = new Map<string, AttemptRow[]>();
    for (const row of rows) append(byNode, row.node, row);
    const isOver = status === "failed" || status === "cancelled";
    const idle: NodeDetails = isOver ? { ...NO_NODE, status: "cancelled" } : NO_NODE;
    const inScope = scope === null ? undefined : new Set(this.texts.list(scope));
    const paused = new Map(pauses.map((pause) => [pause.node, pause]));
    return new Map(
      structure.map(([name]) => {
        const isOutside = inScope !== undefined && !inScope.has(name);
        const node = this.node(byNode.get(name)) ?? (isOutside ? SKIPPED : idle);
        const pause = paused.get(name);
        const shown = pause === undefined ? node : { ...node, status: "paused" as const, reason: pause.reason };
        return [name, withJson({ ...shown })];
      }),
    );
  }

  private node(rows: readonly AttemptRow[] | undefined): NodeDetails | undefined {
    if (rows === undefined) return undefined;
    const row = effectiveAttempt(rows);
    const startedAt = rows.find(({ started_at }) => started_at !== null)?.started_at ?? undefined;
    const { status, output, finished_at } = row;
    return {
      status: status === "superseded" ? "pending" : (status as NodeStatus),
      attempts: rows[rows.length - 1].attempt,
      output: this.value(row.node, output),
      branch: row.branch ?? undefined,
      cached: row.is_cached === 1,
      error: this.error(row.error),
      reason: row.reason ?? undefined,
      startedAt: startedAt === undefined ? undefined : whole(startedAt),
      duration: startedAt === undefined || finished_at === null ? undefined : finished_at - startedAt,
      resumable: status !== "completed" || output !== null,
    };
  }

  attempts(
    rows: readonly AttemptRow[],
    nodes: ReadonlyMap<string, NodeDetails>,
    inputs: ReadonlyMap<string, Values>,
  ): AttemptDetails[] {
    const made = rows.filter(({ attempt }) => attempt > 0);
    made.sort((a, b) => (a.started_at ?? 0) - (b.started_at ?? 0));
    return made.map((row) =>
      withJson({
        node: row.node,
        attempt: row.attempt,
        status: row.status as AttemptStatus,
        worker: row.worker ?? undefined,
        input: inputs.get(row.node) ?? {},
        output: row.output === null ? undefined : nodes.get(row.node)?.output,
        error: this.error(row.error),
        startedAt: whole(row.started_at),
        finishedAt: whole(row.finished_at),
      }),
    );
  }

  /** The states as nodes: what became of each in its latest cycle. */
  states(structure: Structure, cycles: readonly CycleRow[]): Map<string, NodeDetails> {
    const nodes = new Map<string, NodeDetails>(structure.map(([name]) => [name, withJson({ ...NO_NODE })]));
    for (const row of cycles) {
      if (row.status === "entered") continue;
      const { started_at, finished_at } = row;
      const details: NodeDetails = {
        ...NO_NODE,
        status: row.status as NodeStatus,
        attempts: row.attempts,
        output: this.value(row.state, row.output),
        error: this.error(row.error),
        reason: row.reason ?? undefined,
        startedAt: whole(started_at),
        duration: started_at === null || finished_at === null ? undefined : finished_at - started_at,
      };
      nodes.set(row.state, withJson(details));
    }
    return nodes;
  }

  cycles(rows: readonly CycleRow[]): RecordedCycle[] {
    const shown = (state: string, value: RecordedCycle["input"]) =>
      value === undefined ? undefined : withJson({ value: this.redaction.apply(state, value.value) });
    return recordedCycles(rows, this.texts).map((cycle, i) => {
      const { started_at, finished_at, error } = rows[i];
      const times = { startedAt: whole(started_at), finishedAt: whole(finished_at) };
      const input = shown(cycle.state, cycle.input);
      const output = shown(cycle.state, cycle.output);
      return withJson({ ...cycle, ...times, input, output, error: this.error(error) });
    });
  }
}

/** The last attempt of each cycle. */
function executions(cycles: readonly RecordedCycle[]): AttemptDetails[] {
  const made = cycles.filter(({ attempts }) => attempts > 0);
  return made.map(({ state, attempts, status, worker, input, output, error, startedAt, finishedAt }) =>
    withJson({
      node: state,
      attempt: attempts,
      status: status as AttemptStatus,
      worker,
      input: input === undefined ? {} : withJson({ value: input.value }),
      output: output?.value,
      error,
      startedAt,
      finishedAt,
    }),
  );
}
