import { DagwrightError } from "../base/errors.js";

/**
 * Thrown by a node or state to pause its run, for instance until a person has decided: no failure, so nothing retries it,
 * stands in for it or is told of an error. What is in flight finishes; the run ends as `paused`. Code `PAUSE_RUN`.
 */
export class PauseRun extends DagwrightError {
  static {
    this.prototype.name = "PauseRun";
  }

  /** @param reason - what the run waits for; it comes back as `run.pauseReason` */
  constructor(readonly reason?: string) {
    super(reason ?? "", "PAUSE_RUN");
  }
}

/** Whether a node threw a {@link PauseRun}, be it on another thread, from where classes do not come back. */
export function isPause(error: unknown): error is Error {
  try {
    if (!(error instanceof Error) || typeof error.message !== "string") return false;
    if (error instanceof PauseRun) return true;
    return error.name === "PauseRun" && (error as { code?: unknown }).code === "PAUSE_RUN";
  } catch {
    return false; // What can't be looked at is a failure.
  }
}
