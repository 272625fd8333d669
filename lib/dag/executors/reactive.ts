import { WorkQueue } from "./work-queue.js";

const NONE = -1;

/**
 * The executor `reactive`: a node fires when its last need completes. A node that fires alone while a permit is free
 * starts without being queued. Nodes that fire together, or find no permit, start in order of rank.
 */
export class Reactive extends WorkQueue {
  /** The node that fired last, while nothing is queued. */
  private fired = NONE;

  override get isEmpty(): boolean {
    return this.fired === NONE && super.isEmpty;
  }

  override get first(): number {
    return this.isAlone ? this.fired : super.first;
  }

  override ready(node: number): void {
    if (this.isEmpty) {
      this.fired = node;
      return;
    }
    this.queueFired();
    this.add(node);
  }

  override take(lane: number): number {
    return this.isAlone ? this.takeFired(lane) : super.take(lane);
  }

  private get isAlone(): boolean {
    if (this.fired !== NONE && super.isEmpty) return true;
    this.queueFired();
    return false;
  }

  private takeFired(lane: number): number {
    const node = this.fired;
    if (this.laneOf(node) !== lane) return NONE;
    this.fired = NONE;
    return node;
  }

  /** Queues the node that fired alone, now that there is another. */
  private queueFired(): void {
    if (this.fired !== NONE) this.add(this.fired);
    this.fired = NONE;
  }
}
