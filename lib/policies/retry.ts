import pRetry from "p-retry";
import { block } from "../base/block.js";
import { drive, type Coroutine } from "../base/coroutine.js";
import type { Waits } from "../base/waits.js";
import { asked } from "./asked.js";
import { isPause } from "../run/pause.js";
import type { RetryOptions } from "../definition/specs/policy-options.js";

const DEFAULT_RETRIES = 3;
const DEFAULT_DELAY = 100;
const DEFAULT_FACTOR = 2;
const LONGEST_DELAY = 30_000;

/** What a retry needs of the run around it. */
export interface RetryControls {
  /** The caller can't wait for promises: the pauses block the thread. */
  readonly sync: boolean;
  /** The run is over: nothing is tried again. */
  readonly isOver: boolean;
  /** Aborts with the run. */
  readonly signal: AbortSignal;
}

/** Several attempts failed, and there is to be no other; `errors` is what each threw, in order. */
export class AttemptsFailed extends Error {
  constructor(readonly errors: readonly unknown[]) {
    super(`${errors.length} attempts failed`);
  }
}

/** How many attempts may follow the first. */
export function retriesOf(retry: number | RetryOptions | undefined): number {
  return typeof retry === "object" ? (retry.retries ?? DEFAULT_RETRIES) : (retry ?? 0);
}

/** The pause in ms between attempt `attempt`, counted from 1, which failed, and the next. */
export function delayAfter(attempt: number, options: RetryOptions, random = Math.random): number {
  const { backoff = "exponential", delay = DEFAULT_DELAY, factor = DEFAULT_FACTOR } = options;
  const { maxDelay = Math.max(delay, LONGEST_DELAY) } = options;
  const growth = backoff === "fixed" ? 1 : backoff === "linear" ? attempt : factor ** (attempt - 1);
  const longest = Math.min(delay * growth, maxDelay);
  return options.jitter === true ? random() * longest : longest;
}

/**
 * Tries again after failures, as often as `retry` says. The library behind it is loaded at the first failure, so that
 * success costs nothing.
 * @param onPause - called before the pause that precedes attempt `next`: others may use the time
 * @throws what the first attempt threw when there is no second; {AttemptsFailed} after several; the signal's reason when it
 *   aborts; the {PauseRun} of an attempt, which is no failure
 */
export function* retrying(
  retry: number | RetryOptions,
  attempt: (n: number) => Coroutine,
  controls: RetryControls,
  waits: Waits,
  onPause: (next: number) => void,
): Coroutine {
  const options = typeof retry === "object" ? retry : { retries: retry };
  const errors: unknown[] = [];
  try {
    return yield* attempt(1);
  } catch (error) {
    if (controls.isOver || isPause(error)) throw error;
    errors.push(error);
    const delay = yield* pauseAfter(errors, options, waits);
    if (delay === undefined) throw error;
    if (controls.sync) return yield* retryBlocking(options, attempt, errors, delay, waits);
    const pause = (ms: number) => {
      onPause(errors.length + 1);
      return ms > 0 ? waits.pause(ms) : undefined;
    };
    return yield retryWaiting(options, attempt, errors, delay, controls.signal, waits, pause);
  }
}

/** The pause before the next attempt, in ms; undefined when there is to be none. */
function* pauseAfter(errors: readonly unknown[], options: RetryOptions, waits: Waits): Coroutine<number | undefined> {
  const attempt = errors.length;
  const error = errors[attempt - 1];
  if (attempt > retriesOf(options)) return undefined;
  if (options.when !== undefined && !(yield* asked("retry.when", error, waits, () => options.when?.(error, attempt))))
    return undefined;
  const delay = delayAfter(attempt, options);
  yield* asked("retry.onRetry", error, waits, () => options.onRetry?.(error, attempt, delay));
  return delay;
}

async function retryWaiting(
  options: RetryOptions,
  attempt: (n: number) => Coroutine,
  errors: unknown[],
  firstDelay: number,
  signal: AbortSignal,
  waits: Waits,
  pause: (ms: number) => Promise<void> | undefined,
): Promise<unknown> {
  await pause(firstDelay);
  // The first attempt was made already, so the library's is the second.
  const next = async (n: number) => {
    try {
      return await drive(attempt(n + 1));
    } catch (error) {
      signal.throwIfAborted();
      if (isPause(error)) throw error;
      errors.push(error);
      throw new AttemptsFailed(errors);
    }
  };
  const onFailedAttempt = async ({ error }: { error: Error }) => {
    signal.throwIfAborted();
    if (isPause(error)) throw error;
    const delay = await drive(pauseAfter(errors, options, waits));
    if (delay === undefined) throw new AttemptsFailed(errors);
    await pause(delay);
  };
  return pRetry(next, { retries: Infinity, minTimeout: 0, onFailedAttempt, signal });
}

function* retryBlocking(
  options: RetryOptions,
  attempt: (n: number) => Coroutine,
  errors: unknown[],
  firstDelay: number,
  waits: Waits,
): Coroutine {
  for (
    let delay: number | undefined = firstDelay;
    delay !== undefined;
    delay = yield* pauseAfter(errors, options, waits)
  ) {
    block(delay);
    try {
      return yield* attempt(errors.length + 1);
    } catch (error) {
      if (isPause(error)) throw error;
      errors.push(error);
    }
  }
  throw new AttemptsFailed(errors);
}
