import type { ValidationIssue } from "../base/errors.js";
import { suggestion } from "../base/nearest.js";
import type { DefinedFsm } from "../definition/defined.js";
import type { DeclaredEvents } from "../definition/specs/event-schemas.js";
import type { DeclaredInputs } from "../definition/specs/input-schemas.js";
import { hasPolicies, type NodeHooks } from "../definition/specs/node-options.js";
import type { StateSpec } from "../definition/specs/state-spec.js";
import { digraph } from "../graph/digraph.js";
import { reachable, reversed } from "../graph/reachability.js";
import { misnamedInputs } from "./declared-inputs.js";
import type { EventWorkflow } from "./event-places.js";
import { innerInputs, type InnerInputs } from "./inner-schemas.js";
import { conflictingLimits } from "./limits.js";
import { Planning } from "./validity.js";
import { nestingIssue, withWorkflowInputs, workflowIssues, workflowOf } from "./workflow-nodes.js";

/** A transition for plain values; without a condition, it takes all of them. */
export interface PlannedTransition {
  readonly to: number;
  readonly condition: ((value: unknown) => boolean) | undefined;
}

/** A declared transition between two states, for validation and diagrams. */
export interface DeclaredEdge {
  readonly from: number;
  readonly to: number;
  readonly kind: FsmEdge["kind"];
}

/** A declared transition from one state to another. */
export interface FsmEdge {
  /** The name of the state that is left. */
  readonly from: string;
  /** The name of the state that is entered. */
  readonly to: string;
  /**
   * `to`: listed in the option `to`. `transition`: added by `addTransition` with a condition. `default`: added without
   * one. `error`: to the error state.
   */
  readonly kind: "to" | "transition" | "default" | "error";
}

/** A validated, frozen, integer-indexed form of an fsm, built once and shared by all runs. */
export interface FsmPlan {
  readonly workflow: string;
  readonly size: number;
  readonly specs: readonly StateSpec[];
  readonly indexOf: ReadonlyMap<string, number>;
  readonly initial: number;
  /** Which states are terminal, by state. */
  readonly isTerminal: readonly boolean[];
  /** The legal next states by name, by state. */
  readonly legal: readonly ReadonlyMap<string, number>[];
  /** The transitions for plain values, by state: in order of declaration, with the default last. */
  readonly transitions: readonly (readonly PlannedTransition[])[];
  /** The error state of each state, or -1. */
  readonly errorStates: readonly number[];
  /** Each state's own hooks. */
  readonly hooks: readonly (NodeHooks | undefined)[];
  /** Which states need more than a plain call of their function, by state. */
  readonly isManaged: readonly boolean[];
  /** The names of all parameters, which are the inputs that a run may have. */
  readonly inputs: ReadonlySet<string>;
  /** What is sent events. */
  readonly receiver: EventWorkflow;
  /** The events that may be sent, with the schemas of their payloads; undefined for any. */
  readonly events: DeclaredEvents | undefined;
  /** The schemas that the workflow in the initial state has for inputs of the run; undefined if there are none. */
  readonly inner: InnerInputs | undefined;
  /** The parameter names of each state with names that a compiler may have numbered. */
  readonly numbered: readonly (readonly (string | undefined)[])[];
  readonly edges: readonly DeclaredEdge[];
}

/**
 * Validates a definition and builds its plan. Pure. Reports all problems, not only the first. Cost: O(states +
 * transitions).
 * @param way - the states that lead from the fsm back to itself; undefined if it does not contain itself
 */
export function planFsm(definition: DefinedFsm, way: readonly string[] | undefined): Planning<FsmPlan> {
  const issues: ValidationIssue[] = [];
  const specs = specsOf(definition, way, issues);
  const indexOf = new Map(specs.map(({ name }, i) => [name, i]));
  const report = (code: string, message: string, nodes: readonly string[] = []) =>
    issues.push({ severity: "error", code, message, nodes });
  const find = (name: string | undefined, where: string): number => {
    if (name === undefined) return -1;
    const index = indexOf.get(name);
    if (index !== undefined) return index;
    const hint = suggestion(name, indexOf.keys()) || " Define it, or correct the name.";
    report("UNKNOWN_STATE", `${where} names "${name}", but there is no such state.${hint}`, [name]);
    return -1;
  };

  const edges: DeclaredEdge[] = [];
  const link = (from: number, to: number, kind: DeclaredEdge["kind"]) => {
    if (from >= 0 && to >= 0) edges.push({ from, to, kind });
  };
  const legal = specs.map(({ name, options: { to } }, from) => {
    if (to === undefined) return indexOf;
    const targets = new Map<string, number>();
    for (const target of to) {
      const index = find(target, `"to" of state "${name}"`);
      if (index >= 0 && !targets.has(target)) link(from, index, "to");
      if (index >= 0) targets.set(target, index);
    }
    return targets;
  });
  const transitions = specs.map(() => [] as PlannedTransition[]);
  for (const [source, list] of definition.transitions) {
    const from = find(source, "addTransition");
    const isDefault = ({ condition }: { condition: unknown }) => condition === "default";
    for (const { to, condition } of [...list.filter((t) => !isDefault(t)), ...list.filter(isDefault)]) {
      const target = find(to, `addTransition("${source}", …)`);
      if (from < 0 || target < 0) continue;
      transitions[from].push({ to: target, condition: condition === "default" ? undefined : condition });
      link(from, target, condition === "default" ? "default" : "transition");
    }
  }
  const general = find(definition.errorState, `"errorState" of workflow "${definition.name}"`);
  const errorStates = specs.map(({ name, options: { errorState } }, from) => {
    const own = errorState === undefined ? general : find(errorState, `"errorState" of state "${name}"`);
    const target = own === from ? -1 : own;
    link(from, target, "error");
    return target;
  });
  const terminals = new Set(Array.from(definition.terminalStates, (name) => find(name, "addTerminalState")));
  const initial = initialOf(definition, specs, find, report);
  const plan: FsmPlan = Object.freeze({
    workflow: definition.name,
    size: specs.length,
    specs,
    indexOf,
    initial,
    isTerminal: specs.map((_, i) => terminals.has(i)),
    legal,
    transitions,
    errorStates,
    hooks: specs.map(({ name }) => definition.nodeHooks(name)),
    isManaged: specs.map(({ name, options, subworkflow }) => {
      const isPlain = !hasPolicies(options) && options.delay === undefined && subworkflow === undefined;
      return !isPlain || definition.nodeHooks(name) !== undefined;
    }),
    inputs: new Set(specs.flatMap(({ signature }) => signature.inputs.flatMap(({ name }) => name ?? []))),
    receiver: receiverOf(definition, specs),
    events: definition.declaredEvents,
    inner: innerOf(specs[initial], initial, way !== undefined),
    numbered: specs.flatMap(({ signature }) => (signature.numbered === undefined ? [] : [signature.numbered])),
    edges,
  });
  specs.forEach(({ name, signature: { inputs } }, i) => {
    // The single parameter of a later state needs no name: it takes the previous state's value.
    if ((inputs.length < 2 && i !== initial) || inputs.every((input) => input.name !== undefined || input.optional))
      return;
    const message = `State "${name}" takes values by name, but one of its parameters is destructured, so it has no name. Name it with "params".`;
    report("INVALID_NODE", message, [name]);
  });
  return new Planning(plan, [...issues, ...conflictingLimits(specs)], () => [
    ...warningsOf(plan),
    ...misnamedInputs(plan.inputs, definition.declaredInputs),
  ]);
}

/** The fsm as it is now, as senders of events see it. */
function receiverOf({ name, declaredEvents }: DefinedFsm, specs: readonly StateSpec[]): EventWorkflow {
  return { kind: "fsm", name, members: new Map(specs.map((spec) => [spec.name, spec])), declaredEvents };
}

/** The declared edges by name: states in order of definition, and of each `to`, transitions and the error state. */
export function fsmEdges({ specs, edges }: FsmPlan): FsmEdge[] {
  const bySource = [...edges].sort((one, other) => one.from - other.from);
  return bySource.map(({ from, to, kind }) => ({ from: specs[from].name, to: specs[to].name, kind }));
}

/**
 * The inputs of a run: the names of all parameters. Those that the initial state needs are required, and those that are
 * declared, unless the initial state has default values for them.
 */
export function fsmInputs(
  { specs, initial, inputs }: FsmPlan,
  declared: DeclaredInputs | undefined,
): { readonly name: string; readonly required: boolean }[] {
  const first = new Map((specs[initial]?.signature.inputs ?? []).map(({ name, optional }) => [name, optional]));
  const isRequired = (name: string) => !(first.get(name) ?? declared?.has(name) !== true);
  return Array.from(inputs, (name) => ({ name, required: isRequired(name) }));
}

/** The states; those that are workflows take the inputs of these. */
function specsOf(
  definition: DefinedFsm,
  way: readonly string[] | undefined,
  issues: ValidationIssue[],
): readonly StateSpec[] {
  const states = Array.from(definition.states.values());
  if (way !== undefined) {
    issues.push(nestingIssue(definition, way));
    return states;
  }
  return states.map((spec) => {
    if (spec.subworkflow === undefined) return spec;
    const label = `State "${spec.name}"`;
    const workflow = workflowOf(spec, label, (issue) => issues.push(issue));
    if (workflow === undefined) return spec;
    issues.push(...workflowIssues(spec, workflow, label));
    return withWorkflowInputs(spec, workflow);
  });
}

/** The initial state takes the inputs of the run as they are; later ones may take the values of others. */
function innerOf(spec: StateSpec | undefined, initial: number, isCyclic: boolean): InnerInputs | undefined {
  if (spec?.subworkflow === undefined || isCyclic) return undefined;
  const workflow = workflowOf(spec, "", () => {});
  const names = spec.signature.inputs.flatMap(({ name }) => name ?? []);
  const inputs = innerInputs(workflow?.planned.surface.schemas, names);
  return inputs && new Map([[initial, inputs]]);
}

type Find = (name: string | undefined, where: string) => number;
type Report = (code: string, message: string, nodes?: readonly string[]) => void;

function initialOf(
  { name, initialState }: DefinedFsm,
  specs: readonly StateSpec[],
  find: Find,
  report: Report,
): number {
  const marked = specs.flatMap(({ options }, i) => (options.initial === true ? i : []));
  const named = find(initialState, "setInitialState");
  const candidates = Array.from(new Set(named < 0 ? marked : [named, ...marked]));
  if (candidates.length === 0 && initialState === undefined) {
    const remedy = `Mark one with { initial: true }, or call setInitialState(name)`;
    report("NO_INITIAL_STATE", `Workflow "${name}" has no initial state. ${remedy}.`);
  } else if (candidates.length > 1) {
    const names = candidates.map((i) => specs[i].name);
    const list = names.map((state) => `"${state}"`).join(" and ");
    report("SEVERAL_INITIAL_STATES", `Workflow "${name}" has several initial states: ${list}. Keep one.`, names);
  }
  return candidates[0] ?? -1;
}

/** Warnings about transitions and unreachable states, from the declared targets of the states. */
function warningsOf({ size, specs, initial, isTerminal, edges, transitions, legal, workflow }: FsmPlan) {
  const issues: ValidationIssue[] = [];
  const warn = (code: string, message: string, name: string) =>
    issues.push({ severity: "warning", code, message, nodes: [name] });
  transitions.forEach((list, from) => {
    for (const { to } of list) {
      if (legal[from].has(specs[to].name)) continue;
      const { name } = specs[from];
      warn(
        "ILLEGAL_TRANSITION",
        `"to" of state "${name}" does not list "${specs[to].name}", the target of an addTransition.`,
        name,
      );
    }
  });
  if (initial < 0 || !specs.every(({ options }, i) => isTerminal[i] || options.to !== undefined)) return issues;
  const ways = edges.filter(({ from }) => !isTerminal[from]);
  const graph = digraph(
    size,
    ways.map(({ from }) => from),
    ways.map(({ to }) => to),
  );
  const forwards = reachable(graph, [initial]);
  const ends = specs.flatMap((_, i) => (isTerminal[i] ? i : []));
  const backwards = reachable(reversed(graph), ends);
  specs.forEach(({ name }, i) => {
    if (forwards[i] === 0)
      warn(
        "UNREACHABLE_STATE",
        `State "${name}" of workflow "${workflow}" can't be reached from "${specs[initial].name}".`,
        name,
      );
    else if (backwards[i] === 0)
      warn("NO_WAY_TO_TERMINAL", `State "${name}" of workflow "${workflow}" can't reach a terminal state.`, name);
  });
  return issues;
}
