import type { DagPlan } from "../../planning/plan.js";
import type { RunState } from "../../run/state.js";
import { Status } from "../../run/status.js";
import { sourcesOf } from "../consumers.js";

/**
 * Nodes that have not started, and which only settled `any` nodes still need: directly, or through nodes that are
 * needless themselves. Waiting for them would be pointless.
 *
 * Cost: O(edges) over a whole run.
 */
export class Needless {
  /** The `any` that made each one needless. */
  private readonly causes = new Map<number, number>();

  constructor(
    private readonly plan: DagPlan,
    private readonly state: RunState,
  ) {}

  /** The `any` that no longer needs a node; undefined if the node is needed. */
  causeOf(node: number): number | undefined {
    return this.causes.get(node);
  }

  /** Called when an `any` has settled. Returns the nodes that have become needless. */
  anySettled(any: number): number[] {
    const found: number[] = [];
    const open = Array.from(sourcesOf(this.plan, any));
    for (let node = open.pop(); node !== undefined; node = open.pop()) {
      if (this.state.status[node] > Status.waiting || this.causes.has(node) || this.isNeeded(node)) continue;
      this.causes.set(node, any);
      found.push(node);
      open.push(...sourcesOf(this.plan, node));
    }
    return found;
  }

  private isNeeded(node: number): boolean {
    const { graph, anyNeeds } = this.plan;
    for (let edge = graph.start[node]; edge < graph.start[node + 1]; edge++) {
      const target = graph.target[edge];
      const isSettled = anyNeeds.has(target) && this.state.status[target] > Status.running;
      if (!isSettled && !this.causes.has(target)) return true;
    }
    return false;
  }
}
