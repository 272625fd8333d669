import { groupBy } from "../../graph/digraph.js";
import { Edge, type DagPlan } from "../../planning/plan.js";
import type { RunState } from "../../run/state.js";
import { isMet } from "../branching.js";

/** An edge whose source does not provide what its target requires. */
export interface UnmetEdge {
  readonly source: number;
  readonly edge: number;
}

/** What nodes depend on: the edges into them, and the nodes that take each input. Cost to create: O(nodes + edges). */
export class Needs {
  /** The edges into node i are `into[start[i]]` … `into[start[i + 1] - 1]`. */
  private readonly start: Int32Array;
  private readonly into: Int32Array;
  private readonly sourceOf: Int32Array;
  /** By input, the nodes that take it. */
  private readonly takers: readonly (readonly number[])[];

  constructor(private readonly plan: DagPlan) {
    const { graph } = plan;
    const { start, order } = groupBy(graph.size, graph.target);
    this.start = start;
    this.into = order;
    this.sourceOf = new Int32Array(graph.target.length);
    for (let node = 0; node < graph.size; node++) this.sourceOf.fill(node, graph.start[node], graph.start[node + 1]);
    this.takers = takersOf(plan);
  }

  takersOf(input: number): readonly number[] {
    return this.takers[input];
  }

  /**
   * The edge because of which a node is skipped; undefined when it runs. All its sources must have settled. An `any` gets
   * the first of its needs that has a result.
   */
  unmet(node: number, state: RunState): UnmetEdge | undefined {
    const { flags, labels } = this.plan;
    const anyNeeds = this.plan.anyNeeds.get(node);
    let first: UnmetEdge | undefined;
    for (let k = this.start[node]; k < this.start[node + 1]; k++) {
      const edge = this.into[k];
      const source = this.sourceOf[edge];
      const marks = flags === undefined ? 0 : flags[edge];
      if ((marks & Edge.soft) !== 0) continue;
      const isAlive = state.hasResult(source) && ((marks & Edge.branch) === 0 || state.took(source, labels.get(edge)));
      if (!isAlive && anyNeeds === undefined) return { source, edge };
      if (!isAlive) first ??= { source, edge };
    }
    if (anyNeeds === undefined) return undefined;
    const winner = anyNeeds.findIndex((need) => isMet(state, need));
    if (winner < 0) return first;
    state.facts.winners.set(node, winner);
    return undefined;
  }
}

/** The nodes that take each input, in order. */
function takersOf({ size, inputs, args, argStart, bindings }: DagPlan): number[][] {
  const takers = inputs.map((): number[] => []);
  if (inputs.length === 0) return takers;
  for (let node = 0; node < size; node++) {
    const codes = Array.from(args.subarray(argStart[node], argStart[node + 1]));
    for (let code = codes.pop(); code !== undefined; code = codes.pop()) {
      const binding = code < 0 ? bindings[~code] : undefined;
      if (binding?.type === "record" || binding?.type === "list") for (const inner of binding.codes) codes.push(inner);
      if (binding?.type === "input" && takers[binding.input].at(-1) !== node) takers[binding.input].push(node);
    }
  }
  return takers;
}
