import { abandon, pendingOf } from "../../base/coroutine.js";
import { dueAfter, type Delay } from "../../definition/specs/node-options.js";

/**
 * When a delay that begins now ends, in ms since 1970.
 * @param inputs - for a delay that is a function of them
 * @param time - now, in ms since 1970
 * @throws what that function throws; {TypeError} | {RangeError} when it returns no delay
 */
export function delayEnd(delay: Delay, inputs: readonly unknown[], time: number): number {
  if (typeof delay !== "function") return dueAfter("delay", delay, time);
  const answer: unknown = delay(...inputs);
  const pending = pendingOf(answer);
  if (pending === undefined) return dueAfter("delay", answer, time);
  abandon(pending);
  throw new TypeError("It returned a promise. Return ms or a date, or let one before it find it out.");
}
