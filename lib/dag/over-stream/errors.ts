/** The errors of streams. */
import { asSentence, messageOf } from "../../base/message.js";
import { isInstance } from "../../base/safe-access.js";
import { CancelledError, ExecutionError, StreamError } from "../../run/errors.js";
import type { StreamInput } from "./options.js";

/** The error of an item whose run failed with `cause`, or could not begin. */
export function itemFailed(workflow: string, { index, input }: StreamInput, cause: unknown): StreamError {
  const message = `Item ${index} of the stream of "${workflow}" failed: ${asSentence(messageOf(cause))}`;
  if (!isInstance(cause, ExecutionError)) return new StreamError(message, { runId: "", cause }, index, input);
  const { runId, node, attempt, run } = cause;
  const error = new StreamError(message, { runId, node, attempt, cause }, index, input);
  if (run !== undefined) error.run = run;
  return error;
}

/** The error of an item that the callback for failed items did not take. */
export function notTaken(workflow: string, { index, input }: StreamInput, cause: unknown): StreamError {
  const why = asSentence(messageOf(cause));
  const message = `"deadLetter" threw on item ${index} of the stream of "${workflow}": ${why} Correct the function.`;
  return new StreamError(message, { runId: "", cause }, index, input);
}

/** The error of an item whose run paused, so that there is no value of it. */
export function pausedAt(runId: string, node: string | undefined): ExecutionError {
  const where = node === undefined ? "" : ` at node "${node}"`;
  const message = `The run paused${where}, so it has no value yet. Read the stream without "values", and resume the run.`;
  return new ExecutionError(message, { runId, node });
}

/** The error of a source that threw instead of giving item `index`. */
export function sourceFailed(workflow: string, index: number, cause: unknown): StreamError {
  const message = `The source of the stream of "${workflow}" failed at item ${index}: ${asSentence(messageOf(cause))}`;
  return new StreamError(message, { runId: "", cause }, index, undefined);
}

/** The error of a stream whose signal aborted. */
export function streamCancelled(workflow: string, read: number, reason: unknown): CancelledError {
  const why = reason === undefined ? "" : `: ${messageOf(reason)}`;
  const message = `The stream of "${workflow}" was cancelled after ${read} item${read === 1 ? "" : "s"}${asSentence(why)}`;
  return new CancelledError(message, { runId: "", cause: reason });
}
