import { Timer } from "../base/timer.js";
import { brand } from "../base/brand.js";
import { checkOptions, integer, number, type Rules } from "../base/check.js";
import { nowChecked } from "../base/clock.js";
import { deferred, type Deferred } from "../base/deferred.js";
import { Heap } from "../base/heap.js";
import { Queue, type QueueEntry } from "../base/queue.js";
import { isStuck } from "./deadlock.js";
import type { Holder, Resource, ResourceAcquire } from "./holder.js";
import { Limits } from "./limits.js";

/** Options of a {@link Scheduler}. */
export interface SchedulerOptions {
  /** How many nodes may be in flight, over all runs. @defaultValue 16 */
  maxConcurrency?: number | undefined;
  /** How many nodes may wait for a slot; one more fails with a `QueueFullError`. 0 is unlimited. @defaultValue 0 */
  maxQueueSize?: number | undefined;
  /** Nodes that have waited this long, in ms, go first, regardless of priority. @defaultValue 30000 */
  starvationTimeout?: number | undefined;
}

/** The counters of a scheduler. */
export interface SchedulerStats {
  /** Slots in use now. */
  readonly running: number;
  /** Nodes waiting for a slot now. */
  readonly queued: number;
  /** Attempts that asked for a slot, rejected ones included. */
  readonly submitted: number;
  /** Attempts that had a slot and have ended, successfully or not. */
  readonly completed: number;
  /** Attempts rejected because the queue was full. */
  readonly rejected: number;
  /** Attempts that went before others because of `starvationTimeout`. */
  readonly promoted: number;
}

/** The runs and nodes that still use a scheduler when `close` resolves. */
export interface SchedulerClosing {
  /** Runs that have not ended. */
  readonly runs: number;
  /** Slots these runs have in use. */
  readonly running: number;
  /** Nodes of these runs waiting for a slot. */
  readonly queued: number;
}

const MILLISECONDS = number({ min: 0, unit: "milliseconds" });

const RULES: Rules<SchedulerOptions> = {
  maxConcurrency: integer(1),
  maxQueueSize: integer(0),
  starvationTimeout: MILLISECONDS,
};

interface Waiter {
  readonly holder: Holder;
  readonly priority: number;
  /** Its position in order of arrival. */
  readonly arrival: number;
  /** When it arrived, by the process clock in ms. */
  readonly since: number;
  grant(): void;
}

/**
 * A node's slot: its own, or borrowed from the node that began its run. It is what the nodes in runs that it began wait
 * for, which get it, or a slot of a node around it, when a borrower ends.
 */
class Slot implements Resource {
  borrower: Slot | undefined = undefined;
  /** Nodes that could borrow it, while they wait. */
  waiters: Heap<QueueEntry<Waiter>> | undefined = undefined;

  constructor(
    private readonly scheduler: Scheduler,
    readonly holder: Holder,
    public lender: Slot | undefined,
  ) {
    if (lender !== undefined) lender.borrower = this;
  }

  get label(): string {
    return this.scheduler.label;
  }

  letGo(): boolean {
    return this.scheduler.letGo();
  }

  /** Who lends it first, if it is lent. */
  get owner(): Slot {
    return this.lender?.owner ?? this;
  }

  *holders(): Generator<Holder> {
    // It may have been released meanwhile.
    const around = Array.from(this.scheduler.callerSlots({ caller: this.holder }));
    for (const { borrower, holder } of around) yield borrower?.holder ?? holder;
    const owners = new Set(around.map(({ owner }) => owner.holder));
    for (const holder of this.scheduler.holders()) if (!owners.has(holder)) yield holder;
  }
}

/** By priority, then first in, first out. */
function goesBefore({ value: a }: QueueEntry<Waiter>, { value: b }: QueueEntry<Waiter>): boolean {
  return a.priority === b.priority ? a.arrival < b.arrival : a.priority > b.priority;
}

/** Thrown when the queue is full. */
export class QueueFull extends Error {
  static {
    brand(this, "QueueFull");
  }

  /** @param queued - how many nodes wait */
  constructor(readonly queued: number) {
    super(`The scheduler's queue is full: ${queued} waiting.`);
  }
}

/**
 * Slots shared by several runs: pass it as `scheduler` to each of them. Nodes get a slot by priority, then first in,
 * first out; those that have waited for `starvationTimeout` go before all others, oldest first. Runs with the same
 * scheduler share `concurrencyKey`s and `throttle`s with each other, and with no other runs.
 *
 * A node that runs other workflows with the same scheduler lends them its slot, to one of their nodes at a time, so
 * nodes that wait for inner runs can't use up all slots. If all nodes that have slots wait for what waits for a slot
 * itself, that gets one beyond the limit.
 *
 * Cost: O(log waiters) per acquire and release.
 */
export class Scheduler implements Resource {
  static {
    brand(this, "Scheduler");
  }

  /** @internal */
  readonly label = "a slot of the scheduler";
  /** @internal */
  readonly limits = new Limits();
  private readonly maxConcurrency: number;
  private readonly maxQueueSize: number;
  private readonly starvationTimeout: number;
  private readonly byPriority = new Heap(goesBefore);
  private readonly byAge = new Queue<Waiter>();
  private readonly slots = new Map<Holder, Slot>();
  private running = 0;
  private runs = 0;
  private submitted = 0;
  private completed = 0;
  private rejected = 0;
  private promoted = 0;
  private closing: Deferred<void> | undefined;

  /** @throws {TypeError} | {RangeError} naming the option, its rule and the value received */
  constructor(options: SchedulerOptions = {}) {
    checkOptions(options, RULES, "a scheduler");
    const { maxConcurrency = 16, maxQueueSize = 0, starvationTimeout = 30_000 } = options;
    this.maxConcurrency = maxConcurrency;
    this.maxQueueSize = maxQueueSize === 0 ? Infinity : maxQueueSize;
    this.starvationTimeout = starvationTimeout;
  }

  /** The counters as they are now. Cost: O(1). */
  stats(): SchedulerStats {
    const { running, submitted, completed, rejected, promoted } = this;
    return { running, queued: this.byAge.size, submitted, completed, rejected, promoted };
  }

  /**
   * Refuses new runs, except those that nodes of runs in progress begin. Resolves when all runs have ended, or after
   * `timeout` ms. The result counts the remaining runs and nodes, which continue.
   * @throws {TypeError} | {RangeError} for a bad option
   */
  async close(options: { timeout?: number | undefined } = {}): Promise<SchedulerClosing> {
    checkOptions(options, { timeout: MILLISECONDS }, "closing a scheduler");
    const { timeout } = options;
    this.closing ??= deferred();
    this.resolveIfIdle();
    let timer: Timer | undefined;
    const late = timeout !== undefined && new Promise<void>((resolve) => (timer = Timer.after(timeout, resolve)));
    await (late ? Promise.race([this.closing.promise, late]) : this.closing.promise);
    timer?.stop();
    const { runs, running } = this;
    return { runs, running, queued: this.byAge.size };
  }

  /** Closes the scheduler at the end of an `await using` block, and waits until all of its runs have ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Whether {@link Scheduler.close} was called. */
  get isClosed(): boolean {
    return this.closing !== undefined;
  }

  /** @internal Whether a run begun by `caller` is refused. */
  refuses(caller: Holder | undefined): boolean {
    return this.isClosed && this.callerSlots({ caller }).next().done === true;
  }

  /** @internal A run begins. */
  begin(): void {
    this.runs++;
  }

  /** @internal The run has ended. */
  end(): void {
    this.runs--;
    this.resolveIfIdle();
  }

  /** @internal Without nodes that have borrowed their slot: it goes back to its lender. */
  *holders(): Iterable<Holder> {
    for (const [holder, { lender }] of this.slots) if (lender === undefined) yield holder;
  }

  /**
   * @internal Acquires a slot at once, or returns the wait for one.
   * @throws {QueueFull}
   */
  acquire(priority: number, holder: Holder): ResourceAcquire | undefined {
    this.submitted++;
    if (this.running < this.maxConcurrency) {
      this.running++;
      this.addSlot(holder, undefined);
      return undefined;
    }
    const lender = this.lenderFor(holder);
    if (lender !== undefined) {
      this.addSlot(holder, lender);
      return undefined;
    }
    if (this.byAge.size >= this.maxQueueSize) {
      this.rejected++;
      throw new QueueFull(this.byAge.size);
    }
    const { promise, resolve } = deferred();
    const waiter = { holder, priority, arrival: this.submitted, since: nowChecked(), grant: resolve };
    const place = this.byAge.push(waiter);
    this.byPriority.push(place);
    const around = Array.from(this.callerSlots(holder));
    for (const slot of around) (slot.waiters ??= new Heap(goesBefore)).push(place);
    const resource: Resource = around.length === 0 ? this : around[0];
    holder.startWaiting(resource);
    const cancel = () => (place.isQueued ? this.dequeue(place) : this.release(holder));
    return { granted: promise, cancel, resource };
  }

  /** @internal Releases a slot: a borrowed one to its lender, any other to the next waiter. */
  release(holder: Holder): void {
    const { lender, borrower } = this.slots.get(holder) as Slot;
    this.slots.delete(holder);
    this.completed++;
    // A node that ends before its borrower leaves the slot to it, which may wait for what waits for a slot.
    if (borrower !== undefined) {
      borrower.lender = lender;
      if (lender !== undefined) lender.borrower = borrower;
      if (isStuck(this)) this.letGo();
      return;
    }
    if (lender !== undefined) {
      lender.borrower = undefined;
      const next = lender.waiters?.first;
      if (next !== undefined) this.grant(next, lender);
      return;
    }
    this.running--;
    if (this.running < this.maxConcurrency || isStuck(this)) this.letGo();
  }

  /**
   * @internal Gives the next waiter a slot, whether or not one is free. Where all that have one wait for what others do
   * without, no more nodes work than there are slots. Returns false if nothing waits.
   */
  letGo(): boolean {
    const next = this.nextWaiter();
    if (next === undefined) return false;
    this.running++;
    this.grant(next, undefined);
    return true;
  }

  private addSlot(holder: Holder, lender: Slot | undefined): void {
    this.slots.set(holder, new Slot(this, holder, lender));
  }

  private grant(place: QueueEntry<Waiter>, lender: Slot | undefined): void {
    this.dequeue(place);
    this.addSlot(place.value.holder, lender);
    place.value.grant();
  }

  /** @internal The slots of a node's callers, nearest first. */
  *callerSlots({ caller }: Pick<Holder, "caller">): Generator<Slot, undefined> {
    for (; caller !== undefined; { caller } = caller) {
      const slot = this.slots.get(caller);
      if (slot !== undefined) yield slot;
    }
    return undefined;
  }

  /** The nearest caller's slot that is not lent yet. */
  private lenderFor(holder: Holder): Slot | undefined {
    for (const slot of this.callerSlots(holder)) if (slot.borrower === undefined) return slot;
    return undefined;
  }

  private nextWaiter(): QueueEntry<Waiter> | undefined {
    const oldest = this.byAge.first;
    const best = this.byPriority.first;
    if (oldest === undefined || oldest === best || nowChecked() - oldest.value.since < this.starvationTimeout)
      return best;
    this.promoted++;
    return oldest;
  }

  private dequeue(place: QueueEntry<Waiter>): void {
    this.byAge.remove(place);
    this.byPriority.remove(place);
    place.value.holder.stopWaiting();
    for (const slot of this.callerSlots(place.value.holder)) slot.waiters?.remove(place);
  }

  private resolveIfIdle(): void {
    if (this.runs === 0) this.closing?.resolve();
  }
}
