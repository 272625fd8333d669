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
  /** The number of permits in use: of the owner, by all runs; of the others, by this run. */
  private used = 0;
  private waiters: Map<number, () => void> | undefined = undefined;
  private isClosed = false;
  /** The permits that are counted: these, or those of an outer run. */
  private readonly owner: Permits;
  /** Of the owner: the runs that found no free permit. Undefined if no other run shares the permits. */
  private waiting: Set<Permits> | undefined = undefined;

  constructor(
    private limit: number,
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
    this.used++;
    if (this.owner !== this) this.owner.used++;
  }

  /** Acquires a permit at once, or returns the wait for one. */
  acquire(node: number): PendingAcquire | undefined {
    if (!this.isFull) {
      this.take();
      return undefined;
    }
    const { promise, resolve } = deferred();
    const waiters = (this.waiters ??= new Map<number, () => void>());
    const grant = () => {
      this.take();
      resolve();
    };
    waiters.set(node, grant);
    this.queue.enqueue(node);
    const cancel = () => {
      if (waiters.get(node) === grant) waiters.delete(node);
      else this.release();
    };
    return { granted: promise, cancel };
  }

  /** Queues a node. Calls `granted`, with a permit taken, when it is chosen. */
  wait(node: number, granted: () => void): void {
    (this.waiters ??= new Map<number, () => void>()).set(node, () => {
      this.take();
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
    if (this.isClosed) return;
    if (owner !== this) this.used--;
    if (owner.waiting === undefined || owner.waiting.size === 0) owner.used--;
    else owner.handOver(owner.waiting);
  }

  /** Releases the permits of a run that is over. The owner's run is over when all others are. */
  close(): void {
    if (this.owner === this) return;
    while (this.used > 0) this.release();
    this.isClosed = true;
    this.owner.waiting?.delete(this);
  }

  /** Changes the limit of the owner. */
  setLimit(limit: number): void {
    this.limit = limit;
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

/** One permit, for runs that take turns. */
export function inSequence(): SharedPermits {
  const shared = new SharedPermits();
  shared.add("inline", new Permits(1, { enqueue: () => {}, wake: () => {} }));
  return shared;
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
