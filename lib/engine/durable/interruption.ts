import { show } from "../../base/check.js";
import { Timer } from "../../base/timer.js";
import { LazyAbort, onAbort } from "../../base/abort.js";
import { messageOf } from "../../base/message.js";
import { CancelledError, RunTimeoutError } from "../../run/errors.js";

/** How long to wait before looking again what others do with a run, in ms: at first, and, doubling, at most. */
export const PAUSE = { first: 20, last: 1000 };

/** What may end the waiting for a recorded run. */
export interface Patience {
  readonly signal?: AbortSignal;
  /** In ms. */
  readonly timeout?: number;
}

/**
 * Settles as `work` does, or rejects at once when there is an abort or the time is over: a store may take long to
 * answer.
 * @param work - gets what tells it that nobody waits for it any more
 * @throws {CancelledError} | {RunTimeoutError} naming the run
 */
export async function interruptible<T>(
  { signal, timeout }: Patience,
  run: { readonly workflow: string; readonly runId: string },
  work: (abort: LazyAbort) => Promise<T>,
): Promise<T> {
  const abort = new LazyAbort();
  const { runId } = run;
  const waiting = `Waiting for run ${show(runId)} of ${show(run.workflow)}`;
  const onCancel = (reason: unknown) => {
    const why = reason === undefined ? "" : `: ${messageOf(reason)}`;
    abort.abort(
      new CancelledError(`${waiting} was cancelled${why}. The run is left as it is.`, { runId, cause: reason }),
    );
  };
  const onExpired = () =>
    abort.abort(
      new RunTimeoutError(
        `${waiting} took longer than the timeout of ${timeout} ms. Raise it; the run is left as it is.`,
        { runId },
      ),
    );
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
