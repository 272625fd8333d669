import { deferred } from "../../base/deferred.js";
import type { PendingAcquire } from "../../base/pending-acquire.js";
import type { Permits } from "../../engine/permits.js";

/**
 * The permits of a map's items. In the queue of the run's permits, the map has a single place for all its waiting
 * items, like any node, so the next of several maps and nodes is chosen as among nodes.
 *
 * Where items travel together, several of them share a permit: each takes one while any is free, and no more join while
 * other nodes wait.
 */
export class ItemSlots {
  /** The number of permits held. */
  held = 0;
  /** The number of items that hold them. */
  private active = 0;
  /** The waiting items, first in, first out. */
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
    /** How many items may share a permit. */
    private readonly share: () => number,
  ) {}

  /** Whether an item gets a permit at once. */
  get isFree(): boolean {
    if (this.hasSpare) return true;
    return this.waiting.size === 0 && (this.hasRoom || !this.permits.isFull) && !this.isContended();
  }

  /** Whether an item gets a permit when others of the map have ended. */
  get isShared(): boolean {
    return this.held > 0 && this.share() > 1;
  }

  private get hasRoom(): boolean {
    return this.active < this.held * this.share();
  }

  /** Takes a permit if there is a free one. */
  take(): boolean {
    if (!this.isFree) return false;
    if (this.hasSpare) this.hasSpare = false;
    else if (!this.permits.isFull) {
      this.permits.take();
      this.held++;
    }
    this.active++;
    return true;
  }

  /** Calls `granted` when it is its turn. Until {@link ItemSlots.dropSpare}, a permit is held for it. */
  whenFree(granted: () => void): void {
    this.wait(() => {
      this.hasSpare = true;
      granted();
    });
  }

  /** Releases the unused permit. */
  dropSpare(): void {
    if (!this.hasSpare) return;
    this.hasSpare = false;
    this.giveBack();
  }

  /** Acquires a permit at once, or returns the wait for one. */
  acquire(): PendingAcquire | undefined {
    if (this.take()) return undefined;
    const { promise, resolve } = deferred();
    const granted = () => {
      this.active++;
      resolve();
    };
    this.wait(granted);
    const cancel = () => {
      if (!this.waiting.delete(granted)) this.release();
    };
    return { granted: promise, cancel };
  }

  release(): void {
    this.active--;
    const needed = this.isContended() ? Math.ceil(this.active / this.share()) : this.active;
    while (this.held - (this.hasSpare ? 1 : 0) > needed) this.giveBack();
  }

  private giveBack(): void {
    this.held--;
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
      this.held++;
      const [next] = this.waiting;
      if (next === undefined) return this.giveBack();
      this.waiting.delete(next);
      if (this.waiting.size > 0) this.enqueue();
      next();
    });
  }
}
