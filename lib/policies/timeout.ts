import type { LazyAbort } from "../base/abort.js";
import { now } from "../base/clock.js";
import { isThenable, type Coroutine } from "../base/coroutine.js";

/**
 * Gives `execute` at most `timeout` ms, then aborts it with what `expired` makes. A function that blocks the thread
 * can't be interrupted: it ends, and fails then.
 * @throws the abort's reason, as soon as `abort` aborts for whatever cause
 */
export function* limited(
  timeout: number | undefined,
  abort: LazyAbort,
  expired: () => Error,
  execute: () => unknown,
): Coroutine {
  const started = timeout === undefined ? 0 : now();
  const work = execute();
  if (isThenable(work)) {
    const timer = timeout === undefined ? undefined : setTimeout(() => abort.abort(expired()), timeout);
    try {
      return yield abort.interruptible(work);
    } finally {
      clearTimeout(timer);
    }
  }
  if (timeout !== undefined && now() - started > timeout) {
    abort.abort(expired());
    throw expired();
  }
  return work;
}
