/** What `fromJSON` has to be given, taken from the workflow that was written. */
import { ValidationError, type Dag, type DefinitionJson, type Fsm, type NodeSpec } from "dagwright";

type AnyWorkflow = Dag<any> | Fsm<any>;

interface CasesByLabel {
  readonly [CASES]?: ReadonlyMap<string, unknown>;
}
const CASES: unique symbol = Symbol.for("dagwright:cases") as never;

/** Through text, as in a file. */
export const copied = (value: object): any => JSON.parse(JSON.stringify(value));

/** The problems with data that can't be read, with their codes. */
export const problems = (make: () => unknown): readonly string[] => {
  try {
    make();
  } catch (error) {
    if (error instanceof ValidationError) return error.issues.map(({ code, message }) => `${code} ${message}`);
    throw error;
  }
  return [];
};

/** All functions and values that a workflow needs to be read again, by the names that the documentation gives them. */
export function givenFor(workflow: AnyWorkflow) {
  const json = copied(workflow) as DefinitionJson;
  const byId = workflowsById(workflow, json);
  const functions: Record<string, (...args: any[]) => unknown> = {};
  for (const [id, each] of byId) {
    for (const [name, spec] of specsOf(each)) {
      const full = id === "" ? name : `${id}.${name}`;
      const cases = (spec.fn as CasesByLabel)[CASES];
      if (spec.subworkflow === undefined && cases === undefined) functions[full] = spec.fn;
      for (const [label, found] of cases ?? [])
        if (typeof found === "function") functions[`${full}.${label.replaceAll(".", "..")}`] = found as never;
    }
  }
  const values: Record<string, unknown> = {};
  for (const [, text] of JSON.stringify(json).matchAll(/\{"\$value":("(?:[^"\\]|\\.)*")\}/gu)) {
    const path = JSON.parse(text) as string;
    values[path] = valueAt(byId, path);
  }
  return { functions, values };
}

function workflowsById(root: AnyWorkflow, json: DefinitionJson): Map<string, AnyWorkflow> {
  const byId = new Map([["", root]]);
  const sections = [{ ...json, id: "" }, ...(json.workflows ?? [])] as any[];
  for (const { id, nodes, states } of sections) {
    const specs = specsOf(byId.get(id as string) as AnyWorkflow);
    for (const { name, subworkflow, cases = {} } of (nodes ?? states) as any[]) {
      const spec = specs.get(name as string) as NodeSpec;
      if (subworkflow !== undefined) byId.set(subworkflow.workflow, spec.subworkflow?.workflow as never);
      for (const [label, found] of (spec.fn as CasesByLabel)[CASES] ?? [])
        if (typeof found !== "function") byId.set(cases[label].workflow, (found as any).workflow);
    }
  }
  return byId;
}

function specsOf(workflow: AnyWorkflow): ReadonlyMap<string, NodeSpec> {
  return workflow.kind === "dag" ? workflow.nodes : workflow.states;
}

function valueAt(byId: ReadonlyMap<string, AnyWorkflow>, path: string): unknown {
  const steps = Array.from(path.matchAll(/\["((?:[^"\\]|\\.)*)"\]|\[(\d+)\]|([^.[]+)/gu), (found) =>
    found[1] === undefined ? (found[2] ?? found[3]) : (JSON.parse(`"${found[1]}"`) as string),
  );
  const workflow = byId.get(steps[0] === "workflows" ? steps.splice(0, 2)[1] : "") as AnyWorkflow;
  const [first, second] = steps;
  const places: Record<string, () => unknown> = {
    nodes: () => optionsOf(workflow, second),
    states: () => optionsOf(workflow, second),
    hooks: () => workflow.defaultHooks,
    transitions: () => (workflow as Fsm<any>).transitions.get(second)?.map(({ condition }) => condition),
    stateHooks: () => (workflow as any).stateHooks as unknown,
  };
  const isMember = ["nodes", "states", "transitions"].includes(first);
  let value: unknown = (places[first] ?? (() => (workflow.options as any)[first] as unknown))();
  for (const step of steps.slice(isMember ? 2 : 1)) value = (value as any)[step];
  return value;
}

function optionsOf(workflow: AnyWorkflow, name: string): object {
  const spec = specsOf(workflow).get(name) as NodeSpec;
  const { schema, onTimeout } = spec.event ?? {};
  return { ...spec.options, ...spec.map, schema, onTimeout: onTimeout?.value, hooks: workflow.nodeHooks(name) };
}
