import { contextHint } from "../definition/specs/context-param.js";
import { MissingInputError, ValidationError, type ValidationIssue } from "../base/errors.js";
import { suggestion } from "../base/nearest.js";
import { minifiedHint } from "../definition/specs/minified-names.js";
import type { NodeSpec } from "../definition/specs/node-spec.js";
import { originalNames, sourceNameHint } from "../definition/specs/original-names.js";
import type { FsmPlan } from "./fsm-plan.js";
import type { DagPlan } from "./plan.js";

type RunInputs = Readonly<Record<string, unknown>>;

/** @throws {ValidationError} VALIDATION for inputs that no node takes, suggesting the nearest name */
export function checkDagInputs(plan: DagPlan, inputs: RunInputs): void {
  checkInputs(plan, new Set(plan.inputs.map(({ name }) => name)), inputs);
}

/** @throws {ValidationError} VALIDATION for inputs that no state takes, suggesting the nearest name */
export function checkFsmInputs(plan: FsmPlan, inputs: RunInputs): void {
  if (plan.numbered.length === 0) return checkInputs(plan, plan.inputs, inputs);
  const originals = plan.numbered.flatMap((names) => originalNames(names, (name) => Object.hasOwn(inputs, name)));
  checkInputs(plan, new Set([...plan.inputs, ...originals]), inputs);
}

function checkInputs(
  { workflow, specs }: { readonly workflow: string; readonly specs: readonly NodeSpec[] },
  known: ReadonlySet<string | undefined>,
  inputs: RunInputs,
): void {
  const unknown = Object.keys(inputs).filter((name) => !known.has(name));
  if (unknown.length === 0) return;
  const names = Array.from(known).filter((name) => name !== undefined);
  const issues = unknown.map((name): ValidationIssue => {
    const user = specs.find(({ signature }) => signature.contextName === name)?.name;
    const hint =
      user === undefined
        ? suggestion(name, names) || ` It takes: ${names.join(", ") || "none"}.${minifiedHint(names)}`
        : ` "${user}" is assumed to take its context as this parameter; if not, declare { params: [..., "${name}"] }.`;
    const message = `Workflow "${workflow}" takes no input "${name}".${hint}`;
    return { severity: "error", code: "UNKNOWN_INPUT", message, nodes: [] };
  });
  throw new ValidationError(issues.map(({ message }) => message).join("\n"), issues);
}

/**
 * @param runs - whether the run executes a node
 * @throws {MissingInputError} MISSING_INPUT naming all missing inputs that nodes of this run require
 */
export function requireInputs(plan: DagPlan, inputs: RunInputs, runs: (node: number) => boolean): void {
  const issues: ValidationIssue[] = [];
  const missing: string[] = [];
  for (const { name, required } of plan.inputs) {
    if (Object.hasOwn(inputs, name)) continue;
    const nodes = required.filter(runs).map((i) => {
      const { name: node, subworkflow } = plan.specs[i];
      return subworkflow === undefined ? node : `${node}.${name}`;
    });
    if (nodes.length === 0) continue;
    missing.push(name);
    const users = nodes.map((node) => `"${node}"`).join(", ");
    const message = `input "${name}"${sourceNameHint(name)} of node ${users}`;
    issues.push({ severity: "error", code: "MISSING_INPUT", message, nodes });
  }
  if (missing.length === 0) return;
  throw new MissingInputError(
    `Workflow "${plan.workflow}" lacks ${issues.map(({ message }) => message).join("; ")}. ` +
      `Pass ${missing.length === 1 ? "it" : "them"} in { inputs }, name the node it comes from in "needs", ` +
      `or give the parameter a default value.${contextHint(missing)}${minifiedHint(missing)}`,
    missing,
    issues,
  );
}
