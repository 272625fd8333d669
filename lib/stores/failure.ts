import { nowChecked } from "../base/clock.js";

/**
 * Why a statement or a transaction failed.
 *
 * `passing`: it wrote nothing, and may succeed when it is tried again. `lost`: the connection broke, and `silent`: there was no
 * answer in time, so that nobody knows whether it wrote anything. `data`: the database refuses it, which may be because of what it
 * was given. `broken`: it has failed whatever it was given.
 */
export type Failure = "passing" | "lost" | "silent" | "data" | "broken";

/** For how long something is tried again after it failed first, in ms. */
const PATIENCE = 5000;

const FIRST_PAUSE = 10;
const LONGEST_PAUSE = 500;

/** Before whoever gave no answer is asked again, in ms. */
const PAUSE_AFTER_SILENCE = 1000;

/**
 * Tries again what failed for a reason that passes, with growing pauses, for some 5 s.
 * @param work - does no harm when it is done again although nobody knows whether it was done
 */
export async function persistently<T>(work: () => Promise<T>, failureOf: (error: unknown) => Failure): Promise<T> {
  let deadline = Infinity;
  for (let longest = FIRST_PAUSE; ; longest = Math.min(2 * longest, LONGEST_PAUSE)) {
    try {
      return await work();
    } catch (error) {
      const failure = failureOf(error);
      const isWorthIt = failure === "passing" || failure === "lost" || failure === "silent";
      const time = nowChecked();
      deadline = Math.min(deadline, time + PATIENCE);
      if (!isWorthIt || time >= deadline) throw error;
      const pause = failure === "silent" ? PAUSE_AFTER_SILENCE : longest * (0.5 + Math.random() / 2);
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
}
