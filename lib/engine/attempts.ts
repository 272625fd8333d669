import { CancelScope } from "../base/cancel-scope.js";
import { drive, type Coroutine } from "../base/coroutine.js";
import { setImmediate } from "../base/event-loop.js";
import { asSentence, inSentence, messageOf } from "../base/message.js";
import { isInstance } from "../base/safe-access.js";
import { Incomparable } from "../base/structural-key.js";
import type { Context } from "../definition/context.js";
import { namedInputs } from "../definition/specs/named-inputs.js";
import type { RetryOptions } from "../definition/specs/policy-options.js";
import type { ResultCache } from "../policies/cache.js";
import type { Holder } from "../policies/holder.js";
import { AttemptsFailed, retriesOf, withRetry } from "../policies/retry.js";
import { ExecutionError, FallbackError, RetryExhaustedError } from "../run/errors.js";
import { isPause } from "../run/pause.js";
import { CachedNode } from "./cached-node.js";
import { CallTracker } from "./call-tracker.js";
import { guardedByCircuit } from "./circuit-guard.js";
import { DetachedHost } from "./detached-host.js";
import type { AttemptHost } from "./host.js";
import { holderIn, SingleAttempts } from "./single-attempts.js";

/**
 * Executes the nodes of a run that take more than a plain call. Each is a coroutine of policies, from the outside in:
 * fallback, cache, circuit breaker, retry, limit of the stream, concurrency key and throttle, slot of the run, slot of
 * the scheduler, hooks, timeout, backend.
 *
 * When the run is interrupted, nodes stop waiting and release their permits.
 */
export class Attempts {
  private readonly scope = new CancelScope();
  private readonly single: SingleAttempts;
  /** The trackers of nodes that are being computed for their caches. */
  private trackers: Map<number, CallTracker> | undefined = undefined;

  constructor(private readonly host: AttemptHost) {
    this.single = new SingleAttempts(host, this.scope);
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
    if (circuitBreaker === undefined) return this.retried(node);
    return guardedByCircuit(this.host, this.scope, node, circuitBreaker, () => this.retried(node));
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
    return holderIn(this.host, node);
  }

  /** Starts to track the calls of the node's function. */
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

  /** Computes the result of a node whose event did not come: a value, or a function of its inputs. */
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

  private attempt(node: number, n: number): Coroutine {
    return this.single.attempt(node, n, this.trackers?.get(node));
  }
}

type Fallback = (error: unknown, ctx: Context) => unknown;
