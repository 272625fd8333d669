import { show } from "../../base/check.js";
import { ValidationError } from "../../base/errors.js";
import { requireInner } from "../../planning/partial.js";
import type { DagPlan } from "../../planning/plan.js";
import { dagStructure, structureText, untouched } from "../../planning/structure.js";
import { RunResult } from "../../run/result.js";
import type { RunState } from "../../run/state.js";
import type { RunStatus } from "../../run/status.js";
import type { Claim, Parent, QueuedEvent, RecordedRun, RunLog } from "../../stores/store.js";
import { DagRecorder } from "./recorder.js";
import type { Recorder, Recording } from "../../engine/durable/recorder.js";
import { changeSince, newStructure, notPaused, pastOf } from "../../engine/durable/restore.js";
import { restoreChildren } from "../../engine/durable/restored-children.js";
import { discarded, restoredState, restoreEnds } from "../../engine/durable/restored-dag.js";

/** Creates the recorder of a new run; undefined without a store. */
export function newRecorder(
  state: RunState,
  { store, durability }: Partial<Recording>,
  parent?: Parent,
): DagRecorder | undefined {
  if (store === undefined) return undefined;
  const { plan, active } = state;
  const create = (driver: Recorder): Promise<RunLog> =>
    store.create({
      driver,
      runId: state.runId,
      workflow: plan.workflow,
      kind: "dag",
      structure: structureText(plan, dagStructure),
      inputs: state.inputs,
      parent,
      trace: driver.run.trace,
      scope: active === undefined ? undefined : plan.specs.filter((_, i) => active[i] === 1).map(({ name }) => name),
    });
  return new DagRecorder(state, { store, durability }, create);
}

/** A recorded run that can continue. */
export interface Continued {
  readonly state: RunState;
  readonly recorder: DagRecorder;
  readonly claim: Claim;
  /** The events that it has not taken. */
  readonly events: readonly QueuedEvent[];
  /** The results that replace nodes. */
  readonly given: ReadonlyMap<number, unknown> | undefined;
  /** The results given for nodes inside workflows, by path. */
  readonly provide: Readonly<Record<string, unknown>> | undefined;
}

/**
 * Prepares a recorded run to continue, or returns its result if it is complete.
 * @param overrides - results of nodes that have not completed
 * @throws {ValidationError} VALIDATION when the workflow has changed, `provide` names nodes that did not pause, or
 *   `overrides` names nodes that the run has completed or does not compute
 */
export function continued(
  plan: DagPlan,
  run: RecordedRun,
  options: Recording & { readonly allowChanges?: boolean; readonly provide?: object },
  overrides?: ReadonlyMap<number, unknown>,
): Continued | RunResult<any> {
  const structure = structureText(plan, dagStructure);
  const change = changeSince(run, { kind: "dag", workflow: plan.workflow, structure }, options);
  const holds = change === undefined ? undefined : untouched(plan, change);
  const state = restored(plan, run, holds);
  const { provided, inner } = providedTo(plan, run, options.provide);
  const isOver = run.status === "completed" && change === undefined;
  for (const node of overrides?.keys() ?? []) requireOpen(state, node, isOver);
  if (isOver) {
    restoreEnds(state, run);
    return new RunResult<any>(state, "completed");
  }
  const recorder = new DagRecorder(state, options);
  recorder.past = pastOf(run);
  const claim = {
    driver: recorder,
    structure: newStructure(run, change, structure),
    discard: holds === undefined ? [] : discarded(plan, run, holds),
    sent: [],
  };
  const given = overrides === undefined ? provided : new Map([...(provided ?? []), ...overrides]);
  return { state, recorder, claim, given, provide: inner, events: run.events };
}

/**
 * Prepares a recorded run inside another one to start over, with the given inputs. Its results are superseded, except
 * for those that were provided.
 */
export function restarted(
  plan: DagPlan,
  recorded: RecordedRun,
  options: Recording & { readonly provide?: Readonly<Record<string, unknown>> | undefined },
  inputs: Readonly<Record<string, unknown>>,
): Continued {
  const structure = structureText(plan, dagStructure);
  const none = new Uint8Array(plan.size);
  const state = restoredState(plan, { ...recorded, inputs, scope: undefined }, none);
  const recorder = new DagRecorder(state, options);
  const claim = { driver: recorder, structure, discard: [], sent: [], restart: inputs };
  const answers = Object.entries(options.provide ?? {});
  const given = new Map(answers.flatMap(([name, value]) => ownEntry(plan.indexOf.get(name), value)));
  return { state, recorder, claim, given, provide: options.provide, events: recorded.events };
}

/** The state of a recorded run, with the results of runs inside. @param holds - see {@link restoredState} */
function restored(plan: DagPlan, run: RecordedRun, holds?: Uint8Array): RunState {
  const state = restoredState(plan, run, holds);
  restoreChildren(state, run, holds);
  return state;
}

function ownEntry(node: number | undefined, value: unknown): [number, unknown][] {
  return node === undefined ? [] : [[node, value]];
}

/**
 * The result of a run that has ended.
 * @throws {ValidationError} VALIDATION when the workflow has changed
 */
export function endedRun(plan: DagPlan, run: RecordedRun): RunResult<any> {
  changeSince(run, { kind: "dag", workflow: plan.workflow, structure: structureText(plan, dagStructure) });
  const state = restored(plan, run);
  restoreEnds(state, run);
  return new RunResult<any>(state, run.status as RunStatus);
}

/** @throws {ValidationError} VALIDATION naming a node that did not pause, and those that did */
function providedTo(
  plan: DagPlan,
  run: RecordedRun,
  provide: object | undefined,
): { readonly provided?: ReadonlyMap<number, unknown>; readonly inner?: Readonly<Record<string, unknown>> } {
  if (provide === undefined) return {};
  const names = run.pauses.map(({ node }) => node);
  const provided = new Map<number, unknown>();
  const inner: [string, unknown][] = [];
  for (const [name, value] of Object.entries(provide)) {
    const index = plan.indexOf.get(name);
    const isOpen = run.nodes.get(name)?.status === "paused" || names.includes(name);
    if (!isOpen) throw notPaused(run, name, names);
    if (index === undefined) inner.push([name, value]);
    else provided.set(index, value);
  }
  requireInner(plan, (i) => provided.has(i));
  return { provided, inner: inner.length === 0 ? undefined : Object.fromEntries(inner) };
}

/** @throws {ValidationError} VALIDATION for a node that a resumed run does not compute */
function requireOpen(state: RunState, node: number, isOver: boolean): void {
  const { runId, plan, active } = state;
  const refuse = (why: string) => {
    const remedy = "To compute with another result, replay the run: dag.replay(runId, { rerun, overrides })";
    throw new ValidationError(
      `"overrides" names ${show(plan.specs[node].name)}, but run ${show(runId)} ${why}. ${remedy}.`,
    );
  };
  if (state.hasResult(node)) refuse("has its result, which stands");
  if (active?.[node] === 0) refuse("is a partial one without it");
  if (isOver) refuse("has completed without it");
}

/**
 * Prepares a recorded run as the source of a replay's results.
 * @throws {ValidationError} VALIDATION when the workflow has changed
 */
export function replayed(
  plan: DagPlan,
  run: RecordedRun,
  options: { readonly allowChanges?: boolean | undefined },
): { readonly earlier: RunState; readonly holds: Uint8Array | undefined } {
  const structure = structureText(plan, dagStructure);
  const change = changeSince(run, { kind: "dag", workflow: plan.workflow, structure }, options);
  const holds = change === undefined ? undefined : untouched(plan, change);
  const earlier = restored(plan, run, holds);
  if (run.status === "completed") restoreEnds(earlier, run);
  return { earlier, holds };
}
