import { longestPath } from "../graph/longest-path.js";
import { NEVER } from "../planning/plan.js";
import type { RunState } from "./state.js";
import { Status } from "./status.js";

/** The duration of a run and its nodes, in ms, and other figures. */
export interface RunMetrics {
  /** From the start of the run to its end. */
  readonly total: number;
  /** The duration of each node that ran, by name. */
  readonly nodes: Readonly<Record<string, number>>;
  /**
   * The path through the graph with the longest total duration: more concurrency can't make the run shorter than this.
   */
  readonly criticalPath: { readonly nodes: readonly string[]; readonly duration: number };
  /** How many cached nodes found a result, and how many did not. */
  readonly cache: { readonly hits: number; readonly misses: number };
  /** How many nodes, and items of maps, used their fallback. */
  readonly fallbacks: number;
  /** The metrics that nodes wrote to `ctx.metrics`. */
  readonly custom: Readonly<Record<string, number>>;
}

/** When a node ran. */
export interface TimelineEntry {
  /** The name of the node. */
  readonly node: string;
  /** How the node ended. */
  readonly status: "completed" | "failed" | "cancelled" | "running";
  /** In ms since the start of the run. */
  readonly start: number;
  /** In ms. */
  readonly duration: number;
  /** The number of attempts. */
  readonly attempts: number;
}

/** Computes the metrics of a run. Cost: O(nodes + edges). */
export function measure(state: RunState, total: number): RunMetrics {
  const nodes = Object.create(null) as Record<string, number>;
  state.plan.specs.forEach(({ name }, i) => {
    if (state.startedAt(i) !== NEVER && state.finishedAt(i) !== NEVER)
      nodes[name] = state.finishedAt(i) - state.startedAt(i);
  });
  return {
    total,
    nodes,
    criticalPath: criticalPath(state),
    cache: { ...state.cacheUse },
    fallbacks: state.fallbackCount,
    custom: { ...state.metrics },
  };
}

function criticalPath(state: RunState): RunMetrics["criticalPath"] {
  const { graph, order, specs } = state.plan;
  const { vertices, weight } = longestPath(graph, order, (v) =>
    state.status[v] === Status.completed && state.startedAt(v) !== NEVER
      ? state.finishedAt(v) - state.startedAt(v)
      : undefined,
  );
  return { nodes: vertices.map((v) => specs[v].name), duration: weight };
}

const RAN: ReadonlyMap<number, TimelineEntry["status"]> = new Map([
  [Status.completed, "completed"],
  [Status.failed, "failed"],
  [Status.cancelled, "cancelled"],
  [Status.running, "running"],
]);

/** The nodes that ran, ordered by start, then by definition. */
export function timelineOf(state: RunState, origin: number): TimelineEntry[] {
  const entries: TimelineEntry[] = [];
  state.plan.specs.forEach(({ name }, i) => {
    const status = RAN.get(state.status[i]);
    const started = state.startedAt(i);
    if (status === undefined || started === NEVER) return;
    const duration = Math.max(0, state.finishedAt(i) - started);
    entries.push({ node: name, status, start: started - origin, duration, attempts: state.attemptsOf(i) });
  });
  return entries.sort((a, b) => a.start - b.start);
}
