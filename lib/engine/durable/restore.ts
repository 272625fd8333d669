import { show } from "../../base/check.js";
import { DagwrightError, StoreError, ValidationError } from "../../base/errors.js";
import { changeText, structureChange, type Structure, type StructureChange } from "../../planning/structure.js";
import { ExecutionError } from "../../run/errors.js";
import { requireWorkflow } from "../../stores/require-workflow.js";
import type { RecordedRun, WorkflowKind } from "../../stores/store.js";
import type { RecordedPast } from "../telemetry/telemetry.js";

/**
 * How a workflow has changed since a run of it was recorded; undefined if it has not.
 * @throws {ValidationError} VALIDATION for a run of another workflow, and for a changed workflow unless changes are
 *   allowed
 */
export function changeSince(
  run: RecordedRun,
  { kind, workflow, structure }: Pick<RecordedRun, "kind" | "workflow" | "structure">,
  { allowChanges = false }: { readonly allowChanges?: boolean | undefined } = {},
): StructureChange | undefined {
  requireWorkflow(run.runId, run, { workflow, kind });
  if (run.structure === structure || run.structure === "") return undefined;
  const change = structureChange(JSON.parse(run.structure) as Structure, JSON.parse(structure) as Structure);
  if (change === undefined || allowChanges) return change;
  throw new ValidationError(
    `Workflow ${show(workflow)} has changed since run ${show(run.runId)} was recorded: ${changeText(change)}. ` +
      "Use the code of that time, or pass allowChanges: true to keep the results that are still valid.",
  );
}

/** The structure that a continuing run is recorded with; undefined to keep the recorded one. */
export function newStructure(
  run: RecordedRun,
  change: StructureChange | undefined,
  structure: string,
): string | undefined {
  return change === undefined && run.structure !== "" ? undefined : structure;
}

/** What telemetry is told about the record that a run starts from. */
export function pastOf({ status, nodes, cycles, trace }: RecordedRun): RecordedPast {
  return { trace, isResumed: status !== "queued" || nodes.size + cycles.length > 0 };
}

/** The error that a run rejected with, as recorded; undefined if it resolved. */
export function recordedError({ runId, error }: RecordedRun, result: object): DagwrightError | undefined {
  if (!(error instanceof Error)) return undefined;
  if (error instanceof DagwrightError) return Object.assign(error, { run: result });
  const { message, code = "EXECUTION", cause } = error as Error & { code?: string };
  const site = cause === undefined ? { runId } : { runId, cause };
  return Object.assign(new ExecutionError(message, site, code), { run: result });
}

/** The names of the inputs that differ from those that a run was recorded with. */
export function differingInputs(recorded: RecordedRun["inputs"], given: RecordedRun["inputs"]): string[] {
  const names = Array.from(new Set([...Object.keys(recorded), ...Object.keys(given)]));
  const { isDeepStrictEqual } = process.getBuiltinModule("node:util");
  return names.filter((name) => !isDeepStrictEqual(recorded[name], given[name]));
}

/** @throws {StoreError} RUN_EXISTS naming the inputs that differ from those that the run was recorded with */
export function requireSameInputs(runId: string, recorded: RecordedRun["inputs"], given: RecordedRun["inputs"]): void {
  const others = differingInputs(recorded, given);
  if (others.length === 0) return;
  const message = `Run ${show(runId)} exists already, with another value of ${others.map(show).join(", ")}. Use another id, or the inputs of that run.`;
  throw new StoreError(message, "RUN_EXISTS");
}

/** Why no node of a run waits for a value, by the run's status. */
const REASONS: Readonly<Record<RecordedRun["status"], string>> = {
  queued: "the run is queued",
  running: "the run was interrupted",
  paused: "nothing in it does",
  waiting: "it waits for an event or a time",
  completed: "the run has completed",
  failed: "the run has failed",
  cancelled: "the run was cancelled",
};

/** How a run continues when it is resumed without a value. */
const REMEDIES: Readonly<Record<WorkflowKind, string>> = {
  dag: ': it runs the nodes that have not completed, or takes results for them from "overrides".',
  fsm: ": it continues in its current state.",
};

/**
 * The error for a value that is provided for a node or state that did not pause.
 * @param paused - the names of those that did
 * @param remedies - how the run continues without a value
 */
export function notPaused(
  { runId, status, kind }: Pick<RecordedRun, "runId" | "status" | "kind">,
  name: string,
  paused: readonly string[],
  remedies = REMEDIES,
): ValidationError {
  const what = `"provide" names ${show(name)}, which waits for no value in run ${show(runId)}`;
  if (paused.length > 0) return new ValidationError(`${what}. Paused are: ${paused.map(show).join(", ")}.`);
  const without = `Resume it without "provide"${kind === undefined ? "." : remedies[kind]}`;
  const remedy = status === "completed" ? "Its result stands." : without;
  return new ValidationError(`${what}: ${REASONS[status]}. ${remedy}`);
}

/** The error for an option that a run in progress can't take. */
export function inProgress(option: "provide" | "overrides", runId: string, name: string): ValidationError {
  const message = `"${option}" names ${show(name)}, but run ${show(runId)} is in progress. Resume it when it has ended.`;
  return new ValidationError(message);
}
