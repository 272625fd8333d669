/** The errors of nodes that wait. */
import { show } from "../../base/check.js";
import { StoreError } from "../../base/errors.js";
import { asSentence, messageOf } from "../../base/message.js";
import { NodeTimeoutError, type ExecutionError } from "../../run/errors.js";
import type { RunState } from "../../run/state.js";
import { nodeError, siteOf } from "../errors.js";

/** The error of a node whose event did not come in time. */
export function eventLate(state: RunState, node: number): NodeTimeoutError {
  const { name, event } = state.plan.specs[node];
  const message = `Node "${name}" waited for the event "${event?.name}" longer than its timeout of ${event?.timeout} ms. Raise it, or give the node an "onTimeout".`;
  return new NodeTimeoutError(message, siteOf(state, node, 0));
}

/** The error of a node whose event can't be sent. */
export function nobodySends(state: RunState, node: number): ExecutionError {
  const { name, event } = state.plan.specs[node];
  const message = `Node "${name}" waits for the event "${event?.name}", but nobody can send events to this run. Use dag.start, a store, or a "timeout".`;
  return nodeError(state, node, message);
}

/** The error of an event that a run has not taken, because it ended. */
export function eventRefused({ workflow, runId }: Pick<RunState, "workflow" | "runId">, event: string): StoreError {
  const message = `Run ${show(runId)} of "${workflow}" has ended, or ended first, and takes no event ${show(event)}. Send it to another run.`;
  return new StoreError(message, "RUN_ENDED");
}

/** The error of a node whose option `delay` threw, or returned no delay. */
export function badDelay(state: RunState, node: number, cause: unknown): ExecutionError {
  const { name } = state.plan.specs[node];
  const message = `The delay of node "${name}" failed: ${asSentence(messageOf(cause))} Correct it.`;
  return nodeError(state, node, message, { cause });
}
