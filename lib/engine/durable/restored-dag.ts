import { fromEpoch } from "../../base/clock.js";
import type { DagPlan } from "../../planning/plan.js";
import { ExecutionError } from "../../run/errors.js";
import { failedBecause } from "../../run/failure-messages.js";
import { childKey } from "../../run/child-result.js";
import { pausesByNode } from "../../run/pause.js";
import { RunState } from "../../run/state.js";
import { Status } from "../../run/status.js";
import type { RecordedRun } from "../../stores/store.js";

/**
 * Restores the state of a recorded run in which completed nodes have their results, and all others have yet to run.
 * The results of runs inside are left to `restored-children.ts`.
 * @param holds - 1 for the nodes whose results are still valid; undefined if all are
 */
export function restoredState(plan: DagPlan, run: RecordedRun, holds?: Uint8Array): RunState {
  const active = run.scope === undefined ? undefined : maskOf(plan, run.scope);
  const state = new RunState(plan, run.inputs, run.runId, active, run.metadata);
  for (const [name, node] of run.nodes) {
    const i = plan.indexOf.get(name);
    if (i === undefined) continue;
    if (node.attempts > 0) state.setAttemptsBefore(i, node.attempts);
    if (node.interrupted > 0) state.facts.interrupted.set(i, node.interrupted);
    if (node.status === "skipped" && node.output === undefined && active?.[i] === 0) state.facts.skippedBefore.add(i);
    if (node.output === undefined || holds?.[i] === 0) continue;
    if (node.status === "copied") state.copy(i, node.output.value, node.branch);
    if (node.status !== "completed") continue;
    state.status[i] = Status.completed;
    state.values[i] = node.output.value;
    if (node.branch !== undefined) state.facts.branches.set(i, node.branch);
    if (node.isCached) state.facts.cached.add(i);
    if (node.startedAt !== undefined) state.setStarted(i, fromEpoch(node.startedAt));
    if (node.finishedAt !== undefined) state.setFinished(i, fromEpoch(node.finishedAt));
  }
  for (const [name, wait] of run.waits) {
    const i = plan.indexOf.get(name);
    if (i !== undefined && holds?.[i] !== 0) state.facts.earlierWaits.set(i, wait);
  }
  restoreItems(state, run, holds);
  state.beganAt = fromEpoch(run.createdAt);
  if (run.finishedAt !== undefined) state.endedAt = fromEpoch(run.finishedAt);
  return state;
}

/** Restores the results of the items of maps, and how far completed maps came. */
function restoreItems({ plan, facts, status }: RunState, run: RecordedRun, holds: Uint8Array | undefined): void {
  for (const [name, items] of run.items) {
    const i = plan.indexOf.get(name);
    if (i === undefined || holds?.[i] === 0) continue;
    const completed = Array.from(items).filter(([, item]) => item.status === "completed");
    const results = completed.flatMap(([index, { output }]) =>
      output === undefined ? [] : [[index, output] as const],
    );
    facts.earlierItems.set(i, new Map(results));
    if (status[i] !== Status.completed) continue;
    const failed = Array.from(items).filter(([, item]) => item.status === "failed");
    const cached = completed.filter(([, item]) => item.isCached).length;
    facts.items.set(i, { total: items.size, completed: completed.length, failed: failed.length, cached });
    const errors = failed
      .sort(([a], [b]) => a - b)
      .map(([index, { error, attempts }]) => {
        const item = childKey(name, index);
        const site = { runId: run.runId, node: name, item, attempt: attempts, cause: error };
        return new ExecutionError(failedBecause(`Node "${item}"`, error), site);
      });
    facts.itemErrors.set(i, errors);
  }
}

/** Restores the statuses and errors of the nodes without a result, in the state of a run that has ended. */
export function restoreEnds(state: RunState, run: RecordedRun): void {
  const { plan, facts } = state;
  if (run.status === "failed" || run.status === "cancelled") {
    // Cancelled nodes that had not started are not recorded.
    for (let i = 0; i < plan.size; i++) if (state.status[i] === Status.pending) state.status[i] = Status.cancelled;
  }
  for (const [i, pause] of pausesByNode(run.pauses, plan.indexOf)) facts.pauses.set(i, pause);
  for (const [name, { status, error, attempts, output }] of run.nodes) {
    const i = plan.indexOf.get(name);
    if (i === undefined) continue;
    if (status === "completed" && output === undefined) {
      state.status[i] = Status.completed;
      facts.dropped.add(i);
    }
    if (status === "skipped" || status === "cancelled" || status === "paused") state.status[i] = Status[status];
    else if (status === "failed") {
      state.status[i] = Status.failed;
      const site = { runId: run.runId, node: name, attempt: attempts, cause: error };
      state.setError(i, new ExecutionError(failedBecause(`Node "${name}"`, error), site));
    }
  }
  if (state.active === undefined) return;
  for (let i = 0; i < plan.size; i++) {
    if (state.active[i] === 0 && state.status[i] !== Status.copied) state.status[i] = Status.skipped;
  }
}

/** The nodes whose results are no longer valid. */
export function discarded(plan: DagPlan, run: RecordedRun, holds: Uint8Array): string[] {
  return Array.from(run.nodes.keys()).filter((name) => {
    const i = plan.indexOf.get(name);
    return i === undefined || holds[i] === 0;
  });
}

/** A mask over the nodes of a plan: 1 for the named ones. */
export function maskOf(plan: DagPlan, names: Iterable<string>): Uint8Array {
  const mask = new Uint8Array(plan.size);
  for (const name of names) {
    const i = plan.indexOf.get(name);
    if (i !== undefined) mask[i] = 1;
  }
  return mask;
}
