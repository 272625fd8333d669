import { groupBy } from "../../graph/digraph.js";
import { Edge, type DagPlan } from "../../planning/plan.js";
import type { RunState } from "../../run/state.js";
import { isMet } from "../branching.js";
import { Taken } from "../choice-rules.js";
import type { Gates } from "./gates.js";

/** What nodes depend on: the edges into them, and the nodes that take each input. Cost to create: O(nodes + edges). */
export class Needs {
  /** The edges into node i are `into[start[i]]` … `into[start[i + 1] - 1]`. */
  private readonly start: Int32Array;
  private readonly into: Int32Array;
  /** Where they come from. */
  private readonly sources: Int32Array;
  /** By input, the nodes that take it. */
  private readonly takers: readonly (readonly number[])[];

  /** @param gates - undefined if the dag has no choices */
  constructor(
    private readonly plan: DagPlan,
    private readonly state: RunState,
    private readonly gates: Gates | undefined,
  ) {
    const { graph } = plan;
    const { start, order } = groupBy(graph.size, graph.target);
    this.start = start;
    this.into = order;
    const sourceOf = new Int32Array(graph.target.length);
    for (let node = 0; node < graph.size; node++) sourceOf.fill(node, graph.start[node], graph.start[node + 1]);
    this.sources = order.map((edge) => sourceOf[edge]);
    this.takers = takersOf(plan);
  }

  takersOf(input: number): readonly number[] {
    return this.takers[input];
  }

  /**
   * Whether a node runs; otherwise it is skipped. All its sources, and the gate that it waits for, must be up to date.
   * Notes which of its needs an `any` takes, the first one with a result, and which branch a choice takes.
   */
  areMet(node: number): boolean {
    const { gates, state, plan } = this;
    if (gates !== undefined) {
      if (!gates.admits(node)) return false;
      const taken = gates.taken(node);
      if (taken !== undefined) return this.win(node, taken);
    }
    const anyNeeds = plan.anyNeeds.size === 0 ? undefined : plan.anyNeeds.get(node);
    if (anyNeeds !== undefined) {
      return this.win(
        node,
        anyNeeds.findIndex((need) => isMet(state, need)),
      );
    }
    const { flags, labels } = plan;
    for (let k = this.start[node]; k < this.start[node + 1]; k++) {
      const source = this.sources[k];
      const marks = flags === undefined ? 0 : flags[this.into[k]];
      if ((marks & Edge.soft) !== 0) continue;
      if (!state.hasResult(source)) return false;
      if ((marks & Edge.branch) !== 0 && !state.took(source, labels.get(this.into[k]))) return false;
    }
    return true;
  }

  private win(node: number, winner: number): boolean {
    this.state.facts.winners.set(node, winner);
    return winner !== Taken.none;
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
