import { deferred } from "../base/deferred.js";
import type { PendingAcquire } from "../base/pending-acquire.js";

/** Limits how many attempts are in flight. Nodes that wait for a permit queue up in the executor. */
export class Permits {
  private used = 0;
  private waiters: Map<number, () => void> | undefined = undefined;

  constructor(
    private readonly limit: number,
    private readonly queue: { enqueue(node: number): void },
  ) {}

  get isFull(): boolean {
    return this.used >= this.limit;
  }

  /** Takes a permit for a node that the executor chose. */
  take(): void {
    this.used++;
  }

  /** Acquires a permit at once, or returns the wait for one. */
  acquire(node: number): PendingAcquire | undefined {
    if (!this.isFull) {
      this.used++;
      return undefined;
    }
    const { promise, resolve } = deferred();
    (this.waiters ??= new Map<number, () => void>()).set(node, () => {
      this.used++;
      resolve();
    });
    this.queue.enqueue(node);
    // A wait is cancelled only when the run ends, and then no permit is granted.
    return { granted: promise, cancel: () => {} };
  }

  /** Grants a chosen node the permit that it waits for; false when it does not wait for one. */
  grant(node: number): boolean {
    const grant = this.waiters?.get(node);
    if (grant === undefined) return false;
    this.waiters?.delete(node);
    grant();
    return true;
  }

  release(): void {
    this.used--;
  }
}
