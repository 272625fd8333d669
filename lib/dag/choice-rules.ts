/** How choices decide. All that they read must have settled. */
import { tryOr } from "../base/safe-access.js";
import type { AnyNeed, Choice, ChoiceCondition, DagPlan } from "../planning/plan.js";
import type { RunState } from "../run/state.js";
import { Status } from "../run/status.js";
import { isMet } from "./branching.js";
import { hasOutput } from "./outputs.js";

/** What a choice decided: the branch to take, or one of these. */
export const Taken = { none: -1, fault: -2 } as const;

/** The branch that a `when` takes, or {@link Taken}. */
export function branchOfWhen(plan: DagPlan, state: RunState, { condition, needs }: Choice): number {
  const { source, code } = condition as ChoiceCondition;
  if (!state.hasResult(source)) return Taken.none;
  const binding = code < 0 ? plan.bindings[~code] : undefined;
  if (binding?.type === "inner" && !state.took(source, binding.path)) return Taken.none;
  const answer = conditionValue(plan, state, condition as ChoiceCondition);
  if (typeof answer !== "boolean") return Taken.fault;
  const branch = answer ? 0 : 1;
  return branch < needs.length ? branch : Taken.none;
}

/** Whether a candidate of a `coalesce` gives a value: neither undefined nor null. */
export function givesValue(plan: DagPlan, state: RunState, need: AnyNeed): boolean {
  if (!isMet(state, need)) return false;
  const value = valueOf(plan, state, need.code);
  return value !== undefined && value !== null;
}

/** The value of a condition, which must be a boolean. */
export function conditionValue(plan: DagPlan, state: RunState, condition: ChoiceCondition): unknown {
  const { source, code, branch } = condition;
  if (branch !== undefined && state.branchOf(source) !== undefined) return state.branchOf(source) === branch;
  return valueOf(plan, state, code);
}

/**
 * The value of an argument that is a result, an output of one, or a result inside; of null and undefined, all outputs are
 * undefined. An output that is absent, or whose getter throws, has the binding as its value: the choice takes it, and
 * fails by it.
 */
function valueOf(plan: DagPlan, state: RunState, code: number): unknown {
  if (code >= 0) return state.values[code];
  const binding = plan.bindings[~code];
  if (binding.type === "branch") return state.values[binding.source];
  if (binding.type === "inner") return innerValue(plan, state, binding.source, binding.path);
  if (binding.type !== "output") return undefined;
  const { source, output } = binding;
  const result = state.values[source];
  if (result === null || result === undefined) return undefined;
  return tryOr(() => (hasOutput(result, output) ? (result as Record<string, unknown>)[output] : binding), binding);
}

/** The result of a node inside a workflow; null if the workflow failed under `continueNone`. */
export function innerValue(plan: DagPlan, state: RunState, source: number, path: string): unknown {
  if (state.status[source] === Status.failed) return null;
  return state.children.get(plan.specs[source].name)?.get(path);
}
