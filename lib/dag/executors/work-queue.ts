import { MinSet } from "../../graph/min-set.js";
import type { DagPlan, Ranking } from "../../planning/plan.js";
import type { Executor } from "./executor.js";

/**
 * The executor `workQueue`: whatever is ready starts as soon as there is a slot, in the order of the ranking.
 * Cost: O(log₃₂ nodes) to put a node in or take it out.
 */
export class WorkQueue implements Executor {
  private readonly firstLane: MinSet;
  private readonly secondLane: MinSet | undefined;

  constructor(
    plan: DagPlan,
    private readonly ranking: Ranking,
    private readonly lanes: Uint8Array | undefined,
  ) {
    this.firstLane = new MinSet(plan.size);
    this.secondLane = lanes === undefined ? undefined : new MinSet(plan.size);
  }

  get isEmpty(): boolean {
    return this.firstLane.size === 0 && (this.secondLane === undefined || this.secondLane.size === 0);
  }

  get first(): number {
    return this.nodeAt(this.firstLane.first);
  }

  ready(node: number): void {
    this.add(node);
  }

  add(node: number): void {
    const { rank } = this.ranking;
    const queue = this.secondLane !== undefined && this.isSecond(node) ? this.secondLane : this.firstLane;
    queue.add(rank === undefined ? node : rank.of[node]);
  }

  take(): number {
    return this.takeFrom(this.firstLane);
  }

  takeSecond(): number {
    return this.secondLane === undefined ? -1 : this.takeFrom(this.secondLane);
  }

  protected isSecond(node: number): boolean {
    return this.lanes !== undefined && this.lanes[node] === 1;
  }

  private takeFrom(queue: MinSet): number {
    return this.nodeAt(queue.take());
  }

  private nodeAt(place: number): number {
    const { rank } = this.ranking;
    return rank === undefined || place < 0 ? place : rank.node[place];
  }
}
