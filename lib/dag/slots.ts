import { deferred } from "../base/deferred.js";
import type { Waiting } from "../base/waiting.js";

/** The slots of a run: how many attempts may be in flight, and who waits for one. */
export class Slots {
  used = 0;
  private waiting: Map<number, () => void> | undefined;

  constructor(
    readonly limit: number,
    private readonly queue: { enqueue(node: number): void },
  ) {}

  get isFull(): boolean {
    return this.used >= this.limit;
  }

  /** Takes a slot, at once or when the node's turn comes. */
  acquire(node: number): Waiting | undefined {
    if (this.used < this.limit) {
      this.used++;
      return undefined;
    }
    const { promise, resolve } = deferred();
    (this.waiting ??= new Map<number, () => void>()).set(node, () => {
      this.used++;
      resolve();
    });
    this.queue.enqueue(node);
    // Only the end of the run takes a node out of the line, and then nobody wants the slot.
    return { granted: promise, cancel: () => {} };
  }

  /** It is the node's turn: gives it the slot it waits for, and says whether it did wait. */
  grant(node: number): boolean {
    const go = this.waiting?.get(node);
    if (go === undefined) return false;
    this.waiting?.delete(node);
    go();
    return true;
  }
}
