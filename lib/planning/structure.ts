import { unnumbered } from "../definition/specs/original-names.js";
import type { FsmPlan } from "./fsm-plan.js";
import { reachableNodes } from "./flow.js";
import { Edge, edgeText, isContext, type Binding, type DagPlan } from "./plan.js";

/**
 * The parts of a workflow that decide whether a recorded run still fits: the name, kind and wiring of each node, or the
 * name and transitions of each state. The functions' code, and whether they take their context, do not matter.
 */
export type Structure = readonly (readonly [name: string, kind: string, ...wiring: string[]])[];

const INPUT = "input ";
const EDGE = "edge ";

/** The differences between two structures, by name. */
export interface StructureChange {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  /** With another kind or wiring. */
  readonly rewired: readonly string[];
}

/** The structure of a dag. Pure. Cost: O(nodes + edges). */
export function dagStructure(plan: DagPlan): Structure {
  const { specs, args, argStart, graph, flags } = plan;
  const edges: string[][] = specs.map(() => []);
  for (let source = 0; source < plan.size; source++) {
    for (let edge = graph.start[source]; edge < graph.start[source + 1]; edge++) {
      if (((flags?.[edge] ?? 0) & Edge.join) !== 0) continue;
      edges[graph.target[edge]].push(`${EDGE}${flags?.[edge] ?? 0} ${edgeText(plan, source, edge)}`);
    }
  }
  // Sorted, so that the order of definition does not matter.
  const wiring = specs.map(({ name, kind }, i): [string, string, ...string[]] => [name, kind, ...edges[i].sort()]);
  for (const [node, { condition, needs }] of plan.choices?.of ?? []) {
    const branches = needs.map(({ text }) => text);
    wiring[node].push(`choice ${JSON.stringify(condition === undefined ? branches : [condition.text, ...branches])}`);
  }
  for (let node = 0; node < plan.size; node++) {
    for (let k = argStart[node]; k < argStart[node + 1]; k++) {
      if (!isContext(plan, args[k])) wiring[node].push(argumentText(plan, args[k]));
    }
  }
  return wiring;
}

function argumentText(plan: DagPlan, code: number): string {
  if (code >= 0) return `node ${plan.specs[code].name}`;
  const binding = plan.bindings[~code];
  if (binding.type === "input") return INPUT + plan.inputs[binding.input].name;
  return `${binding.type} ${bindingText(plan, binding)}`;
}

/** The names of the run inputs that a node takes, from its wiring. */
export function inputsIn(wiring: readonly string[]): string[] {
  return wiring.filter((text) => text.startsWith(INPUT)).map((text) => text.slice(INPUT.length));
}

/** The edges into a node, from its wiring. */
export function allEdgesIn(wiring: readonly string[]) {
  return wiring.flatMap((text) => {
    if (!text.startsWith(EDGE)) return [];
    const [, flags, source, label] = /^(\d+) ([^.]*)(?:\.(.*))?$/su.exec(text.slice(EDGE.length)) ?? [];
    return source === undefined ? [] : { flags: Number(flags), source, label };
  });
}

/** The required needs of a node, from its wiring: the nodes, and for forks the branches. */
export function edgesIn(wiring: readonly string[]): { readonly source: string; readonly branch: string | undefined }[] {
  // What streams a node may have completed without it.
  const required = allEdgesIn(wiring).filter(({ flags }) => (flags & (Edge.soft | Edge.stream)) === 0);
  return required.map(({ flags, source, label }) => ({ source, branch: flags & Edge.branch ? label : undefined }));
}

function bindingText(plan: DagPlan, binding: Binding): string {
  switch (binding.type) {
    case "output":
      return `${plan.specs[binding.source].name}.${binding.output}`;
    case "stream": {
      const { name } = plan.specs[binding.source];
      return binding.output === undefined ? name : `${name}.${binding.output}`;
    }
    case "inner":
      return `${plan.specs[binding.source].name}.${binding.path}`;
    case "branch":
      return `${plan.specs[binding.source].name}.${binding.branch}`;
    case "record":
      return JSON.stringify(binding.keys.map((key, i) => [key, argumentText(plan, binding.codes[i])]));
    case "list":
      return JSON.stringify(binding.codes.map((code) => argumentText(plan, code)));
    default:
      return "";
  }
}

/** The structure of an fsm. Pure. Cost: O(states + transitions). */
export function fsmStructure(plan: FsmPlan): Structure {
  const wiring = plan.specs.map(({ name }, i): [string, string, ...string[]] => {
    const kind = plan.isTerminal[i] ? "terminal" : "state";
    return [name, i === plan.initial ? `initial ${kind}` : kind];
  });
  for (const { from, to, kind } of plan.edges) wiring[from].push(`${kind} ${plan.specs[to].name}`);
  return wiring;
}

const texts = new WeakMap<object, string>();

/** The structure of a plan as text, computed once. */
export function structureText<Plan extends object>(plan: Plan, structureOf: (plan: Plan) => Structure): string {
  let text = texts.get(plan);
  if (text === undefined) texts.set(plan, (text = JSON.stringify(structureOf(plan))));
  return text;
}

/** The changes from `before` to `now`; undefined if there are none. */
export function structureChange(before: Structure, now: Structure): StructureChange | undefined {
  const old = new Map(before.map((node) => [node[0], node]));
  const added: string[] = [];
  const rewired: string[] = [];
  for (const node of now) {
    const earlier = old.get(node[0]);
    if (earlier === undefined) added.push(node[0]);
    else if (!isSame(earlier, node)) rewired.push(node[0]);
    old.delete(node[0]);
  }
  const removed = Array.from(old.keys());
  if (added.length + removed.length + rewired.length === 0) return undefined;
  return { added, removed, rewired };
}

/** Whether two nodes are equal. Inputs that a compiler numbered differently are equal. */
function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((part, i) => part === b[i] || isSameInput(part, b[i]));
}

function isSameInput(a: string, b: string): boolean {
  const [[one], [other]] = [inputsIn([a]), inputsIn([b])];
  return one !== undefined && other !== undefined && unnumbered(one) === unnumbered(other);
}

/**
 * A structure as it is without the numbers of compilers: equal for all builds of a workflow, and for all inputs of a run.
 * An input that takes the name of a node without its number is a need of that node, unless a run is given the input.
 * Pure. Cost: linear.
 */
export function unnumberedStructure(structure: Structure): Structure {
  const names = new Set(structure.map(([name]) => name));
  return structure.map(([name, kind, ...wiring]) => {
    const edges = new Set(wiring.filter((text) => text.startsWith(EDGE)));
    const parts = wiring.filter((text) => !text.startsWith(EDGE));
    const original = (text: string): string => {
      const [source, json] = /^(?:record|list) (.*)$/su.exec(text) ?? [];
      if (source !== undefined) {
        const items = JSON.parse(json) as (string | [key: string, text: string])[];
        const originals = items.map((item) =>
          typeof item === "string" ? original(item) : [item[0], original(item[1])],
        );
        return `${source.slice(0, -json.length)}${JSON.stringify(originals)}`;
      }
      if (!text.startsWith(INPUT)) return text;
      const input = text.slice(INPUT.length);
      const found = unnumbered(input);
      if (found === input || !names.has(found)) return INPUT + found;
      edges.add(`${EDGE}0 ${found}`);
      return `node ${found}`;
    };
    const originals = parts.map(original);
    return [name, kind, ...Array.from(edges).sort(), ...originals];
  });
}

/** A change as text: `added "a"; rewired "b", "c"`. */
export function changeText({ added, removed, rewired }: StructureChange): string {
  const part = (verb: string, names: readonly string[]) =>
    names.length === 0 ? [] : `${verb} ${names.map((name) => `"${name}"`).join(", ")}`;
  return [part("added", added), part("removed", removed), part("rewired", rewired)].flat().join("; ");
}

/** The nodes that did not change, and whose ancestors did not change, as a mask. Cost: O(nodes + edges). */
export function untouched(plan: DagPlan, { added, rewired }: StructureChange): Uint8Array {
  const changed = [...added, ...rewired].map((name) => plan.indexOf.get(name) as number);
  return reachableNodes(plan.flow, changed).map((reached) => 1 - reached);
}
