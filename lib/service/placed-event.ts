import { DagwrightError } from "../base/errors.js";
import { ExecutionError } from "../run/errors.js";
import { failedBecause } from "../run/failure-messages.js";
import type { EventFacts } from "../run/events.js";
import type { RunHistory } from "../stores/reading/run-history.js";

/** An event, with its place in the order of those of a run. */
export interface Placed {
  readonly at: number;
  readonly node?: string | undefined;
  readonly facts: EventFacts;
  /** See `recordedId`. */
  readonly which?: readonly number[];
}

/** What a node failed with. @param error - what its function threw */
export function failureOf(
  { runId }: Pick<RunHistory, "runId">,
  node: string,
  attempt: number,
  error: unknown,
): DagwrightError {
  if (error instanceof DagwrightError) return error;
  return new ExecutionError(failedBecause(`Node "${node}"`, error), { runId, node, attempt, cause: error });
}
