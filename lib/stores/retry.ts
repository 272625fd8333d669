import { nowChecked } from "../base/clock.js";

/**
 * Why a statement or a transaction failed.
 *
 * `passing`: it wrote nothing, and may succeed when it is tried again. `lost`: the connection broke, and `silent`: there was no
 * answer in time, so that nobody knows whether it wrote anything. `data`: the database refuses it, which may be because of what it
 * was given. `broken`: it has failed whatever it was given.
 */
export type Failure = "transient" | "disconnected" | "timeout" | "rejected" | "fatal";

/** For how long something is tried again after it failed first, in ms. */
const RETRY_PERIOD = 5000;

const FIRST_DELAY = 10;
const MAX_DELAY = 500;

/** Before whoever gave no answer is asked again, in ms. */
const DELAY_AFTER_TIMEOUT = 1000;

/**
 * Tries again what failed for a reason that passes, with growing pauses, for some 5 s.
 * @param work - does no harm when it is done again although nobody knows whether it was done
 */
export async function withRetries<T>(work: () => Promise<T>, failureOf: (error: unknown) => Failure): Promise<T> {
  let deadline = Infinity;
  for (let longest = FIRST_DELAY; ; longest = Math.min(2 * longest, MAX_DELAY)) {
    try {
      return await work();
    } catch (error) {
      const failure = failureOf(error);
      const isWorthIt = failure === "transient" || failure === "disconnected" || failure === "timeout";
      const time = nowChecked();
      deadline = Math.min(deadline, time + RETRY_PERIOD);
      if (!isWorthIt || time >= deadline) throw error;
      const pause = failure === "timeout" ? DELAY_AFTER_TIMEOUT : longest * (0.5 + Math.random() / 2);
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
}
