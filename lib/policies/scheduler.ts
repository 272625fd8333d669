import { checkNumber, checkOptions } from "../base/check.js";
import { nowChecked } from "../base/clock.js";
import { deferred, type Deferred } from "../base/deferred.js";
import { Heap } from "../base/heap.js";
import { Queue, type Place } from "../base/queue.js";
import type { Waiting } from "../base/waiting.js";
import { Limits } from "./limits.js";

export interface SchedulerOptions {
  /** How many nodes may be in flight, over all runs. @defaultValue 16 */
  maxConcurrency?: number;
  /** How many may wait; one more fails with a `QueueFullError`. 0 is unlimited. @defaultValue 0 */
  maxQueueSize?: number;
  /** Whoever has waited for so many ms goes first, whatever its priority. @defaultValue 30000 */
  starvationTimeout?: number;
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

interface Waiter {
  readonly priority: number;
  /** The order of arrival. */
  readonly number: number;
  readonly since: number;
  go(): void;
}

/** The queue is full. */
export class QueueFull extends Error {}

/**
 * Slots that several runs share: pass it as `scheduler` to as many as you like. Who waits for a slot gets it by priority,
 * then by order of arrival; who has waited for `starvationTimeout` goes before all that have not, oldest first. Runs with
 * the same scheduler also share their `concurrencyKey`s and `throttle`s, with nobody else.
 *
 * Cost: O(log waiting) a decision.
 */
export class Scheduler {
  /** @internal */
  readonly limits = new Limits();
  private readonly maxConcurrency: number;
  private readonly maxQueueSize: number;
  private readonly starvationTimeout: number;
  private readonly byPriority = new Heap<Place<Waiter>>(({ value: a }, { value: b }) =>
    a.priority === b.priority ? a.number < b.number : a.priority > b.priority,
  );
  private readonly byAge = new Queue<Waiter>();
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

  /** Refuses new runs; resolves when those that use it have ended. Calling it again changes nothing. */
  close(): Promise<void> {
    if (this.closing === undefined) {
      this.closing = deferred();
      this.leaveIfDone();
    }
    return this.closing.promise;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Whether new runs are refused. */
  get isClosed(): boolean {
    return this.closing !== undefined;
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

  /**
   * @internal Takes a slot; undefined when there is one at once. It has to be given back by {@link Scheduler.leave}.
   * @throws {QueueFull}
   */
  enter(priority: number): Waiting | undefined {
    this.submitted++;
    if (this.running < this.maxConcurrency) {
      this.running++;
      return undefined;
    }
    if (this.byAge.size >= this.maxQueueSize) {
      this.rejected++;
      throw new QueueFull(`The scheduler's queue is full: ${this.byAge.size} nodes wait already.`);
    }
    const { promise, resolve } = deferred();
    const place = this.byAge.push({ priority, number: this.submitted, since: nowChecked(), go: resolve });
    this.byPriority.push(place);
    return { granted: promise, cancel: () => (place.isQueued ? this.remove(place) : this.leave()) };
  }

  /** @internal Gives a slot back. */
  leave(): void {
    this.running--;
    this.completed++;
    const next = this.next();
    if (next === undefined) return;
    this.remove(next);
    this.running++;
    next.value.go();
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
  }

  private leaveIfDone(): void {
    if (this.runs === 0) this.closing?.resolve();
  }
}
