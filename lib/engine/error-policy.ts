import { show } from "../base/check.js";
import { pendingOf } from "../base/coroutine.js";
import type { Context } from "../definition/context.js";
import type { ErrorStrategy } from "../definition/specs/node-options.js";
import { ExecutionError } from "../run/errors.js";
import { asSentence, messageOf } from "../base/message.js";
import { isPause, type PauseRun } from "../run/pause.js";
import type { ErrorHandler } from "./options.js";

/**
 * What to do about a failure: a strategy, or what the handler that should have known threw itself: a pause, or another error.
 */
export type Verdict = ErrorStrategy | ExecutionError | PauseRun;

/** Asks the run's error handler what to do about a node's failure. */
export function askHandler(handler: ErrorHandler, error: ExecutionError, ctx: Context): Verdict | Promise<Verdict> {
  const { node, state, cycle } = error;
  const site = { runId: ctx.runId, node, attempt: ctx.attempt, state, cycle };
  const label = state === undefined ? `node "${node}"` : `state "${state}"`;
  const faulty = (cause: unknown) => {
    if (isPause(cause)) return cause as PauseRun;
    const message = `errorHandler threw on the failure of ${label}: ${asSentence(messageOf(cause))} Correct the handler.`;
    return new ExecutionError(message, { ...site, cause });
  };
  const toVerdict = (answer: unknown): Verdict => {
    if (answer === "stop") return "failFast";
    if (answer === "continue") return "continue";
    return new ExecutionError(
      `errorHandler must return "stop" or "continue"; it returned ${show(answer)}. Correct the handler.`,
      site,
    );
  };
  try {
    const answer: unknown = handler(ctx.nodeName, error, ctx);
    const pending = pendingOf(answer);
    return pending === undefined ? toVerdict(answer) : settled(pending).then(toVerdict, faulty);
  } catch (cause) {
    return faulty(cause);
  }
}

/** A promise of ours, whatever class the other one is of. */
async function settled(pending: Promise<unknown>): Promise<unknown> {
  return await pending;
}
