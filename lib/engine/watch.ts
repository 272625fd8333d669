import type { Coroutine } from "../base/coroutine.js";
import { isInstance } from "../base/safe-access.js";
import type { Holder } from "../policies/holder.js";
import { isErrorOf, NodeTimeoutError, RetryExhaustedError } from "../run/errors.js";

/** How the function of a cached node fares: by this, a failure of the node is told from one of its run alone. */
export class Watch {
  private readonly thrown = new Set<unknown>();
  /** Whether the function has looked at what the run was given, and at what has come of it. */
  hasSeenGiven = false;
  hasSeenFound = false;

  /** @param holder - what the node is to those who wait for its result */
  constructor(readonly holder: Holder) {}

  /** Calls the function. */
  *over(call: Coroutine): Coroutine {
    try {
      return yield* call;
    } catch (error) {
      this.thrown.add(error);
      throw error;
    }
  }

  onRead(what: "inputs" | "results"): void {
    if (what === "inputs") this.hasSeenGiven = true;
    else this.hasSeenFound = true;
  }

  /** Whether it was the function that failed, in every attempt, and not where it was called in a run of this id. */
  hasFailed(error: unknown, runId: string): boolean {
    if (this.thrown.has(error)) return !isErrorOf(runId, error) || isInstance(error, NodeTimeoutError);
    return isInstance(error, RetryExhaustedError) && error.errors.every((each) => this.hasFailed(each, runId));
  }
}
