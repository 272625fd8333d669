/** Nodes and states that are workflows, as planning sees them. */
import type { ValidationIssue } from "../base/errors.js";
import { messageOf, shortWay } from "../base/message.js";
import { suggestion } from "../base/nearest.js";
import type { ChildWorkflow, Connection } from "../definition/defined.js";
import type { NodeSpec } from "../definition/specs/node-spec.js";

interface Resolved<S extends NodeSpec> {
  readonly text: string;
  readonly spec: S;
}

/** The specs with parameters, by original spec. They are reused, since caches are kept by spec. */
const known = new WeakMap<NodeSpec, Resolved<any>>();

/** The error of a workflow that contains itself. @param way - the nodes that lead from it back to it */
export function nestingIssue({ name }: ChildWorkflow, way: readonly string[]): ValidationIssue {
  const message = `Workflow "${name}" contains itself: ${shortWay([name, ...way]).join(" › ")}. Remove one of these nodes, or run the workflow from a node, with ctx.run.`;
  return { severity: "error", code: "CYCLE", message, nodes: way };
}

/** The spec of a node that is a workflow, with the inputs of that workflow as its parameters. */
export function withWorkflowInputs<S extends NodeSpec>(spec: S, { planned }: ChildWorkflow): S {
  const { inputs } = planned.surface;
  const text = JSON.stringify(inputs.map(({ name, required }) => [name, required]));
  let resolved = known.get(spec) as Resolved<S> | undefined;
  if (resolved?.text !== text) {
    const params = inputs.map(({ name, required }) => Object.freeze({ name, optional: !required }));
    const signature = Object.freeze({ ...spec.signature, inputs: Object.freeze(params) });
    known.set(spec, (resolved = { text, spec: Object.freeze({ ...spec, signature }) }));
  }
  return resolved.spec;
}

/**
 * The workflow of a node. Undefined, and an issue, if its source is none.
 * @param label - `Node "check"`
 */
export function workflowOf(
  { name, subworkflow }: NodeSpec,
  label: string,
  report: (issue: ValidationIssue) => void,
): ChildWorkflow | undefined {
  try {
    return subworkflow?.workflow;
  } catch (error) {
    report({ severity: "error", code: "INVALID_NODE", message: `${label}: ${messageOf(error)}`, nodes: [name] });
    return undefined;
  }
}

/** The errors of the workflow of a node: its own, and those of the options with which it is a node. */
export function workflowIssues(
  spec: NodeSpec,
  workflow: ChildWorkflow,
  label: string,
  connections: readonly Connection[] = [],
): ValidationIssue[] {
  const { surface } = workflow.planned;
  const { output, inputs = {} } = spec.subworkflow?.options ?? {};
  const nodes = [spec.name];
  const issues: ValidationIssue[] = surface.errors.map((inner) => {
    const message = `${label} is a workflow with an error. ${inner.message}`;
    return { severity: "error", code: inner.code, message, nodes: inner.code === "CYCLE" ? inner.nodes : nodes };
  });
  const report = (code: string, message: string) => issues.push({ severity: "error", code, message, nodes });
  const missing = output === undefined ? undefined : missingIn(workflow, output);
  if (missing !== undefined) report("UNKNOWN_NODE", `${label} has the output "${output}", but ${missing}`);
  const names = surface.inputs.map(({ name }) => name);
  const taken = new Set(names);
  for (const name of Object.keys(inputs)) {
    if (taken.has(name)) continue;
    const hint = suggestion(name, names) || ` It takes: ${names.join(", ") || "none"}.`;
    report(
      "UNKNOWN_INPUT",
      `${label} gives its workflow "${workflow.name}" the input "${name}", which it does not take.${hint}`,
    );
  }
  if (spec.needs.length > names.length) {
    const takes = `its workflow "${workflow.name}" takes ${names.length} inputs: ${names.join(", ") || "none"}`;
    report(
      "TOO_MANY_NEEDS",
      `${label} has ${spec.needs.length} needs, but ${takes}. Remove some, or use "after" to order.`,
    );
  }
  for (const { node, input } of connections) {
    if (input < names.length) continue;
    const takes = `its workflow "${workflow.name}" takes ${names.length}: ${names.join(", ") || "none"}`;
    report(
      "TOO_MANY_NEEDS",
      `${label} has a connection from "${node}" to its input ${input + 1}, but ${takes}. Disconnect it.`,
    );
  }
  return issues;
}

/** Why a workflow has no node at a path such as `verdict`, `inner.verdict` or `state.0`; undefined if it has. */
export function missingIn(workflow: ChildWorkflow, path: string): string | undefined {
  const names = path.split(".");
  let at: ChildWorkflow | undefined = workflow;
  for (let k = 0; k < names.length; k++) {
    if (at === undefined) return `"${names[k - 1]}" is no workflow, so it has no "${names[k]}".`;
    const member = at.members.get(names[k]) as NodeSpec | undefined;
    if (member === undefined) {
      const word = at.kind === "dag" ? "node" : "state";
      const known = Array.from(at.members.keys());
      const hint = suggestion(names[k], known) || ` It has: ${known.slice(0, 20).join(", ")}.`;
      return `workflow "${at.name}" has no ${word} "${names[k]}".${hint}`;
    }
    // One execution of a state.
    if (at.kind === "fsm" && /^\d+$/u.test(names[k + 1] ?? "")) k++;
    at = member.map === undefined ? member.subworkflow?.workflow : undefined;
  }
  return undefined;
}
