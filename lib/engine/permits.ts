import { deferred } from "../base/deferred.js";
import type { PendingAcquire } from "../base/pending-acquire.js";
import { isStuck } from "../policies/deadlock.js";
import { Holder, type Resource } from "../policies/holder.js";

/** Notified when a permit may be free. */
export interface PermitWaiter {
  wake(): void;
}

/** The nodes of a run that wait for its permits. */
export interface PermitQueue extends PermitWaiter {
  /** Adds a node that waits for a permit. */
  enqueue(node: number): void;
}

/**
 * Limits how many attempts are in flight. Nodes that wait for a permit queue up in the executor.
 *
 * Runs inside a run share its permits, as {@link InnerPermits}. A released permit goes to the run that has waited
 * longest for one.
 *
 * No node holds a permit while it only waits. Where the nodes of a run keep their order, a waiting node keeps its
 * place: nodes of runs inside start meanwhile, but no other node of its run.
 */
export class Permits implements Resource {
  /** The nodes in the wait-for graph that use permits. */
  private occupants: Set<Holder> | undefined = undefined;
  protected used = 0;
  /** How many permits beyond the limit are lent to work that the holders of the others wait for. */
  private lent = 0;
  /** How many lent permits have yet to be offered. */
  private lending = 0;
  /** How many nodes keep their place in order, with or without a permit. */
  protected places = 0;
  private waiters: Map<number, () => void> | undefined = undefined;
  /** How many waiting nodes have their place in order. */
  private inPlace = 0;
  /** Runs that found no free permit; undefined if none shares the permits. */
  private sharers: Set<PermitWaiter> | undefined = undefined;

  /** @param isOrdered - whether the nodes of the run start one after the other */
  constructor(
    private readonly limit: number,
    protected readonly queue: PermitQueue,
    protected readonly isOrdered = false,
  ) {}

  get label(): string {
    return "a slot of the run";
  }

  /** The permits of the outermost run, which are what nodes wait for. */
  get slots(): Permits {
    return this;
  }

  /** Called when a node uses one of these permits. */
  occupied(by: Holder): void {
    (this.occupants ??= new Set()).add(by);
  }

  vacated(by: Holder): void {
    this.occupants?.delete(by);
  }

  /** Holders outside the wait-for graph count as one, which is never stuck. */
  *holders(): Generator<Holder> {
    const { used, limit, lent, occupants } = this;
    if (used < limit + lent || occupants === undefined || used > occupants.size) yield OTHERS;
    if (occupants !== undefined) yield* occupants;
  }

  /** Whether no other node may start. */
  get isFull(): boolean {
    return this.places > 0 || this.areTaken;
  }

  /** Whether no permit is free, whatever the order. */
  get areTaken(): boolean {
    return this.used >= this.limit && this.isFullFor(this.queue);
  }

  /** Takes a permit for a node that the executor chose. */
  take(): void {
    this.used++;
  }

  release(): void {
    if (this.lent > 0) this.takeBack();
    else if (this.sharers === undefined || this.sharers.size === 0) this.used--;
    else this.handOver();
  }

  /**
   * Lends one more permit, since all holders only wait for work that has none. The number of nodes that really work
   * stays within the limit.
   */
  letGo(): boolean {
    this.lent++;
    this.lending++;
    queueMicrotask(() => {
      this.lending--;
      this.offer();
    });
    return true;
  }

  /** Called when a permit is released while there are more than the limit. */
  private takeBack(): void {
    this.used--;
    this.lent--;
    if (isStuck(this)) this.letGo();
  }

  /** Whether nodes wait for a permit, apart from those that have yet to start. */
  get isAwaited(): boolean {
    return this.inPlace > 0 || (this.waiters !== undefined && this.waiters.size > 0);
  }

  /** Acquires a permit at once, or returns the wait for one. A node of an ordered run has its place. */
  acquire(node: number): PendingAcquire | undefined {
    if (this.isOrdered) return this.acquireInPlace();
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
      // The executor still has the node, which must not start again when it is chosen.
      if (waiters.get(node) === grant) waiters.set(node, () => {});
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

  // --- nodes that only wait ---

  /** A node keeps its place in order, while it waits for a permit or for anything else. */
  keepPlace(): void {
    if (this.isOrdered) this.places++;
  }

  /** Called when a node that kept its place has settled, or lets others go first. */
  leavePlace(): void {
    if (this.isOrdered) this.places--;
  }

  /** Acquires a permit for a node that does not queue up with the others, which come after it. */
  private acquireInPlace(): PendingAcquire | undefined {
    this.share();
    const { promise, resolve } = deferred();
    let isGranted = false;
    const wake = () => {
      isGranted = true;
      this.inPlace--;
      this.take();
      resolve();
    };
    const waiter = { wake };
    if (!this.isFullFor(waiter)) return void this.take();
    this.inPlace++;
    const cancel = () => {
      if (isGranted) return this.release();
      this.inPlace--;
      this.forget(waiter);
    };
    return { granted: promise, cancel };
  }

  // --- runs inside ---

  /** Starts to share the permits with other runs. */
  share(): void {
    if (this.sharers !== undefined) return;
    this.sharers = new Set();
    // It may have asked in vain before.
    if (this.used >= this.limit) this.sharers.add(this.queue);
  }

  /** Whether no permit is free. If so, `waiter` is notified when one is. */
  isFullFor(waiter: PermitWaiter): boolean {
    if (this.used < this.limit + this.lent) return false;
    this.sharers?.add(waiter);
    return true;
  }

  /** Removes a waiter, which no longer wants a permit. */
  forget(waiter: PermitWaiter): void {
    this.sharers?.delete(waiter);
  }

  /** Releases the permits of a run that is over. */
  close(): void {
    // The run that owns permits is over when all those inside it are.
  }

  /** Keeps a released permit for the waiters, and wakes them one by one until it is taken. */
  private handOver(): void {
    queueMicrotask(() => {
      this.used--;
      this.offer();
    });
  }

  /** Lets waiters take the free permits. */
  private offer(): void {
    for (const next of [...(this.sharers ?? []), this.queue]) {
      if (this.isFullFor(next)) return;
      this.sharers?.delete(next);
      next.wake();
    }
    if (this.lending === 0) this.lent = Math.max(0, this.used - this.limit);
  }
}

const OTHERS = new Holder(() => "another node", undefined);
