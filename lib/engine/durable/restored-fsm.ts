import { show } from "../../base/check.js";
import { ValidationError, type DagwrightError } from "../../base/errors.js";
import type { FsmPlan } from "../../planning/fsm-plan.js";
import { FsmResult } from "../../run/fsm-result.js";
import { FsmState } from "../../run/fsm-state.js";
import { NO_VALUE } from "../../run/history.js";
import type { RunStatus } from "../../run/status.js";
import type { CycleEntry, RecordedRun } from "../../stores/store.js";

/** Whether a cycle is over. A failed one is if its failure was ignored, which gave it a value. */
export function isOver({ status, output }: CycleEntry): boolean {
  return status === "completed" || (status === "failed" && output !== undefined);
}

/** Restores the state of a run that has ended. @throws {ValidationError} VALIDATION when a state is missing */
export function endedFsmState(plan: FsmPlan, run: RecordedRun, historyLimit: number): FsmState {
  const isPaused = run.status === "paused";
  const isInHistory = isPaused ? isOver : (cycle: CycleEntry) => cycle.status !== "entered";
  const state = restoredFsm(plan, run, { cycles: run.cycles, historyLimit, isInHistory });
  if (!isPaused && state.history.count > 0) state.current = state.history.stateAt(state.history.count - 1);
  state.isTerminated = run.outputs.length > 0;
  return state;
}

/** The result of a run that has ended, from its state. */
export function fsmResult(state: FsmState, run: RecordedRun): FsmResult<any> {
  const duration = (run.finishedAt ?? run.createdAt) - run.createdAt;
  return new FsmResult<any>(state, run.status as RunStatus, duration);
}

/**
 * Restores the state of a recorded run of an fsm.
 * @throws {ValidationError} VALIDATION when a state is missing
 */
export function restoredFsm(
  plan: FsmPlan,
  run: RecordedRun,
  {
    cycles,
    historyLimit,
    isInHistory,
  }: {
    readonly cycles: readonly CycleEntry[];
    readonly historyLimit: number;
    /** Whether the history includes the last cycle. */
    readonly isInHistory: (last: CycleEntry) => boolean;
  },
): FsmState {
  const missing = statesOf(run).find((name) => !plan.indexOf.has(name));
  if (missing !== undefined) {
    const message = `Run ${show(run.runId)} was in state ${show(missing)}, or waits to enter it, but ${show(plan.workflow)} no longer has that state. Define it again.`;
    throw new ValidationError(message);
  }
  const state = new FsmState(plan, run.inputs, run.runId, run.metadata, historyLimit);
  const last = cycles.at(-1);
  for (const cycle of cycles) {
    if (cycle === last && !isInHistory(cycle)) break;
    state.history.add(
      plan.indexOf.get(cycle.state) as number,
      cycle.output === undefined ? NO_VALUE : cycle.output.value,
    );
    if (cycle.status === "failed") state.addError(cycle.error as DagwrightError);
  }
  if (last !== undefined) {
    state.current = plan.indexOf.get(last.state) as number;
    state.value = last.input?.value;
    state.trigger = last.event;
  }
  return state;
}

/** The states that a run was in, and those that its wait may lead to. */
function statesOf({ cycles }: RecordedRun): string[] {
  const { events = [], after } = cycles.at(-1)?.wait ?? {};
  const next = [...events.map(([, state]) => state), ...(after === undefined ? [] : [after.state])];
  return [...cycles.map(({ state }) => state), ...next];
}
