/** The errors of runs that end before their time. */
import type { DagwrightError } from "../base/errors.js";
import { CancelledError, RunTimeoutError } from "./errors.js";
import { messageOf } from "../base/message.js";
import type { RunBase } from "./run-base.js";

const PARTIAL = `Its partial results are in the error's "run".`;

/** A run was cancelled from outside. */
export function cancelled(run: RunBase, reason: unknown): CancelledError {
  const why = reason === undefined ? "" : `: ${messageOf(reason)}`;
  const message = `Run of "${run.workflow}" was cancelled${why}. ${PARTIAL}`;
  return new CancelledError(message, { runId: run.runId, cause: reason });
}

/** A run took longer than its `timeout`, in ms. */
export function expired(run: RunBase, timeout: number | undefined): RunTimeoutError {
  const message = `Run of "${run.workflow}" took longer than its timeout of ${timeout} ms. ${PARTIAL}`;
  return new RunTimeoutError(message, { runId: run.runId });
}

/** Why what is in flight is given up when its run ends with `cause`. */
export function interruption(run: RunBase, cause: DagwrightError): CancelledError {
  if (cause instanceof CancelledError) return cause;
  const message = `Run of "${run.workflow}" was stopped: ${cause.message}`;
  return new CancelledError(message, { runId: run.runId, cause });
}
