import { deferred } from "../base/deferred.js";
import { Queue } from "../base/queue.js";
import type { ConcurrencyOptions } from "../definition/specs/policy-options.js";
import type { Holder, Line, Resource } from "./holder.js";
import { LimitConflict } from "./limit-conflict.js";

interface Waiter {
  readonly holder: Holder;
  readonly go: () => void;
}

/** Nodes of one key: which are in flight, and who waits while there is no room, first come first served. */
class Group implements Resource {
  readonly label: string;
  readonly waiters = new Queue<Waiter>();
  readonly inside = new Set<Holder>();

  constructor(
    key: string,
    readonly limit: number,
  ) {
    this.label = `concurrency key "${key}"`;
  }

  holders(): Iterable<Holder> {
    return this.inside;
  }

  grantNext(): void {
    for (let place = this.waiters.first; place !== undefined; place = this.waiters.first) {
      if (this.inside.size >= this.limit) return;
      const { holder, go } = place.value;
      this.waiters.remove(place);
      holder.waited();
      this.inside.add(holder);
      go();
    }
  }
}

/** Lets only so many nodes of one key be in flight. All methods cost O(1). */
export class ConcurrencyGroups {
  private readonly groups = new Map<string, Group>();

  /**
   * Undefined when there is room at once. What got in has to {@link ConcurrencyGroups.leave}.
   * @throws {LimitConflict} when those that are in flight or wait have another limit
   */
  enter({ key, limit = 1 }: ConcurrencyOptions, holder: Holder): Line | undefined {
    let group = this.groups.get(key);
    if (group === undefined) this.groups.set(key, (group = new Group(key, limit)));
    if (group.limit !== limit) throw new LimitConflict(conflict(key, group.limit, limit));
    const { waiters, inside } = group;
    if (inside.size < limit) {
      inside.add(holder);
      return undefined;
    }
    const { promise, resolve } = deferred();
    const place = waiters.push({ holder, go: resolve });
    holder.wait(group);
    const cancel = () => {
      if (!place.isQueued) return this.leave(key, holder);
      waiters.remove(place);
      holder.waited();
    };
    return { granted: promise, cancel, resource: group };
  }

  leave(key: string, holder: Holder): void {
    const group = this.groups.get(key) as Group;
    group.inside.delete(holder);
    group.grantNext();
    if (group.inside.size === 0) this.groups.delete(key);
  }
}

function conflict(key: string, theirs: number, own: number): string {
  return `others of its concurrency key "${key}" have the limit ${theirs}, and it has ${own}. Give all of a key the same limit.`;
}
