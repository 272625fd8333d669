import { deferred } from "./deferred.js";
import type { PendingAcquire } from "./pending-acquire.js";
import { Queue } from "./queue.js";

/** A counting semaphore with `limit` permits. Waiters are served first in, first out, without a time limit. */
export class Semaphore {
  private readonly waiters = new Queue<() => void>();
  private acquired = 0;

  constructor(private readonly limit: number) {}

  /** Resolves once a permit is acquired. */
  async acquire(): Promise<void> {
    await this.tryAcquire()?.granted;
  }

  /** Acquires a permit at once, or returns the wait for one. */
  tryAcquire(): PendingAcquire | undefined {
    if (this.acquired < this.limit) {
      this.acquired++;
      return undefined;
    }
    const { promise, resolve } = deferred();
    const place = this.waiters.push(resolve);
    const cancel = () => (place.isQueued ? this.waiters.remove(place) : this.release());
    return { granted: promise, cancel };
  }

  /** Releases a permit, which passes to the first waiter. */
  release(): void {
    const { first } = this.waiters;
    if (first === undefined) {
      this.acquired--;
      return;
    }
    this.waiters.remove(first);
    first.value();
  }
}
