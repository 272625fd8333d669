/** The errors of runs that end early. */
import type { DagwrightError } from "../base/errors.js";
import { CancelledError, ExecutionError, RunTimeoutError } from "./errors.js";
import { messageOf } from "../base/message.js";
import type { RunBase } from "./run-base.js";

const PARTIAL = `Its partial results are in the error's "run".`;

/** The error of a run that was cancelled. */
export function cancelled(run: Pick<RunBase, "runId" | "workflow">, reason: unknown): CancelledError {
  const why = reason === undefined ? "" : `: ${messageOf(reason)}`;
  const message = `Run of "${run.workflow}" was cancelled${why}. ${PARTIAL}`;
  return new CancelledError(message, { runId: run.runId, cause: reason });
}

/** The error with which attempts in flight are interrupted when their run is given back. */
export function givenBack(runId: string, reason: string): CancelledError {
  return new CancelledError(`Run "${runId}" was interrupted: ${reason}. It is queued again, and will go on.`, {
    runId,
  });
}

/** The error of a run that exceeded its `timeout`, in ms. */
export function expired(run: RunBase, timeout: number | undefined): RunTimeoutError {
  const message = `Run of "${run.workflow}" took longer than its timeout of ${timeout} ms. ${PARTIAL}`;
  return new RunTimeoutError(message, { runId: run.runId });
}

/** The error of a run in which an internal function threw. */
export function broken(run: RunBase, fault: unknown): ExecutionError {
  const message =
    `Run of "${run.workflow}" failed internally: ${messageOf(fault)}. Neither a node nor a hook threw this, see the ` +
    `cause. Check custom schedulers, signals and clocks, or report a bug in dagwright.`;
  return new ExecutionError(message, { runId: run.runId, cause: fault }, "INTERNAL");
}

/** The error with which attempts in flight are cancelled when their run ends with `cause`. */
export function interruption(run: RunBase, cause: DagwrightError): CancelledError {
  if (cause instanceof CancelledError) return cause;
  const message = `Run of "${run.workflow}" was stopped: ${messageOf(cause)}`;
  return new CancelledError(message, { runId: run.runId, cause });
}
