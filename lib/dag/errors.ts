/** The errors of a dag's nodes. */
import { isInstance } from "../base/safe-access.js";
import { ExecutionError, InputsTimeoutError, isErrorOf, type ErrorSite } from "../run/errors.js";
import { failedBecause, failedInside } from "../run/failure-messages.js";
import type { RunState } from "../run/state.js";
import { WiringFault } from "./arguments.js";

/** The error of a failed node. An error of dagwright is kept; any other becomes the cause of an `ExecutionError`. */
export function nodeFailure(state: RunState, node: number, thrown: unknown): ExecutionError {
  if (isErrorOf(state.runId, thrown)) return thrown;
  if (isInstance(thrown, WiringFault)) return nodeError(state, node, thrown.message);
  const name = nameOf(state, node);
  const message = failedInside(state, name, thrown) ?? failedBecause(`Node "${name}"`, thrown);
  return nodeError(state, node, message, { cause: thrown });
}

export function nodeError(state: RunState, node: number, message: string, options?: ErrorOptions): ExecutionError {
  return new ExecutionError(message, siteOf(state, node, state.attemptsOf(node), options));
}

export function siteOf(state: RunState, node: number, attempt: number, options?: ErrorOptions): ErrorSite {
  return { runId: state.runId, node: nameOf(state, node), attempt, ...options };
}

/** The error of a node whose inputs were late. */
export function inputsLate(state: RunState, node: number): InputsTimeoutError {
  const { name, options } = state.plan.specs[node];
  const message =
    `The inputs of node "${name}" were not there within its inputsTimeout of ${options.inputsTimeout} ms, ` +
    `so it was not called. Raise it, or find out which of its needs takes so long.`;
  return new InputsTimeoutError(message, siteOf(state, node, 0));
}

function nameOf(state: RunState, node: number): string {
  return state.plan.specs[node].name;
}
