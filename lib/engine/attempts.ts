import { setImmediate } from "../base/event-loop.js";
import type { AttemptCall } from "../backends/backend.js";
import type { LazyAbort } from "../base/abort.js";
import { drive, type Coroutine } from "../base/coroutine.js";
import { isInstance } from "../base/safe-access.js";
import { asSentence, messageOf } from "../base/message.js";
import { Incomparable } from "../base/structural-key.js";
import type { PendingAcquire } from "../base/pending-acquire.js";
import { CancelScope } from "../base/cancel-scope.js";
import type { Context } from "../definition/context.js";
import { namedInputs } from "../definition/specs/named-inputs.js";
import type { NodeHooks } from "../definition/specs/node-options.js";
import type { NodeSpec } from "../definition/specs/node-spec.js";
import type { CircuitBreakerOptions } from "../definition/specs/policy-options.js";
import type { ResultCache } from "../policies/cache.js";
import { circuitRegistry, type Circuit, type CircuitChange, type CircuitPermit } from "../policies/circuit.js";
import { track, untrack } from "../policies/callers.js";
import { failureCallback } from "../policies/failure-callback.js";
import { Holder } from "../policies/holder.js";
import { withHooks } from "../policies/hooks.js";
import type { Limits } from "../policies/limits.js";
import { AttemptsFailed, retriesOf, withRetry } from "../policies/retry.js";
import type { Scheduler } from "../policies/scheduler.js";
import { withTimeout } from "../policies/timeout.js";
import type { AttemptControls } from "../run/context.js";
import { isPause } from "../run/pause.js";
import {
  CircuitOpenError,
  ExecutionError,
  FallbackError,
  NodeTimeoutError,
  QueueFullError,
  RetryExhaustedError,
  isErrorOf,
  type ErrorSite,
} from "../run/errors.js";
import { AttemptPermits } from "./attempt-permits.js";
import { CachedNode } from "./cached-node.js";
import { DetachedHost } from "./detached-host.js";
import { Watch } from "./watch.js";

/** What attempts need of the run they are part of. Nodes, and states alike, go by their index in the plan. */
export interface AttemptHost extends AttemptControls {
  readonly sync: boolean;
  readonly isOver: boolean;
  readonly workflow: string;
  /** What the run shares with others. */
  readonly limits: Limits;
  readonly scheduler: Scheduler | undefined;
  /** The node that has begun the run, if it holds anything. */
  readonly caller: Holder | undefined;
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
  /** Acquires a slot of the run at once, or returns the wait for one. */
  acquire(node: number): PendingAcquire | undefined;
  /** Releases the slot of an attempt. */
  release(node: number): void;
  /** The node waits for its turn to make attempt `attempt`, and mostly without a slot. */
  waiting(node: number, attempt: number): void;
  /** The result comes from the node's cache. */
  cacheHit(node: number): void;
  cacheMissed(node: number): void;
  /** The result comes from the node's cache although it has expired, because computing it failed with `error`. */
  cacheStoodIn(node: number, error: unknown, storedAt: number): void;
  /** A result could not be computed anew in the background; the run may be over. */
  refreshFailed(node: number, error: unknown, failures: number, retryAt: number): void;
  attemptStarted(node: number, attempt: number): void;
  attemptFailed(node: number, attempt: number, error: unknown): void;
  /** What has to be waited for before the function is called. */
  barrier(): Promise<void> | undefined;
  /** How many attempts were made before the run was resumed. */
  attemptsBefore(node: number): number;
  /** How many attempts were made. */
  attemptsOf(node: number): number;
  /** The node's call has opened or closed its circuit. */
  circuitChanged(node: number, type: CircuitChange, key: string | undefined): void;
  /** The node's fallback stood in for its failure. */
  fellBack(node: number, error: unknown): void;
  /** No attempt was made, and none will be. */
  notAttempted(node: number): void;
}

/**
 * The nodes that take more than a plain call. Each is a coroutine of layers, from the outside in: fallback, cache,
 * circuit breaker, retry, concurrency key and throttle, slot of the run, slot of the scheduler, hooks, timeout,
 * backend.
 *
 * Whatever a node waits for, it stops when the run is given up, and gives back what it holds.
 */
export class Attempts {
  private readonly waits = new CancelScope();
  private readonly permits: AttemptPermits;
  /** Those of nodes that are computed for their caches. */
  private watches: Map<number, Watch> | undefined = undefined;

  constructor(private readonly host: AttemptHost) {
    this.permits = new AttemptPermits(host, this.waits);
  }

  /** Runs a node with whatever its options ask for; gives what its function returned, or what stands in for that. */
  *run(node: number): Coroutine {
    const { cache, fallback } = this.host.specOf(node).options;
    if (fallback === undefined) return yield* cache === undefined ? this.compute(node) : this.cached(node);
    try {
      return yield* cache === undefined ? this.compute(node) : this.cached(node);
    } catch (error) {
      if (this.waits.isCancellation(error) || isPause(error)) throw error;
      return yield* this.fallBack(node, error);
    }
  }

  /** Runs a node without looking at its cache or its fallback. */
  *compute(node: number): Coroutine {
    const { circuitBreaker } = this.host.specOf(node).options;
    return yield* circuitBreaker === undefined ? this.tried(node) : this.guarded(node, circuitBreaker);
  }

  /** Computes a node's result on its own, later, whatever becomes of the run. */
  async refresh(node: number): Promise<unknown> {
    const host = new DetachedHost(this.host, node);
    await new Promise((resolve) => setImmediate(resolve));
    return drive(new Attempts(host).compute(node));
  }

  /** What a node is to those who wait for what it holds. */
  holder(node: number): Holder {
    return new Holder(() => placeOf(this.host, node), this.host.caller);
  }

  /** What becomes known of the node's function from now on. */
  watch(node: number, holder: Holder): Watch {
    const watch = new Watch(holder);
    (this.watches ??= new Map()).set(node, watch);
    return watch;
  }

  /** What stands in for the result of a node that failed with `error`. */
  *fallBack(node: number, error: unknown): Coroutine {
    const { host } = this;
    const { fallback } = host.specOf(node).options;
    const attempts = host.attemptsOf(node);
    let value: unknown;
    try {
      const isAsked = typeof fallback === "function";
      const answer = isAsked ? (fallback as Fallback)(error, host.contextOf(node, attempts, host)) : fallback;
      value = yield* this.waits.wait(answer, "fallback");
    } catch (own) {
      if (this.waits.isCancellation(own) || isPause(own)) throw own;
      const message = `The fallback of ${inSentence(host.labelOf(node))} threw: ${asSentence(messageOf(own))} It stood in for: ${asSentence(messageOf(error))} Correct the fallback.`;
      throw new FallbackError(message, host.siteOf(node, attempts, own), error);
    }
    host.fellBack(node, error);
    return value;
  }

  /** Why a node can't go on whose coroutine has to wait, when nobody can. */
  get obstacle(): string {
    const { subject } = this.waits;
    return subject === undefined ? "returned a promise" : `has a ${subject} that returned a promise`;
  }

  /** Gives up whatever is in progress; says whether there was anything. */
  interrupt(reason: unknown): boolean {
    return this.waits.cancel(reason);
  }

  private *cached(node: number): Coroutine {
    const { host } = this;
    const spec = host.specOf(node);
    const cache = host.cacheOf(node) as ResultCache;
    let key: string;
    try {
      key = cache.keyOf(namedInputs(spec, host.argumentsOf(node, undefined)));
    } catch (error) {
      host.notAttempted(node);
      if (isPause(error)) throw error;
      if (!isInstance(error, Incomparable)) {
        const message = `${host.labelOf(node)} has no key for its cache: ${asSentence(messageOf(error))} Correct its "cache.key".`;
        throw new ExecutionError(message, host.siteOf(node, 0, error));
      }
      const message = `${host.labelOf(node)} is cached, but its inputs can't be compared: ${error.message} Pass plain data, choose what counts with the cache's "key", or name a class whose toJSON tells all in its "json".`;
      throw new ExecutionError(message, host.siteOf(node, 0, error));
    }
    return yield* cache.getOrCompute(key, new CachedNode(this, host, this.waits, node));
  }

  private *guarded(node: number, options: CircuitBreakerOptions): Coroutine {
    const { host } = this;
    const { key } = options;
    const circuit = circuitRegistry.getOrCreate(key, host.workflow, host.specOf(node));
    const permit = circuit.tryAcquire(options);
    if (permit === undefined) {
      host.notAttempted(node);
      const name = key === undefined ? "its circuit" : `the circuit "${key}"`;
      const { retryAfter } = circuit;
      const when = retryAfter > 0 ? `for ${retryAfter} ms more` : "but for probes under way";
      const message = `${host.labelOf(node)} was not called: ${name} is open ${when}, because calls kept failing. Try later.`;
      throw new CircuitOpenError(message, host.siteOf(node, 0), key, retryAfter);
    }
    try {
      const value = yield* this.tried(node);
      if (circuit.succeeded(permit)) host.circuitChanged(node, "circuit.closed", key);
      return value;
    } catch (error) {
      const change = yield* this.judge(circuit, permit, node, error);
      if (change !== undefined) host.circuitChanged(node, change, key);
      throw error;
    }
  }

  /** Tells a circuit of a call that threw; says what that has changed. */
  private *judge(
    circuit: Circuit,
    permit: CircuitPermit,
    node: number,
    error: unknown,
  ): Coroutine<CircuitChange | undefined> {
    const options = this.host.specOf(node).options.circuitBreaker as CircuitBreakerOptions;
    const { when } = options;
    let isFailure = true;
    try {
      if (this.waits.isCancellation(error) || isPause(error) || this.wasNotCalled(node, error)) throw error;
      const thrown = isInstance(error, RetryExhaustedError) ? error.cause : error;
      if (when !== undefined)
        isFailure = Boolean(yield* failureCallback("circuitBreaker.when", thrown, this.waits, () => when(thrown)));
    } catch (own) {
      circuit.release(permit);
      throw own;
    }
    if (isFailure) return circuit.failed(permit, options) ? "circuit.opened" : undefined;
    return circuit.succeeded(permit) ? "circuit.closed" : undefined;
  }

  /** Whether the node's function was never called, however often that was tried. */
  private wasNotCalled(node: number, error: unknown): boolean {
    if (isInstance(error, RetryExhaustedError)) return error.errors.every((one) => this.wasNotCalled(node, one));
    if (!isErrorOf(this.host.siteOf(node, 0).runId, error)) return false;
    return error.attempt === 0 || isInstance(error, QueueFullError);
  }

  private *tried(node: number): Coroutine {
    const { host } = this;
    const { retry } = host.specOf(node).options;
    const before = host.attemptsBefore(node);
    if (retry === undefined || retriesOf(retry) === 0) return yield* this.attempt(node, before + 1);
    try {
      return yield* withRetry(retry, {
        run: host,
        waits: this.waits,
        attempt: (n) => this.attempt(node, before + n),
        onPause: (next) => host.waiting(node, before + next),
      });
    } catch (error) {
      if (!isInstance(error, AttemptsFailed)) throw error;
      const { errors } = error;
      const cause = errors[errors.length - 1];
      const message = `${host.labelOf(node)} failed in all ${errors.length} attempts, at last: ${asSentence(messageOf(cause))} See "errors" for what each threw.`;
      throw new RetryExhaustedError(message, host.siteOf(node, errors.length, cause), errors);
    }
  }

  /** One attempt, with the permits it needs. */
  private *attempt(node: number, n: number): Coroutine {
    const { host } = this;
    const { concurrencyKey } = host.specOf(node).options;
    const isShared = host.scheduler !== undefined || concurrencyKey !== undefined;
    const holder = this.watches?.get(node)?.holder ?? (isShared ? this.holder(node) : undefined);
    const permits = yield* this.permits.acquire(node, n, holder);
    try {
      return yield* this.execute(node, n, holder);
    } finally {
      this.permits.release(node, permits, holder);
      if (holder !== undefined) untrack(holder);
    }
  }

  private *execute(node: number, n: number, holder: Holder | undefined): Coroutine {
    const { host } = this;
    const spec = host.specOf(node);
    const { timeout } = spec.options;
    this.waits.throwIfCancelled();
    const abort = this.waits.add();
    try {
      host.attemptStarted(node, n);
      this.waits.throwIfCancelled();
      const barrier = host.barrier();
      if (barrier !== undefined) yield* this.waits.wait(barrier);
      const watch = this.watches?.get(node);
      const ctx = host.contextOf(node, n, new Controls(host, abort, watch));
      const call = { spec, args: host.argumentsOf(node, ctx), ctx };
      const timeoutError = () => {
        const message = `${host.labelOf(node)} took longer than its timeout of ${timeout} ms. Raise it, or find out what takes so long.`;
        return new NodeTimeoutError(message, host.siteOf(node, n));
      };
      const begin = (began: () => void) => within(holder, () => host.execute(node, call, abort, began));
      const execute = () => {
        const timed = withTimeout({ timeout, abort, timeoutError, startsLater: host.beginsLater(node) }, begin);
        return watch === undefined ? timed : watch.over(timed);
      };
      const hooks = host.hooksOf(node);
      if (hooks.length === 0) {
        const returned = yield* execute();
        return host.outcomeOf(node, returned, host.resultIn(returned), call.args);
      }
      let returned: unknown;
      const label = inSentence(host.labelOf(node));
      const siteOf = (cause: unknown) => host.siteOf(node, n, cause);
      const attempt = { ...call, label, siteOf, within: <T>(work: () => T) => within(holder, work) };
      const result = yield* withHooks(hooks, attempt, this.waits, function* () {
        returned = yield* execute();
        return host.resultIn(returned);
      });
      return host.outcomeOf(node, returned, result, call.args);
    } catch (error) {
      if (!isPause(error)) host.attemptFailed(node, n, error);
      throw error;
    } finally {
      this.waits.remove(abort);
    }
  }
}

/** Calls what is part of a node's attempt. */
function within<T>(holder: Holder | undefined, work: () => T): T {
  return holder === undefined ? work() : track(holder, work);
}

/** Where a node is, as in "held by". */
function placeOf(host: AttemptHost, node: number): string {
  return `${inSentence(host.labelOf(node))} of run "${host.siteOf(node, 0).runId}"`;
}

/** `node "x"` for `Node "x"`. */
function inSentence(label: string): string {
  return `${label[0].toLowerCase()}${label.slice(1)}`;
}

type Fallback = (error: unknown, ctx: Context) => unknown;

/** How the context of one attempt reaches the run: with a signal of its own. */
class Controls implements AttemptControls {
  constructor(
    private readonly run: AttemptControls,
    private readonly abort: LazyAbort,
    private readonly watch: Watch | undefined,
  ) {}

  get signal(): AbortSignal {
    return this.abort.signal;
  }

  progress(node: number, attempt: number, fraction: number | undefined, message: string | undefined): void {
    this.run.progress(node, attempt, fraction, message);
  }

  onRead(what: "inputs" | "results"): void {
    this.watch?.onRead(what);
  }
}
