import { countItems, partItems, type PartedRows } from "./item-rows.js";
import { firstNode } from "../../run/pause.js";
import type { Kysely } from "kysely";
import { append } from "../../base/append.js";
import { checkOptions, show, type Rules } from "../../base/check.js";
import { withJson } from "../../base/json.js";
import { inputsIn, type Structure } from "../../planning/structure.js";
import { recordedGraph, type WorkflowGraph } from "../../planning/workflow-graph.js";
import type { Pause } from "../../run/pause.js";
import type { ItemCounts, NodeWait } from "../../run/state.js";
import type { NodeStatus } from "../../run/status.js";
import type { Codec } from "../values/codec.js";
import type { ColumnDecoder } from "./column-decoder.js";
import { requireConsistent, requireEdges } from "./consistency.js";
import { effectiveAttempt } from "./effective-attempt.js";
import { pausesIn } from "../writing/pauses.js";
import { decoderFor, recordedCycles } from "./recorded-run.js";
import type { Redaction } from "../values/redaction.js";
import { checkRow, describeColumn } from "./row-checks.js";
import { attemptRows, cycleRows, findRunRow, isOpenWait, kindOf, waitRows } from "./run-rows.js";
import { metadataIn, type RunSummary, summaryOf, wholeMs } from "./run-summary.js";
import { waitsInside } from "./waits-inside.js";
import type { AttemptRow, CycleRow, RunRow, Tables, TraversalRow, WaitRow } from "../database/schema.js";
import { unescapeName } from "../values/storable-text.js";
import type { AttemptStatus, RecordedCycle } from "../store.js";
import { reasonOf, unreadable } from "../values/unreadable.js";

/**
 * The complete record of a run. It and every object in it can be passed to `JSON.stringify`, whatever the values are,
 * thanks to a hidden `toJSON` that is not part of the value (`base/json.ts`). Exceptions: the results of a type's
 * `decode`, and a bigint by itself.
 */
export interface RunDetails extends RunSummary {
  /** The inputs of the run, by name. */
  readonly inputs: Readonly<Record<string, unknown>>;
  /** The results of the sinks, by name. For an fsm, the latest value of its last state. */
  readonly outputs: Readonly<Record<string, unknown>>;
  /** As of the run's last write. */
  readonly metadata: Readonly<Record<string, unknown>>;
  /** What the run rejected with; undefined if it did not. */
  readonly error: unknown;
  /** The driver of the run, if there is one. */
  readonly owner: string | undefined;
  /** All nodes or states by name, in definition order. */
  readonly nodes: ReadonlyMap<string, NodeDetails>;
  /** The nodes, or states, and what connects them. */
  readonly graph: WorkflowGraph;
  /** Ordered by start time. */
  readonly attempts: readonly AttemptDetails[];
  /** The edges along which results were passed, each once. */
  readonly edges: readonly EdgeDetails[];
  /** The ids of the runs that replay this one. */
  readonly children: readonly string[];
  /** The cycles of an fsm. */
  readonly cycles: readonly RecordedCycle[];
  /** The runs inside, by the end of their ids: `check`, `call[0]`, `state.2`. Empty unless `getRun` was given a depth. */
  readonly inside: ReadonlyMap<string, RunDetails>;
}

/** How to look up a run. */
export interface GetRunOptions {
  /** How many levels of runs inside are looked up, too; may be Infinity. @defaultValue 0 */
  readonly depth?: number | undefined;
}

const GET_RUN_RULES: Rules<GetRunOptions> = {
  depth: (_, depth) => {
    if (depth === Infinity || (Number.isInteger(depth) && Number(depth) >= 0)) return;
    throw new RangeError(`"depth" of getRun must be an integer from 0 up, or Infinity; received ${show(depth)}.`);
  },
};

/** @throws {TypeError} | {RangeError} naming the option, its rule and the value received */
export function checkGetRunOptions(options: GetRunOptions): void {
  checkOptions(options, GET_RUN_RULES, "getRun");
}

/** A node of a run, or a state as of its latest cycle. */
export interface NodeDetails {
  /** As of the run's last write. */
  readonly status: NodeStatus;
  /** How many attempts were made. */
  readonly attempts: number;
  /** The result; undefined if there is none. */
  readonly output: unknown;
  /** The branch that a condition or select took; undefined for other nodes. */
  readonly branch: string | undefined;
  /** Whether the result came from the cache. */
  readonly cached: boolean;
  /** What the latest attempt failed with; undefined if it did not fail. */
  readonly error: unknown;
  /** Why it was skipped or paused. */
  readonly reason: string | undefined;
  /** When the first attempt started, in whole ms since 1970; undefined if there was none. */
  readonly startedAt: number | undefined;
  /** From the start of the first attempt to the end, in ms. */
  readonly duration: number | undefined;
  /** When it settled or paused, in whole ms since 1970; undefined if it did not, or its result was copied. */
  readonly finishedAt: number | undefined;
  /** What a waiting node waits for: an event, or a time in ms since 1970. */
  readonly waitingFor: NodeWait | undefined;
  /** Of a map: how many items are recorded, and what became of them. */
  readonly items: Readonly<ItemCounts> | undefined;
  /** False if the result was not storable, so that resuming the run computes it again. */
  readonly resumable: boolean;
}

/** One attempt of a node. For an fsm, the last attempt of a cycle. */
export interface AttemptDetails {
  /** The name of the node or state. */
  readonly node: string;
  /** Counted from 1. */
  readonly attempt: number;
  /** As of the run's last write. */
  readonly status: AttemptStatus;
  /** The host and process that executed it. */
  readonly worker: string | undefined;
  /** The arguments, from the run's inputs and other nodes, by parameter. */
  readonly input: Readonly<Record<string, unknown>>;
  /** The result; undefined if the attempt has none. */
  readonly output: unknown;
  /** What the attempt failed with; undefined if it did not fail. */
  readonly error: unknown;
  /** In whole ms since 1970. */
  readonly startedAt: number | undefined;
  /** In whole ms since 1970; undefined while it is in flight. */
  readonly finishedAt: number | undefined;
}

/** A result passed along an edge. */
export interface EdgeDetails {
  /** The name of the node whose result was passed. */
  readonly from: string;
  /** The name of the node that received it. */
  readonly to: string;
}

type Values = Record<string, unknown>;

/**
 * Reads a run, and those inside to a depth; undefined if there is none with this id. Cost: linear in the size of their
 * records.
 */
export async function runDetails(
  db: Kysely<Tables>,
  runId: string,
  codec: Codec,
  redaction: Redaction,
  depth = 0,
): Promise<RunDetails | undefined> {
  const root = await oneRun(db, runId, codec, redaction);
  let level = root === undefined ? [] : [root];
  for (let at = 0; at < depth && level.length > 0; at++) {
    const below: RunDetailsWithInside[] = [];
    for (const { runId: outer, inside } of level) {
      for (const id of await childIds(db, outer, 1)) {
        const details = await oneRun(db, id, codec, redaction);
        if (details === undefined) continue;
        inside.set(id.slice(outer.length + 1), details);
        below.push(details);
      }
    }
    level = below;
  }
  return root;
}

type RunDetailsWithInside = RunDetails & { readonly inside: Map<string, RunDetails> };

/** The ids of the runs whose parent a run is. @param isChild - 1 for those inside, 0 for those that replay it */
async function childIds(db: Kysely<Tables>, runId: string, isChild: 0 | 1): Promise<string[]> {
  const query = db.selectFrom("runs").select("id").where("parent_run_id", "=", runId).where("is_child", "=", isChild);
  const rows = await query.orderBy("created_at").orderBy("id").execute();
  return rows.map(({ id }) => id);
}

async function oneRun(
  db: Kysely<Tables>,
  runId: string,
  codec: Codec,
  redaction: Redaction,
): Promise<RunDetailsWithInside | undefined> {
  const row = await findRunRow(db, runId);
  if (row === undefined) return undefined;
  const attempts = await attemptRows(db, runId);
  const cycles = await cycleRows(db, runId);
  const edges = await edgeRows(db, runId);
  const waits = await waitRows(db, runId);
  const inner = (await waitsInside(db, [row])).get(runId);
  const replays = await childIds(db, runId, 0);
  const decoder = decoderFor(row, attempts, cycles, codec, withJson);
  await decoder.fetchBlobs(db);
  const structure = decoder.structure();
  const { nodes: nodeRows, items } = partItems(attempts, structure);
  requireConsistent(row, nodeRows, cycles, decoder);
  requireEdges(runId, edges, nodeRows, decoder);

  const reader = new RedactingReader(decoder, redaction);
  const isDag = row.kind === "dag";
  const pauses = pausesIn(row, (text, node) => redaction.apply(node, decoder.value(text)));
  const nodes = withJson(
    isDag ? withItems(reader.nodes(row, structure, nodeRows, pauses, waits), items) : reader.states(structure, cycles),
  );
  const runInputs = redaction.apply("inputs", decoder.record(row.inputs)) as Values;
  const redactedCycles = reader.cycles(cycles);
  return withJson({
    ...summaryOf(row, cycles.at(-1), waits, metadataIn(row, decoder, redaction), pauses, inner),
    inputs: withJson(runInputs),
    outputs: outputsOf(decoder.outputs(row), nodes),
    error: reader.error(row.error),
    owner: row.owner ?? undefined,
    nodes,
    graph: recordedGraph(kindOf(row) ?? "dag", row.workflow, structure),
    attempts: isDag
      ? reader.attempts(attempts, nodes, inputsOf(structure, runInputs, nodes, edges))
      : executions(redactedCycles),
    edges: traversedEdges(edges),
    children: replays,
    cycles: redactedCycles,
    inside: withJson(new Map<string, RunDetails>()),
  });
}

async function edgeRows(db: Kysely<Tables>, runId: string): Promise<TraversalRow[]> {
  const query = db.selectFrom("edge_traversals").selectAll().where("run_id", "=", runId);
  const rows = await query.orderBy("traversed_at").orderBy("target").orderBy("input").execute();
  return rows.map((row) => {
    checkRow("edge_traversals", runId, row);
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

/** Each edge once, even if it leads to several parameters. */
function traversedEdges(rows: readonly TraversalRow[]): EdgeDetails[] {
  const edges = new Map<string, EdgeDetails>();
  for (const { source, target } of rows) edges.set(JSON.stringify([source, target]), { from: source, to: target });
  return Array.from(edges.values());
}

function outputsOf(names: readonly string[], nodes: ReadonlyMap<string, NodeDetails>): Values {
  const record = Object.create(null) as Values;
  for (const name of names) record[name] = nodes.get(name)?.output;
  return withJson(record);
}

/** The arguments of each node, from the run's inputs and along the edges, by parameter. */
function inputsOf(
  structure: Structure,
  runInputs: Values,
  nodes: ReadonlyMap<string, NodeDetails>,
  edges: readonly TraversalRow[],
): Map<string, Values> {
  const inputs = new Map<string, Values>();
  for (const [node, , ...wiring] of structure) {
    const values = Object.create(null) as Values;
    // A rule may have redacted the inputs as a whole.
    const names = typeof runInputs === "object" ? inputsIn(wiring) : [];
    for (const name of names) if (Object.hasOwn(runInputs, name)) values[name] = runInputs[name];
    inputs.set(node, withJson(values));
  }
  const kinds = new Map(structure.map(([name, kind]) => [name, kind]));
  for (const { target, source, output, input } of edges) {
    const from = nodes.get(source);
    // A fork passes its whole result along the branch it took.
    const isPart = output !== null && from?.branch === undefined;
    if (isPart && kinds.get(source) === "workflow") continue; // The result is in the run inside.
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
  finishedAt: undefined,
  waitingFor: undefined,
  items: undefined,
  resumable: true,
};

/** A node outside the scope of a partial run. */
const OUT_OF_SCOPE: NodeDetails = { ...NO_NODE, status: "skipped" };

/** Adds the counts of items to the nodes that are maps. */
function withItems(nodes: Map<string, NodeDetails>, items: PartedRows["items"]): Map<string, NodeDetails> {
  for (const [map, rows] of items) {
    const node = nodes.get(map);
    if (node !== undefined) nodes.set(map, withJson({ ...node, items: countItems(rows) }));
  }
  return nodes;
}

/** Whether a node that has waited before has a status of its own again. */
function hasEnded({ status }: NodeDetails): boolean {
  return status !== "pending" && status !== "ready";
}

function nodeWait({ event, until }: WaitRow): NodeWait {
  return event === null ? { until: until as number } : { event };
}

/** Decodes and redacts rows. */
class RedactingReader {
  constructor(
    private readonly decoder: ColumnDecoder,
    private readonly redaction: Redaction,
  ) {}

  value(name: string, text: string | null): unknown {
    return text === null ? undefined : this.redaction.apply(name, this.decoder.value(text));
  }

  error(text: string | null): unknown {
    const thrown = this.decoder.thrown(text);
    return thrown instanceof Error ? withJson(thrown) : thrown;
  }

  nodes(
    { status, scope }: RunRow,
    structure: Structure,
    rows: readonly AttemptRow[],
    pauses: readonly Pause[],
    waits: readonly WaitRow[],
  ): Map<string, NodeDetails> {
    const byNode = new Map<string, AttemptRow[]>();
    for (const row of rows) append(byNode, row.node, row);
    const isOver = status === "failed" || status === "cancelled";
    const idle: NodeDetails = isOver ? { ...NO_NODE, status: "cancelled" } : NO_NODE;
    const inScope = scope === null ? undefined : new Set(this.decoder.list(scope));
    const names = new Set(structure.map(([name]) => name));
    const waiting = new Map(waits.filter(isOpenWait).map((wait) => [wait.node, wait]));
    const paused = new Map(pauses.map((pause) => [firstNode(pause.node, (name) => names.has(name)), pause]));
    return new Map(
      structure.map(([name]) => {
        const isOutside = inScope !== undefined && !inScope.has(name);
        const node = this.node(byNode.get(name)) ?? (isOutside ? OUT_OF_SCOPE : idle);
        const pause = paused.get(name);
        const wait = isOver ? undefined : waiting.get(name);
        if (wait !== undefined && !hasEnded(node)) {
          return [name, withJson({ ...node, status: "waiting" as const, waitingFor: withJson(nodeWait(wait)) })];
        }
        const details = pause === undefined ? node : { ...node, status: "paused" as const, reason: pause.reason };
        return [name, withJson({ ...details })];
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
      startedAt: startedAt === undefined ? undefined : wholeMs(startedAt),
      duration: startedAt === undefined || finished_at === null ? undefined : finished_at - startedAt,
      finishedAt: wholeMs(finished_at),
      waitingFor: undefined,
      items: undefined,
      resumable: status !== "completed" || output !== null,
    };
  }

  attempts(
    rows: readonly AttemptRow[],
    nodes: ReadonlyMap<string, NodeDetails>,
    inputs: ReadonlyMap<string, Values>,
  ): AttemptDetails[] {
    const executed = rows.filter(({ attempt }) => attempt > 0);
    executed.sort((a, b) => (a.started_at ?? 0) - (b.started_at ?? 0));
    return executed.map((row) =>
      withJson({
        node: row.node,
        attempt: row.attempt,
        status: row.status as AttemptStatus,
        worker: row.worker ?? undefined,
        input: inputs.get(row.node) ?? {},
        output:
          row.output === null
            ? undefined
            : nodes.has(row.node)
              ? nodes.get(row.node)?.output
              : this.value(row.node, row.output),
        error: this.error(row.error),
        startedAt: wholeMs(row.started_at),
        finishedAt: wholeMs(row.finished_at),
      }),
    );
  }

  /** The states as nodes, each as of its latest cycle. */
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
        startedAt: wholeMs(started_at),
        duration: started_at === null || finished_at === null ? undefined : finished_at - started_at,
        finishedAt: wholeMs(finished_at),
      };
      nodes.set(row.state, withJson(details));
    }
    return nodes;
  }

  cycles(rows: readonly CycleRow[]): RecordedCycle[] {
    const redact = (state: string, value: RecordedCycle["input"]) =>
      value === undefined ? undefined : withJson({ value: this.redaction.apply(state, value.value) });
    return recordedCycles(rows, this.decoder).map((cycle, i) => {
      const { started_at, finished_at, error } = rows[i];
      const times = { startedAt: wholeMs(started_at), finishedAt: wholeMs(finished_at) };
      const input = redact(cycle.state, cycle.input);
      const output = redact(cycle.state, cycle.output);
      return withJson({ ...cycle, ...times, input, output, error: this.error(error) });
    });
  }
}

/** The last attempt of each cycle. */
function executions(cycles: readonly RecordedCycle[]): AttemptDetails[] {
  const executed = cycles.filter(({ attempts }) => attempts > 0);
  return executed.map(({ state, attempts, status, worker, input, output, error, startedAt, finishedAt }) =>
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
