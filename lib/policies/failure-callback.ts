import type { Coroutine } from "../base/coroutine.js";
import { messageOf } from "../base/message.js";
import type { CancelScope } from "../base/cancel-scope.js";
import { isPause } from "../run/pause.js";

/**
 * Calls a user's callback about a failure, and waits for its answer.
 * @param option - the callback's name in messages
 * @throws {AggregateError} of the failure and the callback's own error
 */
export function* failureCallback(option: string, failure: unknown, waits: CancelScope, call: () => unknown): Coroutine {
  try {
    return yield* waits.wait(call(), `"${option}"`);
  } catch (error) {
    if (isPause(error) || waits.isCancellation(error)) throw error;
    const message = `"${option}" threw: ${messageOf(error)}, after an attempt had failed: ${messageOf(failure)}`;
    throw new AggregateError([failure, error], message);
  }
}
