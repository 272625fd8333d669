import { show } from "../base/check.js";
import { ValidationError } from "../base/errors.js";
import type { WorkflowKind } from "./store.js";

/** The error for a run that belongs to another workflow than the caller's. */
export function otherWorkflow(
  runId: string,
  run: { readonly kind: string; readonly workflow: string },
  kind: WorkflowKind,
  workflow: string,
): ValidationError {
  const owner = `the ${run.kind} ${show(run.workflow)}`;
  return new ValidationError(
    `Run ${show(runId)} belongs to ${owner}, not to the ${kind} ${show(workflow)}. Call this method on ${owner}.`,
  );
}
