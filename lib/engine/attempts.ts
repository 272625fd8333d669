import type { AttemptCall } from "../backends/runner.js";
import { setImmediate } from "../base/event-loop.js";
import type { StandardSchema } from "../base/standard-schema.js";
import type { LazyAbort } from "../base/abort.js";
import { drive, pendingOf, type Coroutine } from "../base/coroutine.js";
import { isInstance } from "../base/safe-access.js";
import { asSentence, messageOf } from "../base/message.js";
import { Incomparable } from "../base/structural-key.js";
import { CancelScope } from "../base/cancel-scope.js";
import type { ChildRunOptions, Context } from "../definition/context.js";
import { namedInputs } from "../definition/specs/named-inputs.js";
import type { CircuitBreakerOptions, RetryOptions } from "../definition/specs/policy-options.js";
import type { ResultCache } from "../policies/cache.js";
import { circuitRegistry, type Circuit, type CircuitChange, type CircuitPermit } from "../policies/circuit.js";
import { track, untrack } from "../policies/callers.js";
import { failureCallback } from "../policies/failure-callback.js";
import { Holder } from "../policies/holder.js";
import { withHooks } from "../policies/hooks.js";
import { AttemptsFailed, retriesOf, withRetry } from "../policies/retry.js";
import { withTimeout } from "../policies/timeout.js";
import type { AttemptControls } from "../run/context.js";
import type { LogLine } from "../run/events.js";
import { isPause } from "../run/pause.js";
import {
  CircuitOpenError,
  ExecutionError,
  FallbackError,
  NodeTimeoutError,
  QueueFullError,
  RetryExhaustedError,
  isErrorOf,
} from "../run/errors.js";
import { AttemptPermits, AttemptSlot } from "./attempt-permits.js";
import { CachedNode } from "./cached-node.js";
import { CallTracker } from "./call-tracker.js";
import { Reader } from "./channel.js";
import { DetachedHost } from "./detached-host.js";
import type { AttemptHost } from "./host.js";
import { checkOutput } from "./output-check.js";
import type { AttemptTelemetry } from "./telemetry/telemetry.js";

/**
 * Executes the nodes of a run that take more than a plain call. Each is a coroutine of policies, from the outside in:
 * fallback, cache, circuit breaker, retry, limit of the stream, concurrency key and throttle, slot of the run, slot of
 * the scheduler, hooks, timeout, backend.
 *
 * When the run is interrupted, nodes stop waiting and release their permits.
 */
export class Attempts {
  private readonly scope = new CancelScope();
  private readonly permits: AttemptPermits;
  /** The trackers of nodes that are being computed for their caches. */
  private trackers: Map<number, CallTracker> | undefined = undefined;

  constructor(private readonly host: AttemptHost) {
    this.permits = new AttemptPermits(host, this.scope);
  }

  /** Runs a node with all its policies. Returns its outcome: computed, cached, or of the fallback. */
  run(node: number): Coroutine {
    const { cache, fallback } = this.host.specOf(node).options;
    const work = cache === undefined ? this.compute(node) : this.cached(node);
    return fallback === undefined ? work : this.withFallback(node, work);
  }

  /** Runs a node without its cache and its fallback. */
  compute(node: number): Coroutine {
    const { circuitBreaker } = this.host.specOf(node).options;
    return circuitBreaker === undefined ? this.retried(node) : this.withCircuitBreaker(node, circuitBreaker);
  }

  private *withFallback(node: number, work: Coroutine): Coroutine {
    try {
      return yield* work;
    } catch (error) {
      if (this.scope.isCancellation(error) || isPause(error)) throw error;
      return yield* this.useFallback(node, error);
    }
  }

  /** Computes a node's result in the background, even after the run has ended. */
  async refresh(node: number): Promise<unknown> {
    const host = new DetachedHost(this.host.inBackground?.(node) ?? this.host, node);
    await new Promise((resolve) => setImmediate(resolve));
    const { telemetry } = host;
    try {
      const value = await drive(new Attempts(host).compute(node));
      telemetry?.ended("completed");
      return value;
    } catch (error) {
      telemetry?.ended("failed", error);
      throw error;
    }
  }

  /** The node in the wait-for graph. */
  holder(node: number): Holder {
    const { host } = this;
    return host.holderOf?.(node) ?? new Holder(() => describeNode(host, node), host.callerOf(node));
  }

  /** Tracks the calls of the node's function from now on. */
  track(node: number, holder: Holder): CallTracker {
    const tracker = new CallTracker(holder);
    (this.trackers ??= new Map()).set(node, tracker);
    return tracker;
  }

  /** Computes the result that replaces the failure of a node. @throws {FallbackError} */
  *useFallback(node: number, error: unknown): Coroutine {
    const { host } = this;
    const { fallback } = host.specOf(node).options;
    const attempts = host.attemptsOf(node);
    let value: unknown;
    try {
      const isFunction = typeof fallback === "function";
      const answer = isFunction ? (fallback as Fallback)(error, host.contextOf(node, attempts, host)) : fallback;
      value = yield* this.scope.wait(answer, "fallback");
    } catch (own) {
      if (this.scope.isCancellation(own) || isPause(own)) throw own;
      const message = `The fallback of ${inSentence(host.labelOf(node))} threw: ${asSentence(messageOf(own))} It stood in for: ${asSentence(messageOf(error))} Correct the fallback.`;
      throw new FallbackError(message, host.siteOf(node, attempts, { cause: own }), error);
    }
    host.fallbackUsed(node, error);
    return value;
  }

  /** Computes the result that takes the place of a node whose event did not come: a value, or a function of its inputs. */
  *standIn(node: number, value: unknown, inputs: readonly unknown[]): Coroutine {
    const { host } = this;
    if (typeof value !== "function") return value;
    const attempts = host.attemptsOf(node);
    try {
      const answer: unknown = (value as (...args: unknown[]) => unknown)(
        ...inputs,
        host.contextOf(node, attempts, host),
      );
      return yield* this.scope.wait(answer, "onTimeout");
    } catch (cause) {
      if (this.scope.isCancellation(cause) || isPause(cause)) throw cause;
      const message = `The onTimeout of ${inSentence(host.labelOf(node))} threw: ${asSentence(messageOf(cause))} Correct it.`;
      throw new ExecutionError(message, host.siteOf(node, attempts, { cause }));
    }
  }

  /** The operation that made a node wait in a synchronous run, for the message. */
  get obstacle(): string {
    const { subject } = this.scope;
    return subject === undefined ? "returned a promise" : `has a ${subject} that returned a promise`;
  }

  /** Ends all waits with the reason. Returns whether there were any. */
  interrupt(reason: unknown): boolean {
    return this.scope.cancel(reason);
  }

  private *cached(node: number): Coroutine {
    const { host } = this;
    const spec = host.specOf(node);
    const cache = host.cacheOf(node) as ResultCache;
    let key: string;
    try {
      key = cache.keyOf(namedInputs(spec.signature, host.argumentsOf(node, undefined)));
    } catch (error) {
      host.notAttempted(node);
      if (isPause(error)) throw error;
      if (!isInstance(error, Incomparable)) {
        const message = `${host.labelOf(node)} has no key for its cache: ${asSentence(messageOf(error))} Correct its "cache.key".`;
        throw new ExecutionError(message, host.siteOf(node, 0, { cause: error }));
      }
      const message = `${host.labelOf(node)} is cached, but its inputs can't be compared: ${error.message} Pass plain data, select inputs with the cache's "key", or list classes whose toJSON is complete in its "json".`;
      throw new ExecutionError(message, host.siteOf(node, 0, { cause: error }));
    }
    return yield* cache.getOrCompute(key, new CachedNode(this, host, this.scope, node));
  }

  private *withCircuitBreaker(node: number, options: CircuitBreakerOptions): Coroutine {
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
      const value = yield* this.retried(node);
      if (circuit.succeeded(permit)) host.circuitChanged(node, "circuit.closed", key);
      return value;
    } catch (error) {
      const change = yield* this.recordFailure(circuit, permit, node, error);
      if (change !== undefined) host.circuitChanged(node, change, key);
      throw error;
    }
  }

  /** Records a call that threw in its circuit. Returns how the circuit changed. */
  private *recordFailure(
    circuit: Circuit,
    permit: CircuitPermit,
    node: number,
    error: unknown,
  ): Coroutine<CircuitChange | undefined> {
    const options = this.host.specOf(node).options.circuitBreaker as CircuitBreakerOptions;
    const { when } = options;
    let isFailure = true;
    try {
      if (this.scope.isCancellation(error) || isPause(error) || this.wasNotCalled(node, error)) throw error;
      const thrown = isInstance(error, RetryExhaustedError) ? error.cause : error;
      if (when !== undefined)
        isFailure = Boolean(yield* failureCallback("circuitBreaker.when", thrown, this.scope, () => when(thrown)));
    } catch (own) {
      circuit.release(permit);
      throw own;
    }
    if (isFailure) return circuit.failed(permit, options) ? "circuit.opened" : undefined;
    return circuit.succeeded(permit) ? "circuit.closed" : undefined;
  }

  /** Whether the node's function was not called in any attempt. */
  private wasNotCalled(node: number, error: unknown): boolean {
    if (isInstance(error, RetryExhaustedError)) return error.errors.every((each) => this.wasNotCalled(node, each));
    if (!isErrorOf(this.host.siteOf(node, 0).runId, error)) return false;
    return error.attempt === 0 || isInstance(error, QueueFullError);
  }

  private retried(node: number): Coroutine {
    const { retry } = this.host.specOf(node).options;
    const before = this.host.attemptsBefore(node);
    const isOnce = retry === undefined || retriesOf(retry) === 0;
    return isOnce ? this.attempt(node, before + 1) : this.withRetries(node, before, retry);
  }

  private *withRetries(node: number, before: number, retry: number | RetryOptions): Coroutine {
    const { host } = this;
    try {
      return yield* withRetry(retry, {
        run: host,
        waits: this.scope,
        attempt: (n) => this.attempt(node, before + n),
        canRetry: () => host.canRetry(node),
        onPause: (next) => host.attemptPending(node, before + next),
      });
    } catch (error) {
      if (!isInstance(error, AttemptsFailed)) throw error;
      const { errors } = error;
      const cause = errors[errors.length - 1];
      const message = `${host.labelOf(node)} failed in all ${errors.length} attempts. The last one threw: ${asSentence(messageOf(cause))} See "errors" for all errors.`;
      throw new RetryExhaustedError(message, host.siteOf(node, errors.length, { cause }), errors);
    }
  }

  /** One attempt, with the permits it needs. */
  private *attempt(node: number, n: number): Coroutine {
    const { host } = this;
    const { concurrencyKey } = host.specOf(node).options;
    const isTraced = host.tracesAll || host.schedulerOf(node) !== undefined || concurrencyKey !== undefined;
    const holder = this.trackers?.get(node)?.holder ?? (isTraced ? this.holder(node) : undefined);
    const permits = yield* this.permits.acquire(node, n, holder);
    const slot = new AttemptSlot(this.permits, node, n, holder, permits);
    try {
      return yield* this.execute(node, n, holder, slot);
    } finally {
      slot.settle();
      this.permits.release(node, slot.permits, holder);
      if (holder !== undefined) untrack(holder);
    }
  }

  private *execute(node: number, n: number, holder: Holder | undefined, slot: AttemptSlot): Coroutine {
    const { host } = this;
    const spec = host.specOf(node);
    const { timeout, output } = spec.options;
    this.scope.throwIfCancelled();
    const abort = this.scope.add();
    let followed: AttemptTelemetry | undefined;
    try {
      host.attemptStarted(node, n);
      followed = host.followed(node, n);
      this.scope.throwIfCancelled();
      const barrier = host.barrier();
      if (barrier !== undefined) yield* this.scope.wait(barrier);
      const tracker = this.trackers?.get(node);
      const ctx = host.contextOf(node, n, new Controls(host, abort, tracker, slot, followed));
      const args = host.argumentsOf(node, ctx);
      args.forEach((value, i) => {
        if (value instanceof Reader) args[i] = value.with(slot);
      });
      const call = { spec, args, ctx, holder, slot, followed };
      const inside = <T>(work: () => T): T =>
        followed === undefined ? within(holder, work) : followed.within(() => within(holder, work));
      const hooks = host.hooksOf(node);
      if (hooks.length === 0 && timeout === undefined && output === undefined && tracker === undefined) {
        const work = inside(() => host.execute(node, call, abort, noStart));
        const pending = pendingOf(work);
        const returned = pending === undefined ? work : yield abort.race(pending);
        followed?.ended("completed", returned);
        return host.outcomeOf(node, returned, host.resultIn(returned), call.args);
      }
      const timeoutError = () => {
        const message = `${host.labelOf(node)} took longer than its timeout of ${timeout} ms. Raise it, or find out what takes so long.`;
        return new NodeTimeoutError(message, host.siteOf(node, n));
      };
      const begin = (onStart: () => void) => inside(() => host.execute(node, call, abort, onStart));
      const execute = () => {
        const timed = withTimeout({ timeout, abort, timeoutError }, begin);
        const checked = output === undefined ? timed : this.checked(node, call, timed);
        return tracker === undefined ? checked : tracker.track(checked);
      };
      if (hooks.length === 0) {
        const returned = yield* execute();
        followed?.ended("completed", returned);
        return host.outcomeOf(node, returned, host.resultIn(returned), call.args);
      }
      let returned: unknown;
      const label = inSentence(host.labelOf(node));
      const siteOf = (cause: unknown) => host.siteOf(node, n, { cause });
      const attempt = { ...call, label, siteOf, within: inside };
      const result = yield* withHooks(hooks, attempt, this.scope, function* () {
        returned = yield* execute();
        return host.resultIn(returned);
      });
      followed?.ended("completed", result);
      return host.outcomeOf(node, returned, result, call.args);
    } catch (error) {
      followed?.ended(isPause(error) ? "paused" : this.scope.isCancellation(error) ? "cancelled" : "failed", error);
      if (!isPause(error)) host.attemptFailed(node, n, error);
      throw error;
    } finally {
      this.scope.remove(abort);
    }
  }

  /** Checks what a node's function returns against its schema. @throws {ExecutionError} EXECUTION */
  private *checked(node: number, { spec, args, ctx }: AttemptCall, execution: Coroutine): Coroutine {
    const { host, scope: waits } = this;
    const returned = yield* execution;
    const output = { schema: spec.options.output as StandardSchema, label: host.labelOf(node), name: spec.name, waits };
    try {
      return yield* host.checked(node, returned, args, (value) => checkOutput(value, output));
    } catch (cause) {
      if (waits.isCancellation(cause)) throw cause;
      throw new ExecutionError(messageOf(cause), host.siteOf(node, ctx.attempt, { cause }));
    }
  }
}

/** For calls without a timeout. */
function noStart(): void {}

/** Calls `work` as part of a node's attempt. */
function within<T>(holder: Holder | undefined, work: () => T): T {
  return holder === undefined ? work() : track(holder, work);
}

/** The node and its run, for messages. */
function describeNode(host: AttemptHost, node: number): string {
  return `${inSentence(host.labelOf(node))} of run "${host.siteOf(node, 0).runId}"`;
}

/** The label in the middle of a sentence: `node "x"` for `Node "x"`. */
function inSentence(label: string): string {
  return `${label[0].toLowerCase()}${label.slice(1)}`;
}

type Fallback = (error: unknown, ctx: Context) => unknown;

/** The controls of one attempt: those of its run, with its own signal. */
class Controls implements AttemptControls {
  constructor(
    private readonly host: AttemptHost,
    private readonly abort: LazyAbort,
    private readonly tracker: CallTracker | undefined,
    private readonly slot: AttemptSlot,
    private readonly followed: AttemptTelemetry | undefined,
  ) {}

  get signal(): AbortSignal {
    return this.abort.signal;
  }

  progress(node: number, attempt: number, fraction: number, message: string | undefined): void {
    this.host.progress(node, attempt, fraction, message);
  }

  log(node: number, attempt: number, line: LogLine): void {
    this.host.log(node, attempt, line);
  }

  runInside(node: number, attempt: number, workflow: unknown, options: ChildRunOptions): Promise<unknown> {
    return this.host.callInside(node, {
      attempt,
      workflow,
      options,
      abort: this.abort,
      slot: this.slot,
      holder: this.slot.holder,
      followed: this.followed,
    });
  }

  onRead(what: "inputs" | "results"): void {
    this.tracker?.onRead(what);
  }
}
