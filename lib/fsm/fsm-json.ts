import { show } from "../base/check.js";
import { Document, VERSION, type DefinitionJson, type FromDataOptions } from "../definition/data/document.js";
import { memberJson, type MemberJson } from "../definition/data/members.js";
import { DataWriter, type ValueReference } from "../definition/data/values.js";
import type { DefinedFsm, TransitionCondition } from "../definition/defined.js";
import type { NodeHooks } from "../definition/specs/node-options.js";
import { STATE_OPTIONS, stateSpec, type StateSpec } from "../definition/specs/state-spec.js";
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

/** What methods have added to the definition of an fsm, beside transitions. */
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
  "maxCycles",
  "errorState",
  "historyLimit",
  "runOptions",
];
const OTHERS = ["hooks", "stateHooks", "initialState", "terminalStates"];
const TRANSITION = ["from", "to", "condition"];

/** Writes an fsm as data. Cost: O(states + transitions). */
export function fsmJson(fsm: Written, { initialState, terminalStates, stateHooks }: Additions): FsmJson {
  const writer = new DataWriter();
  const transitions = Array.from(fsm.transitions).flatMap(([from, list]) =>
    list.map(({ to, condition }, i) => ({
      from,
      to,
      ...(condition === "default" ? {} : { condition: { $value: `transitions.${from}[${i}]` } }),
    })),
  );
  const { defaultHooks } = fsm;
  return {
    version: VERSION,
    kind: "fsm",
    name: fsm.name,
    ...(writer.write(fsm.options, "") as object),
    ...(defaultHooks === undefined ? {} : { hooks: writer.write(defaultHooks, "hooks") }),
    states: Array.from(fsm.states.values(), (spec) => memberJson(spec, fsm.nodeHooks(spec.name), writer, "states")),
    ...(transitions.length === 0 ? {} : { transitions }),
    ...(initialState === undefined ? {} : { initialState }),
    ...(terminalStates.length === 0 ? {} : { terminalStates }),
    ...(stateHooks.length === 0 ? {} : { stateHooks: writer.write(stateHooks, "stateHooks") }),
  };
}

/**
 * Reads an fsm from data.
 * @throws {ValidationError} VALIDATION with everything that is unknown or invalid
 */
export function readFsm(json: unknown, given: FromDataOptions<object>): ReadFsm {
  const document = new Document("fsm", json, given, [...OPTIONS, ...OTHERS, "states", "transitions"]);
  const { fields, name } = document;
  const options = document.valuesOf(fields, OPTIONS, "");
  const { hooks, stateHooks, initialState, terminalStates } = document.valuesOf(fields, OTHERS, "");
  return document.result({
    name,
    options,
    specs: document.entries("states", STATE_OPTIONS).flatMap((entry) => readState(entry, document) ?? []),
    transitions: document.entries("transitions", TRANSITION).map((entry) => {
      const { from, to, condition = "default" } = document.valuesOf(entry.fields, TRANSITION, entry.path);
      return { from, to, condition };
    }),
    initialState,
    terminalStates: list(terminalStates, "terminalStates", document),
    stateHooks: list(stateHooks, "stateHooks", document),
    defaultHooks: hooks as NodeHooks,
  });
}

function readState(
  { fields, path }: { readonly fields: Readonly<Record<string, unknown>>; readonly path: string },
  document: Document,
): StateSpec | undefined {
  const { name } = fields;
  if (typeof name !== "string") {
    return void document.report("INVALID_FIELD", `"${path}.name" must be a string; received ${show(name)}.`);
  }
  const found = document.functionOf(name);
  const others = STATE_OPTIONS.filter((option) => option !== "name");
  const options = document.valuesOf(fields, others, `states.${name}`);
  if (found === undefined) return undefined;
  return document.attempt(() => Object.freeze({ ...stateSpec(name, found.fn, options), self: found.self }));
}

function list<T>(value: unknown, field: string, document: Document): readonly T[] {
  if (value === undefined) return [];
  if (Array.isArray(value)) return value as T[];
  document.report("INVALID_FIELD", `"${field}" must be a list; received ${show(value)}.`);
  return [];
}
