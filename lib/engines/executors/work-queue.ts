import { MinSet } from "../../graph/min-set.js";
import type { DagPlan } from "../../planning/plan.js";
import type { Ranking } from "../../planning/ranking.js";
import type { Executor } from "./executor.js";

/**
 * The executor `workQueue`: whatever is ready starts as soon as there is a slot, in the order of the ranking.
 * Cost: O(log₃₂ nodes) to put a node in or take it out.
 */
export class WorkQueue implements Executor {
  private readonly first: MinSet;
  private readonly second: MinSet | undefined;

  constructor(
    plan: DagPlan,
    private readonly ranking: Ranking,
    private readonly lanes: Uint8Array | undefined,
  ) {
    this.first = new MinSet(plan.size);
    this.second = lanes === undefined ? undefined : new MinSet(plan.size);
  }

  get isEmpty(): boolean {
    return this.first.size === 0 && (this.second === undefined || this.second.size === 0);
  }

  ready(node: number): void {
    this.add(node);
  }

  add(node: number): void {
    const { rank } = this.ranking;
    const queue = this.second !== undefined && this.isSecond(node) ? this.second : this.first;
    queue.add(rank === undefined ? node : rank.of[node]);
  }

  take(): number {
    return this.takeFrom(this.first);
  }

  takeSecond(): number {
    return this.second === undefined ? -1 : this.takeFrom(this.second);
  }

  protected isSecond(node: number): boolean {
    return this.lanes !== undefined && this.lanes[node] === 1;
  }

  private takeFrom(queue: MinSet): number {
    const next = queue.take();
    const { rank } = this.ranking;
    return rank === undefined || next < 0 ? next : rank.node[next];
  }
}
