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
  /** The wait that this one is part of. */
  readonly within?: Wait;
}

/** A wait for a recorded run, which aborts when its caller stops waiting. */
export class Wait extends LazyAbort {
  private isTakingUp = false;
  private late: Error | undefined;

  constructor(private readonly within?: Wait) {
    super();
  }

  /** The run is about to have its driver here: to stop waiting ends the run from now on, which the listeners do. */
  takeUp(): void {
    this.isTakingUp = true;
    this.within?.takeUp();
  }

  /** The run could not be taken up. */
  leave(): void {
    this.isTakingUp = false;
    if (this.late !== undefined) this.abort(this.late);
    this.within?.leave();
  }

  override abort(error: Error): void {
    if (!this.isTakingUp) return super.abort(error);
    this.late ??= error;
    this.tell(error);
  }
}

/**
 * Settles as `work` does, or rejects at once on abort or timeout, since a store may take long to answer: unless it is
 * taking the run up.
 * @throws {CancelledError} | {RunTimeoutError} naming the run
 */
export async function interruptible<T>(
  { signal, timeout, within }: WaitOptions,
  run: { readonly workflow: string; readonly runId: string },
  work: (wait: Wait) => Promise<T>,
): Promise<T> {
  const wait = new Wait(within);
  const { runId } = run;
  const waiting = `Waiting for run ${show(runId)} of ${show(run.workflow)}`;
  const onCancel = (reason: unknown) => {
    const why = reason === undefined ? "" : `: ${messageOf(reason)}`;
    const message = `${waiting} was cancelled${why}. The run is left as it is.`;
    wait.abort(new CancelledError(message, { runId, cause: reason }));
  };
  const onExpired = () => {
    const message = `${waiting} took longer than the timeout of ${timeout} ms. Raise it; the run is left as it is.`;
    wait.abort(new RunTimeoutError(message, { runId }));
  };
  const removeListener = signal === undefined ? undefined : onAbort(signal, onCancel);
  const timer = timeout === undefined ? undefined : Timer.after(timeout, onExpired);
  try {
    if (wait.aborted) throw wait.reason;
    return await wait.race(work(wait));
  } finally {
    removeListener?.();
    timer?.stop();
  }
}
