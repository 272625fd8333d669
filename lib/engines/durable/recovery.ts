import { nowChecked, toEpoch } from "../../base/clock.js";
import { StoreError, ValidationError, type ValidationIssue } from "../../base/errors.js";
import type { Claim, RecordedRun, RunStore, WorkflowKind } from "../../stores/store.js";
import type { Recorder } from "./recorder.js";

/** What goes on with a recorded run. */
interface Continuation {
  readonly recorder: Recorder;
  readonly claim: Claim;
}

/**
 * Takes up a recorded run, so that this process drives it, unless it has a result already.
 * @param continued - how the run goes on, or its result
 * @param isWanted - whether to go on with what the run is by now
 * @returns what `continued` gave; undefined for a run that is not wanted
 */
export async function takeUp<T extends object>(
  store: RunStore,
  runId: string,
  continued: (run: RecordedRun) => T,
  isWanted: (run: RecordedRun) => boolean = () => true,
): Promise<T | undefined> {
  let next = undefined as T | undefined;
  const log = await store.claim(runId, (recorded) => {
    next = isWanted(recorded) ? continued(recorded) : undefined;
    return next !== undefined && goesOn(next) ? next.claim : undefined;
  });
  if (log !== undefined && next !== undefined && goesOn(next)) next.recorder.attach(log);
  return next;
}

function goesOn(next: object): next is Continuation {
  return "claim" in next;
}

/**
 * Goes on with the runs of a workflow whose process is gone, one after the other, the oldest first: several processes that
 * recover share them.
 * @returns the results, of runs that fail too
 * @throws {ValidationError} for runs that do not fit the workflow, once all others are done; {StoreError} at once
 */
export async function recoverAll<R>(
  store: RunStore,
  workflow: string,
  kind: WorkflowKind,
  resume: (runId: string, isWanted: (run: RecordedRun) => boolean) => Promise<R | undefined>,
): Promise<R[]> {
  const results: R[] = [];
  const issues: ValidationIssue[] = [];
  let refusal: ValidationError | undefined;
  for (const runId of await store.abandoned(workflow, kind)) {
    try {
      const result = await resume(runId, isAbandoned);
      if (result !== undefined) results.push(result);
    } catch (error) {
      const { run } = error as { run?: R };
      if (run !== undefined) results.push(run);
      else if (error instanceof ValidationError) {
        refusal ??= error;
        issues.push(...error.issues);
      } else if (!(error instanceof StoreError) || !IS_TAKEN.has(error.code)) throw error;
    }
  }
  if (refusal === undefined) return results;
  if (issues.length === 1) throw refusal;
  const lines = issues.map(({ message }) => `  - ${message}`);
  throw new ValidationError(`Some runs can't be recovered:\n${lines.join("\n")}`, issues);
}

/** Whether nobody has taken the run, and ended it, meanwhile. */
const isAbandoned = ({ status, dueAt = Infinity }: RecordedRun) =>
  status === "running" || (status === "paused" && dueAt <= toEpoch(nowChecked()));

/** Somebody else has the run, or has removed it. */
const IS_TAKEN: ReadonlySet<string> = new Set(["LEASE_HELD", "NOT_FOUND"]);
