import { sleepSync } from "../base/sleep-sync.js";
import { drive, type Coroutine } from "../base/coroutine.js";
import { isInstance } from "../base/safe-access.js";
import type { PendingAcquire } from "../base/pending-acquire.js";
import type { CancelScope } from "../base/cancel-scope.js";
import { priorityOf } from "../definition/specs/node-options.js";
import type { ConcurrencyOptions, ThrottleOptions } from "../definition/specs/policy-options.js";
import { findLastingDeadlock } from "../policies/deadlock.js";
import type { Holder, ResourceAcquire, SlotSource } from "../policies/holder.js";
import { LimitConflict } from "../policies/limit-conflict.js";
import { QueueFull } from "../policies/scheduler.js";
import { DeadlockError, ExecutionError, QueueFullError } from "../run/errors.js";
import type { AttemptHost } from "./host.js";
import { NodeSlot } from "./slot.js";

/** One bit for each permit. */
const Permit = { concurrencyKey: 1, run: 2, scheduler: 4, node: 8 } as const;

const NOT_UNDER_WAY = Object.freeze({ isUnderWay: false });

/**
 * Acquires the permits that an attempt needs, one after another: of its node's limit in a stream, its concurrency key,
 * its throttle, the run, and the scheduler.
 */
export class AttemptPermits {
  constructor(
    private readonly host: AttemptHost,
    private readonly scope: CancelScope,
  ) {}

  /**
   * Waits until attempt `n` of a node has all its permits. Returns them for {@link AttemptPermits.release}; if it
   * throws, none are held.
   * @param holder - the node in the wait-for graph; undefined when it has no concurrency key, scheduler or cache
   */
  *acquire(node: number, n: number, holder: Holder | undefined): Coroutine<number> {
    const { host } = this;
    const { concurrencyKey, throttle } = host.specOf(node).options;
    let acquired = 0;
    try {
      const limit = host.nodeLimitOf(node);
      if (limit !== undefined) {
        yield* this.wait(node, n, limit.tryAcquire(), "its nodeConcurrency");
        acquired |= Permit.node;
      }
      if (concurrencyKey !== undefined) {
        yield* this.waitForResource(node, n, holder as Holder, this.acquireKey(node, holder as Holder));
        acquired |= Permit.concurrencyKey;
      }
      if (throttle !== undefined) yield* this.waitForToken(node, n, throttle);
      return acquired | (yield* this.acquireSlots(node, n, holder));
    } catch (error) {
      this.release(node, acquired, holder);
      throw error;
    }
  }

  /** Waits for the slots of the run and of the scheduler. Returns and throws as {@link AttemptPermits.acquire}. */
  *acquireSlots(
    node: number,
    n: number,
    holder: Holder | undefined,
    { isUnderWay }: { readonly isUnderWay: boolean } = NOT_UNDER_WAY,
  ): Coroutine<number> {
    const { host } = this;
    yield* this.waitForSlot(node, n, holder, host.acquire(node), isUnderWay);
    if (holder !== undefined) host.slotsOf(node)?.occupied(holder);
    try {
      return Permit.run | (yield* this.acquireSchedulerSlot(node, n, holder, isUnderWay));
    } catch (error) {
      this.release(node, Permit.run, holder);
      throw error;
    }
  }

  /** Acquires the slot of the run if a node needs nothing else and a slot is free. Returns whether it did. */
  acquireFreeSlot(node: number, holder: Holder | undefined): boolean {
    const { host } = this;
    const slots = host.schedulerOf(node) === undefined ? host.slotsOf(node) : undefined;
    if (slots === undefined || slots.isFull) return false;
    host.acquire(node);
    if (holder !== undefined) slots.occupied(holder);
    return true;
  }

  /** Waits for the slot of the run. Returns and throws as {@link AttemptPermits.acquire}. */
  private *waitForSlot(
    node: number,
    n: number,
    holder: Holder | undefined,
    pending: PendingAcquire | undefined,
    isUnderWay: boolean,
  ): Coroutine<void> {
    const slots = pending === undefined || holder === undefined ? undefined : this.host.slotsOf(node)?.slots;
    if (slots === undefined) return yield* this.wait(node, n, pending, "a slot of the run", isUnderWay);
    holder?.startWaiting(slots);
    try {
      yield* this.waitForResource(
        node,
        n,
        holder as Holder,
        { ...(pending as PendingAcquire), resource: slots },
        isUnderWay,
      );
    } finally {
      holder?.stopWaiting();
    }
  }

  /** Waits for the slot of the scheduler, if there is one. Returns and throws as {@link AttemptPermits.acquire}. */
  private *acquireSchedulerSlot(
    node: number,
    n: number,
    holder: Holder | undefined,
    isUnderWay = false,
  ): Coroutine<number> {
    const source = this.host.schedulerOf(node);
    if (source === undefined) return 0;
    const pending = this.queueAt(source, node, n, holder as Holder);
    yield* this.waitForResource(node, n, holder as Holder, pending, isUnderWay);
    return Permit.scheduler;
  }

  /** Releases the slots among the permits. Returns those that are left. */
  releaseSlots(node: number, permits: number, holder: Holder | undefined): number {
    const slots = permits & (Permit.run | Permit.scheduler);
    this.release(node, slots, holder);
    return permits & ~slots;
  }

  /** Starts the nodes that waited for permits. */
  pump(): void {
    this.host.pump();
  }

  /** @param permits - what {@link AttemptPermits.acquire} returned */
  release(node: number, permits: number, holder: Holder | undefined): void {
    const { host } = this;
    if (permits & Permit.scheduler) host.schedulerOf(node)?.release(holder as Holder);
    if (permits & Permit.concurrencyKey) {
      host.limits.concurrencyKeys.release(this.keyOf(node).key, holder as Holder);
    }
    if (permits & Permit.run) {
      if (holder !== undefined) host.slotsOf(node)?.vacated(holder);
      host.release(node);
    }
    if (permits & Permit.node) host.nodeLimitOf(node)?.release();
  }

  private acquireKey(node: number, holder: Holder): ResourceAcquire | undefined {
    const { limits } = this.host;
    try {
      return limits.concurrencyKeys.acquire(this.keyOf(node), holder);
    } catch (cause) {
      throw this.errorFor(node, cause);
    }
  }

  private keyOf(node: number): ConcurrencyOptions {
    return this.host.specOf(node).options.concurrencyKey as ConcurrencyOptions;
  }

  private queueAt(source: SlotSource, node: number, n: number, holder: Holder): ResourceAcquire | undefined {
    const { host } = this;
    try {
      return source.acquire(priorityOf(host.specOf(node).options.priority), holder);
    } catch (cause) {
      if (!isInstance(cause, QueueFull)) throw cause;
      const message = `${host.labelOf(node)} was rejected. ${cause.message} Raise "maxQueueSize", or give the node a retry.`;
      const error = new QueueFullError(message, host.siteOf(node, n), cause.queued);
      host.attemptFailed(node, n, error);
      throw error;
    }
  }

  private *waitForToken(node: number, n: number, options: ThrottleOptions): Coroutine<void> {
    const { host } = this;
    const throttle = host.limits.throttles.getOrCreate(options.key, host.workflow, host.specOf(node));
    try {
      if (!host.sync) return yield* this.wait(node, n, throttle.acquire(options), "its throttle");
      for (let ms = throttle.tryAcquire(options); ms > 0; ms = throttle.tryAcquire(options)) sleepSync(ms);
    } catch (cause) {
      throw this.errorFor(node, cause);
    }
  }

  private errorFor(node: number, cause: unknown): unknown {
    const { host } = this;
    if (!isInstance(cause, LimitConflict)) return cause;
    return new ExecutionError(`${host.labelOf(node)} was not called: ${cause.message}`, host.siteOf(node, 0));
  }

  /** @throws {DeadlockError} when the wait would never end */
  private *waitForResource(
    node: number,
    n: number,
    holder: Holder,
    pending: ResourceAcquire | undefined,
    isUnderWay = false,
  ): Coroutine<void> {
    if (pending === undefined) return;
    const { resource } = pending;
    const deadlock = findLastingDeadlock(holder, resource, () => holder.isWaiting);
    if (deadlock !== undefined) {
      pending.cancel();
      const message = `${this.host.labelOf(node)} would wait forever: ${deadlock.text}. Start the inner run after the node is done, or give one of them its own key or scheduler.`;
      throw new DeadlockError(message, this.host.siteOf(node, 0));
    }
    yield* this.wait(node, n, pending, resource.label, isUnderWay);
  }

  /** @param isUnderWay - whether the attempt has already begun */
  private *wait(
    node: number,
    n: number,
    pending: PendingAcquire | undefined,
    what: string,
    isUnderWay = false,
  ): Coroutine<void> {
    if (pending === undefined) return;
    const { host } = this;
    if (host.sync) {
      pending.cancel();
      const message = `${host.labelOf(node)} would have to wait for ${what}, which runSync can't. Use run instead.`;
      throw new ExecutionError(message, host.siteOf(node, 0));
    }
    if (isUnderWay) host.pump();
    else host.attemptPending(node, n);
    try {
      yield* this.scope.wait(pending.granted);
    } catch (error) {
      pending.cancel();
      throw error;
    }
  }
}

/** The slots of an attempt: those of its run and its scheduler. */
export class AttemptSlot extends NodeSlot {
  constructor(
    private readonly all: AttemptPermits,
    private readonly node: number,
    private readonly attempt: number,
    readonly holder: Holder | undefined,
    /** The permits that the attempt holds. */
    public permits: number,
  ) {
    super();
  }

  protected acquire(): Promise<unknown> | undefined {
    if (this.all.acquireFreeSlot(this.node, this.holder)) {
      this.permits |= Permit.run;
      return undefined;
    }
    const acquired = drive(this.all.acquireSlots(this.node, this.attempt, this.holder, { isUnderWay: true }));
    const hold = (permits: number) => void (this.permits |= permits);
    if (acquired instanceof Promise) return acquired.then(hold);
    hold(acquired);
    return undefined;
  }

  protected release(): void {
    this.permits = this.all.releaseSlots(this.node, this.permits, this.holder);
    this.all.pump();
  }
}
