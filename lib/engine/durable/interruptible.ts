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

  /** Called when this process is about to drive the run. From now on, aborting ends the run, through the listeners. */
  takeUp(): void {
    this.isTakingUp = true;
    this.within?.takeUp();
  }

  /** Called when this process could not take the run over. */
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
 * Settles as `work` does. Until the run is taken over, rejects at once on abort or timeout, since a store may take
 * long to answer.
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
