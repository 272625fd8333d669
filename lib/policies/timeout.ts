import type { LazyAbort } from "../base/abort.js";
import { Timer } from "../base/timer.js";
import { now } from "../base/clock.js";
import { pendingOf, type Coroutine } from "../base/coroutine.js";

/** The time limit of one call. */
export interface TimeLimit {
  /** In ms; undefined is unlimited. */
  readonly timeout: number | undefined;
  /** Aborts with the error from `timeoutError` when the time is up. */
  readonly abort: LazyAbort;
  readonly timeoutError: () => Error;
}

/**
 * Limits `execute` to `timeout` ms. A function that blocks the thread can't be interrupted: it fails once it returns.
 * @param execute - calls `onStart` when its time begins, which for work that waits for a thread is later
 * @throws the reason of `abort` as soon as it aborts, for any cause
 */
export function* withTimeout(
  { timeout, abort, timeoutError }: TimeLimit,
  execute: (onStart: () => void) => unknown,
): Coroutine {
  const called = timeout === undefined ? 0 : now();
  let hasStarted = false;
  let isPending = false;
  let timer: Timer | undefined;
  const startTimer = () => {
    if (timeout !== undefined) timer ??= Timer.after(timeout, () => abort.abort(timeoutError()));
  };
  const work = execute(() => {
    hasStarted = true;
    if (isPending) startTimer();
  });
  const pending = pendingOf(work);
  if (pending !== undefined) {
    isPending = true;
    if (hasStarted) startTimer();
    try {
      return yield abort.race(pending);
    } finally {
      isPending = false;
      timer?.stop();
    }
  }
  if (timeout !== undefined && now() - called > timeout) {
    abort.abort(timeoutError());
    throw timeoutError();
  }
  return work;
}
