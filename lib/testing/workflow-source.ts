import { show } from "../base/check.js";
import { isClass, resolveWorkflow } from "../definition/subworkflow.js";
import { unknownMember } from "../definition/definition.js";
import type { NodeSpec } from "../definition/specs/node-spec.js";
import type { Dag, Fsm } from "../index.js";

/** A dag or an fsm, whatever its types. */
export type AnyWorkflow = Dag<any, any, any> | Fsm<any, any, any>;

/**
 * The workflow of a dag, an fsm, an annotated class or an instance of one; or what a function returns.
 * @param user - the function that takes it
 * @throws {TypeError} when it is none
 */
export function workflowOf(source: unknown, user: string): AnyWorkflow {
  const isObject = (typeof source === "object" && source !== null) || typeof source === "function";
  if (!isObject) throw notAWorkflow(source, user);
  return resolveWorkflow(source, `The workflow of ${user}`) as unknown as AnyWorkflow;
}

/** {@link workflowOf}, but with an instance of its own for a class. */
export function freshWorkflow(source: object, user: string): AnyWorkflow {
  const isOfClass = typeof source === "function" && isClass(source);
  return workflowOf(isOfClass ? new (source as new () => object)() : source, user);
}

/** @throws {ValidationError} VALIDATION when there is no such node or state, suggesting the nearest name */
export function memberOf(workflow: AnyWorkflow, name: string): NodeSpec {
  const spec = (workflow.members as ReadonlyMap<string, NodeSpec>).get(name);
  if (spec !== undefined) return spec;
  throw unknownMember(workflow.kind === "dag" ? "node" : "state", workflow.name, name, workflow.members.keys());
}

export function notAWorkflow(value: unknown, user: string): TypeError {
  return new TypeError(
    `${user} takes a dag, an fsm, an annotated class, or an instance of one; received ${show(value)}. Make one with Dag.from or Fsm.from.`,
  );
}
