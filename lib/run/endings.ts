/** The errors of runs that end before their time. */
import type { DagwrightError } from "../base/errors.js";
import { CancelledError, ExecutionError, RunTimeoutError } from "./errors.js";
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

/** Something threw that must not. */
export function broken(run: RunBase, fault: unknown): ExecutionError {
  const message =
    `Run of "${run.workflow}" broke off: ${messageOf(fault)}. Neither a node nor a hook threw that, see the cause: ` +
    `correct a scheduler, signal or clock of your own, or report a fault of dagwright.`;
  return new ExecutionError(message, { runId: run.runId, cause: fault }, "INTERNAL");
}

/** Why what is in flight is given up when its run ends with `cause`. */
export function interruption(run: RunBase, cause: DagwrightError): CancelledError {
  if (cause instanceof CancelledError) return cause;
  const message = `Run of "${run.workflow}" was stopped: ${messageOf(cause)}`;
  return new CancelledError(message, { runId: run.runId, cause });
}
