import { LazyAbort, onAbort } from "../../base/abort.js";
import { Timer } from "../../base/timer.js";
import { show } from "../../base/check.js";
import { messageOf } from "../../base/message.js";
import { CancelledError, RunTimeoutError } from "../../run/errors.js";

/** The delays between two polls of the store, in ms: the first one, doubled each time up to the longest. */
export const POLL_DELAY = { first: 20, longest: 1000 };

/** Options that end the waiting for a recorded run. */
export interface WaitOptions {
  readonly signal?: AbortSignal;
  /** In ms. */
  readonly timeout?: number;
}

/**
 * Settles as `work` does, or rejects at once on abort or timeout, since a store may take long to answer.
 * @param work - its argument aborts when the result is no longer wanted
 * @throws {CancelledError} | {RunTimeoutError} naming the run
 */
export async function interruptible<T>(
  { signal, timeout }: WaitOptions,
  run: { readonly workflow: string; readonly runId: string },
  work: (abort: LazyAbort) => Promise<T>,
): Promise<T> {
  const abort = new LazyAbort();
  const { runId } = run;
  const waiting = `Waiting for run ${show(runId)} of ${show(run.workflow)}`;
  const onCancel = (reason: unknown) => {
    const why = reason === undefined ? "" : `: ${messageOf(reason)}`;
    const message = `${waiting} was cancelled${why}. The run is left as it is.`;
    abort.abort(new CancelledError(message, { runId, cause: reason }));
  };
  const onExpired = () => {
    const message = `${waiting} took longer than the timeout of ${timeout} ms. Raise it; the run is left as it is.`;
    abort.abort(new RunTimeoutError(message, { runId }));
  };
  const removeListener = signal === undefined ? undefined : onAbort(signal, onCancel);
  const timer = timeout === undefined ? undefined : Timer.after(timeout, onExpired);
  try {
    if (abort.aborted) throw abort.reason;
    return await abort.race(work(abort));
  } finally {
    removeListener?.();
    timer?.stop();
  }
}
