import { brand } from "../base/brand.js";
import { checkNumber, checkOptions } from "../base/check.js";
import { nowChecked } from "../base/clock.js";
import { deferred, type Deferred } from "../base/deferred.js";
import { Heap } from "../base/heap.js";
import { Queue, type Place } from "../base/queue.js";
import { Alarm } from "../base/alarm.js";
import type { Holder, Line, Resource } from "./holder.js";
import { Limits } from "./limits.js";

export interface SchedulerOptions {
  /** How many nodes may be in flight, over all runs. @defaultValue 16 */
  maxConcurrency?: number | undefined;
  /** How many may wait; one more fails with a `QueueFullError`. 0 is unlimited. @defaultValue 0 */
  maxQueueSize?: number | undefined;
  /** Whoever has waited for so many ms goes first, whatever its priority. @defaultValue 30000 */
  starvationTimeout?: number | undefined;
}

/** What a scheduler has done so far. */
export interface SchedulerStats {
  /** Nodes in flight now. */
  readonly running: number;
  /** Nodes that wait now. */
  readonly queued: number;
  /** Attempts that asked for a slot, those turned away included. */
  readonly submitted: number;
  /** Attempts that had a slot and have ended, however they ended. */
  readonly completed: number;
  /** Attempts turned away because the queue was full. */
  readonly rejected: number;
  /** Attempts that went first because they had waited so long. */
  readonly promoted: number;
}

/** What became of a scheduler that was told to close. */
export interface SchedulerClosing {
  /** Runs that use it still. */
  readonly runs: number;
  /** Nodes in flight, and nodes that wait, of those. */
  readonly running: number;
  readonly queued: number;
}

interface Waiter {
  readonly holder: Holder;
  readonly priority: number;
  /** The order of arrival. */
  readonly number: number;
  readonly since: number;
  go(): void;
}

/** A node's slot: its own, or one that it was lent by the node on whose behalf it runs. */
interface Slot {
  lender: Slot | undefined;
  borrower: Slot | undefined;
  /** Who waits for it to come back, among others. */
  waiters: Heap<Place<Waiter>> | undefined;
}

/** By priority, then by order of arrival. */
function goesFirst({ value: a }: Place<Waiter>, { value: b }: Place<Waiter>): boolean {
  return a.priority === b.priority ? a.number < b.number : a.priority > b.priority;
}

/** The queue is full. */
export class QueueFull extends Error {
  static {
    brand(this, "QueueFull");
  }
}

/**
 * Slots that several runs share: pass it as `scheduler` to as many as you like. Who waits for a slot gets it by priority,
 * then by order of arrival; who has waited for `starvationTimeout` goes before all that have not, oldest first. Runs with
 * the same scheduler also share their `concurrencyKey`s and `throttle`s, with nobody else.
 *
 * A node that runs other workflows with the same scheduler lends them its slot, to one of their nodes at a time, so that nodes
 * which wait for others can't take up all slots.
 *
 * Cost: O(log waiting) a decision.
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
  private readonly byPriority = new Heap(goesFirst);
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
    checkOptions(options, ["maxConcurrency", "maxQueueSize", "starvationTimeout"], "a scheduler");
    const { maxConcurrency = 16, maxQueueSize = 0, starvationTimeout = 30_000 } = options;
    checkNumber("maxConcurrency", maxConcurrency, { min: 1, integer: true });
    checkNumber("maxQueueSize", maxQueueSize, { min: 0, integer: true });
    checkNumber("starvationTimeout", starvationTimeout, { min: 0, unit: "milliseconds" });
    this.maxConcurrency = maxConcurrency;
    this.maxQueueSize = maxQueueSize === 0 ? Infinity : maxQueueSize;
    this.starvationTimeout = starvationTimeout;
  }

  stats(): SchedulerStats {
    const { running, submitted, completed, rejected, promoted } = this;
    return { running, queued: this.byAge.size, submitted, completed, rejected, promoted };
  }

  /**
   * Refuses new runs, but for those that nodes of runs in progress begin; resolves when all that use it have ended, or after `timeout` ms, with what is left then. The runs go on.
   * @throws {TypeError} | {RangeError} for a bad option
   */
  async close(options: { timeout?: number | undefined } = {}): Promise<SchedulerClosing> {
    checkOptions(options, ["timeout"], "closing a scheduler");
    const { timeout } = options;
    checkNumber("timeout", timeout, { min: 0, unit: "milliseconds" });
    this.closing ??= deferred();
    this.leaveIfDone();
    let alarm: Alarm | undefined;
    const late = timeout !== undefined && new Promise<void>((resolve) => (alarm = Alarm.after(timeout, resolve)));
    await (late ? Promise.race([this.closing.promise, late]) : this.closing.promise);
    alarm?.stop();
    const { runs, running } = this;
    return { runs, running, queued: this.byAge.size };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Whether new runs are refused, but for those that nodes of runs in progress begin. */
  get isClosed(): boolean {
    return this.closing !== undefined;
  }

  /** @internal Whether a run that `caller` begins is refused. */
  refuses(caller: Holder | undefined): boolean {
    return this.isClosed && this.slotsBehind({ caller }).next().done === true;
  }

  /** @internal A run begins to use it. */
  begin(): void {
    this.runs++;
  }

  /** @internal The run has ended. */
  end(): void {
    this.runs--;
    this.leaveIfDone();
  }

  /** @internal Those that don't lend their slots. */
  *holders(): Iterable<Holder> {
    for (const [holder, { borrower }] of this.slots) if (borrower === undefined) yield holder;
  }

  /**
   * @internal Takes a slot; undefined when there is one at once. It has to be given back by {@link Scheduler.leave}.
   * @throws {QueueFull}
   */
  enter(priority: number, holder: Holder): Line | undefined {
    this.submitted++;
    if (this.running < this.maxConcurrency) {
      this.running++;
      this.take(holder, undefined);
      return undefined;
    }
    const lender = this.lenderTo(holder);
    if (lender !== undefined) {
      this.take(holder, lender);
      return undefined;
    }
    if (this.byAge.size >= this.maxQueueSize) {
      this.rejected++;
      throw new QueueFull(`The scheduler's queue is full: ${this.byAge.size} nodes wait already.`);
    }
    const { promise, resolve } = deferred();
    const place = this.byAge.push({ holder, priority, number: this.submitted, since: nowChecked(), go: resolve });
    this.byPriority.push(place);
    holder.wait(this);
    for (const slot of this.slotsBehind(holder)) (slot.waiters ??= new Heap(goesFirst)).push(place);
    const cancel = () => (place.isQueued ? this.remove(place) : this.leave(holder));
    return { granted: promise, cancel, resource: this };
  }

  /** @internal Gives a slot back. */
  leave(holder: Holder): void {
    const { lender, borrower } = this.slots.get(holder) as Slot;
    this.slots.delete(holder);
    this.completed++;
    // A node that ends before what it has begun leaves its slot to that.
    if (borrower !== undefined) {
      borrower.lender = lender;
      if (lender !== undefined) lender.borrower = borrower;
      return;
    }
    if (lender !== undefined) {
      lender.borrower = undefined;
      const next = lender.waiters?.first;
      if (next !== undefined) this.grant(next, lender);
      return;
    }
    this.running--;
    const next = this.next();
    if (next === undefined) return;
    this.running++;
    this.grant(next, undefined);
  }

  private take(holder: Holder, lender: Slot | undefined): void {
    const slot: Slot = { lender, borrower: undefined, waiters: undefined };
    if (lender !== undefined) lender.borrower = slot;
    this.slots.set(holder, slot);
  }

  private grant(place: Place<Waiter>, lender: Slot | undefined): void {
    this.remove(place);
    this.take(place.value.holder, lender);
    place.value.go();
  }

  /** The slots of those on whose behalf a node runs, the nearest first. */
  private *slotsBehind({ caller }: Pick<Holder, "caller">): Generator<Slot, undefined> {
    for (; caller !== undefined; { caller } = caller) {
      const slot = this.slots.get(caller);
      if (slot !== undefined) yield slot;
    }
    return undefined;
  }

  private lenderTo(holder: Holder): Slot | undefined {
    for (const slot of this.slotsBehind(holder)) if (slot.borrower === undefined) return slot;
    return undefined;
  }

  private next(): Place<Waiter> | undefined {
    const oldest = this.byAge.first;
    const best = this.byPriority.first;
    if (oldest === undefined || oldest === best || nowChecked() - oldest.value.since < this.starvationTimeout)
      return best;
    this.promoted++;
    return oldest;
  }

  private remove(place: Place<Waiter>): void {
    this.byAge.remove(place);
    this.byPriority.remove(place);
    place.value.holder.waited();
    for (const slot of this.slotsBehind(place.value.holder)) slot.waiters?.remove(place);
  }

  private leaveIfDone(): void {
    if (this.runs === 0) this.closing?.resolve();
  }
}
