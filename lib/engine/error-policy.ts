import { show } from "../base/check.js";
import { pendingOf } from "../base/coroutine.js";
import { asSentence, messageOf } from "../base/message.js";
import type { Context } from "../definition/context.js";
import type { ErrorStrategy } from "../definition/specs/node-options.js";
import { ExecutionError } from "../run/errors.js";
import { isPause, type PauseRun } from "../run/pause.js";
import type { ErrorHandler } from "./options.js";

/** What to do about a failure: follow an error strategy, or fail or pause the run with what the error handler threw. */
export type FailureAction = ErrorStrategy | ExecutionError | PauseRun;

/** Asks the run's error handler what to do about a failure. Never throws or rejects. */
export function askErrorHandler(
  handler: ErrorHandler,
  error: ExecutionError,
  ctx: Context,
): FailureAction | Promise<FailureAction> {
  const { node, state, cycle } = error;
  const site = { runId: ctx.runId, node, attempt: ctx.attempt, state, cycle };
  const threw = (cause: unknown): FailureAction => {
    if (isPause(cause)) return cause as PauseRun;
    const label = state === undefined ? `node "${node}"` : `state "${state}"`;
    const message = `errorHandler threw on the failure of ${label}: ${asSentence(messageOf(cause))} Correct the handler.`;
    return new ExecutionError(message, { ...site, cause });
  };
  const answered = (answer: unknown): FailureAction => {
    if (answer === "stop") return "failFast";
    if (answer === "continue") return "continue";
    const message = `errorHandler must return "stop" or "continue"; it returned ${show(answer)}. Correct the handler.`;
    return new ExecutionError(message, site);
  };
  try {
    const answer: unknown = handler(ctx.nodeName, error, ctx);
    const pending = pendingOf(answer);
    return pending === undefined ? answered(answer) : settled(pending).then(answered, threw);
  } catch (cause) {
    return threw(cause);
  }
}

/** Converts any promise to a native one. */
async function settled(pending: Promise<unknown>): Promise<unknown> {
  return await pending;
}
