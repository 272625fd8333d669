import { drive, type Coroutine } from "../base/coroutine.js";

const FIRST_DELAY = 100;
const FACTOR = 2;
const LONGEST_DELAY = 30_000;

/** What a retry needs of the run around it. */
export interface RetryControls {
  /** The caller can't wait for promises: the pauses block the thread. */
  readonly sync: boolean;
  /** Ends the waiting when it aborts. */
  readonly signal: AbortSignal;
  /** Called before each pause. */
  waiting(): void;
}

/** All attempts failed; `errors` is what each threw, in order. */
export class AttemptsFailed extends Error {
  constructor(readonly errors: readonly unknown[]) {
    super(`${errors.length} attempts failed`);
  }
}

/**
 * Tries up to `retries` times more after a failure, pausing 100 ms, 200 ms, 400 ms … (at most 30 s) between attempts.
 * The library behind it is loaded at the first failure, so that success costs nothing.
 * @throws {AttemptsFailed} when the last attempt failed too; the signal's reason when it aborts
 */
export function* retrying(retries: number, attempt: (n: number) => Coroutine, controls: RetryControls): Coroutine {
  const errors: unknown[] = [];
  try {
    return yield* attempt(1);
  } catch (error) {
    if (controls.signal.aborted) throw error;
    errors.push(error);
  }
  if (controls.sync) return yield* retryBlocking(retries, attempt, errors);
  return yield retryWaiting(retries, attempt, errors, controls);
}

async function retryWaiting(
  retries: number,
  attempt: (n: number) => Coroutine,
  errors: unknown[],
  controls: RetryControls,
): Promise<unknown> {
  const { default: pRetry } = await import("p-retry");
  // p-retry counts the attempt that has already failed as its first, and accepts nothing but plain errors.
  const next = async (n: number) => {
    if (n > 1) {
      try {
        return await drive(attempt(n));
      } catch (error) {
        errors.push(error);
      }
    }
    throw new AttemptsFailed(errors);
  };
  return pRetry(next, {
    retries,
    minTimeout: FIRST_DELAY,
    factor: FACTOR,
    maxTimeout: LONGEST_DELAY,
    signal: controls.signal,
    onFailedAttempt: ({ retriesLeft }) => {
      if (retriesLeft > 0) controls.waiting();
    },
  });
}

function* retryBlocking(retries: number, attempt: (n: number) => Coroutine, errors: unknown[]): Coroutine {
  const clock = new Int32Array(new SharedArrayBuffer(4));
  for (let n = 2; n <= retries + 1; n++) {
    Atomics.wait(clock, 0, 0, Math.min(FIRST_DELAY * FACTOR ** (n - 2), LONGEST_DELAY));
    try {
      return yield* attempt(n);
    } catch (error) {
      errors.push(error);
    }
  }
  throw new AttemptsFailed(errors);
}
