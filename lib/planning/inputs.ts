import { MissingInputError, ValidationError, type ValidationIssue } from "../base/errors.js";
import { suggestion } from "../base/nearest.js";
import type { DagPlan } from "./plan.js";

type RunInputs = Readonly<Record<string, unknown>>;

/** @throws {ValidationError} VALIDATION for inputs that no parameter takes, with the nearest name that one does */
export function checkKnownInputs(workflow: string, known: ReadonlySet<string>, inputs: RunInputs): void {
  const unknown = Object.keys(inputs).filter((name) => !known.has(name));
  if (unknown.length === 0) return;
  const issues = unknown.map((name): ValidationIssue => {
    const hint = suggestion(name, known) || ` It takes: ${Array.from(known).join(", ") || "none"}.`;
    const message = `Workflow "${workflow}" takes no input "${name}".${hint}`;
    return { severity: "error", code: "UNKNOWN_INPUT", message, nodes: [] };
  });
  throw new ValidationError(issues.map(({ message }) => message).join("\n"), issues);
}

/**
 * @param runs - whether the run will execute a node
 * @throws {MissingInputError} MISSING_INPUT naming every input that a node of this run can't do without
 */
export function requireInputs(plan: DagPlan, inputs: RunInputs, runs: (node: number) => boolean): void {
  const issues: ValidationIssue[] = [];
  const missing: string[] = [];
  for (const { name, required } of plan.inputs) {
    if (Object.hasOwn(inputs, name)) continue;
    const nodes = required.filter(runs).map((i) => plan.specs[i].name);
    if (nodes.length === 0) continue;
    missing.push(name);
    const users = nodes.map((node) => `"${node}"`).join(", ");
    const message = `input "${name}" of node ${users}${renamedHint(plan, name)}`;
    issues.push({ severity: "error", code: "MISSING_INPUT", message, nodes });
  }
  if (missing.length === 0) return;
  throw new MissingInputError(
    `Workflow "${plan.workflow}" lacks ${issues.map(({ message }) => message).join("; ")}. ` +
      `Pass ${missing.length === 1 ? "it" : "them"} in { inputs }, name the node it comes from in "needs", ` +
      `or give the parameter a default value.`,
    missing,
    issues,
  );
}

/** Some compilers number a parameter that shadows a variable: `total` becomes `total2`. */
function renamedHint(plan: DagPlan, name: string): string {
  const original = /^(.*\D)\d+$/u.exec(name)?.[1];
  if (original === undefined || !plan.indexOf.has(original)) return "";
  return ` (was it "${original}", renamed by a compiler because it shadows a variable? Then use needs: ["${original}"])`;
}
