/** The errors of an fsm's run, each with its state and cycle. */
import { MissingInputError, type DagwrightError } from "../base/errors.js";
import { isInstance } from "../base/safe-access.js";
import {
  ExecutionError,
  InvalidTransitionError,
  isErrorOf,
  MaxCyclesError,
  UnknownStateError,
  type ErrorSite,
} from "../run/errors.js";
import { failedBecause, failedInside } from "../run/failure-messages.js";
import type { FsmState } from "../run/fsm-state.js";
import { ConditionFailed, IllegalTarget } from "./transition.js";

/** The site of an error in the state that is executing, or that executed last. */
export function siteOf(state: FsmState, attempt: number, options?: ErrorOptions): ErrorSite {
  const { runId, current, history, isExecuting } = state;
  const { name } = state.plan.specs[current];
  const cycle = isExecuting ? history.count : history.count - 1;
  return { runId, node: name, attempt, state: name, cycle, ...options };
}

/** An error of the current state. @param predicate - follows the name of the state in the message */
export function stateError(state: FsmState, predicate: string, options?: ErrorOptions): ExecutionError {
  const { name } = state.plan.specs[state.current];
  return new ExecutionError(`State "${name}" ${predicate}`, siteOf(state, state.attempt, options));
}

/** The error of a failed state: an error of this run as it is, anything else as the cause of a new error. */
export function stateFailure(state: FsmState, thrown: unknown): DagwrightError {
  if (isInstance(thrown, MissingInputError) && thrown.run === undefined) return thrown;
  if (isErrorOf(state.runId, thrown)) return thrown;
  if (isInstance(thrown, IllegalTarget)) {
    const ErrorClass = thrown.exists ? InvalidTransitionError : UnknownStateError;
    return new ErrorClass(thrown.message, siteOf(state, state.attempt));
  }
  if (isInstance(thrown, ConditionFailed)) {
    return new ExecutionError(thrown.message, siteOf(state, state.attempt, { cause: thrown.cause }));
  }
  const { name } = state.plan.specs[state.current];
  const message = failedInside(state, name, thrown) ?? failedBecause(`State "${name}"`, thrown);
  return new ExecutionError(message, siteOf(state, state.attempt, { cause: thrown }));
}

/** The user's error behind an error of this library, or the error itself. */
export function originOf(error: DagwrightError): unknown {
  return "cause" in error ? error.cause : error;
}

export function maxCyclesError(state: FsmState, maxCycles: number, next: string): MaxCyclesError {
  const message =
    `Workflow "${state.workflow}" needs more than ${maxCycles} cycles; the next state would be "${next}". ` +
    `Raise maxCycles, or end the run with stop() or a terminal state.`;
  return new MaxCyclesError(message, siteOf(state, state.attempt));
}

/** The error for a caller that waited for something the run did not do before it ended, in state `name`. */
export function endedWithout(
  what: string,
  { runId, workflow }: { readonly runId: string; readonly workflow: string },
  name: string,
): ExecutionError {
  const message = `The run of "${workflow}" did not ${what}: it ended in state "${name}". See its result.`;
  return new ExecutionError(message, { runId });
}
