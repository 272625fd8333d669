/** The errors of an fsm's run: each says which state, and in which cycle. */
import { MissingInputError, type DagwrightError } from "../base/errors.js";
import { isInstance } from "../base/safe-access.js";
import {
  ExecutionError,
  failedBecause,
  InvalidTransitionError,
  isErrorOf,
  MaxCyclesError,
  UnknownStateError,
  type ErrorSite,
} from "../run/errors.js";
import type { FsmState } from "../run/fsm-state.js";
import { ConditionThrew, Misdirection } from "./transition.js";

/** Where the run is: the state that is executing, or the one executed last. */
export function siteOf(state: FsmState, attempt: number, ...cause: [unknown?]): ErrorSite {
  const { runId, current, history, isExecuting } = state;
  const { name } = state.plan.specs[current];
  const site = { runId, node: name, attempt, state: name, cycle: isExecuting ? history.count : history.count - 1 };
  return cause.length === 0 ? site : { ...site, cause: cause[0] };
}

/** `what` went wrong in the current state. */
export function stateError(state: FsmState, what: string, ...cause: [unknown?]): ExecutionError {
  const { name } = state.plan.specs[state.current];
  return new ExecutionError(`State "${name}" ${what}`, siteOf(state, state.attempt, ...cause));
}

/** The error of a state that failed: dagwright's own as they are, a user's as the cause of ours. */
export function stateFailure(state: FsmState, thrown: unknown): DagwrightError {
  if (isInstance(thrown, MissingInputError) && thrown.run === undefined) return thrown;
  if (isErrorOf(state.runId, thrown)) return thrown;
  if (isInstance(thrown, Misdirection)) {
    const ErrorClass = thrown.isKnown ? InvalidTransitionError : UnknownStateError;
    return new ErrorClass(thrown.message, siteOf(state, state.attempt));
  }
  if (isInstance(thrown, ConditionThrew)) {
    return new ExecutionError(thrown.message, siteOf(state, state.attempt, thrown.cause));
  }
  const { name } = state.plan.specs[state.current];
  return new ExecutionError(failedBecause(`State "${name}"`, thrown), siteOf(state, state.attempt, thrown));
}

/** The user's own error, where ours stands for one. */
export function originOf(error: DagwrightError): unknown {
  return "cause" in error ? error.cause : error;
}

/** The run needs more cycles than it may have, to go on with state `next`. */
export function exhausted(state: FsmState, maxCycles: number, next: string): MaxCyclesError {
  const message =
    `Workflow "${state.workflow}" needs more than ${maxCycles} cycles; the next state would be "${next}". ` +
    `Raise maxCycles, or end the run with stop() or a terminal state.`;
  return new MaxCyclesError(message, siteOf(state, state.attempt));
}

/** Something was asked of a run that it never did; it ended in state `name`. */
export function neverDone(
  { runId, workflow }: { readonly runId: string; readonly workflow: string },
  name: string,
  what: string,
): ExecutionError {
  const message = `The run of "${workflow}" ${what}: it ended in state "${name}". See its result.`;
  return new ExecutionError(message, { runId });
}
