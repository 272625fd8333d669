import { contextHint } from "../definition/specs/context-param.js";
import { MissingInputError, ValidationError, type ValidationIssue } from "../base/errors.js";
import { suggestion } from "../base/nearest.js";
import type { DeclaredInputs } from "../definition/specs/input-schemas.js";
import { minifiedHint } from "../definition/specs/minified-names.js";
import type { NodeSpec } from "../definition/specs/node-spec.js";
import { originalNames, sourceNameHint } from "../definition/specs/original-names.js";
import type { CheckedInputs } from "./declared-inputs.js";
import type { FsmPlan } from "./fsm-plan.js";
import type { DagPlan } from "./plan.js";

type RunInputs = Readonly<Record<string, unknown>>;

/** @throws {ValidationError} VALIDATION for inputs that no node takes, suggesting the nearest name */
export function checkDagInputs(plan: DagPlan, inputs: RunInputs): void {
  throwUnknown(unknownInputs(plan, plan.inputNames, inputs));
}

/** @throws {ValidationError} VALIDATION for inputs that no state takes, suggesting the nearest name */
export function checkFsmInputs(plan: FsmPlan, inputs: RunInputs): void {
  throwUnknown(unknownInputs(plan, knownToFsm(plan, inputs), inputs));
}

function knownToFsm(plan: FsmPlan, inputs: RunInputs): ReadonlySet<string> {
  if (plan.numbered.length === 0) return plan.inputs;
  const originals = plan.numbered.flatMap((names) => originalNames(names, (name) => Object.hasOwn(inputs, name)));
  return new Set([...plan.inputs, ...originals.filter((name) => name !== undefined)]);
}

function throwUnknown(issues: readonly ValidationIssue[]): void {
  if (issues.length > 0) throw new ValidationError(issues.map(({ message }) => message).join("\n"), issues);
}

function unknownInputs(
  { workflow, specs }: { readonly workflow: string; readonly specs: readonly NodeSpec[] },
  known: ReadonlySet<string>,
  inputs: RunInputs,
): ValidationIssue[] {
  const unknown = Object.keys(inputs).filter((name) => !known.has(name));
  if (unknown.length === 0) return [];
  const names = Array.from(known);
  return unknown.map((name): ValidationIssue => {
    const user = specs.find(({ signature }) => signature.contextName === name)?.name;
    const hint =
      user === undefined
        ? suggestion(name, names) || ` It takes: ${names.join(", ") || "none"}.${minifiedHint(names)}`
        : ` "${user}" is assumed to take its context as this parameter; if not, declare { params: [..., "${name}"] }.`;
    const message = `Workflow "${workflow}" takes no input "${name}".${hint}`;
    return { severity: "error", code: "UNKNOWN_INPUT", message, nodes: [] };
  });
}

/** The inputs that a workflow declares, and what a run was given of them. */
export interface DeclaredRun {
  readonly declared: DeclaredInputs | undefined;
  readonly given: RunInputs;
  readonly checked: CheckedInputs;
}

/**
 * @param runs - whether the run executes a node
 * @throws {MissingInputError} MISSING_INPUT if inputs are only missing
 * @throws {ValidationError} VALIDATION naming all inputs that are unknown, invalid or missing
 */
export function acceptDagInputs(plan: DagPlan, run: DeclaredRun, runs: (node: number) => boolean): void {
  const { declared, given, checked } = run;
  const { inputNames: taken } = plan;
  const missing = missingInputs(plan, checked.values, runs);
  // One that schemas refuse is not missing as well.
  const lacking = missing.filter(({ name }) => !Object.hasOwn(given, name));
  const others = Array.from(checked.absent).filter((name) => !taken.has(name));
  accept(plan.workflow, unknownInputs(plan, new Set([...taken, ...(declared?.keys() ?? [])]), given), checked, [
    ...lacking,
    ...others.map(declaredMissing),
  ]);
}

/** The same for an fsm, whose declared inputs are required, unless the initial state has default values for them. */
export function acceptFsmInputs(plan: FsmPlan, { declared, given, checked }: DeclaredRun): void {
  const optional = new Set(
    plan.specs[plan.initial].signature.inputs.flatMap((p) => (p.optional ? (p.name ?? []) : [])),
  );
  const missing = Array.from(checked.absent).filter((name) => !optional.has(name));
  const known = new Set([...knownToFsm(plan, given), ...(declared?.keys() ?? [])]);
  accept(plan.workflow, unknownInputs(plan, known, given), checked, missing.map(declaredMissing));
}

function accept(
  workflow: string,
  unknown: readonly ValidationIssue[],
  { issues: invalid }: CheckedInputs,
  missing: readonly MissingInput[],
): void {
  if (invalid.length === 0 && unknown.length === 0) return throwMissing(workflow, missing);
  const absent = missing.map(({ issue }) => ({ ...issue, message: `The ${issue.message} is missing.` }));
  const issues = [...unknown, ...invalid, ...absent];
  if (invalid.length === 0 && missing.length === 0) throwUnknown(issues);
  const [first, ...others] = issues.map(({ message }) => message);
  const lines = others.length === 0 ? ` ${first}` : issues.map(({ message }) => `\n  - ${message}`).join("");
  throw new ValidationError(`Workflow "${workflow}" can't run with these inputs.${lines}`, issues);
}

/** An input that a run lacks. */
interface MissingInput {
  readonly name: string;
  readonly issue: ValidationIssue;
}

function declaredMissing(name: string): MissingInput {
  const message = `input "${name}", which its schema requires`;
  return { name, issue: { severity: "error", code: "MISSING_INPUT", message, nodes: [], path: [name] } };
}

/**
 * @param runs - whether the run executes a node
 * @throws {MissingInputError} MISSING_INPUT naming all missing inputs that nodes of this run require
 */
export function requireInputs(plan: DagPlan, inputs: RunInputs, runs: (node: number) => boolean): void {
  throwMissing(plan.workflow, missingInputs(plan, inputs, runs));
}

function missingInputs(plan: DagPlan, inputs: RunInputs, runs: (node: number) => boolean): MissingInput[] {
  const missing: MissingInput[] = [];
  for (const { name, required } of plan.inputs) {
    if (Object.hasOwn(inputs, name)) continue;
    const takers = required.filter(runs).map((i) => plan.specs[i]);
    if (takers.length === 0) continue;
    const nodes = takers.map((taker) => taker.name);
    const users = takers
      .map(({ name: node, subworkflow }) => (subworkflow === undefined ? `"${node}"` : `"${node}" (${node}.${name})`))
      .join(", ");
    const message = `input "${name}"${sourceNameHint(name)} of node ${users}`;
    missing.push({ name, issue: { severity: "error", code: "MISSING_INPUT", message, nodes } });
  }
  return missing;
}

function throwMissing(workflow: string, missing: readonly MissingInput[]): void {
  if (missing.length === 0) return;
  const names = missing.map(({ name }) => name);
  const issues = missing.map(({ issue }) => issue);
  throw new MissingInputError(
    `Workflow "${workflow}" lacks ${issues.map(({ message }) => message).join("; ")}. ` +
      `Pass ${missing.length === 1 ? "it" : "them"} in { inputs }, name the node it comes from in "needs", ` +
      `or give the parameter a default value.${contextHint(names)}${minifiedHint(names)}`,
    names,
    issues,
  );
}
