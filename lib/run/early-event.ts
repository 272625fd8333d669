import { show } from "../base/check.js";
import { ExecutionError } from "./errors.js";

/** Why an event is refused that is for a workflow in a state of an fsm, which has not been entered. */
export function noRunInside(runId: string, state: string, event: string): ExecutionError {
  const message = `The state ${show(state)} has begun no run that could take the event ${show(event)}. Send it when the state is entered.`;
  return new ExecutionError(message, { runId });
}
