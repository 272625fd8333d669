import type { NodeHooks } from "../definition/specs/node-options.js";
import type { NodeFunction, NodeSpec } from "../definition/specs/node-spec.js";
import type { Digraph } from "../graph/digraph.js";

/** The instant of what did not happen. No whole number, so that arrays of it hold doubles from the start. */
export const NEVER = -0.5;

/** Marks of an edge; 0 is a required need on a node's whole result. */
export const Edge = {
  /** A skipped or failed source does not skip the target: `optional(…)` and `after`. */
  soft: 1,
  /** Only alive when the source took the branch that is the edge's label. */
  branch: 2,
  /** Orders without passing data: `after`. */
  order: 4,
} as const;

/**
 * Where one argument of a node comes from, where that is not simply the result of another node.
 *
 * In argument lists, a number ≥ 0 is the node whose result it is, a number < 0 is the bitwise complement of an index
 * into {@link DagPlan.bindings}.
 */
export type Binding =
  | { readonly type: "context" }
  | { readonly type: "undefined" }
  | { readonly type: "input"; readonly input: number }
  | { readonly type: "output"; readonly source: number; readonly output: string }
  | { readonly type: "branch"; readonly source: number; readonly branch: string }
  | { readonly type: "record"; readonly keys: readonly string[]; readonly codes: readonly number[] }
  | { readonly type: "list"; readonly codes: readonly number[] }
  | { readonly type: "winner" };

/** One need of an `any` node. */
export interface AnyNeed {
  readonly source: number;
  readonly branch: string | undefined;
  /** The need as written. */
  readonly text: string;
  /** How its value is found, see {@link Binding}. */
  readonly code: number;
}

/** What a condition or select adds to a node. */
export interface Fork {
  /** The position among the arguments of the input that is passed on; -1 when the node has none. */
  readonly first: number;
  /** The branches that lead somewhere. */
  readonly branches: ReadonlySet<string>;
}

/** A parameter that the run's caller fills. */
export interface RunInput {
  readonly name: string;
  /** The nodes that can't run without it. */
  readonly required: readonly number[];
}

/** Which of the nodes that could start goes first. */
export interface Ranking {
  /** Topological: the order in which nodes start one after the other. */
  readonly order: Int32Array;
  /** The place of each node, and the node in each place; undefined when that is simply the order of definition. */
  readonly rank: { readonly of: Int32Array; readonly node: Int32Array } | undefined;
}

/**
 * A validated, frozen, integer-indexed form of a dag: built once, shared by all runs, never written again.
 *
 * Node i is the i-th in order of definition. The arguments of node i are `args[argStart[i]]` … `args[argStart[i + 1] - 1]`.
 * `order` is that of `sequential`, and `rank` by priority, then order of definition.
 */
export interface DagPlan extends Ranking {
  readonly workflow: string;
  readonly size: number;
  readonly specs: readonly NodeSpec[];
  readonly indexOf: ReadonlyMap<string, number>;
  /** The nodes' functions, beside each other: a large run that reads them from the specs waits for memory. */
  readonly functions: readonly NodeFunction[];
  /** What `this` is in the nodes' functions, where that is one and the same for all. */
  readonly self: unknown;
  readonly graph: Digraph;
  /** Marks of each edge, see {@link Edge}; undefined when all are 0. */
  readonly flags: Uint8Array | undefined;
  /** The output or branch of the edges that have one. */
  readonly labels: ReadonlyMap<number, string>;
  /** How many edges end at each node. A plain array in a small plan, which is cheaper to copy. */
  readonly indegree: Int32Array | readonly number[];
  readonly argStart: Int32Array;
  readonly args: Int32Array;
  readonly bindings: readonly Binding[];
  readonly anyNeeds: ReadonlyMap<number, readonly AnyNeed[]>;
  readonly forks: ReadonlyMap<number, Fork>;
  readonly inputs: readonly RunInput[];
  /** The nodes' own hooks. */
  readonly hooks: ReadonlyMap<number, NodeHooks>;
  /** 1 for the nodes with an option that takes more than a plain call; undefined when there are none. */
  readonly managed: Uint8Array | undefined;
  /** Every edge is a required need on a whole result, and no node is a fork or an `any`: only failures skip nodes. */
  readonly isPlain: boolean;
  /** Each node needs the one before it in {@link DagPlan.order}, so that no two can ever be in flight. */
  readonly isSerial: boolean;
  /** How long nodes may wait for their inputs, in ms; undefined when all may for ever. */
  readonly inputsTimeouts: ReadonlyMap<number, number> | undefined;
  /** Some node asks for a thread, whatever the mode. */
  readonly usesThreads: boolean;
  /** In a small plan, the arrays that a run starts from: a zero a node, and two instants a node that are never. */
  readonly blank: { readonly numbers: readonly number[]; readonly instants: readonly number[] } | undefined;
}

/** What one node has of another. */
export interface DagEdge {
  readonly from: string;
  readonly to: string;
  /** The property or branch of the result that is meant; undefined for the whole of it. */
  readonly output: string | undefined;
  /** `to` runs even if there is no result. */
  readonly optional: boolean;
  /** No data passes: `after`. */
  readonly orderOnly: boolean;
}

/** All edges, by name. Cost: O(nodes + edges). */
export function edgesOf({ size, specs, graph, flags, labels }: DagPlan): DagEdge[] {
  const { start, target } = graph;
  const edges: DagEdge[] = [];
  for (let from = 0; from < size; from++) {
    for (let e = start[from]; e < start[from + 1]; e++) {
      const marks = flags === undefined ? 0 : flags[e];
      edges.push({
        from: specs[from].name,
        to: specs[target[e]].name,
        output: labels.get(e),
        optional: (marks & Edge.soft) !== 0 && (marks & Edge.order) === 0,
        orderOnly: (marks & Edge.order) !== 0,
      });
    }
  }
  return edges;
}

/** The need behind an edge as it was written: `node` or `node.output`. */
export function edgeText(plan: DagPlan, source: number, edge: number): string {
  const label = plan.labels.get(edge);
  return label === undefined ? plan.specs[source].name : `${plan.specs[source].name}.${label}`;
}

/** Whether an argument, by its code, is the context. */
export function isContext(plan: DagPlan, code: number): boolean {
  return code < 0 && plan.bindings[~code].type === "context";
}

/** Whether no other node takes data from this one. `after` takes none. */
export function isSink(plan: DagPlan, node: number, active?: Uint8Array): boolean {
  const { start, target } = plan.graph;
  for (let e = start[node]; e < start[node + 1]; e++) {
    const takesData = plan.flags === undefined || (plan.flags[e] & Edge.order) === 0;
    if (takesData && (active === undefined || active[target[e]] === 1)) return false;
  }
  return true;
}
