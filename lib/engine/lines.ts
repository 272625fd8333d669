import { block } from "../base/block.js";
import type { Coroutine } from "../base/coroutine.js";
import { isInstance } from "../base/hostile.js";
import type { Waiting } from "../base/waiting.js";
import type { Waits } from "../base/waits.js";
import { priorityOf } from "../definition/specs/node-options.js";
import type { ConcurrencyOptions, ThrottleOptions } from "../definition/specs/policy-options.js";
import { circleOf, type Holder, type Line } from "../policies/holder.js";
import { LimitConflict } from "../policies/limit-conflict.js";
import { QueueFull, type Scheduler } from "../policies/scheduler.js";
import { DeadlockError, ExecutionError, QueueFullError } from "../run/errors.js";
import type { AttemptHost } from "./attempts.js";

/** What an attempt holds. */
const Held = { key: 1, slot: 2, turn: 4 } as const;

/**
 * The lines in which the attempts of a run wait: for a concurrency key, a throttle, a slot of the run, and a slot of the
 * scheduler.
 */
export class Lines {
  constructor(
    private readonly host: AttemptHost,
    private readonly waits: Waits,
  ) {}

  /**
   * Waits until attempt `n` of a node holds all that it needs; gives what that is, to be given back with {@link Lines.leave}
   * however the attempt ends. Where waiting fails, nothing is held.
   * @param holder - what the node is to those who wait for what it holds; undefined when it has neither key, scheduler nor cache
   */
  *enter(node: number, n: number, holder: Holder | undefined): Coroutine<number> {
    const { host } = this;
    const { scheduler } = host;
    const { concurrencyKey, throttle } = host.specOf(node).options;
    let held = 0;
    try {
      if (concurrencyKey !== undefined) {
        yield* this.forShared(node, n, holder as Holder, this.keyed(node, concurrencyKey, holder as Holder));
        held |= Held.key;
      }
      if (throttle !== undefined) yield* this.throttled(node, n, throttle);
      const slot = host.acquire(node);
      if (slot !== undefined) yield* this.inLine(node, n, slot, "a slot of the run");
      held |= Held.slot;
      if (scheduler !== undefined) {
        yield* this.forShared(node, n, holder as Holder, this.submitted(node, n, scheduler, holder as Holder));
        held |= Held.turn;
      }
      return held;
    } catch (error) {
      this.leave(node, held, holder);
      throw error;
    }
  }

  /** Gives back what {@link Lines.enter} gave. */
  leave(node: number, held: number, holder: Holder | undefined): void {
    const { host } = this;
    if (held & Held.turn) host.scheduler?.leave(holder as Holder);
    if (held & Held.slot) host.giveBack(node);
    if (held & Held.key) {
      const { key } = host.specOf(node).options.concurrencyKey as ConcurrencyOptions;
      host.limits.concurrency.leave(key, holder as Holder);
    }
  }

  private keyed(node: number, options: ConcurrencyOptions, holder: Holder): Line | undefined {
    try {
      return this.host.limits.concurrency.enter(options, holder);
    } catch (cause) {
      throw this.refusal(node, cause);
    }
  }

  private *throttled(node: number, n: number, options: ThrottleOptions): Coroutine<void> {
    const { host } = this;
    const throttle = host.limits.throttles.of(options.key, host.workflow, host.specOf(node));
    try {
      if (!host.sync) return yield* this.inLine(node, n, throttle.enter(options), "its throttle");
      for (let ms = throttle.tryTake(options); ms > 0; ms = throttle.tryTake(options)) block(ms);
    } catch (cause) {
      throw this.refusal(node, cause);
    }
  }

  /** What a node fails with whose limit is not that of others. */
  private refusal(node: number, cause: unknown): unknown {
    const { host } = this;
    if (!isInstance(cause, LimitConflict)) return cause;
    return new ExecutionError(`${host.labelOf(node)} was not called: ${cause.message}`, host.siteOf(node, 0));
  }

  private submitted(node: number, n: number, scheduler: Scheduler, holder: Holder): Line | undefined {
    const { host } = this;
    try {
      return scheduler.enter(priorityOf(host.specOf(node).options.priority), holder);
    } catch (cause) {
      if (!isInstance(cause, QueueFull)) throw cause;
      const message = `${host.labelOf(node)} was turned away. ${cause.message} Raise "maxQueueSize", or give it a retry.`;
      const error = new QueueFullError(message, host.siteOf(node, n), scheduler.stats().queued);
      host.attemptFailed(node, n, error);
      throw error;
    }
  }

  /** Waits for what others hold. @throws {DeadlockError} when it would be for ever */
  private *forShared(node: number, n: number, holder: Holder, line: Line | undefined): Coroutine<void> {
    if (line === undefined) return;
    const { resource } = line;
    const circle = circleOf(holder, resource);
    if (circle !== undefined) {
      line.cancel();
      const message = `${this.host.labelOf(node)} would wait for ever: ${circle.join("; ")}. Begin the inner run when the node is done, or give one of them a key, or a scheduler, of its own.`;
      throw new DeadlockError(message, this.host.siteOf(node, 0));
    }
    yield* this.inLine(node, n, line, resource.label);
  }

  private *inLine(node: number, n: number, waiting: Waiting | undefined, what: string): Coroutine<void> {
    if (waiting === undefined) return;
    const { host } = this;
    if (host.sync) {
      waiting.cancel();
      const message = `${host.labelOf(node)} would have to wait for ${what}, which runSync can't. Use run instead.`;
      throw new ExecutionError(message, host.siteOf(node, 0));
    }
    host.waiting(node, n);
    try {
      yield* this.waits.for(waiting.granted);
    } catch (error) {
      waiting.cancel();
      throw error;
    }
  }
}
