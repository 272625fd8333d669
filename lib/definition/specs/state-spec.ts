import { checkByRules, checkNumber, checkOptions, checkType, type Rules, show } from "../../base/check.js";
import { InvalidNodeError } from "../../base/errors.js";
import { withGuessedContext } from "./context-param.js";
import { inRunOptions, OF_RUNS } from "./dag-options.js";
import { checkGivenOptions, ELSEWHERE, frozen, SHARED_OPTIONS, type NodeOptions } from "./node-options.js";
import { checkCacheKey, checkNodeName, type NodeFunction, type NodeSpec } from "./node-spec.js";
import { readSignature } from "./params.js";
import type { Method } from "../standing-methods.js";

/** The options of a state. */
export interface StateOptions<To extends readonly string[] = readonly string[], E extends string = string> extends Pick<
  NodeOptions,
  (typeof SHARED_OPTIONS)[number]
> {
  /** The run begins here. @defaultValue false */
  initial?: boolean | undefined;
  /** The run ends when this state has executed, whatever it returns. @defaultValue false */
  terminal?: boolean | undefined;
  /** The legal next states. @defaultValue all */
  to?: To | undefined;
  /** Where a failure of this state leads, with the error as value. @defaultValue that of the fsm */
  errorState?: E | undefined;
}

/** A state as it was defined: a node with its place in the machine. */
export interface StateSpec extends NodeSpec {
  readonly kind: "state";
  readonly options: StateOptions;
}

const STATE_OPTIONS = [...SHARED_OPTIONS, "initial", "terminal", "to", "errorState"];
const NO_OPTIONS: StateOptions = Object.freeze({});

/**
 * @param method - when it is one: whose, and whose parameters count
 * @throws {InvalidNodeError} INVALID_NODE when the name or the function is not usable
 * @throws {TypeError} | {RangeError} when an option is not
 */
export function stateSpec(
  name: string,
  fn: NodeFunction,
  options: StateOptions = NO_OPTIONS,
  method?: Method,
): StateSpec {
  checkNodeName(name, "state");
  if (typeof fn !== "function") throw new InvalidNodeError(`State "${name}" needs a function; received ${show(fn)}.`);
  checkStateOptions(options, name);
  const { declared = fn } = method ?? {};
  const signature = withGuessedContext(readSignature(declared, options.params, name), "state", 0);
  checkCacheKey(options.cache?.key, signature, name, "State");
  return Object.freeze({
    name,
    kind: "state",
    description: options.description,
    fn,
    declared,
    self: method?.self,
    method: method?.key,
    signature,
    needs: [],
    after: [],
    options: frozen(options),
  });
}

/** @throws {TypeError} | {RangeError} naming the option, its rule and the value received */
export function checkStateOptions(options: StateOptions, state: string): void {
  checkOptions(options, STATE_OPTIONS, `state "${state}"`, ELSEWHERE);
  const of = (option: string) => `${option}" of state "${state}`;
  checkGivenOptions(options, "state", state);
  checkType(of("initial"), options.initial, "boolean");
  checkType(of("terminal"), options.terminal, "boolean");
  checkType(of("errorState"), options.errorState, "string");
  if (options.to !== undefined && !Array.isArray(options.to)) {
    throw new TypeError(`"${of("to")}" must be an array of states; received ${show(options.to)}.`);
  }
  for (const target of options.to ?? []) checkType(of("to"), target, "string");
}

/** The options of an fsm as a whole. */
export interface FsmOptions {
  description?: string | undefined;
  /** Whatever you want to know of the workflow. Nothing here looks at it. */
  metadata?: Readonly<Record<string, unknown>> | undefined;
  /** Defaults of every run's options. */
  runOptions?: object | undefined;
  /** How many cycles a run may have, unless it says so itself. @defaultValue 1000 */
  maxCycles?: number | undefined;
  /** Where a failure of any state leads, with the error as value. */
  errorState?: string | undefined;
  /** How many cycles a run keeps; older ones are dropped. @defaultValue all */
  historyLimit?: number | undefined;
}

const OF_FSM_RUNS = { ...OF_RUNS, ...inRunOptions("onMaxCycles") };

const RULES: Rules<FsmOptions> = {
  description: "string",
  metadata: "object",
  runOptions: "object",
  maxCycles: checkMaxCycles,
  errorState: "string",
  historyLimit: checkHistoryLimit,
};

export const FSM_OPTIONS: readonly string[] = Object.keys(RULES);

/** @throws {TypeError} | {RangeError} naming the option, its rule and the value received */
export function checkFsmOptions(options: FsmOptions, where: string): void {
  checkOptions(options, FSM_OPTIONS, where, OF_FSM_RUNS);
  checkGivenFsmOptions(options);
}

/** Leaves aside what is no option of an fsm. @throws as {@link checkFsmOptions} */
export function checkGivenFsmOptions(options: FsmOptions): void {
  checkByRules(options, RULES);
}

/** @throws {TypeError} | {RangeError} unless it is undefined or a whole number from 1 */
export function checkMaxCycles(count: unknown): void {
  checkNumber("maxCycles", count, { min: 1, integer: true });
}

/** @throws {TypeError} | {RangeError} unless it is undefined or a whole number from 1 */
export function checkHistoryLimit(limit: unknown): void {
  checkNumber("historyLimit", limit, { min: 1, integer: true });
}
