import { fromEpoch } from "../../base/clock.js";
import { ValidationError } from "../../base/errors.js";
import type { DagPlan } from "../../planning/plan.js";
import { changeText, structureChange, type Structure, type StructureChange } from "../../planning/structure.js";
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
    `Workflow "${workflow}" is not what it was when run "${run.runId}" was recorded: ${changeText(change)}. ` +
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

/** Puts back what kept nodes from running, in the state of a run that has ended. */
export function restoreSkips(state: RunState, run: RecordedRun): void {
  for (const [name, { status }] of run.nodes) {
    const i = state.plan.indexOf.get(name);
    if (i !== undefined && status === "skipped") state.status[i] = Status.skipped;
  }
  if (state.active === undefined) return;
  for (let i = 0; i < state.plan.size; i++) {
    if (state.active[i] === 0 && state.status[i] !== Status.copied) state.status[i] = Status.skipped;
  }
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
