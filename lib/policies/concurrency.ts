import { deferred } from "../base/deferred.js";
import { Queue } from "../base/queue.js";
import type { Waiting } from "../base/waiting.js";
import type { ConcurrencyOptions } from "../definition/policy-options.js";

interface Waiter {
  readonly limit: number;
  go(): void;
}

/** Nodes of one key: how many are in flight, and who waits, first come first served. */
class Group {
  readonly waiters = new Queue<Waiter>();
  running = 0;

  grantNext(): void {
    for (let place = this.waiters.first; place !== undefined; place = this.waiters.first) {
      if (this.running >= place.value.limit) return;
      this.waiters.remove(place);
      this.running++;
      place.value.go();
    }
  }
}

/** Lets only so many nodes of one key be in flight. Each call counts by its own limit. All methods cost O(1). */
export class ConcurrencyGroups {
  private readonly groups = new Map<string, Group>();

  /** Undefined when there is room at once. What got in has to {@link ConcurrencyGroups.leave}. */
  enter({ key, limit = 1 }: ConcurrencyOptions): Waiting | undefined {
    let group = this.groups.get(key);
    if (group === undefined) this.groups.set(key, (group = new Group()));
    const { waiters } = group;
    if (waiters.size === 0 && group.running < limit) {
      group.running++;
      return undefined;
    }
    const { promise, resolve } = deferred();
    const place = waiters.push({ limit, go: resolve });
    const cancel = () => {
      if (!place.isQueued) return this.leave(key);
      waiters.remove(place);
      group.grantNext();
    };
    return { granted: promise, cancel };
  }

  leave(key: string): void {
    const group = this.groups.get(key) as Group;
    group.running--;
    group.grantNext();
    if (group.running === 0) this.groups.delete(key);
  }
}
