import { checkName, label, show, type Rules } from "../../base/check.js";
import { InvalidNodeError } from "../../base/errors.js";
import { merge } from "../../base/merge.js";
import { withGuessedContext } from "./context-param.js";
import { checkSpecOptions, frozen, SHARED_RULES, type SharedOptions } from "./node-options.js";
import {
  checkCacheKey,
  checkNodeName,
  refuseFunctionOptions,
  refuseRenaming,
  signatureWith,
  workflowParts,
  type Method,
  type NodeFunction,
  type NodeSpec,
} from "./node-spec.js";
import { readSignature } from "./params.js";
import { refuseEach, type Subworkflow } from "./subworkflow-spec.js";

/** The options of a state. */
export interface StateOptions<
  To extends readonly string[] = readonly string[],
  E extends string = string,
  V = any,
> extends SharedOptions<V> {
  /** Whether the run begins with this state. @defaultValue false */
  initial?: boolean | undefined;
  /** Whether the run ends after this state, whatever it returns. @defaultValue false */
  terminal?: boolean | undefined;
  /** The legal next states. @defaultValue all states */
  to?: To | undefined;
  /** The next state when this one fails; it gets the error as its value. @defaultValue the `errorState` of the fsm */
  errorState?: E | undefined;
}

/** The definition of a state. */
export interface StateSpec extends NodeSpec {
  /** Always `state`. */
  readonly kind: "state";
  /** The options it was defined with, frozen. */
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
/** The names of all options of states. */
export const STATE_OPTIONS = Object.keys(STATE_RULES);

const NO_OPTIONS: StateOptions = Object.freeze({});

/**
 * @param method - for a method: its instance, and the function that declares its parameters
 * @throws {InvalidNodeError} INVALID_NODE when the name or the function is invalid
 * @throws {TypeError} | {RangeError} when an option is invalid
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
    subworkflow: undefined,
    map: undefined,
    event: undefined,
  });
}

/** The spec of a state that is a workflow. Throws like {@link stateSpec}. */
export function workflowStateSpec(
  name: string,
  subworkflow: Subworkflow,
  options: StateOptions = NO_OPTIONS,
): StateSpec {
  checkNodeName(name, "state");
  checkStateOptions(options, name);
  refuseFunctionOptions(options, `State "${name}"`);
  refuseInputs(subworkflow, name);
  refuseEach(subworkflow, `State "${name}"`);
  return Object.freeze({
    ...workflowParts(subworkflow),
    name,
    kind: "state",
    description: options.description,
    needs: [],
    after: [],
    options: frozen(options),
  });
}

/** @throws {InvalidNodeError} INVALID_NODE when a workflow says where its inputs come from */
export function refuseInputs({ options }: Subworkflow, state: string): void {
  if (options.inputs === undefined) return;
  throw new InvalidNodeError(
    `State "${state}" takes its inputs from the value of the state before, so its workflow has no "inputs".`,
  );
}

/** The spec with the given options changed. Throws like {@link stateSpec}. */
export function reconfiguredState(spec: StateSpec, options: StateOptions): StateSpec {
  const { name } = spec;
  checkStateOptions(options, name);
  refuseRenaming(options, `State "${name}"`);
  const all = merge(spec.options, options);
  const signature = signatureWith(spec, options, 0);
  checkCacheKey(all.cache?.key, signature, name, "State");
  return Object.freeze({ ...spec, description: all.description, signature, options: frozen(all) });
}

/** @throws {TypeError} | {RangeError} naming the option, its rule and the value received */
export function checkStateOptions(options: StateOptions, state: string): void {
  checkSpecOptions(options, STATE_RULES, `state "${state}"`);
}
