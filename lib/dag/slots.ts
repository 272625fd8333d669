import { deferred } from "../base/deferred.js";
import type { PendingAcquire } from "../base/pending-acquire.js";

/** The slots of a run, which limit how many attempts are in flight. Waiters are queued as ready nodes. */
export class Slots {
  used = 0;
  private waiters: Map<number, () => void> | undefined;

  constructor(
    readonly limit: number,
    private readonly queue: { enqueue(node: number): void },
  ) {}

  get isFull(): boolean {
    return this.used >= this.limit;
  }

  /** Acquires a slot at once, or returns the wait for one. */
  acquire(node: number): PendingAcquire | undefined {
    if (this.used < this.limit) {
      this.used++;
      return undefined;
    }
    const { promise, resolve } = deferred();
    (this.waiters ??= new Map<number, () => void>()).set(node, () => {
      this.used++;
      resolve();
    });
    this.queue.enqueue(node);
    // Only the end of the run cancels a wait, and the slot is of no use then.
    return { granted: promise, cancel: () => {} };
  }

  release(): void {
    this.used--;
  }

  /** Gives the node the slot it waits for; returns whether it was waiting. */
  grant(node: number): boolean {
    const grant = this.waiters?.get(node);
    if (grant === undefined) return false;
    this.waiters?.delete(node);
    grant();
    return true;
  }
}
