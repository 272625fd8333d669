import { show } from "../base/check.js";
import { ValidationError } from "../base/errors.js";
import type { WorkflowKind } from "./store.js";

/** The workflow of a run. Its kind is undefined while only its name is known. */
interface NamedWorkflow {
  readonly workflow: string;
  readonly kind: WorkflowKind | undefined;
}

/** @throws {ValidationError} for a run that belongs to another workflow than the caller's */
export function requireWorkflow(runId: string, run: NamedWorkflow, own: NamedWorkflow): void {
  const isOfKind = run.kind === undefined || own.kind === undefined || run.kind === own.kind;
  if (run.workflow === own.workflow && isOfKind) return;
  const [owner, caller] = [run, own].map(({ kind = "workflow", workflow }) => `the ${kind} ${show(workflow)}`);
  throw new ValidationError(`Run ${show(runId)} belongs to ${owner}, not to ${caller}. Call this method on ${owner}.`);
}
