import { now } from "../base/clock.js";

/**
 * Why a statement or a transaction failed.
 *
 * `passing`: it wrote nothing, and may succeed when it is tried again. `unknown`: the connection was lost, so nobody knows
 * whether it wrote anything. `data`: the database refuses what it was given. `broken`: anything else, which no other try
 * mends.
 */
export type Failure = "passing" | "unknown" | "data" | "broken";

/** For how long something is tried again, in ms. */
const PATIENCE = 5000;

const FIRST_PAUSE = 10;
const LONGEST_PAUSE = 500;

/**
 * Tries again what failed for a reason that passes, with growing pauses, for some 5 s.
 * @param isWorthIt - whether a failure is one that another try may mend, and does no harm
 */
export async function persistently<T>(work: () => Promise<T>, isWorthIt: (error: unknown) => boolean): Promise<T> {
  const deadline = now() + PATIENCE;
  for (let longest = FIRST_PAUSE; ; longest = Math.min(2 * longest, LONGEST_PAUSE)) {
    try {
      return await work();
    } catch (error) {
      if (!isWorthIt(error) || now() > deadline) throw error;
      const pause = longest * (0.5 + Math.random() / 2);
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
}
