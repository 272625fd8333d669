import { append } from "../base/append.js";
import type { DagPlan } from "./plan.js";

/** By node that is a workflow, the paths of the results inside it that are taken. Cost: O(nodes + bindings). */
export function innerNeedsOf({ bindings, specs }: DagPlan): ReadonlyMap<number, readonly string[]> {
  const needs = new Map<number, string[]>();
  for (const binding of bindings) if (binding.type === "inner") append(needs, binding.source, binding.path);
  specs.forEach(({ subworkflow }, node) => {
    if (subworkflow?.options.output !== undefined) append(needs, node, subworkflow.options.output);
  });
  return needs;
}
