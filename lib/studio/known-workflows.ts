import { resolveWorkflow } from "../definition/subworkflow.js";
import type { Dag, Fsm } from "../index.js";
import type { WorkflowRef } from "../service.js";

/** A workflow of either kind. */
export type AnyWorkflow = Dag<any, any, any> | Fsm<any, any, any>;

/** Those of the workflows that are more than a name, by name. @throws {InvalidNodeError} for what is no workflow */
export function knownWorkflows(refs: readonly WorkflowRef[] = []): Map<string, AnyWorkflow> {
  const objects = refs.filter((ref) => typeof ref === "object" || typeof ref === "function");
  const workflows = objects.map((ref) => resolveWorkflow(ref) as object as AnyWorkflow);
  return new Map(workflows.map((workflow) => [workflow.name, workflow]));
}
