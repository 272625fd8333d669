import { deferred } from "../../base/deferred.js";
import type { PendingAcquire } from "../../base/pending-acquire.js";
import type { Permits } from "../../engine/permits.js";

/**
 * The permits of a map's items. In the queue of the run's permits, the map stands once for all that waits, as the node
 * that it is: which of several maps and nodes is next is decided as between nodes.
 */
export class ItemSlots {
  /** First in, first out. */
  private readonly waiting = new Set<() => void>();
  private isQueued = false;
  /** Whether a permit is held for the next item. */
  private hasSpare = false;

  constructor(
    private readonly permits: Permits,
    /** The map's node. */
    private readonly node: number,
    /** Whether other nodes wait to start. */
    private readonly isContended: () => boolean,
  ) {}

  /** Whether an item gets a permit at once. */
  get isFree(): boolean {
    return this.hasSpare || (this.waiting.size === 0 && !this.permits.isFull && !this.isContended());
  }

  /** Takes a permit if there is a free one. */
  take(): boolean {
    if (!this.isFree) return false;
    if (this.hasSpare) this.hasSpare = false;
    else this.permits.take();
    return true;
  }

  /** Calls `granted` when it is its turn. Until {@link ItemSlots.dropSpare}, a permit is held for it. */
  whenFree(granted: () => void): void {
    this.wait(() => {
      this.hasSpare = true;
      granted();
    });
  }

  /** Releases the permit that nobody has taken. */
  dropSpare(): void {
    if (!this.hasSpare) return;
    this.hasSpare = false;
    this.permits.release();
  }

  /** Acquires a permit at once, or returns the wait for one. */
  acquire(): PendingAcquire | undefined {
    if (this.take()) return undefined;
    const { promise, resolve } = deferred();
    this.wait(resolve);
    const cancel = () => {
      if (!this.waiting.delete(resolve)) this.permits.release();
    };
    return { granted: promise, cancel };
  }

  release(): void {
    this.permits.release();
  }

  private wait(granted: () => void): void {
    this.waiting.add(granted);
    if (!this.isQueued) this.enqueue();
  }

  private enqueue(): void {
    this.isQueued = true;
    this.permits.wait(this.node, () => {
      this.isQueued = false;
      const [next] = this.waiting;
      if (next === undefined) return this.permits.release();
      this.waiting.delete(next);
      if (this.waiting.size > 0) this.enqueue();
      next();
    });
  }
}
