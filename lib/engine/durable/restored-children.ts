import { dagPlanOf, fsmPlanOf } from "../../planning/recorded-plans.js";
import type { Structure } from "../../planning/structure.js";
import type { ChildResult } from "../../run/child-result.js";
import type { FsmState } from "../../run/fsm-state.js";
import { firstNode } from "../../run/pause.js";
import { RunResult } from "../../run/result.js";
import type { RunState } from "../../run/state.js";
import type { RunStatus } from "../../run/status.js";
import type { RecordedRun } from "../../stores/store.js";
import type { RunnableWorkflow } from "../run-inside.js";
import { restoredState, restoreEnds } from "./restored-dag.js";
import { endedFsmState, fsmResult } from "./restored-fsm.js";

/**
 * Restores the results of the runs inside a run: of nodes, states and items that are workflows, and of those begun with
 * `ctx.run`, whose workflows are known only by their records.
 * @param holds - by node of a dag, 1 for those whose results are still valid; undefined if all are
 */
export function restoreChildren(state: RunState | FsmState, { children }: RecordedRun, holds?: Uint8Array): void {
  const { indexOf, specs } = state.plan;
  const restored: [path: string, execution: number, result: ChildResult][] = [];
  for (const [key, recorded] of children) {
    const name = firstNode(key, (part) => indexOf.has(part));
    const node = name === undefined ? undefined : indexOf.get(name);
    if (name === undefined || node === undefined || !hasBegun(state, node, holds)) continue;
    const workflow = specs[node].subworkflow?.workflow as RunnableWorkflow | undefined;
    const result = workflow === undefined ? endedResult(recorded) : workflow.restored(recorded);
    state.setChild(key, result);
    // A state's keys contain the number of its execution; its paths lead to the latest one.
    const [, execution, rest] = /^\.(\d+)(.*)$/su.exec(key.slice(name.length)) ?? [];
    if (execution !== undefined) restored.push([name + rest, Number(execution), result]);
  }
  restored.sort(([, a], [, b]) => a - b);
  for (const [path, , result] of restored) state.setChild(path, result);
}

/** Whether a node may have runs inside: it has a result, or is a map, whose items have theirs. */
function hasBegun(state: RunState | FsmState, node: number, holds: Uint8Array | undefined): boolean {
  if (!("status" in state)) return true;
  return state.plan.specs[node].map === undefined ? state.hasResult(node) : holds?.[node] !== 0;
}

/** The result of a run that has ended, of a workflow of which only the record is known. */
export function endedResult(run: RecordedRun): ChildResult {
  const structure = run.structure === "" ? [] : (JSON.parse(run.structure) as Structure);
  if (run.kind === "fsm") {
    const state = endedFsmState(fsmPlanOf(run.workflow, structure), run, Infinity);
    restoreChildren(state, run);
    return fsmResult(state, run);
  }
  const state = restoredState(dagPlanOf(run.workflow, structure), run);
  restoreChildren(state, run);
  restoreEnds(state, run);
  return new RunResult<any>(state, run.status as RunStatus);
}
