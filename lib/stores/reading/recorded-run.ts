import { type Kysely, sql } from "kysely";
import type { Codec } from "../values/codec.js";
import { ColumnDecoder } from "./column-decoder.js";
import { requireConsistent } from "./consistency.js";
import { effectiveAttempt } from "./effective-attempt.js";
import { parts } from "../database/parts.js";
import { untakenEvents } from "../writing/event-rows.js";
import { pausesIn, pauseTexts } from "../writing/pauses.js";
import { firstNode } from "../../run/pause.js";
import { partItems } from "./item-rows.js";
import { attemptRowsOf, cycleRowsOf, endedRunsInside, kindOf, waitRowsOf } from "./run-rows.js";
import type { AttemptRow, CycleRow, EventRow, RunRow, Tables, WaitRow } from "../database/schema.js";
import type {
  AttemptStatus,
  CycleStatus,
  QueuedEvent,
  RecordedCycle,
  RecordedNode,
  RecordedRun,
  WaitEntry,
  WorkflowKind,
} from "../store.js";

/**
 * Reads everything needed to continue a run, with the runs inside that have ended. Cost: linear in the size of the
 * records, in a few statements for all runs of a level.
 * @param structure - that of its fingerprint, if it is known
 * @throws {StoreError} STORE naming what is corrupt
 */
export async function readRun(db: Kysely<Tables>, row: RunRow, codec: Codec, structure?: string): Promise<RecordedRun> {
  const [run] = await readLevel(db, [row], await untakenEvents(db, row.id), codec, structure);
  return run;
}

/** Those of the runs of which more is recorded than a row: what they have done, or events to take. */
export async function runsWithRecords(db: Kysely<Tables>, runIds: readonly string[]): Promise<ReadonlySet<string>> {
  const found = new Set<string>();
  for (const part of parts(runIds)) {
    const ids = sql.join(part);
    const { rows } = await sql<{ run_id: string }>`
      select run_id from node_executions where run_id in (${ids})
      union select run_id from fsm_cycles where run_id in (${ids})
      union select run_id from events where run_id in (${ids}) and taken_at is null`.execute(db);
    for (const { run_id } of rows) found.add(run_id);
  }
  return found;
}

/**
 * A run of which only its row is recorded.
 * @param structure - that of its fingerprint; undefined if there is none
 * @throws {StoreError} STORE naming what is corrupt
 */
export async function blankRun(
  db: Kysely<Tables>,
  row: RunRow,
  structure: string | undefined,
  codec: Codec,
): Promise<RecordedRun> {
  const decoder = decoderFor(row, [], [], codec);
  if (structure !== undefined) decoder.know(row.fingerprint, structure);
  await decoder.fetchBlobs(db);
  return decoded({ row, attempts: [], cycles: [], events: [], waits: [], decoder }).run;
}

/**
 * Reads runs, and the runs inside them.
 * @param events - those that the only run has yet to take; runs that have ended take none
 * @param structure - that of the only run, if it is known
 */
async function readLevel(
  db: Kysely<Tables>,
  rows: readonly RunRow[],
  events: readonly EventRow[],
  codec: Codec,
  structure?: string,
): Promise<RecordedRun[]> {
  if (rows.length === 0) return [];
  const idsOf = (kind: WorkflowKind) => rows.flatMap((row) => (row.kind === kind ? row.id : []));
  const attempts = await attemptRowsOf(db, idsOf("dag"));
  const cycles = await cycleRowsOf(db, idsOf("fsm"));
  const waitsBy = await waitRowsOf(db, idsOf("dag"));
  const records = rows.map((row): RunRecord => {
    const own = { row, attempts: attempts.get(row.id) ?? [], cycles: cycles.get(row.id) ?? [], events };
    const waits = waitsBy.get(row.id) ?? [];
    return { ...own, waits, decoder: decoderFor(row, own.attempts, own.cycles, codec) };
  });
  const decoders = records.map(({ decoder }) => decoder);
  if (structure !== undefined) decoders[0].know(rows[0].fingerprint, structure);
  for (const decoder of decoders) for (const event of events) decoder.register("events", event, "payload");
  for (const { decoder, waits } of records) for (const wait of waits) decoder.register("waits", wait, "payload");
  await ColumnDecoder.fetchBlobs(db, decoders);
  const runs = new Map(records.map((rowsOfRun) => [rowsOfRun.row.id, decoded(rowsOfRun)]));
  const inside = await endedRunsInside(db, Array.from(runs.keys()));
  const kept = inside.filter((row) => keepsChild(runs.get(row.parent_run_id as string) as Decoded, row));
  const children = await readLevel(db, kept, [], codec);
  kept.forEach(({ id, parent_run_id: outer }, i) => {
    runs.get(outer as string)?.children.set(id.slice((outer as string).length + 1), children[i]);
  });
  return Array.from(runs.values(), ({ run }) => run);
}

/** The rows of a run. */
interface RunRecord {
  readonly row: RunRow;
  readonly attempts: readonly AttemptRow[];
  readonly cycles: readonly CycleRow[];
  readonly events: readonly EventRow[];
  readonly waits: readonly WaitRow[];
  readonly decoder: ColumnDecoder;
}

/** A run whose children have yet to be read. */
interface Decoded {
  readonly run: RecordedRun;
  readonly children: Map<string, RecordedRun>;
  readonly maps: ReadonlySet<string>;
}

/** @throws {StoreError} STORE naming what is corrupt */
function decoded({ row, attempts, cycles, events, waits, decoder }: RunRecord): Decoded {
  const structure = decoder.structure();
  const parted = partItems(attempts, structure);
  requireConsistent(row, parted.nodes, cycles, decoder);
  const nodes = nodesOf(parted.nodes, decoder);
  const children = new Map<string, RecordedRun>();
  const run: RecordedRun = {
    runId: row.id,
    workflow: row.workflow,
    kind: kindOf(row),
    status: row.status as RecordedRun["status"],
    structure: row.fingerprint === "" ? "" : JSON.stringify(structure),
    inputs: decoder.record(row.inputs),
    metadata: row.metadata === null ? {} : decoder.record(row.metadata),
    scope: row.scope === null ? undefined : decoder.list(row.scope),
    outputs: decoder.outputs(row),
    error: decoder.thrown(row.error),
    trace: row.trace ?? undefined,
    createdAt: row.created_at,
    finishedAt: row.finished_at ?? undefined,
    dueAt: row.due_at ?? undefined,
    get provided() {
      return row.provided === null ? undefined : decoder.record(row.provided);
    },
    get pauses() {
      return pausesIn(row, (text) => decoder.value(text));
    },
    nodes: withPauses(nodes, row, (name) => decoder.hasNode(name)),
    items: itemsOf(parted.items, decoder),
    children,
    cycles: recordedCycles(cycles, decoder),
    events: events.map((event) => queuedEvent(event, decoder)),
    waits: waitsOf(waits, nodes, decoder),
  };
  return { run, children, maps: parted.maps };
}

/** What nodes wait for, or waited for, unless they have a result. */
function waitsOf(
  rows: readonly WaitRow[],
  nodes: ReadonlyMap<string, RecordedNode>,
  decoder: ColumnDecoder,
): Map<string, WaitEntry> {
  const open = rows.filter(({ node }) => nodes.get(node)?.output === undefined);
  return new Map(
    open.map(({ node, event, until, payload }) => [
      node,
      { node, event: event ?? undefined, until: until ?? undefined, payload: decoder.optional(payload) },
    ]),
  );
}

/** Whether a run inside belongs to something that its outer run still has: a result, an item of a map, or a cycle. */
function keepsChild({ run, maps }: Decoded, { parent_node: node }: RunRow): boolean {
  return run.kind === "fsm" || maps.has(node as string) || run.nodes.get(node as string)?.output !== undefined;
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

export function queuedEvent(row: EventRow, decoder: ColumnDecoder): QueuedEvent {
  const { id, event, payload, sent_at, is_unchecked } = row;
  const queued = { id, event, payload: decoder.value(payload), sentAt: sent_at };
  return is_unchecked === 1 ? { ...queued, isUnchecked: true } : queued;
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
  interrupted: 0,
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
    interrupted: rows.filter((row) => row.status === "running").length,
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
      dueAt: row.due_at ?? undefined,
    });
  }
  return cycles;
}
