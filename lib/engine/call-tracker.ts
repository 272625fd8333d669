import type { Coroutine } from "../base/coroutine.js";
import { isInstance } from "../base/safe-access.js";
import type { Holder } from "../policies/holder.js";
import { isErrorOf, NodeTimeoutError, RetryExhaustedError } from "../run/errors.js";

/**
 * Tracks the calls of a cached node's function: what they throw, and what they read from the context. This tells a
 * failure of the node, which other runs share, from a failure of this run.
 */
export class CallTracker {
  private readonly thrown = new Set<unknown>();
  /** Whether the function has read the inputs or the metadata of its run. */
  hasReadInputs = false;
  /** Whether the function has read results of other nodes. */
  hasReadResults = false;

  /** @param holder - the node in the wait-for graph */
  constructor(readonly holder: Holder) {}

  *track(call: Coroutine): Coroutine {
    try {
      return yield* call;
    } catch (error) {
      this.thrown.add(error);
      throw error;
    }
  }

  onRead(what: "inputs" | "results"): void {
    if (what === "inputs") this.hasReadInputs = true;
    else this.hasReadResults = true;
  }

  /** Whether the function itself threw the error, in every attempt, so that other runs would get it, too. */
  isOfNode(error: unknown, runId: string): boolean {
    if (this.thrown.has(error)) return !isErrorOf(runId, error) || isInstance(error, NodeTimeoutError);
    return isInstance(error, RetryExhaustedError) && error.errors.every((each) => this.isOfNode(each, runId));
  }
}
