import type { Coroutine } from "../base/coroutine.js";
import { messageOf } from "../base/message.js";
import type { Waits } from "../base/waits.js";
import { isPause } from "../run/pause.js";

/**
 * What a user's function says to a failure.
 * @param option - names the function
 * @throws {AggregateError} of the failure and of what the function throws
 */
export function* asked(option: string, failure: unknown, waits: Waits, ask: () => unknown): Coroutine {
  try {
    return yield* waits.for(ask(), `"${option}"`);
  } catch (error) {
    if (isPause(error) || waits.isGivenUp(error)) throw error;
    const message = `"${option}" threw: ${messageOf(error)}, after an attempt had failed: ${messageOf(failure)}`;
    throw new AggregateError([failure, error], message);
  }
}
