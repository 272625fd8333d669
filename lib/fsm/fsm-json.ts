import { checkName, checkType, show } from "../base/check.js";
import type { DefinitionJson } from "../definition/data/document.js";
import { optionsJson, readWork, workJson, type MemberJson } from "../definition/data/members.js";
import type { Fields, Section } from "../definition/data/section.js";
import type { ValueReference } from "../definition/data/values.js";
import type { WorkflowWriter } from "../definition/data/workflow-writer.js";
import type { DefinedFsm, TransitionCondition } from "../definition/defined.js";
import { checkHooks, type NodeHooks } from "../definition/specs/node-options.js";
import {
  checkStateOptions,
  STATE_OPTIONS,
  stateSpec,
  workflowStateSpec,
  type StateSpec,
} from "../definition/specs/state-spec.js";
import { isSubworkflow } from "../definition/specs/subworkflow-spec.js";
import { checkFsmOptions } from "../definition/specs/workflow-options.js";
import type { FsmOptions } from "./options.js";

/** An fsm as data, see {@link Fsm.toJSON}. */
export interface FsmJson extends DefinitionJson {
  readonly kind: "fsm";
  /** In order of definition. */
  readonly states: readonly MemberJson[];
  /** What `addTransition` has added, in order. */
  readonly transitions?: readonly TransitionJson[];
  /** The state of `setInitialState`. */
  readonly initialState?: string;
  /** The states of `addTerminalState`. */
  readonly terminalStates?: readonly string[];
}

/** A transition as data. */
export interface TransitionJson {
  readonly from: string;
  readonly to: string;
  /** Absent for the default transition. */
  readonly condition?: ValueReference;
}

/** An fsm that is written. */
interface Written extends DefinedFsm {
  readonly options: FsmOptions<any>;
  readonly defaultHooks: NodeHooks | undefined;
}

/** What methods have added to the definition of an fsm, apart from transitions. */
export interface Additions {
  /** The state of `setInitialState`. */
  readonly initialState: string | undefined;
  /** The states of `addTerminalState`. */
  readonly terminalStates: readonly string[];
  readonly stateHooks: readonly unknown[];
}

/** The parts of an fsm that was read. */
export interface ReadFsm {
  readonly name: string;
  readonly options: FsmOptions<any>;
  readonly specs: readonly StateSpec[];
  readonly transitions: readonly {
    readonly from: string;
    readonly to: string;
    readonly condition: TransitionCondition;
  }[];
  readonly initialState: string | undefined;
  readonly terminalStates: readonly string[];
  readonly stateHooks: readonly ((...args: any[]) => unknown)[];
  readonly defaultHooks: NodeHooks | undefined;
}

const OPTIONS = [
  "description",
  "metadata",
  "errorStrategy",
  "inputs",
  "events",
  "maxCycles",
  "errorState",
  "historyLimit",
  "runOptions",
];
/** The fields of fsms. */
export const FSM_FIELDS: readonly string[] = [
  ...OPTIONS,
  ...["hooks", "stateHooks", "initialState", "terminalStates", "states", "transitions"],
];
const STATE = [...STATE_OPTIONS, "subworkflow"];
const PLAIN_OPTIONS = STATE_OPTIONS.filter((option) => option !== "name");
const TRANSITION = ["from", "to", "condition"];

/** Writes the fields of an fsm. Cost: O(states + transitions). */
export function fsmJson(fsm: Written, additions: Additions, writer: WorkflowWriter): object {
  const { initialState, terminalStates, stateHooks } = additions;
  const transitions = Array.from(fsm.transitions).flatMap(([from, list]) =>
    list.map(({ to, condition }, i) => ({
      from,
      to,
      ...(condition === "default" ? {} : { condition: writer.value(condition, `transitions.${from}[${i}]`) }),
    })),
  );
  const { defaultHooks } = fsm;
  return {
    ...writer.record(fsm.options, ""),
    ...(defaultHooks === undefined ? {} : { hooks: writer.value(defaultHooks, "hooks") }),
    states: Array.from(fsm.states.values(), (spec) => ({
      name: spec.name,
      ...workJson(spec, writer),
      ...optionsJson(spec, fsm.nodeHooks(spec.name), `states.${spec.name}`, writer),
    })),
    ...(transitions.length === 0 ? {} : { transitions }),
    ...(initialState === undefined ? {} : { initialState }),
    ...(terminalStates.length === 0 ? {} : { terminalStates }),
    ...(stateHooks.length === 0 ? {} : { stateHooks: writer.value(stateHooks, "stateHooks") }),
  };
}

/** Reads an fsm. Reports what is unknown or invalid. */
export function readFsm(section: Section): ReadFsm {
  const { fields, name } = section;
  const options = section.optionsOf(fields, OPTIONS, "", (option) => checkFsmOptions(option, `workflow "${name}"`));
  const others = section.optionsOf(fields, ["hooks", "initialState", "terminalStates", "stateHooks"], "", checkOther);
  const { hooks, initialState, terminalStates = [], stateHooks = [] } = others;
  return {
    name,
    options,
    specs: section.members("states", "state").flatMap((entry) => readState(entry, section) ?? []),
    transitions: section.entries("transitions").flatMap((entry) => readTransition(entry, section) ?? []),
    initialState,
    terminalStates,
    stateHooks,
    defaultHooks: hooks,
  };
}

/** @throws {TypeError} for what is invalid */
function checkOther({ hooks, initialState, terminalStates, stateHooks }: Record<string, any>): void {
  if (hooks !== undefined) checkHooks(hooks as NodeHooks, `"hooks"`);
  if (initialState !== undefined) checkName("initialState", initialState);
  checkList("terminalStates", terminalStates, checkName);
  checkList("stateHooks", stateHooks, (place, hook) => checkType(place, hook, "function"));
}

function checkList(field: string, list: unknown, check: (place: string, item: unknown) => void): void {
  if (list === undefined) return;
  if (!Array.isArray(list)) throw new TypeError(`"${field}" must be a list; received ${show(list)}.`);
  list.forEach((item: unknown, i) => check(`${field}[${i}]`, item));
}

function readTransition(
  { fields, path }: { readonly fields: Fields; readonly path: string },
  section: Section,
): ReadFsm["transitions"][number] | undefined {
  section.checkFields(fields, TRANSITION, path);
  const { from, to, condition = "default" } = section.valuesOf(fields, TRANSITION, path);
  return section.attempt(() => {
    checkName(section.where(`${path}.from`), from);
    checkName(section.where(`${path}.to`), to);
    if (condition !== "default") checkType(section.where(`${path}.condition`), condition, "function");
    return { from, to, condition: condition as TransitionCondition };
  });
}

function readState(
  entry: { readonly fields: Fields; readonly name: string; readonly path: string },
  section: Section,
): StateSpec | undefined {
  const { fields, name, path } = entry;
  section.checkFields(fields, STATE, path);
  const options = section.optionsOf(fields, PLAIN_OPTIONS, `states.${name}`, (option) =>
    checkStateOptions(option, name),
  );
  const work = readWork(entry, section);
  if (work === undefined) return undefined;
  return section.attempt(() => {
    if (isSubworkflow(work)) return workflowStateSpec(name, work, options);
    return Object.freeze({ ...stateSpec(name, work.fn, options), self: work.self });
  });
}
