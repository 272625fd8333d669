import { InvalidNodeError, MissingInputError } from "../base/errors.js";
import { contextHint } from "../definition/specs/context-param.js";
import { minifiedHint } from "../definition/specs/minified-names.js";
import type { NodeSpec } from "../definition/specs/node-spec.js";
import { originalNames, sourceNameHint } from "../definition/specs/original-names.js";
import type { Param } from "../definition/specs/signature.js";
import type { FsmState } from "../run/fsm-state.js";
import { NO_VALUE } from "../run/history.js";

const MISSING = Symbol("missing");

/**
 * The inputs of the current state, which are its parameters without the context.
 *
 * In the first cycle they come from the run's inputs, by name. In later cycles, a single parameter takes the previous
 * state's value, or the run input of its name if that value is undefined; a single rest parameter takes the value, too.
 * Several parameters take own properties of that value by name, or else run inputs. A parameter without a value is left
 * to its default value.
 * @throws {MissingInputError} MISSING_INPUT naming the state and all parameters that have neither
 */
export function stateInputs(state: FsmState): unknown[] {
  const spec = state.plan.specs[state.current];
  const { inputs, rest, numbered, contextName } = spec.signature;
  if (rest && inputs.length === 0) return state.history.count > 0 ? [state.value] : [];
  if (contextName !== undefined && state.history.count > 0) refuseGuess(state, spec, contextName);
  const params = numbered === undefined ? inputs : originalParams(state, inputs, numbered);
  const missing: string[] = [];
  const values = params.map((param) => {
    const value = valueFor(state, param, inputs.length);
    if (value !== MISSING) return value;
    if (!param.optional) missing.push(param.name ?? "(unnamed)");
    return undefined;
  });
  if (missing.length > 0) throw missingInputs(state, spec, missing);
  return values;
}

/** Adds the context to the inputs where the function takes it. */
export function withContext({ signature: { contextAt, extra } }: NodeSpec, inputs: unknown[], context: unknown) {
  if (contextAt >= 0) inputs.splice(contextAt, 0, context);
  else if (extra) inputs.push(context);
  return inputs;
}

function runInput({ inputs }: FsmState, { name }: Param): unknown {
  return name !== undefined && Object.hasOwn(inputs, name) ? inputs[name] : MISSING;
}

/** @param count - the number of the state's parameters */
function valueFor(state: FsmState, param: Param, count: number): unknown {
  const { value, history } = state;
  if (history.count === 0) return runInput(state, param);
  // An error state takes what was thrown, even undefined.
  const isPassedOn = value !== undefined || history.valueAt(history.count - 1) === NO_VALUE;
  if (count === 1) return isPassedOn ? value : runInput(state, param);
  const { name } = param;
  const isHere = typeof value === "object" && value !== null && name !== undefined && Object.hasOwn(value, name);
  return isHere ? (value as Record<string, unknown>)[name] : runInput(state, param);
}

/** The parameters by their names in the source, where the run's inputs and the previous value reveal them. */
function originalParams(state: FsmState, inputs: readonly Param[], numbered: readonly (string | undefined)[]): Param[] {
  const isKnown = (name: string) => valueFor(state, { name, optional: false }, inputs.length) !== MISSING;
  const names = originalNames(numbered, isKnown);
  return inputs.map(({ optional }, i) => ({ name: names[i], optional }));
}

/**
 * @throws {InvalidNodeError} if the parameter that was guessed to be the context is a property of the previous value
 */
function refuseGuess({ value }: FsmState, { name }: NodeSpec, param: string): void {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, param)) return;
  throw new InvalidNodeError(
    `State "${name}" seems to take its context as "${param}", but the previous value has a property "${param}". ` +
      `Name the state's parameters with { params: [...] }.`,
  );
}

function missingInputs({ plan, history }: FsmState, spec: NodeSpec, missing: readonly string[]): MissingInputError {
  const { name, signature } = spec;
  const hint = (input: string) => (signature.numbered === undefined ? "" : sourceNameHint(input));
  const list = missing.map((input) => `"${input}"${hint(input)}`).join(", ");
  const message =
    `State "${name}" of workflow "${plan.workflow}" lacks ${list}. ` +
    (history.count === 0
      ? "Pass them in { inputs }, or give the parameters default values."
      : `Pass a value with next("${name}", …), or a run input of that name, or give the parameters default values.`) +
    contextHint(missing) +
    minifiedHint(missing);
  return new MissingInputError(message, missing, [
    { severity: "error", code: "MISSING_INPUT", message, nodes: [name] },
  ]);
}
