import pRetry from "p-retry";
import { sleepSync } from "../base/sleep-sync.js";
import { drive, type Coroutine } from "../base/coroutine.js";
import type { CancelScope } from "../base/cancel-scope.js";
import type { RetryOptions } from "../definition/specs/policy-options.js";
import { isInstance } from "../base/safe-access.js";
import { BackendError } from "../run/errors.js";
import { isPause } from "../run/pause.js";
import { failureCallback } from "./failure-callback.js";

const DEFAULT_RETRIES = 3;
const DEFAULT_DELAY = 100;
const DEFAULT_FACTOR = 2;
const DEFAULT_MAX_DELAY = 30_000;

/** The run that retries are part of. */
export interface RetryRun {
  /** Whether it can't wait for promises: pauses block the thread. */
  readonly sync: boolean;
  /** Whether it has ended: nothing is retried. */
  readonly isOver: boolean;
  /** Aborts with the run. */
  readonly signal: AbortSignal;
}

/** The attempts to retry, and their run. */
export interface RetryContext {
  readonly run: RetryRun;
  readonly waits: CancelScope;
  /** Makes attempt `n`, counted from 1. */
  readonly attempt: (n: number) => Coroutine;
  /** Whether an attempt may follow. */
  readonly canRetry: () => boolean;
  /** Called before the pause that precedes attempt `next`. */
  readonly onPause: (next: number) => void;
}

/** Several attempts failed, and there are no more retries. `errors` has the error of each attempt, in order. */
export class AttemptsFailed extends Error {
  constructor(readonly errors: readonly unknown[]) {
    super(`${errors.length} attempts failed`);
  }
}

/** How many attempts may follow the first. */
export function retriesOf(retry: number | RetryOptions | undefined): number {
  return typeof retry === "object" ? (retry.retries ?? DEFAULT_RETRIES) : (retry ?? 0);
}

/** The pause in ms after failed attempt `attempt`, counted from 1. */
export function delayAfter(attempt: number, options: RetryOptions, random = Math.random): number {
  const { backoff = "exponential", delay = DEFAULT_DELAY, factor = DEFAULT_FACTOR } = options;
  const { maxDelay = Math.max(delay, DEFAULT_MAX_DELAY) } = options;
  const growth = backoff === "fixed" ? 1 : backoff === "linear" ? attempt : factor ** (attempt - 1);
  const longest = Math.min(delay * growth, maxDelay);
  return options.jitter === true ? random() * longest : longest;
}

/**
 * Retries failed attempts according to `retry`. p-retry takes over after the first failure, so success costs nothing.
 * @throws the error of the first attempt when it is not retried; {AttemptsFailed} after several attempts; the
 *   signal's reason when that aborts; an attempt's {PauseRun}, which is not a failure
 */
export function withRetry(retry: number | RetryOptions, context: RetryContext): Coroutine {
  return new Retries(typeof retry === "object" ? retry : { retries: retry }, context).run();
}

/** Whether a backend says that other attempts would fail, too. */
function isFinal(error: unknown): boolean {
  return isInstance(error, BackendError) && !error.retryable;
}

class Retries {
  /** The error of each attempt. */
  private readonly errors: unknown[] = [];

  constructor(
    private readonly options: RetryOptions,
    private readonly context: RetryContext,
  ) {}

  *run(): Coroutine {
    const { run, attempt } = this.context;
    try {
      return yield* attempt(1);
    } catch (error) {
      if (run.isOver || isPause(error)) throw error;
      this.errors.push(error);
      const delay = yield* this.nextDelay();
      if (delay === undefined) throw error;
      return run.sync ? yield* this.retrySync(delay) : yield this.retryAsync(delay);
    }
  }

  /** The pause before the next attempt, in ms; undefined when there is none. */
  private *nextDelay(): Coroutine<number | undefined> {
    const { options, errors } = this;
    const { waits } = this.context;
    const attempt = errors.length;
    const error = errors[attempt - 1];
    if (attempt > retriesOf(options) || !this.context.canRetry() || isFinal(error)) return undefined;
    if (options.when !== undefined) {
      const retries = yield* failureCallback("retry.when", error, waits, () => options.when?.(error, attempt));
      if (!retries) return undefined;
    }
    const delay = delayAfter(attempt, options);
    yield* failureCallback("retry.onRetry", error, waits, () => options.onRetry?.(error, attempt, delay));
    return delay;
  }

  private async retryAsync(firstDelay: number): Promise<unknown> {
    const { errors } = this;
    const { run, attempt } = this.context;
    await this.pause(firstDelay);
    // The first attempt was made without p-retry, so its first is the second.
    const next = async (n: number) => {
      try {
        return await drive(attempt(n + 1));
      } catch (error) {
        run.signal.throwIfAborted();
        if (isPause(error)) throw error;
        errors.push(error);
        throw new AttemptsFailed(errors);
      }
    };
    const onFailedAttempt = async ({ error }: { error: Error }) => {
      run.signal.throwIfAborted();
      if (isPause(error)) throw error;
      const delay = await drive(this.nextDelay());
      if (delay === undefined) throw new AttemptsFailed(errors);
      await this.pause(delay);
    };
    return pRetry(next, { retries: Infinity, minTimeout: 0, onFailedAttempt, signal: run.signal });
  }

  private pause(ms: number): Promise<void> | undefined {
    const { waits, onPause } = this.context;
    onPause(this.errors.length + 1);
    return ms > 0 ? waits.sleep(ms) : undefined;
  }

  private *retrySync(firstDelay: number): Coroutine {
    const { errors } = this;
    const { attempt } = this.context;
    for (let delay: number | undefined = firstDelay; delay !== undefined; delay = yield* this.nextDelay()) {
      sleepSync(delay);
      try {
        return yield* attempt(errors.length + 1);
      } catch (error) {
        if (isPause(error)) throw error;
        errors.push(error);
      }
    }
    throw new AttemptsFailed(errors);
  }
}
