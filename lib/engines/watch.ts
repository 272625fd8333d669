import type { Coroutine } from "../base/coroutine.js";
import { isInstance } from "../base/hostile.js";
import type { Context } from "../definition/context.js";
import type { Holder } from "../policies/holder.js";
import { isErrorOf, NodeTimeoutError, RetryExhaustedError } from "../run/errors.js";

/** What a function can learn from its context: what the run was given, and what has come of it. */
const GIVEN = ["metadata", "inputs"] as const;
const FOUND = ["results", "get", "has"] as const;

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

  /** Notices what the function looks at in its context. */
  notice(context: Context): void {
    for (const name of GIVEN) intercept(context, name, () => (this.hasSeenGiven = true));
    for (const name of FOUND) intercept(context, name, () => (this.hasSeenFound = true));
  }

  /** Whether it was the function that failed, in every attempt, and not where it was called in a run of this id. */
  hasFailed(error: unknown, runId: string): boolean {
    if (this.thrown.has(error)) return !isErrorOf(runId, error) || isInstance(error, NodeTimeoutError);
    return isInstance(error, RetryExhaustedError) && error.errors.every((each) => this.hasFailed(each, runId));
  }
}

function intercept(context: Context, name: keyof Context, seen: () => void): void {
  const from = Object.getPrototypeOf(context) as object;
  const get = () => {
    seen();
    return Reflect.get(from, name, context) as unknown;
  };
  Object.defineProperty(context, name, { get });
}
