import { checkRecord, show } from "../base/check.js";
import { Dag } from "../index.js";
import { standIn } from "./stand-in.js";
import { memberOf, workflowOf, type AnyWorkflow } from "./workflow-source.js";
import type { MocksOf, WorkflowFor } from "./typed-workflow.js";

/**
 * A copy of a workflow in which other functions take the place of those of some nodes or states. Wiring and options stay:
 * a function gets the same arguments in the same order, whatever the names of its parameters, and may take fewer. The
 * workflow itself is not changed.
 * @param workflow - a dag, an fsm, an annotated class, or an instance of one
 * @param mocks - by name of the node or state
 * @throws {ValidationError} when there is no such node or state; {TypeError} for anything but a function;
 *   {InvalidNodeError} for a `when` or `coalesce`, which has none
 */
export function mock<const W extends object>(workflow: W, mocks: NoInfer<MocksOf<W>>): WorkflowFor<W> {
  const copy: AnyWorkflow = workflowOf(workflow, "mock").clone();
  checkRecord("mocks", mocks);
  for (const [name, fn] of Object.entries(mocks as Record<string, unknown>)) {
    if (fn === undefined) continue;
    memberOf(copy, name);
    if (typeof fn !== "function") {
      throw new TypeError(
        `The mock of "${name}" must be a function; received ${show(fn)}. Return the value: () => value.`,
      );
    }
    const work = standIn(fn as () => unknown);
    if (copy instanceof Dag) copy.replaceNode(name, work);
    else copy.replaceState(name, work);
  }
  return copy as WorkflowFor<W>;
}
