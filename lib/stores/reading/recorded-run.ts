import type { Kysely } from "kysely";
import type { Codec } from "../values/codec.js";
import { ColumnDecoder } from "./column-decoder.js";
import { requireConsistent } from "./consistency.js";
import { effectiveAttempt } from "./effective-attempt.js";
import { untakenEvents } from "../writing/event-rows.js";
import { pausesIn, pauseTexts } from "../writing/pauses.js";
import type { Structure } from "../../planning/structure.js";
import { firstNode } from "../../run/pause.js";
import { partItems } from "./item-rows.js";
import { attemptRows, cycleRows, findRunRow, itemRunRows } from "./run-rows.js";
import type { AttemptRow, CycleRow, EventRow, RunRow, Tables } from "../database/schema.js";
import type {
  AttemptStatus,
  CycleStatus,
  QueuedEvent,
  RecordedCycle,
  RecordedNode,
  RecordedRun,
  WorkflowKind,
} from "../store.js";

/**
 * Reads everything needed to continue a run. Cost: linear in the size of its record.
 * @throws {StoreError} STORE naming what is corrupt
 */
export async function readRun(db: Kysely<Tables>, row: RunRow, codec: Codec): Promise<RecordedRun> {
  const isDag = row.kind === "dag";
  const attempts = isDag ? await attemptRows(db, row.id) : [];
  const cycles = isDag ? [] : await cycleRows(db, row.id);
  const events = isDag ? [] : await untakenEvents(db, row.id);
  const decoder = decoderFor(row, attempts, cycles, codec);
  for (const event of events) decoder.register("fsm_events", event, "payload");
  await decoder.fetchBlobs(db);
  const structure = decoder.structure();
  const parted = partItems(attempts, structure);
  requireConsistent(row, parted.nodes, cycles, decoder);
  const nodes = withPauses(nodesOf(parted.nodes, decoder), row, (name) => decoder.hasNode(name));
  return {
    runId: row.id,
    workflow: row.workflow,
    kind: row.kind as WorkflowKind,
    status: row.status as RecordedRun["status"],
    structure: JSON.stringify(structure),
    inputs: decoder.record(row.inputs),
    metadata: row.metadata === null ? {} : decoder.record(row.metadata),
    scope: row.scope === null ? undefined : decoder.list(row.scope),
    outputs: decoder.outputs(row),
    error: decoder.thrown(row.error),
    createdAt: row.created_at,
    finishedAt: row.finished_at ?? undefined,
    dueAt: row.due_at ?? undefined,
    get pauses() {
      return pausesIn(row, (text) => decoder.value(text));
    },
    nodes,
    items: itemsOf(parted.items, decoder),
    children: await completedChildren(db, row.id, structure, nodes, codec),
    cycles: recordedCycles(cycles, decoder),
    events: events.map((event) => queuedEvent(event, decoder)),
  };
}

/** The records of the nodes, and items of maps, that are workflows and have completed. */
async function completedChildren(
  db: Kysely<Tables>,
  runId: string,
  structure: Structure,
  nodes: ReadonlyMap<string, RecordedNode>,
  codec: Codec,
): Promise<Map<string, RecordedRun>> {
  const children = new Map<string, RecordedRun>();
  for (const [name, kind] of structure) {
    if (kind === "map") {
      for (const row of await itemRunRows(db, runId, name)) {
        if (row.status === "completed") children.set(row.id.slice(runId.length + 1), await readRun(db, row, codec));
      }
    }
    if (kind !== "workflow" || nodes.get(name)?.output === undefined) continue;
    const row = await findRunRow(db, `${runId}/${name}`);
    if (row !== undefined) children.set(name, await readRun(db, row, codec));
  }
  return children;
}

/** A decoder with the columns of a run, its attempts and its cycles. The caller must still fetch their blobs. */
export function decoderFor(
  row: RunRow,
  attempts: readonly AttemptRow[],
  cycles: readonly CycleRow[],
  codec: Codec,
  onObject?: (object: object) => void,
): ColumnDecoder {
  const decoder = new ColumnDecoder(codec, row.id, row, onObject);
  for (const text of pauseTexts(row)) decoder.register("runs", { ...row, pauses: text }, "pauses");
  for (const attempt of attempts) decoder.register("node_executions", attempt, "output", "error");
  for (const cycle of cycles) decoder.register("fsm_cycles", cycle, "input", "output", "error", "wait");
  return decoder;
}

export function queuedEvent({ id, event, payload, sent_at }: EventRow, decoder: ColumnDecoder): QueuedEvent {
  return { id, event, payload: decoder.value(payload), sentAt: sent_at };
}

/** The state of each node. Rows are ordered by node and attempt. */
function nodesOf(rows: readonly AttemptRow[], decoder: ColumnDecoder): Map<string, RecordedNode> {
  const nodes = new Map<string, RecordedNode>();
  for (let at = 0; at < rows.length;) {
    const { node } = rows[at];
    const from = at;
    while (at < rows.length && rows[at].node === node) at++;
    nodes.set(node, recordedNode(rows.slice(from, at), decoder));
  }
  return nodes;
}

/** The state of each item, by map and index. */
function itemsOf(
  rows: ReadonlyMap<string, ReadonlyMap<number, readonly AttemptRow[]>>,
  decoder: ColumnDecoder,
): Map<string, Map<number, RecordedNode>> {
  const itemsIn = (ofMap: ReadonlyMap<number, readonly AttemptRow[]>) =>
    new Map(Array.from(ofMap, ([index, attempts]) => [index, recordedNode(attempts, decoder)]));
  return new Map(Array.from(rows, ([map, ofMap]) => [map, itemsIn(ofMap)]));
}

/** Adds the nodes that paused the run. Some paused without an attempt in progress. */
function withPauses(
  nodes: Map<string, RecordedNode>,
  row: RunRow,
  isNode: (name: string) => boolean,
): Map<string, RecordedNode> {
  for (const { node: path, reason } of pausesIn(row, () => undefined)) {
    const node = firstNode(path, isNode) as string;
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

function recordedNode(rows: readonly AttemptRow[], decoder: ColumnDecoder): RecordedNode {
  const { status, output, branch, is_cached, reason, error, finished_at } = effectiveAttempt(rows);
  const started = rows.find((row) => row.started_at !== null);
  return {
    status: status as AttemptStatus,
    attempts: rows[rows.length - 1].attempt,
    output: decoder.optional(output),
    branch: branch ?? undefined,
    isCached: is_cached === 1,
    reason: reason ?? undefined,
    error: decoder.thrown(error),
    startedAt: started?.started_at ?? undefined,
    finishedAt: finished_at ?? undefined,
  };
}

/** Decodes cycles in order. A cycle without an input has the previous cycle's output, which is stored only once. */
export function recordedCycles(rows: readonly CycleRow[], decoder: ColumnDecoder): RecordedCycle[] {
  const cycles: RecordedCycle[] = [];
  for (const row of rows) {
    decoder.requireState(row);
    cycles.push({
      cycle: row.cycle,
      state: row.state,
      status: row.status as CycleStatus,
      attempts: row.attempts,
      worker: row.worker ?? undefined,
      startedAt: row.started_at ?? undefined,
      finishedAt: row.finished_at ?? undefined,
      input: decoder.optional(row.input) ?? cycles.at(-1)?.output,
      event: row.event ?? undefined,
      output: decoder.optional(row.output),
      error: decoder.thrown(row.error),
      reason: row.reason ?? undefined,
      wait: row.wait === null ? undefined : decoder.wait(row.wait),
    });
  }
  return cycles;
}
