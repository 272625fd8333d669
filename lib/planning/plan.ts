import type { NodeHooks } from "../definition/specs/node-options.js";
import type { NodeFunction, NodeSpec } from "../definition/specs/node-spec.js";
import type { InnerInputs } from "./inner-schemas.js";
import type { StreamPlan } from "./streams.js";
import type { WaitPlan } from "./waits.js";
import type { Digraph } from "../graph/digraph.js";

/**
 * The time of an event that did not happen. Not an integer, so that V8 stores arrays of times as doubles from the
 * start.
 */
export const NEVER = -0.5;

/** Flags of an edge; 0 is a required need on a node's entire result. */
export const Edge = {
  /** A skipped or failed source does not skip the target: `optional(…)` and `after`. */
  soft: 1,
  /** The target runs only if the source takes the branch that is the edge's label, or has that result inside. */
  branch: 2,
  /** No data passes: `after`. */
  order: 4,
  /** The target takes the items of the source while they come. */
  stream: 8,
  /** No need of the target, but of a node that runs together with it. */
  join: 16,
} as const;

/**
 * The source of an argument that is not simply the result of another node.
 *
 * In the plan, each argument is a code: a number ≥ 0 is the node whose result it takes, and a number < 0 the bitwise
 * complement of an index into {@link DagPlan.bindings}.
 */
export type Binding =
  | { readonly type: "context" }
  | { readonly type: "undefined" }
  | { readonly type: "input"; readonly input: number }
  | { readonly type: "output"; readonly source: number; readonly output: string }
  | { readonly type: "branch"; readonly source: number; readonly branch: string }
  /** The items of a node, or of one inside it, while they come. */
  | { readonly type: "stream"; readonly source: number; readonly path: string; readonly output: string | undefined }
  /** The result of a node inside a workflow. */
  | { readonly type: "inner"; readonly source: number; readonly path: string }
  | { readonly type: "record"; readonly keys: readonly string[]; readonly codes: readonly number[] }
  | { readonly type: "list"; readonly codes: readonly number[] }
  | { readonly type: "winner" }
  /** The payload of the event that the node has waited for. */
  | { readonly type: "event" };

/** One need of an `any` node. */
export interface AnyNeed {
  readonly source: number;
  readonly branch: string | undefined;
  /** The need as written. */
  readonly text: string;
  /** The source of its value, see {@link Binding}. */
  readonly code: number;
}

/** The branching of a condition or select. */
export interface Fork {
  /** The position of the argument that is passed on; -1 if the node takes none. */
  readonly first: number;
  /** The branches that other nodes need. */
  readonly branches: ReadonlySet<string>;
}

/** The condition of a `when`. */
export interface ChoiceCondition {
  readonly source: number;
  /** The source of its value, see {@link Binding}. */
  readonly code: number;
  /** For a fork: the branch whose taking is the condition. */
  readonly branch: string | undefined;
  /** The need as written. */
  readonly text: string;
}

/** A `when` or a `coalesce`: a node that takes one of several needs, and starts what only that need needs. */
export interface Choice {
  /** Undefined for a `coalesce`. */
  readonly condition: ChoiceCondition | undefined;
  /** The branches: `then` and `else`, or the candidates. */
  readonly needs: readonly AnyNeed[];
  /** The gate of each branch; -1 for the first of a `coalesce`, which starts in any case. */
  readonly gates: readonly number[];
}

/**
 * The choices of a plan.
 *
 * A gate belongs to one branch of a choice. Its nodes are those that only this branch needs, without those of gates
 * within: every path from them to a sink enters the choice through this branch. They wait until the gate opens, and are
 * skipped when it closes. A gate is decided only when the choice itself may run, so gates within closed ones close.
 */
export interface Choices {
  readonly of: ReadonlyMap<number, Choice>;
  /** The gate that each node waits for, or -1. */
  readonly gateOf: Int32Array;
  /** The choice of each gate. */
  readonly ownerOf: Int32Array;
  /** The nodes of gate g: `members.order[members.start[g]]` … `members.order[members.start[g + 1] - 1]`. */
  readonly members: { readonly start: Int32Array; readonly order: Int32Array };
  /** The `coalesce` that handles each node's failure, or -1. */
  readonly handledBy: Int32Array;
  /** What the edges into choices are to them, see {@link DagEdge.role}. */
  readonly roles: ReadonlyMap<number, string>;
}

/** The order in which nodes can start: their edges, and from `size` on one vertex for each gate of a choice. */
export interface Flow {
  /** The number of nodes. */
  readonly size: number;
  readonly graph: Digraph;
}

/** A parameter that takes its value from the inputs of the run. */
export interface RunInput {
  readonly name: string;
  /** The nodes for which it has no default value. */
  readonly required: readonly number[];
}

/** Which of several ready nodes starts first. */
export interface Ranking {
  /** The topological order in which nodes start one after the other. */
  readonly order: Int32Array;
  /** The rank of each node, and the node of each rank; undefined if that is the order of definition. */
  readonly rank: { readonly of: Int32Array; readonly node: Int32Array } | undefined;
}

/**
 * A validated, frozen, integer-indexed form of a dag, built once and shared by all runs.
 *
 * Nodes are numbered in order of definition. The arguments of node i are `args[argStart[i]]` …
 * `args[argStart[i + 1] - 1]`. `order` is the order of mode `sequential`; `rank` is by priority, then by order of
 * definition.
 */
export interface DagPlan extends Ranking {
  readonly workflow: string;
  readonly size: number;
  readonly specs: readonly NodeSpec[];
  readonly indexOf: ReadonlyMap<string, number>;
  /**
   * The nodes' functions, in one array for the sake of cache locality: reading them from the specs slows large runs.
   */
  readonly functions: readonly NodeFunction[];
  /** The `this` with which {@link DagPlan.functions} are called. */
  readonly self: unknown;
  /** The streams between nodes; undefined if no node produces items. */
  readonly streams: StreamPlan | undefined;
  /** The nodes that wait before they start; undefined if there are none. */
  readonly waits: WaitPlan | undefined;
  readonly graph: Digraph;
  /** The flags of each edge, see {@link Edge}; undefined if all are 0. */
  readonly flags: Uint8Array | undefined;
  /** The outputs and branches of the edges that have one. */
  readonly labels: ReadonlyMap<number, string>;
  /** The number of edges into each node. A plain array in a small plan, which is faster to copy. */
  readonly indegree: Int32Array | readonly number[];
  readonly argStart: Int32Array;
  readonly args: Int32Array;
  readonly bindings: readonly Binding[];
  readonly anyNeeds: ReadonlyMap<number, readonly AnyNeed[]>;
  readonly forks: ReadonlyMap<number, Fork>;
  /** Undefined if there is no `when` or `coalesce`. */
  readonly choices: Choices | undefined;
  /** In which order nodes can start: the graph, and the gates of choices. */
  readonly flow: Flow;
  readonly inputs: readonly RunInput[];
  /** Undefined if no workflow inside has a schema for an input of the run. */
  readonly inner: InnerInputs | undefined;
  readonly inputNames: ReadonlySet<string>;
  /** The nodes' own hooks. */
  readonly hooks: ReadonlyMap<number, NodeHooks>;
  /** 1 for the nodes that need more than a plain call of their function; undefined if there are none. */
  readonly managed: Uint8Array | undefined;
  /**
   * All edges are required needs on entire results, and no node waits, or is a fork, an `any` or a choice, so that only
   * failures skip nodes.
   */
  readonly isPlain: boolean;
  /** Each node needs the previous one in {@link DagPlan.order}, so that two are never in flight at once. */
  readonly isSerial: boolean;
  /** The `inputsTimeout` of nodes that have one, in ms; undefined if none has. */
  readonly inputsTimeouts: ReadonlyMap<number, number> | undefined;
  /** Whether a node has a backend other than `inline`. */
  readonly isPlaced: boolean;
  /** In a small plan, initial arrays for runs to copy: a zero for each node, and {@link NEVER} twice for each node. */
  readonly blank: { readonly numbers: readonly number[]; readonly instants: readonly number[] } | undefined;
}

/** An edge between two nodes. */
export interface DagEdge {
  /** The name of the node that is needed or waited for. */
  readonly from: string;
  /** The name of the node that needs it or waits for it. */
  readonly to: string;
  /** The property of the result, or the branch; undefined for the entire result. */
  readonly output: string | undefined;
  /** Whether `to` runs even if `from` has no result. */
  readonly optional: boolean;
  /** Whether the edge passes no data: `after`. */
  readonly orderOnly: boolean;
  /** The part that `from` has in a choice: `if`, `then` or `else` of a `when`, `1`, `2` … of a `coalesce`. */
  readonly role?: string | undefined;
  /** Whether items pass while they come: `stream(…)`. */
  readonly stream: boolean;
}

/** All edges, by name. Cost: O(nodes + edges). */
export function edgesOf({ size, specs, graph, flags, labels, choices }: DagPlan): DagEdge[] {
  const { start, target } = graph;
  const edges: DagEdge[] = [];
  for (let from = 0; from < size; from++) {
    for (let e = start[from]; e < start[from + 1]; e++) {
      const edgeFlags = flags === undefined ? 0 : flags[e];
      if ((edgeFlags & Edge.join) !== 0) continue;
      edges.push({
        from: specs[from].name,
        to: specs[target[e]].name,
        output: labels.get(e),
        optional: (edgeFlags & Edge.soft) !== 0 && (edgeFlags & Edge.order) === 0,
        orderOnly: (edgeFlags & Edge.order) !== 0,
        role: choices?.roles.get(e),
        stream: (edgeFlags & Edge.stream) !== 0,
      });
    }
  }
  return edges;
}

/** The graph of what users wrote, without {@link Edge.join}. Cost: O(nodes + edges) in a dag with streams. */
export function writtenGraph({ graph, flags, streams }: DagPlan): Digraph {
  if (streams === undefined || flags === undefined) return graph;
  const { size, start, target } = graph;
  const isWritten = (_: unknown, e: number) => (flags[e] & Edge.join) === 0;
  const ends = new Int32Array(size + 1);
  for (let i = 0; i < size; i++) {
    let count = 0;
    for (let e = start[i]; e < start[i + 1]; e++) if (isWritten(undefined, e)) count++;
    ends[i + 1] = ends[i] + count;
  }
  return { size, start: ends, target: target.filter(isWritten) };
}

/** The need of an edge as written: `node` or `node.output`. */
export function edgeText(plan: DagPlan, source: number, edge: number): string {
  const label = plan.labels.get(edge);
  return label === undefined ? plan.specs[source].name : `${plan.specs[source].name}.${label}`;
}

/** Whether the argument with this code is the context. */
export function isContext(plan: DagPlan, code: number): boolean {
  return code < 0 && plan.bindings[~code].type === "context";
}

/** Whether no other node takes data from this one; `after` does not count. */
export function isSink(plan: DagPlan, node: number, active?: Uint8Array): boolean {
  const { start, target } = plan.graph;
  for (let e = start[node]; e < start[node + 1]; e++) {
    const takesData = plan.flags === undefined || (plan.flags[e] & Edge.order) === 0;
    if (takesData && (active === undefined || active[target[e]] === 1)) return false;
  }
  return true;
}
