import type { RunDetails } from "../store.js";
import type { DagGraph, NodeStatus, RunResult } from "../index.js";
import { messageOf } from "../base/message.js";
import { isFsmResult, isRecorded, type DrawnRun } from "./run-facts.js";
import { durationText } from "./text.js";
import type { Period } from "./time-axis.js";

/** An attempt, or several where nothing is known of each. */
export interface Bar extends Period {
  readonly status: NodeStatus;
  /** What is said of it besides its name, status and time. */
  readonly note: string | undefined;
}

/** What came between bars: a wait until the first one, until a retry, or until the run went on. */
export interface Gap extends Period {
  readonly kind: "wait" | "retry" | "pause";
}

/** A node on a worker, and what it did there. */
export interface TimelineRow {
  readonly name: string;
  readonly bars: readonly Bar[];
  readonly gaps: readonly Gap[];
}

/** When the nodes of a run ran, in ms since its start, by worker. */
export interface Timeline {
  readonly end: number;
  readonly lanes: readonly { readonly worker: string; readonly rows: readonly TimelineRow[] }[];
  /** How many attempts of items are left out, since there are too many. */
  readonly leftOut: number;
}

/** An attempt, in ms since 1970, or since the start of the run. */
interface Attempt {
  readonly name: string;
  readonly worker: string;
  readonly start: number;
  readonly end: number | undefined;
  readonly status: NodeStatus;
  readonly note: string | undefined;
}

/** How many attempts of items of maps have rows of their own, at most. */
const MAX_ITEMS = 60;

/** @throws {TypeError} for the result of an fsm's run, which has no times */
export function timelineOf(run: DrawnRun): Timeline {
  if (isRecorded(run)) return recordedTimeline(run);
  if (isFsmResult(run)) {
    throw new TypeError(
      `The result of an fsm's run has no times. Record the run, and pass what store.getRun("${run.runId}") gives.`,
    );
  }
  return resultTimeline(run);
}

/** How many nodes a description names. */
const MAX_NAMED = 20;

/** The rows in words: `load 12 ms, clean 3.0 ms`. */
export function timelineWords({ lanes }: Timeline): string {
  const rows = lanes.flatMap((lane) => lane.rows);
  const words = rows.slice(0, MAX_NAMED).map(({ name, bars }) => {
    const time = bars.reduce((sum, { start, end }) => sum + end - start, 0);
    return `${name} ${durationText(time)}`;
  });
  return [...words, ...(rows.length > MAX_NAMED ? [`and ${rows.length - MAX_NAMED} more`] : [])].join(", ");
}

function resultTimeline(run: RunResult<any>): Timeline {
  const attempts = run.timeline().map(({ node, status, start, duration, attempts: count }): Attempt => {
    const note = count > 1 ? `${count} attempts` : undefined;
    return { name: node, worker: run.nodes.get(node)?.backend ?? "inline", start, end: start + duration, status, note };
  });
  return arranged(attempts, 0, run.metrics.total, readyTimes(run.graph, endsOf(attempts), 0), 0);
}

function recordedTimeline(run: RunDetails): Timeline {
  const { graph, nodes } = run;
  const attempts = run.kind === "fsm" ? cyclesOf(run) : attemptsOf(run);
  const ofNodes = attempts.filter(({ name }) => nodes.has(name));
  const leftOut = attempts.length - ofNodes.length > MAX_ITEMS ? attempts.length - ofNodes.length : 0;
  const origin = attempts.reduce((first, { start }) => Math.min(first, start), run.createdAt);
  const end = attempts.reduce((last, each) => Math.max(last, each.end ?? each.start), run.finishedAt ?? origin);
  const ends = endsOf(attempts);
  // Some got their result without an attempt, perhaps after one that paused.
  for (const [name, { finishedAt }] of nodes) {
    if (finishedAt !== undefined) ends.set(name, Math.max(ends.get(name) ?? 0, finishedAt));
  }
  const ready = graph.kind === "dag" ? readyTimes(graph, ends, origin) : new Map([[graph.initial ?? "", origin]]);
  return arranged(leftOut === 0 ? attempts : ofNodes, origin, end, ready, leftOut, ends);
}

function attemptsOf({ attempts }: RunDetails): Attempt[] {
  return attempts.flatMap(({ node, attempt, worker = "unknown worker", startedAt, finishedAt, status, error }) => {
    if (startedAt === undefined) return [];
    const count = attempt > 1 ? `attempt ${attempt}` : undefined;
    const note = [count, error === undefined ? undefined : messageOf(error)].filter((part) => part !== undefined);
    const said = note.length === 0 ? undefined : note.join("\n");
    return { name: node, worker, start: startedAt, end: finishedAt, status: status as NodeStatus, note: said };
  });
}

function cyclesOf({ cycles }: RunDetails): Attempt[] {
  return cycles.flatMap(
    ({ state, cycle, worker = "unknown worker", startedAt, finishedAt, status, attempts, error }) => {
      if (startedAt === undefined) return [];
      const parts = [
        `cycle ${cycle}`,
        ...(attempts > 1 ? [`${attempts} attempts`] : []),
        ...(error === undefined ? [] : [messageOf(error)]),
      ];
      return {
        name: state,
        worker,
        start: startedAt,
        end: finishedAt,
        status: status as NodeStatus,
        note: parts.join("\n"),
      };
    },
  );
}

/**
 * By worker and node, both in the order in which they started.
 * @param ready - when each node had all that it needs
 * @param ends - when each had its result, if not at the end of its last attempt
 */
function arranged(
  attempts: readonly Attempt[],
  origin: number,
  end: number,
  ready: ReadonlyMap<string, number>,
  leftOut: number,
  ends: ReadonlyMap<string, number> = new Map(),
): Timeline {
  const lanes = new Map<string, Map<string, Attempt[]>>();
  for (const attempt of [...attempts].sort((a, b) => a.start - b.start)) {
    const rows = lanes.get(attempt.worker) ?? new Map<string, Attempt[]>();
    lanes.set(attempt.worker, rows.set(attempt.name, [...(rows.get(attempt.name) ?? []), attempt]));
  }
  const seen = new Set<string>();
  const rowOf = ([name, list]: readonly [string, readonly Attempt[]]): TimelineRow => {
    const bars = list.map(({ start, end: stop = end, status, note }) => {
      return { start: start - origin, end: stop - origin, status, note };
    });
    const isFirst = !seen.has(name);
    seen.add(name);
    const since = (time: number | undefined) => (time === undefined ? undefined : time - origin);
    return { name, bars, gaps: gapsOf(bars, isFirst ? since(ready.get(name)) : undefined, since(ends.get(name))) };
  };
  const rowsIn = Array.from(lanes, ([worker, rows]) => ({ worker, rows: Array.from(rows, rowOf) }));
  return { end: end - origin, lanes: rowsIn, leftOut };
}

/** @param readyAt - before the first bar @param endedAt - after the last one, if the node rested in between */
function gapsOf(bars: readonly Bar[], readyAt: number | undefined, endedAt: number | undefined): Gap[] {
  const gaps: Gap[] = [];
  if (readyAt !== undefined && readyAt < bars[0].start) gaps.push({ start: readyAt, end: bars[0].start, kind: "wait" });
  bars.forEach(({ end, status }, i) => {
    const next = bars.at(i + 1)?.start ?? endedAt;
    const kind = status === "failed" ? "retry" : status === "paused" || status === "waiting" ? "pause" : undefined;
    if (kind !== undefined && next !== undefined && next > end) gaps.push({ start: end, end: next, kind });
  });
  return gaps;
}

/** When the last attempt of each node ended. */
function endsOf(attempts: readonly Attempt[]): Map<string, number> {
  const ends = new Map<string, number>();
  for (const { name, start, end = start } of attempts) ends.set(name, Math.max(ends.get(name) ?? 0, end));
  return ends;
}

/** When each node of a dag had all that it needs. */
function readyTimes(
  { nodes, edges }: DagGraph,
  ends: ReadonlyMap<string, number>,
  origin: number,
): Map<string, number> {
  const ready = new Map(nodes.map(({ name }) => [name, origin]));
  for (const { from, to, stream } of edges) {
    if (!stream) ready.set(to, Math.max(ready.get(to) as number, ends.get(from) ?? origin));
  }
  return ready;
}
