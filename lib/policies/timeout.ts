import type { LazyAbort } from "../base/abort.js";
import { Timer } from "../base/timer.js";
import { now } from "../base/clock.js";
import { pendingOf, type Coroutine } from "../base/coroutine.js";

/** The time limit of one call. */
export interface TimeLimit {
  /** In ms; undefined is unlimited. */
  readonly timeout: number | undefined;
  /** Aborted with what `timeoutError` returns when the time is up. */
  readonly abort: LazyAbort;
  readonly timeoutError: () => Error;
  /** Whether the time runs from `onStart` instead of the call, as for work that waits for a thread. */
  readonly startsLater: boolean;
}

/**
 * Gives `execute` at most `timeout` ms. A function that blocks the thread can't be interrupted: it fails once it
 * returns.
 * @throws the reason of `abort` as soon as it aborts, for any cause
 */
export function* withTimeout(
  { timeout, abort, timeoutError, startsLater }: TimeLimit,
  execute: (onStart: () => void) => unknown,
): Coroutine {
  const started = timeout === undefined ? 0 : now();
  let timer: Timer | undefined;
  let isOver = false;
  const onStart = () => {
    if (timeout !== undefined && !isOver) timer ??= Timer.after(timeout, () => abort.abort(timeoutError()));
  };
  const work = execute(onStart);
  const pending = pendingOf(work);
  if (pending !== undefined) {
    if (!startsLater) onStart();
    try {
      return yield abort.race(pending);
    } finally {
      isOver = true;
      timer?.stop();
    }
  }
  if (timeout !== undefined && now() - started > timeout) {
    abort.abort(timeoutError());
    throw timeoutError();
  }
  return work;
}
