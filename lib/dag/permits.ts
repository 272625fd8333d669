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
    const waiters = (this.waiters ??= new Map<number, () => void>());
    const grant = () => {
      this.used++;
      resolve();
    };
    waiters.set(node, grant);
    this.queue.enqueue(node);
    const cancel = () => {
      if (waiters.get(node) === grant) waiters.delete(node);
      else this.used--;
    };
    return { granted: promise, cancel };
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
