import { MinSet } from "../../graph/min-set.js";
import type { DagPlan, Ranking } from "../../planning/plan.js";
import type { Executor } from "./executor.js";

/**
 * The executor `workQueue`: ready nodes start as soon as there is a permit, in order of rank.
 * Cost: O(log₃₂ nodes) to add or take a node.
 */
export class WorkQueue implements Executor {
  /** The first lane, the only one in most runs. */
  private readonly queue: MinSet;
  private readonly others: readonly MinSet[];

  constructor(
    plan: DagPlan,
    private readonly ranking: Ranking,
    private readonly lanes: Uint16Array | undefined,
  ) {
    this.queue = new MinSet(plan.size);
    this.others = lanes === undefined ? NO_QUEUES : queuesFor(lanes, plan.size);
  }

  get isEmpty(): boolean {
    return this.queue.size === 0 && (this.others === NO_QUEUES || this.others.every(({ size }) => size === 0));
  }

  get first(): number {
    return this.nodeAt(this.queue.first);
  }

  ready(node: number): void {
    this.add(node);
  }

  add(node: number): void {
    const { rank } = this.ranking;
    const lane = this.laneOf(node);
    const queue = lane === 0 ? this.queue : this.others[lane - 1];
    queue.add(rank === undefined ? node : rank.of[node]);
  }

  take(lane: number): number {
    if (lane === 0) return this.nodeAt(this.queue.take());
    return lane > this.others.length ? -1 : this.nodeAt(this.others[lane - 1].take());
  }

  protected laneOf(node: number): number {
    return this.lanes === undefined ? 0 : this.lanes[node];
  }

  private nodeAt(place: number): number {
    const { rank } = this.ranking;
    return rank === undefined || place < 0 ? place : rank.node[place];
  }
}

const NO_QUEUES: readonly MinSet[] = Object.freeze([]);

/** The queues of all lanes but the first. */
function queuesFor(lanes: Uint16Array, size: number): MinSet[] {
  const last = lanes.reduce((most, lane) => Math.max(most, lane), 0);
  return Array.from({ length: last }, () => new MinSet(size));
}
