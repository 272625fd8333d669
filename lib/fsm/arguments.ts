import { InvalidNodeError, MissingInputError } from "../base/errors.js";
import { contextHint } from "../definition/specs/context-param.js";
import { minifiedHint } from "../definition/specs/minified-names.js";
import type { NodeSpec } from "../definition/specs/node-spec.js";
import { originalNames, sourceNameHint } from "../definition/specs/original-names.js";
import type { Param } from "../definition/specs/params.js";
import type { FsmState } from "../run/fsm-state.js";
import { NO_VALUE } from "../run/history.js";

const NONE = Symbol("none");

/**
 * The inputs of the current state.
 *
 * In the first cycle they come by name from the run's inputs. Later, a single one is the previous state's value (the run
 * input of its name when that is undefined), be it a rest parameter; several come by name from the value's own properties, then from the run's
 * inputs. What is nowhere is left to the parameter's default value.
 * @throws {MissingInputError} MISSING_INPUT naming the state and all that it lacks
 */
export function stateInputs(state: FsmState): unknown[] {
  const spec = state.plan.specs[state.current];
  const { inputs, rest, numbered, contextName } = spec.signature;
  if (rest && inputs.length === 0) return state.history.count > 0 ? [state.value] : [];
  if (contextName !== undefined && state.history.count > 0) refuseGuess(state, spec, contextName);
  const params = numbered === undefined ? inputs : originalParams(state, inputs, numbered);
  const missing: string[] = [];
  const values = params.map((param) => {
    const value = valueFor(state, param, inputs.length === 1);
    if (value !== NONE) return value;
    if (!param.optional) missing.push(param.name ?? "(unnamed)");
    return undefined;
  });
  if (missing.length > 0) throw missingInputs(state, spec, missing);
  return values;
}

/** The inputs with the context in its place. */
export function withContext({ signature: { contextAt, extra } }: NodeSpec, inputs: unknown[], context: unknown) {
  if (contextAt >= 0) inputs.splice(contextAt, 0, context);
  else if (extra) inputs.push(context);
  return inputs;
}

function runInput({ inputs }: FsmState, { name }: Param): unknown {
  return name !== undefined && Object.hasOwn(inputs, name) ? inputs[name] : NONE;
}

function valueFor(state: FsmState, param: Param, isOnly: boolean): unknown {
  const { value, history } = state;
  if (history.count === 0) return runInput(state, param);
  // What a state threw is passed on even if it is undefined.
  const isPassedOn = value !== undefined || history.valueAt(history.count - 1) === NO_VALUE;
  if (isOnly) return isPassedOn ? value : runInput(state, param);
  const { name } = param;
  const isHere = typeof value === "object" && value !== null && name !== undefined && Object.hasOwn(value, name);
  return isHere ? (value as Record<string, unknown>)[name] : runInput(state, param);
}

/** The parameters by the names of the source, as far as the run's inputs and the value before tell. */
function originalParams(state: FsmState, inputs: readonly Param[], numbered: readonly (string | undefined)[]): Param[] {
  const isKnown = (name: string) => valueFor(state, { name, optional: false }, inputs.length === 1) !== NONE;
  const names = originalNames(numbered, isKnown);
  return inputs.map(({ optional }, i) => ({ name: names[i], optional }));
}

/** A state's context is guessed by how the parameter is used or numbered, but the value says what that is. */
function refuseGuess({ value }: FsmState, { name }: NodeSpec, param: string): void {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, param)) return;
  throw new InvalidNodeError(
    `State "${name}" is taken to want its context as "${param}", but got a value that has a "${param}". ` +
      `Say what its parameters are called with { params: [...] }.`,
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
