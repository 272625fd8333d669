import type { RunState } from "../run/state.js";
import { Status } from "../run/status.js";
import { standsAlone } from "./branching.js";
import type { Readiness } from "./readiness.js";
import type { RunSetup } from "./run-setup.js";

/** The run of which outcomes are given. */
interface GivenRun {
  readonly state: RunState;
  /** Completes a node that does not run. */
  override(node: number, value: unknown): void;
}

/**
 * Settles the nodes whose outcome is known in advance: those that completed before the run was resumed, those outside of
 * a partial run, and overrides that need nothing.
 */
export function settleGiven(run: GivenRun, { overrides, isResumed }: RunSetup, readiness: Readiness): void {
  const { state } = run;
  const { plan, active } = state;
  const given = Array.from(overrides ?? []).filter(([node, value]) => standsAlone(plan, node, value));
  // Keeps them from being skipped along with their needs.
  for (const [node] of given) state.status[node] = Status.running;
  const left = active === undefined ? [] : plan.order.filter((i) => active[i] === 0 && overrides?.has(i) !== true);
  for (const i of left) if (state.status[i] === Status.pending) state.status[i] = Status.skipped;
  const completed = isResumed === true ? plan.order.filter((i) => state.status[i] === Status.completed) : [];
  for (const i of completed) readiness.release(i);
  for (const i of left) readiness.release(i);
  for (const [node, value] of given) run.override(node, value);
}
