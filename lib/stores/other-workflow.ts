import { show } from "../base/check.js";
import { ValidationError } from "../base/errors.js";
import type { WorkflowKind } from "./store.js";

/** The error for a run that is taken for one of another workflow. */
export function otherWorkflow(
  runId: string,
  run: { readonly kind: string; readonly workflow: string },
  kind: WorkflowKind,
  workflow: string,
): ValidationError {
  const whose = `the ${run.kind} ${show(run.workflow)}`;
  return new ValidationError(
    `Run ${show(runId)} is one of ${whose}, not of the ${kind} ${show(workflow)}. Call this of that one.`,
  );
}
