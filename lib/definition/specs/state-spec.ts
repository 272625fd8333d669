import { checkName, checkOptions, integer, label, show, type Rules } from "../../base/check.js";
import { InvalidNodeError } from "../../base/errors.js";
import { withGuessedContext } from "./context-param.js";
import { inRunOptions, OF_RUNS, WORKFLOW_RULES } from "./dag-options.js";
import { checkSpecOptions, frozen, SHARED_RULES, type SharedOptions } from "./node-options.js";
import { checkCacheKey, checkNodeName, type NodeFunction, type NodeSpec } from "./node-spec.js";
import { readSignature } from "./params.js";
import type { Method } from "../standing-methods.js";

/** The options of a state. */
export interface StateOptions<
  To extends readonly string[] = readonly string[],
  E extends string = string,
> extends SharedOptions {
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

const STATE_RULES: Rules<StateOptions> = {
  ...SHARED_RULES,
  initial: "boolean",
  terminal: "boolean",
  to: (option, to) => {
    if (!Array.isArray(to)) {
      throw new TypeError(`${label(option)} must be an array of states; received ${show(to)}.`);
    }
    for (const target of to as unknown[]) checkName(option, target);
  },
  errorState: "string",
};
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
  checkSpecOptions(options, STATE_RULES, `state "${state}"`);
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

/** The rules of the options that an fsm and its runs share. */
export const FSM_LIMIT_RULES = { maxCycles: integer(1), historyLimit: integer(1) };

export const FSM_RULES: Rules<FsmOptions> = {
  ...WORKFLOW_RULES,
  ...FSM_LIMIT_RULES,
  errorState: "string",
};

/** @throws {TypeError} | {RangeError} naming the option, its rule and the value received */
export function checkFsmOptions(options: FsmOptions, where: string): void {
  checkOptions(options, FSM_RULES, where, OF_FSM_RUNS);
}
