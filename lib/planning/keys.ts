import type { ChildWorkflow } from "../definition/defined.js";
import type { NodeSpec } from "../definition/specs/node-spec.js";

/** The members of a workflow. */
interface Members {
  readonly specs: readonly Pick<NodeSpec, "options" | "subworkflow">[];
}

const known = new WeakMap<Members, boolean>();

/** Whether nodes of a plan, or those of workflows inside, have concurrency keys. Cost: O(nodes), once for each plan. */
export function usesKeys(plan: Members): boolean {
  let uses = known.get(plan);
  if (uses === undefined) known.set(plan, (uses = findKeys(plan.specs)));
  return uses;
}

function findKeys(specs: Members["specs"]): boolean {
  const inside = new Set<ChildWorkflow>();
  for (const { options, subworkflow } of specs) {
    if (options.concurrencyKey !== undefined) return true;
    if (subworkflow !== undefined) inside.add(subworkflow.workflow);
  }
  for (const { members, subworkflows } of inside) {
    for (const member of members.values() as Iterable<Pick<NodeSpec, "options">>) {
      if (member.options.concurrencyKey !== undefined) return true;
    }
    for (const { workflow } of subworkflows.values()) inside.add(workflow);
  }
  return false;
}
