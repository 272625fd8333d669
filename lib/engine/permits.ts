import { deferred } from "../base/deferred.js";
import type { PendingAcquire } from "../base/pending-acquire.js";

/** What waits for the permits of a run. */
export interface PermitQueue {
  /** Adds a node that waits for a permit. */
  enqueue(node: number): void;
  /** Starts what waits: another run has released a permit. */
  wake(): void;
}

/**
 * Limits how many attempts are in flight. Nodes that wait for a permit queue up in the executor.
 *
 * Runs inside a run share its permits, which the first of them owns. A permit that one run releases goes to the run
 * that has waited longest for one.
 */
export class Permits {
  private used = 0;
  private waiters: Map<number, () => void> | undefined = undefined;
  /** The permits that are counted: these, or those of an outer run. */
  private readonly owner: Permits;
  /** Of the owner: the runs that found no free permit. Undefined if no other run shares the permits. */
  private waiting: Set<Permits> | undefined = undefined;

  constructor(
    private readonly limit: number,
    private readonly queue: PermitQueue,
    shared?: Permits,
  ) {
    this.owner = shared === undefined ? this : shared.owner;
    if (shared !== undefined) this.owner.waiting ??= new Set();
  }

  get isFull(): boolean {
    const { owner } = this;
    if (owner.used < owner.limit) return false;
    owner.waiting?.add(this);
    return true;
  }

  /** Takes a permit for a node that the executor chose. */
  take(): void {
    this.owner.used++;
  }

  /** Acquires a permit at once, or returns the wait for one. */
  acquire(node: number): PendingAcquire | undefined {
    if (!this.isFull) {
      this.owner.used++;
      return undefined;
    }
    const { promise, resolve } = deferred();
    this.wait(node, resolve);
    // A wait is cancelled only when the run ends, and then no permit is granted.
    return { granted: promise, cancel: () => {} };
  }

  /** Queues a node. Calls `granted`, with a permit taken, when it is chosen. */
  wait(node: number, granted: () => void): void {
    (this.waiters ??= new Map<number, () => void>()).set(node, () => {
      this.owner.used++;
      granted();
    });
    this.queue.enqueue(node);
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
    const { owner } = this;
    if (owner.waiting === undefined || owner.waiting.size === 0) owner.used--;
    else owner.handOver(owner.waiting);
  }

  /** Keeps a released permit for the runs that wait, which start one after the other until it is taken. */
  private handOver(waiting: Set<Permits>): void {
    queueMicrotask(() => {
      this.used--;
      for (const next of Array.from(waiting)) {
        if (this.used >= this.limit) return;
        waiting.delete(next);
        next.queue.wake();
      }
    });
  }
}

/** The permits that a run shares with the runs inside it, by backend. */
export class SharedPermits {
  private readonly byBackend = new Map<string, Permits>();

  /** Adds the permits of the outermost run. */
  add(backend: string, permits: Permits): void {
    this.byBackend.set(backend, permits);
  }

  /** The permits of a run inside, for one backend. */
  of(backend: string, limit: number, queue: PermitQueue): Permits {
    const permits = new Permits(limit, queue, this.byBackend.get(backend));
    if (!this.byBackend.has(backend)) this.byBackend.set(backend, permits);
    return permits;
  }
}
