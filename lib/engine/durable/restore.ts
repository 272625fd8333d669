import { show } from "../../base/check.js";
import { fromEpoch } from "../../base/clock.js";
import { DagwrightError, StoreError, ValidationError } from "../../base/errors.js";
import type { DagPlan } from "../../planning/plan.js";
import { changeText, structureChange, type Structure, type StructureChange } from "../../planning/structure.js";
import { ExecutionError, failedBecause } from "../../run/errors.js";
import { RunState } from "../../run/state.js";
import { Status } from "../../run/status.js";
import { otherWorkflow } from "../../stores/other-workflow.js";
import type { RecordedRun, WorkflowKind } from "../../stores/store.js";

/**
 * How a workflow differs from the one that a run was recorded of; undefined when it does not.
 * @throws {ValidationError} VALIDATION for a run of another workflow, and for a changed one unless changes are allowed
 */
export function changeSince(
  run: RecordedRun,
  kind: WorkflowKind,
  workflow: string,
  structure: string,
  allowChanges: boolean | undefined,
): StructureChange | undefined {
  if (run.workflow !== workflow || run.kind !== kind) {
    throw otherWorkflow(run.runId, run, kind, workflow);
  }
  if (run.structure === structure) return undefined;
  const change = structureChange(JSON.parse(run.structure) as Structure, JSON.parse(structure) as Structure);
  if (change === undefined || allowChanges === true) return change;
  throw new ValidationError(
    `Workflow ${show(workflow)} is not what it was when run ${show(run.runId)} was recorded: ${changeText(change)}. ` +
      "Use the code of then, or pass allowChanges: true to keep the results that still hold.",
  );
}

/**
 * The state of a run as it is recorded: completed nodes have their results, all others have yet to run.
 * @param holds - 1 for the nodes whose results hold; undefined when all do
 */
export function restoredState(plan: DagPlan, run: RecordedRun, holds?: Uint8Array): RunState {
  const active = run.scope === undefined ? undefined : maskOf(plan, run.scope);
  const state = new RunState(plan, run.inputs, run.runId, active, run.metadata);
  for (const [name, node] of run.nodes) {
    const i = plan.indexOf.get(name);
    if (i === undefined) continue;
    if (node.attempts > 0) state.setAttemptsBefore(i, node.attempts);
    if (node.status === "skipped" && node.output === undefined && active?.[i] === 0) state.facts.skippedBefore.add(i);
    if (node.output === undefined || holds?.[i] === 0) continue;
    if (node.status === "copied") state.copy(i, node.output.value, node.branch);
    if (node.status !== "completed") continue;
    state.status[i] = Status.completed;
    state.values[i] = node.output.value;
    if (node.branch !== undefined) state.facts.branches.set(i, node.branch);
    if (node.isCached) state.facts.cached.add(i);
    if (node.startedAt !== undefined) state.setStarted(i, fromEpoch(node.startedAt));
    if (node.finishedAt !== undefined) state.setFinished(i, fromEpoch(node.finishedAt));
  }
  state.beganAt = fromEpoch(run.createdAt);
  if (run.finishedAt !== undefined) state.endedAt = fromEpoch(run.finishedAt);
  return state;
}

/** Puts back what became of the nodes without a result, in the state of a run that has ended. */
export function restoreEnds(state: RunState, run: RecordedRun): void {
  const { plan, facts } = state;
  if (run.status === "failed" || run.status === "cancelled") {
    // Those that had not begun are not recorded.
    for (let i = 0; i < plan.size; i++) if (state.status[i] === Status.pending) state.status[i] = Status.cancelled;
  }
  for (const { node, reason, data, until } of run.pauses) {
    const i = plan.indexOf.get(node);
    if (i !== undefined) facts.pauses.set(i, { reason, data, until });
  }
  for (const [name, { status, error, attempts }] of run.nodes) {
    const i = plan.indexOf.get(name);
    if (i === undefined) continue;
    if (status === "skipped" || status === "cancelled" || status === "paused") state.status[i] = Status[status];
    else if (status === "failed") {
      state.status[i] = Status.failed;
      const site = { runId: run.runId, node: name, attempt: attempts, cause: error };
      facts.errors.set(i, new ExecutionError(failedBecause(`Node "${name}"`, error), site));
    }
  }
  if (state.active === undefined) return;
  for (let i = 0; i < plan.size; i++) {
    if (state.active[i] === 0 && state.status[i] !== Status.copied) state.status[i] = Status.skipped;
  }
}

/** The error that a run rejected with, as far as it is recorded; undefined when it resolved. */
export function recordedError({ runId, error }: RecordedRun, result: object): DagwrightError | undefined {
  if (!(error instanceof Error)) return undefined;
  if (error instanceof DagwrightError) return Object.assign(error, { run: result });
  const { message, code = "EXECUTION", cause } = error as Error & { code?: string };
  const site = cause === undefined ? { runId } : { runId, cause };
  return Object.assign(new ExecutionError(message, site, code), { run: result });
}

/** @throws {StoreError} RUN_EXISTS naming the inputs that are others than those that the run was recorded with */
export function requireSameInputs(runId: string, recorded: RecordedRun["inputs"], given: RecordedRun["inputs"]): void {
  const names = Array.from(new Set([...Object.keys(recorded), ...Object.keys(given)]));
  const { isDeepStrictEqual } = process.getBuiltinModule("node:util");
  const others = names.filter((name) => !isDeepStrictEqual(recorded[name], given[name]));
  if (others.length === 0) return;
  const message = `There is a run ${show(runId)} already, with another value of ${others.map(show).join(", ")}. Run under another id, or with the inputs of that run.`;
  throw new StoreError(message, "RUN_EXISTS");
}

/** Why nothing in a run waits for a value. */
const STANDINGS: Readonly<Record<RecordedRun["status"], string>> = {
  running: "the run was interrupted",
  paused: "nothing in it does",
  completed: "the run has completed",
  failed: "the run has failed",
  cancelled: "the run was cancelled",
};

/** How a run goes on without a value. */
const REMEDIES: Readonly<Record<WorkflowKind, string>> = {
  dag: 'Resume it without "provide": what has not completed runs, and "overrides" gives results for it.',
  fsm: 'Resume it without "provide": it goes on where it was.',
};

/**
 * The error for a value provided to what does not wait for one.
 * @param paused - what does
 */
export function notPaused(
  { runId, status, kind }: Pick<RecordedRun, "runId" | "status" | "kind">,
  name: string,
  paused: readonly string[],
): ValidationError {
  const what = `"provide" names ${show(name)}, which waits for no value in run ${show(runId)}`;
  if (paused.length > 0) return new ValidationError(`${what}; paused are: ${paused.map(show).join(", ")}.`);
  const remedy = status === "completed" ? "Its result stands." : REMEDIES[kind];
  return new ValidationError(`${what}: ${STANDINGS[status]}. ${remedy}`);
}

/** The error for what a run that is driven is given too late. */
export function inProgress(option: "provide" | "overrides", runId: string, name: string): ValidationError {
  const message = `"${option}" names ${show(name)}, but run ${show(runId)} is in progress. Resume it when it has ended.`;
  return new ValidationError(message);
}

/** The nodes with a result that does not hold any more. */
export function discarded(plan: DagPlan, run: RecordedRun, holds: Uint8Array): string[] {
  return Array.from(run.nodes.keys()).filter((name) => {
    const i = plan.indexOf.get(name);
    return i === undefined || holds[i] === 0;
  });
}

export function maskOf(plan: DagPlan, names: Iterable<string>): Uint8Array {
  const mask = new Uint8Array(plan.size);
  for (const name of names) {
    const i = plan.indexOf.get(name);
    if (i !== undefined) mask[i] = 1;
  }
  return mask;
}
