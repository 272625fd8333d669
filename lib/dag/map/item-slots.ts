import { deferred } from "../../base/deferred.js";
import type { PendingAcquire } from "../../base/pending-acquire.js";
import type { Permits } from "../../engine/permits.js";

/**
 * The permits of a map's items. In the queue of the run's permits, the map stands once for all items that wait, and
 * each permit that it gets goes to the first of them.
 */
export class ItemSlots {
  private readonly waiting: (() => void)[] = [];
  private next = 0;
  private isQueued = false;

  constructor(
    private readonly permits: Permits,
    /** The map's node. */
    private readonly node: number,
  ) {}

  /** Acquires a permit at once, or returns the wait for one. */
  acquire(): PendingAcquire | undefined {
    if (!this.isQueued && !this.permits.isFull) {
      this.permits.take();
      return undefined;
    }
    const { promise, resolve } = deferred();
    this.waiting.push(resolve);
    if (!this.isQueued) this.enqueue();
    return { granted: promise, cancel: () => {} };
  }

  release(): void {
    this.permits.release();
  }

  private enqueue(): void {
    const pending = this.permits.acquire(this.node);
    if (pending === undefined) return this.grant();
    this.isQueued = true;
    void pending.granted.then(() => {
      this.isQueued = false;
      this.grant();
    });
  }

  private grant(): void {
    const resolve = this.waiting[this.next++];
    if (this.next === this.waiting.length) this.waiting.length = this.next = 0;
    resolve();
    if (this.waiting.length > 0) this.enqueue();
  }
}
