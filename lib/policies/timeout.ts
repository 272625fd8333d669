import type { LazyAbort } from "../base/abort.js";
import { Alarm } from "../base/alarm.js";
import { now } from "../base/clock.js";
import { pendingOf, type Coroutine } from "../base/coroutine.js";

/**
 * Gives `execute` at most `timeout` ms, then aborts it with what `expired` makes. A function that blocks the thread
 * can't be interrupted: it ends, and fails then.
 * @param execute - calls `began` when its time begins, if that is `later`; otherwise it begins with the call
 * @throws the abort's reason, as soon as `abort` aborts for whatever cause
 */
export function* limited(
  timeout: number | undefined,
  abort: LazyAbort,
  expired: () => Error,
  execute: (began: () => void) => unknown,
  later = false,
): Coroutine {
  const started = timeout === undefined ? 0 : now();
  let alarm: Alarm | undefined;
  let isOver = false;
  const begin = () => {
    if (timeout !== undefined && !isOver) alarm ??= Alarm.after(timeout, () => abort.abort(expired()));
  };
  const work = execute(begin);
  const pending = pendingOf(work);
  if (pending !== undefined) {
    if (!later) begin();
    try {
      return yield abort.race(pending);
    } finally {
      isOver = true;
      alarm?.stop();
    }
  }
  if (timeout !== undefined && now() - started > timeout) {
    abort.abort(expired());
    throw expired();
  }
  return work;
}
