import { setImmediate } from "node:timers";
import type { AttemptCall } from "../backends/backend.js";
import { LazyAbort } from "../base/abort.js";
import { block } from "../base/block.js";
import { drive, isThenable, type Coroutine } from "../base/coroutine.js";
import { messageOf } from "../base/message.js";
import { Incomparable } from "../base/structural-key.js";
import type { Waiting } from "../base/waiting.js";
import type { Context } from "../definition/context.js";
import { namedInputs } from "../definition/named-inputs.js";
import { priorityOf, type NodeHooks } from "../definition/node-options.js";
import type { NodeSpec } from "../definition/node-spec.js";
import type { CircuitBreakerOptions, ThrottleOptions } from "../definition/policy-options.js";
import type { CacheUser, ResultCache } from "../policies/cache.js";
import { circuits } from "../policies/circuit.js";
import { hooked } from "../policies/hooks.js";
import type { Limits } from "../policies/limits.js";
import { AttemptsFailed, retriesOf, retrying, type RetryControls } from "../policies/retry.js";
import { QueueFull, type Scheduler } from "../policies/scheduler.js";
import { limited } from "../policies/timeout.js";
import type { AttemptControls } from "../run/context.js";
import {
  CircuitOpenError,
  ExecutionError,
  NodeTimeoutError,
  QueueFullError,
  RetryExhaustedError,
  type ErrorSite,
} from "../run/errors.js";
import { DetachedHost } from "./detached-host.js";

/** What attempts need of the run they are part of. Nodes, and states alike, go by their index in the plan. */
export interface AttemptHost extends AttemptControls {
  readonly sync: boolean;
  readonly isOver: boolean;
  readonly workflow: string;
  /** What the run shares with others. */
  readonly limits: Limits;
  readonly scheduler: Scheduler | undefined;
  /** The hooks of a node, in the order in which they run. */
  hooksOf(node: number): readonly NodeHooks[];
  specOf(node: number): NodeSpec;
  /** `Node "x"` or `State "x"`. */
  labelOf(node: number): string;
  cacheOf(node: number): ResultCache | undefined;
  contextOf(node: number, attempt: number, controls: AttemptControls): Context;
  /** The node's arguments; `context` stands for the context. */
  argumentsOf(node: number, context: Context | undefined): unknown[];
  /** What hooks get to see as the result of a function that returned `returned`. */
  resultIn(returned: unknown): unknown;
  /** What the run gets from a function that returned `returned`, after hooks made its result `result`. */
  outcomeOf(node: number, returned: unknown, result: unknown, args: readonly unknown[]): unknown;
  siteOf(node: number, attempt: number, ...cause: [unknown?]): ErrorSite;
  /** Calls the node's function, where the node belongs. @param began - called when that happens later than this */
  execute(node: number, call: AttemptCall, abort: LazyAbort, began: () => void): unknown;
  /** Whether {@link AttemptHost.execute} says when it began. */
  beginsLater(node: number): boolean;
  /** Takes one of the run's slots, unless it has to wait for one. */
  acquire(node: number): Waiting | undefined;
  /** Gives the slot of an attempt back. */
  giveBack(node: number): void;
  /** The node waits for its turn, and mostly without a slot. */
  waiting(node: number): void;
  /** The result comes from the node's cache. */
  cacheHit(node: number): void;
  cacheMissed(node: number): void;
  attemptStarted(node: number, attempt: number): void;
  attemptFailed(node: number, attempt: number, error: unknown): void;
  /** How many attempts were made. */
  attemptsOf(node: number): number;
  /** No attempt was made, and none will be. */
  notAttempted(node: number): void;
}

/**
 * The nodes that take more than a plain call. Each is a coroutine of layers, from the outside in: fallback, cache, circuit
 * breaker, retry, concurrency key and throttle, slot of the run, slot of the scheduler, hooks, timeout, backend.
 *
 * Whatever a node waits for, it stops when the run is given up, and gives back what it holds.
 */
export class Attempts {
  /** What is being waited for. */
  private readonly inProgress = new Set<LazyAbort>();
  private end: { readonly reason: unknown } | undefined;

  constructor(private readonly host: AttemptHost) {}

  /** Runs a node with whatever its options ask for; gives what its function returned, or what stands in for that. */
  *run(node: number): Coroutine {
    const { cache, fallback } = this.host.specOf(node).options;
    if (fallback === undefined) return yield* cache === undefined ? this.compute(node) : this.cached(node);
    try {
      return yield* cache === undefined ? this.compute(node) : this.cached(node);
    } catch (error) {
      if (this.isInterruption(error)) throw error;
      return yield* this.fallBack(node, error);
    }
  }

  /** Runs a node without looking at its cache or its fallback. */
  *compute(node: number): Coroutine {
    const { circuitBreaker } = this.host.specOf(node).options;
    return yield* circuitBreaker === undefined ? this.tried(node) : this.guarded(node, circuitBreaker);
  }

  /** What stands in for the result of a node that failed with `error`. */
  *fallBack(node: number, error: unknown): Coroutine {
    const { host } = this;
    const { fallback } = host.specOf(node).options;
    if (typeof fallback !== "function") return fallback;
    const attempts = host.attemptsOf(node);
    try {
      return yield* this.wait((fallback as Fallback)(error, host.contextOf(node, attempts, host)));
    } catch (own) {
      if (this.isInterruption(own)) throw own;
      const message = `The fallback of ${host.labelOf(node)} threw: ${messageOf(own)}. It stood in for: ${messageOf(error)}`;
      throw new ExecutionError(message, host.siteOf(node, attempts, error));
    }
  }

  /** Gives up whatever is in progress; says whether there was anything. */
  interrupt(reason: unknown): boolean {
    this.end = { reason };
    for (const work of this.inProgress) work.abort(reason);
    return this.inProgress.size > 0;
  }

  private readonly isInterruption = (error: unknown): boolean => this.end !== undefined && error === this.end.reason;

  /** Waits until the run is given up. What is begun after that goes on unheard. */
  private *wait<T>(work: T | PromiseLike<T>): Coroutine<T | undefined> {
    if (!isThenable(work)) return work;
    if (this.end !== undefined) return void Promise.resolve(work).catch(() => {});
    const abort = new LazyAbort();
    this.inProgress.add(abort);
    try {
      return yield abort.interruptible(work);
    } finally {
      this.inProgress.delete(abort);
    }
  }

  private *cached(node: number): Coroutine {
    const { host } = this;
    const spec = host.specOf(node);
    const cache = host.cacheOf(node) as ResultCache;
    const user: CacheUser = {
      sync: host.sync,
      isInterruption: this.isInterruption,
      wait: (work) => this.wait(work),
      compute: () => this.compute(node),
      refresh: () => this.refreshed(node),
      hit: () => host.cacheHit(node),
      missed: () => host.cacheMissed(node),
    };
    let key: string;
    try {
      key = cache.keyOf(namedInputs(spec, host.argumentsOf(node, undefined)));
    } catch (error) {
      if (!(error instanceof Incomparable)) throw error;
      const message = `${host.labelOf(node)} is cached, but its inputs can't be compared: ${error.message} Pass plain data, or choose what counts with the cache's "key".`;
      throw new ExecutionError(message, host.siteOf(node, 0, error));
    }
    return yield* cache.lookUp(key, user);
  }

  /** Computes a node's result apart from the run, beginning with the next turn of the event loop. */
  private async refreshed(node: number): Promise<unknown> {
    const host = new DetachedHost(this.host, node);
    await new Promise((resolve) => setImmediate(resolve));
    return drive(new Attempts(host).compute(node));
  }

  private *guarded(node: number, options: CircuitBreakerOptions): Coroutine {
    const { host } = this;
    const spec = host.specOf(node);
    const circuit = circuits.of(options.key, host.workflow, spec);
    const passage = circuit.enter(options);
    if (passage === undefined) {
      host.notAttempted(node);
      const name = options.key === undefined ? "its circuit" : `the circuit "${options.key}"`;
      const when =
        circuit.state === "open" ? `for ${Math.ceil(circuit.remaining)} ms more` : "but for probes under way";
      const message = `${host.labelOf(node)} was not called: ${name} is open ${when}, because calls kept failing. Try later.`;
      throw new CircuitOpenError(message, host.siteOf(node, 0));
    }
    try {
      const value = yield* this.tried(node);
      circuit.succeeded(passage);
      return value;
    } catch (error) {
      if (this.isInterruption(error) || isQueueFull(error)) circuit.abandoned(passage);
      else circuit.failed(passage, options);
      throw error;
    }
  }

  private *tried(node: number): Coroutine {
    const { host } = this;
    const { retry } = host.specOf(node).options;
    if (retry === undefined || retriesOf(retry) === 0) return yield* this.attempt(node, 1);
    try {
      return yield* retrying(retry, (n) => this.attempt(node, n), this.retryControls(node));
    } catch (error) {
      if (!(error instanceof AttemptsFailed)) throw error;
      const { errors } = error;
      const cause = errors[errors.length - 1];
      const message = `${host.labelOf(node)} failed in all ${errors.length} attempts, at last: ${messageOf(cause)}`;
      throw new RetryExhaustedError(message, host.siteOf(node, errors.length, cause), errors);
    }
  }

  private retryControls(node: number): RetryControls {
    const { host } = this;
    return {
      sync: host.sync,
      get isOver() {
        return host.isOver;
      },
      get signal() {
        return host.signal;
      },
      pause: async (ms) => {
        const abort = new LazyAbort();
        let timer: NodeJS.Timeout | undefined;
        this.inProgress.add(abort);
        host.waiting(node);
        try {
          await abort.interruptible(new Promise<void>((resolve) => (timer = setTimeout(resolve, ms))));
        } finally {
          clearTimeout(timer);
          this.inProgress.delete(abort);
        }
      },
    };
  }

  /** Gets in line for all that an attempt has to hold, makes it, and lets go. */
  private *attempt(node: number, n: number): Coroutine {
    const { host } = this;
    const { scheduler } = host;
    const { concurrencyKey, throttle, priority } = host.specOf(node).options;
    const { concurrency } = host.limits;
    let held = 0;
    try {
      if (concurrencyKey !== undefined) {
        yield* this.inLine(node, concurrency.enter(concurrencyKey), `concurrency key "${concurrencyKey.key}"`);
        held |= Held.key;
      }
      if (throttle !== undefined) yield* this.throttled(node, throttle);
      const slot = host.acquire(node);
      if (slot !== undefined) yield* this.inLine(node, slot, "a slot of the run");
      held |= Held.slot;
      if (scheduler !== undefined) {
        yield* this.inLine(node, this.submitted(node, n, scheduler, priorityOf(priority)), "a slot of the scheduler");
        held |= Held.turn;
      }
      return yield* this.execute(node, n);
    } finally {
      if (held & Held.turn) scheduler?.leave();
      if (held & Held.slot) host.giveBack(node);
      if (held & Held.key) concurrency.leave(concurrencyKey?.key as string);
    }
  }

  private *throttled(node: number, options: ThrottleOptions): Coroutine<void> {
    const { host } = this;
    const throttle = host.limits.throttles.of(options.key, host.workflow, host.specOf(node));
    if (!host.sync) return yield* this.inLine(node, throttle.enter(options), "its throttle");
    for (let ms = throttle.tryTake(options); ms > 0; ms = throttle.tryTake(options)) block(ms);
  }

  private submitted(node: number, n: number, scheduler: Scheduler, priority: number): Waiting | undefined {
    const { host } = this;
    try {
      return scheduler.enter(priority);
    } catch (cause) {
      if (!(cause instanceof QueueFull)) throw cause;
      const message = `${host.labelOf(node)} was turned away. ${cause.message} Raise "maxQueueSize", or give it a retry.`;
      const error = new QueueFullError(message, host.siteOf(node, n));
      host.attemptFailed(node, n, error);
      throw error;
    }
  }

  private *inLine(node: number, waiting: Waiting | undefined, what: string): Coroutine<void> {
    if (waiting === undefined) return;
    const { host } = this;
    if (host.sync) {
      waiting.cancel();
      const message = `${host.labelOf(node)} would have to wait for ${what}, which runSync can't. Use run instead.`;
      throw new ExecutionError(message, host.siteOf(node, 0));
    }
    host.waiting(node);
    try {
      yield* this.wait(waiting.granted);
    } catch (error) {
      waiting.cancel();
      throw error;
    }
  }

  private *execute(node: number, n: number): Coroutine {
    const { host } = this;
    const spec = host.specOf(node);
    const { timeout } = spec.options;
    const abort = new LazyAbort();
    this.inProgress.add(abort);
    try {
      host.attemptStarted(node, n);
      const ctx = host.contextOf(node, n, new Controls(host, abort));
      const call = { spec, args: host.argumentsOf(node, ctx), ctx };
      const expired = () => {
        const message = `${host.labelOf(node)} took longer than its timeout of ${timeout} ms.`;
        return new NodeTimeoutError(message, host.siteOf(node, n));
      };
      const execute = () =>
        limited(timeout, abort, expired, (began) => host.execute(node, call, abort, began), host.beginsLater(node));
      const hooks = host.hooksOf(node);
      if (hooks.length === 0) {
        const returned = yield* execute();
        return host.outcomeOf(node, returned, host.resultIn(returned), call.args);
      }
      let returned: unknown;
      const { isInterruption } = this;
      const wait = <T>(work: T | PromiseLike<T>) => this.wait(work);
      const result = yield* hooked(hooks, { ...call, wait, isInterruption }, function* () {
        returned = yield* execute();
        return host.resultIn(returned);
      });
      return host.outcomeOf(node, returned, result, call.args);
    } catch (error) {
      host.attemptFailed(node, n, error);
      throw error;
    } finally {
      this.inProgress.delete(abort);
    }
  }
}

type Fallback = (error: unknown, ctx: Context) => unknown;

/** What an attempt holds. */
const Held = { key: 1, slot: 2, turn: 4 } as const;

/** Whether the node was never called, however often it was tried. */
function isQueueFull(error: unknown): boolean {
  if (error instanceof RetryExhaustedError) return error.errors.every(isQueueFull);
  return error instanceof QueueFullError;
}

/** How the context of one attempt reaches the run: with a signal of its own. */
class Controls implements AttemptControls {
  constructor(
    private readonly run: AttemptControls,
    private readonly abort: LazyAbort,
  ) {}

  get signal(): AbortSignal {
    return this.abort.signal;
  }

  progress(node: number, attempt: number, fraction: number | undefined, message: string | undefined): void {
    this.run.progress(node, attempt, fraction, message);
  }
}
