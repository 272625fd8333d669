import { show } from "../base/check.js";
import { Decision, isDecision, isRoute, Route } from "../definition/decisions.js";
import type { AnyNeed, DagPlan, Fork } from "../planning/plan.js";
import type { RunState } from "../run/state.js";
import { WiringFault } from "./arguments.js";

/** The branch that a fork takes, and the value it passes on. */
export interface Choice {
  readonly branch: string;
  readonly value: unknown;
}

/** Completes a result that only names a branch: the fork passes its first input on. */
export function withInput(fork: Fork, result: unknown, args: readonly unknown[]): unknown {
  const input = fork.first < 0 ? undefined : args[fork.first];
  if (typeof result === "boolean") return new Decision(result, input);
  return typeof result === "string" ? new Route(result, input) : result;
}

/**
 * The branch that a condition or select chose, and the value it passes on.
 * @param args - the fork's arguments, read only for a result without a value
 * @throws {WiringFault} when the result chooses no branch, or one that is not connected
 */
export function choose(plan: DagPlan, node: number, result: unknown, args: () => readonly unknown[]): Choice {
  const { name, kind } = plan.specs[node];
  const fork = plan.forks.get(node) as Fork;
  const choice = typeof result === "object" ? result : withInput(fork, result, args());
  if (kind === "condition") {
    if (isDecision(choice) && typeof choice.condition === "boolean") {
      return { branch: String(choice.condition), value: choice.value };
    }
    throw new WiringFault(`Condition "${name}" returned ${show(result)}. Return a boolean or decide(boolean, value).`);
  }
  if (!isRoute(choice) || typeof choice.branch !== "string") {
    throw new WiringFault(`Select "${name}" returned ${show(result)}. Return a branch name or route(branch, value).`);
  }
  const { branches } = fork;
  if (branches.size === 0 || branches.has(choice.branch)) return choice;
  if (branches.has("default")) return { branch: "default", value: choice.value };
  const names = Array.from(branches, (branch) => `"${branch}"`).join(", ");
  throw new WiringFault(
    `Select "${name}" chose the branch "${choice.branch}", but its branches are ${names}. ` +
      `Return one of them, or connect a "default" branch.`,
  );
}

/** Whether a need of an `any` has completed, on its branch if it names one. */
export function isMet(state: RunState, { source, branch }: AnyNeed): boolean {
  return state.hasResult(source) && (branch === undefined || state.took(source, branch));
}

/** Whether an override needs no input. An override that only names a fork's branch needs the fork's first input. */
export function standsAlone(plan: DagPlan, node: number, value: unknown): boolean {
  return !plan.forks.has(node) || (typeof value !== "boolean" && typeof value !== "string");
}
