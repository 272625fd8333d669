import { toJson } from "../../observers/event-json.js";
import { timelineOf } from "../../pictures/timeline.js";
import { commandLine } from "../../base/command-line.js";
import type { AttemptDetails, NodeDetails, RecordedCycle, RunDetails } from "../../store.js";
import { answer, json, Refusal } from "../answer.js";
import type { Desk, Route } from "../desk.js";
import type { Drawing, Look } from "../graph-drawer.js";
import { shownError, shownValue, shownValues } from "../shown-value.js";

/** How much of a value is shown where there are many, in characters. */
const BRIEF = 2000;
/** How many items of a map, and how many cycles of an fsm, an answer has at most. */
const MOST = 500;
/** How many levels of workflows inside a picture has at most. */
const MOST_LEVELS = 4;

/** `GET /api/runs/:id`: the record of a run. Nodes have the beginnings of their results. */
export const showRun: Route = async (desk, { parts: [runId], query }) => {
  const readAt = Date.now();
  const run = await requireRun(desk, runId);
  const { graph, nodes, attempts, cycles, inputs, outputs, metadata, error, edges, ...facts } = run;
  const found = await desk.store.listRuns({ parent: runId, limit: MOST });
  const from = Math.max(0, Number(query.get("cycles") ?? cycles.length - MOST) || 0);
  return json({
    readAt,
    ...facts,
    command: commandLine(["show", runId, "--store", desk.place.store], desk.place.isWindows),
    inputs: shownValues(inputs),
    outputs: shownValues(outputs),
    metadata: shownValues(metadata),
    error: shownError(error),
    graph: { ...graph, nodes: graph.nodes.map(({ name, kind }) => ({ name, kind })) },
    edges,
    nodes: Array.from(nodes, ([name, node]) => ({ name, ...nodeOf(node, BRIEF) })),
    attempts: attempts.filter(({ node }) => nodes.has(node)).map((attempt) => attemptOf(attempt)),
    cycles: cycles.slice(from, from + MOST).map((cycle) => cycleOf(cycle, BRIEF)),
    cycleCount: cycles.length,
    visits: visitsOf(cycles),
    // In place of their records, of which there are none without a depth.
    inside: found.runs.filter(({ isChild }) => isChild),
  });
};

/** `GET /api/runs/:id/nodes/:path`: all that is recorded of a node, which may be one of a run inside: `check.total`. */
export const showNode: Route = async (desk, { parts: [runId, path], query }) => {
  const found = await nodeAt(desk, await requireRun(desk, runId), path);
  if (found === undefined) throw new Refusal(404, "NOT_FOUND", `Run ${toJson(runId)} has no node ${toJson(path)}.`);
  const { run, name, node } = found;
  const from = Math.max(0, Number(query.get("from") ?? 0) || 0);
  const items = run.attempts.filter((attempt) => isItemOf(attempt, name, run));
  const own = run.attempts.filter((attempt) => attempt.node === name);
  const { runs } = await desk.store.listRuns({ parent: run.runId, limit: MOST });
  return json({
    runId: run.runId,
    name,
    kind: run.graph.nodes.find((each) => each.name === name)?.kind,
    ...nodeOf(node),
    input: own.length === 0 ? undefined : shownValues(own[own.length - 1].input),
    attemptList: own.slice(-MOST).map((attempt) => ({ ...attemptOf(attempt), output: shownValue(attempt.output) })),
    itemCount: items.length,
    itemList: items
      .slice(from, from + MOST)
      .map((attempt) => ({ ...attemptOf(attempt), output: shownValue(attempt.output, BRIEF) })),
    cycleList: run.cycles
      .filter(({ state }) => state === name)
      .slice(-MOST)
      .map((cycle) => cycleOf(cycle)),
    inside: runs.filter(({ isChild, parentNode }) => isChild && parentNode === name),
  });
};

/** `GET /api/runs/:id/graph.svg`. */
export const drawRun: Route = async (desk, { parts: [runId], query }) => {
  const drawing = await desk.drawer.run(runId, lookIn(query));
  if (drawing === undefined) throw missing(runId);
  return picture(drawing);
};

/** The answer that is a drawing. */
export function picture({ svg, hint }: Drawing): Response {
  return answer(svg, "image/svg+xml; charset=utf-8", { headers: hint === undefined ? {} : { "X-Studio-Hint": hint } });
}

/** Anything else than these is the default. */
export function lookIn(query: URLSearchParams): Look {
  const depth = Number(query.get("depth") ?? 1);
  return {
    depth: Number.isInteger(depth) ? Math.min(MOST_LEVELS, Math.max(0, depth)) : 1,
    direction: query.get("direction") === "LR" ? "LR" : "TB",
  };
}

/** `GET /api/runs/:id/timeline`: when the attempts ran, by worker, in ms since the start. */
export const showTimeline: Route = async (desk, { parts: [runId] }) => json(timelineOf(await requireRun(desk, runId)));

export async function requireRun(desk: Desk, runId: string): Promise<RunDetails> {
  const run = await desk.store.getRun(runId);
  if (run === undefined) throw missing(runId);
  return run;
}

export function missing(runId: string): Refusal {
  return new Refusal(404, "NOT_FOUND", `The store has no run ${toJson(runId)}.`);
}

function nodeOf({ output, error, ...rest }: NodeDetails, most?: number) {
  return { ...rest, output: shownValue(output, most), error: shownError(error) };
}

function attemptOf({ node, attempt, status, worker, error, startedAt, finishedAt }: AttemptDetails) {
  return { node, attempt, status, worker, startedAt, finishedAt, error: shownError(error) };
}

function cycleOf({ input, output, error, ...rest }: RecordedCycle, most?: number) {
  return {
    ...rest,
    input: input && shownValue(input.value, most),
    output: output && shownValue(output.value, most),
    error: shownError(error),
  };
}

function visitsOf(cycles: readonly RecordedCycle[]): Record<string, number> {
  const visits = Object.create(null) as Record<string, number>;
  for (const { state, status } of cycles) if (status !== "entered") visits[state] = (visits[state] ?? 0) + 1;
  return visits;
}

function isItemOf({ node }: AttemptDetails, map: string, { nodes }: RunDetails): boolean {
  return node.startsWith(`${map}[`) && !nodes.has(node);
}

interface FoundNode {
  readonly run: RunDetails;
  readonly name: string;
  readonly node: NodeDetails;
}

/** The node of a path: of the run itself, or of the latest run inside that the path begins with. */
async function nodeAt(desk: Desk, run: RunDetails, path: string): Promise<FoundNode | undefined> {
  const node = run.nodes.get(path);
  if (node !== undefined) return { run, name: path, node };
  const { runs } = await desk.store.listRuns({ parent: run.runId, limit: MOST });
  for (const { runId, parentNode, isChild } of runs) {
    if (!isChild || parentNode === undefined) continue;
    const key = runId.slice(run.runId.length + 1);
    const rest = [key, parentNode].flatMap((start) =>
      path.startsWith(`${start}.`) ? [path.slice(start.length + 1)] : [],
    );
    const inner = rest.length === 0 ? undefined : await desk.store.getRun(runId);
    const found = inner && (await nodeAt(desk, inner, rest[0]));
    if (found !== undefined) return found;
  }
  return undefined;
}
