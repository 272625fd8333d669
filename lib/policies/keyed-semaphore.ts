import { deferred } from "../base/deferred.js";
import { Queue } from "../base/queue.js";
import type { ConcurrencyOptions } from "../definition/specs/policy-options.js";
import type { Holder, Resource, ResourceAcquire } from "./holder.js";
import { LimitConflict } from "./limit-conflict.js";

interface Waiter {
  readonly holder: Holder;
  readonly grant: () => void;
}

/** The permits of one key, and its waiters, first in, first out. */
class KeyPermits implements Resource {
  readonly label: string;
  readonly waiters = new Queue<Waiter>();
  readonly acquired = new Set<Holder>();

  constructor(
    key: string,
    readonly limit: number,
  ) {
    this.label = `concurrency key "${key}"`;
  }

  holders(): Iterable<Holder> {
    return this.acquired;
  }

  grantNext(): void {
    for (let place = this.waiters.first; place !== undefined; place = this.waiters.first) {
      if (this.acquired.size >= this.limit) return;
      const { holder, grant } = place.value;
      this.waiters.remove(place);
      holder.stopWaiting();
      this.acquired.add(holder);
      grant();
    }
  }
}

/** A semaphore per key: limits how many nodes of a key are in flight. All methods cost O(1). */
export class KeyedSemaphore {
  private readonly keys = new Map<string, KeyPermits>();

  /**
   * Acquires a permit at once, or returns the wait for one.
   * @throws {LimitConflict} when the nodes in flight have another limit
   */
  acquire({ key, limit = 1 }: ConcurrencyOptions, holder: Holder): ResourceAcquire | undefined {
    let permits = this.keys.get(key);
    if (permits === undefined) this.keys.set(key, (permits = new KeyPermits(key, limit)));
    if (permits.limit !== limit) throw new LimitConflict(conflict(key, permits.limit, limit));
    const { waiters, acquired } = permits;
    if (acquired.size < limit) {
      acquired.add(holder);
      return undefined;
    }
    const { promise, resolve } = deferred();
    const place = waiters.push({ holder, grant: resolve });
    holder.startWaiting(permits);
    const cancel = () => {
      if (!place.isQueued) return this.release(key, holder);
      waiters.remove(place);
      holder.stopWaiting();
    };
    return { granted: promise, cancel, resource: permits };
  }

  release(key: string, holder: Holder): void {
    const permits = this.keys.get(key) as KeyPermits;
    permits.acquired.delete(holder);
    permits.grantNext();
    if (permits.acquired.size === 0) this.keys.delete(key);
  }
}

function conflict(key: string, theirs: number, own: number): string {
  return `its limit for concurrency key "${key}" is ${own}, but nodes in flight have ${theirs}. Give all nodes with a key the same limit.`;
}
