import type { Recorder, Recording } from "../../engine/durable/recorder.js";
import { changeSince, newStructure, notPaused, pastOf } from "../../engine/durable/restore.js";
import { restoreChildren } from "../../engine/durable/restored-children.js";
import { endedFsmState, fsmResult, isOver, restoredFsm } from "../../engine/durable/restored-fsm.js";
import type { FsmPlan } from "../../planning/fsm-plan.js";
import { fsmStructure, structureText } from "../../planning/structure.js";
import type { FsmResult } from "../../run/fsm-result.js";
import { FsmState } from "../../run/fsm-state.js";
import { pausesByNode } from "../../run/pause.js";
import type { Claim, CycleEntry, Parent, QueuedEvent, RecordedRun, RecordedWait } from "../../stores/store.js";
import { newEvent } from "../../engine/events/event-queue.js";
import { describeWait, type Wait } from "../transition.js";
import type { EventsToSend } from "./options.js";
import { FsmRecorder } from "./recorder.js";

/** Where a recorded run of an fsm continues. */
export interface ResumedFsm {
  /** The value provided for the state that paused it. */
  readonly provided: { readonly value: unknown } | undefined;
  readonly wait: Wait | undefined;
  /** When the delay of the state that it continues with ends, in ms since 1970. */
  readonly dueAt?: number | undefined;
  /** The events that it has not taken, including those sent with `resume`. */
  readonly events: readonly QueuedEvent[];
  /** Whether a failure was ignored, so that it ends as `failed`. */
  readonly hasFailed: boolean;
  /** Whether nothing but its end has yet to be recorded. */
  readonly isDone: boolean;
}

/** A recorded run that continues. */
export interface ContinuedFsm {
  readonly state: FsmState;
  readonly recorder: FsmRecorder;
  readonly claim: Claim;
  readonly resumed: ResumedFsm;
  /** The results given for nodes inside workflows, by path. */
  readonly provide: Readonly<Record<string, unknown>> | undefined;
}

/** The recorder of a new run; undefined without a store. */
export function newFsmRecorder(
  state: FsmState,
  { store, durability }: Partial<Recording>,
  parent?: Parent,
): FsmRecorder | undefined {
  if (store === undefined) return undefined;
  const create = (driver: Recorder) =>
    store.create({
      driver,
      runId: state.runId,
      workflow: state.workflow,
      kind: "fsm",
      structure: structureText(state.plan, fsmStructure),
      inputs: state.inputs,
      parent,
      trace: driver.run.trace,
      scope: undefined,
    });
  return new FsmRecorder(state, { store, durability }, create);
}

/**
 * Continues a run, or restores its result if it is completed.
 * @throws {ValidationError} VALIDATION when the fsm has changed, or `provide` names a state that did not pause
 */
export function continuedFsm(
  plan: FsmPlan,
  run: RecordedRun,
  options: Recording & {
    readonly allowChanges?: boolean;
    readonly provide?: Readonly<Record<string, unknown>>;
    readonly send?: EventsToSend;
  },
  historyLimit: number,
): ContinuedFsm | FsmResult<any> {
  const structure = structureText(plan, fsmStructure);
  const change = changeSince(run, { kind: "fsm", workflow: plan.workflow, structure }, options);
  const cycles = continuedCycles(run);
  const last = cycles.at(-1);
  const pausedIn = last?.status === "paused" ? last.state : undefined;
  const { provided, inner } = providedTo(run, pausedIn, options.provide);
  if (run.status === "completed") return endedFsm(plan, run, historyLimit);
  const state = restoredFsm(plan, run, { cycles, historyLimit, isInHistory: isOver });
  const isUnfinished = last !== undefined && !isOver(last);
  restoreChildren(state, run);
  state.attemptsBefore = isUnfinished ? last.attempts : 0;
  const recorder = new FsmRecorder(state, options, undefined, last);
  recorder.past = pastOf(run);
  const sent = eventsIn(options.send, options.store.timeOfDay());
  const resumed = {
    provided,
    wait: !isUnfinished && last?.wait !== undefined ? restoredWait(plan, last.wait) : undefined,
    dueAt: isUnfinished ? last.dueAt : undefined,
    events: [...run.events, ...sent],
    isDone: last !== undefined && !isUnfinished && last.wait === undefined,
    hasFailed: cycles.some(({ status, output }) => status === "failed" && output !== undefined),
  };
  const claim = { driver: recorder, structure: newStructure(run, change, structure), discard: [], sent };
  return { state, recorder, claim, resumed, provide: inner };
}

/** Prepares a recorded run inside another one to start over, with the given inputs. Its cycles are removed. */
export function restartedFsm(
  plan: FsmPlan,
  run: RecordedRun,
  options: Recording,
  inputs: Readonly<Record<string, unknown>>,
  historyLimit: number,
): ContinuedFsm {
  const state = new FsmState(plan, inputs, run.runId, undefined, historyLimit);
  const recorder = new FsmRecorder(state, options);
  const claim = {
    driver: recorder,
    structure: structureText(plan, fsmStructure),
    discard: [],
    sent: [],
    restart: inputs,
  };
  const resumed = { provided: undefined, wait: undefined, events: [], isDone: false, hasFailed: false };
  return { state, recorder, claim, resumed, provide: undefined };
}

/** Restores the result of a run that has ended. @throws {ValidationError} VALIDATION when a state is missing */
export function endedFsm(plan: FsmPlan, run: RecordedRun, historyLimit: number): FsmResult<any> {
  const state = endedFsmState(plan, run, historyLimit);
  restoreChildren(state, run);
  if (run.status === "paused" || run.status === "waiting") restorePause(state, run);
  return fsmResult(state, run);
}

/** Restores the reason of a pause. */
function restorePause(state: FsmState, { pauses, cycles }: RecordedRun): void {
  const wait = cycles.at(-1)?.wait;
  const [paused] = pausesByNode(pauses, state.plan.indexOf);
  state.pause = paused && { node: state.plan.specs[paused[0]].name, ...paused[1] };
  if (state.pause !== undefined) state.pauseReason = state.pause.reason;
  else if (wait !== undefined) {
    state.pauseReason = describeWait(restoredWait(state.plan, wait));
    state.waitingFor = { events: wait.events.map(([event]) => event), until: wait.after?.at };
  }
}

/** The cycles of a run that continues. If it failed to leave a wait, it waits again. */
function continuedCycles({ cycles }: RecordedRun): readonly CycleEntry[] {
  const last = cycles.at(-1);
  if (last?.status !== "failed" || last.wait === undefined) return cycles;
  return [...cycles.slice(0, -1), { ...last, status: "completed", error: undefined }];
}

/** The events of the option `send`. */
export function eventsIn(send: EventsToSend | undefined, time: number): QueuedEvent[] {
  return send === undefined ? [] : pairsIn(send).map(([event, payload]) => newEvent(event, payload, time));
}

/** The events of the option `send` with their payloads, in order. */
export function pairsIn(send: EventsToSend): readonly (readonly [event: string, payload?: unknown])[] {
  return Array.isArray(send) ? (send as Exclude<EventsToSend, Record<string, unknown>>) : Object.entries(send);
}

/** The value that is provided for the paused state. @throws {ValidationError} VALIDATION for any other state */
function providedTo(
  run: RecordedRun,
  paused: string | undefined,
  provide: Readonly<Record<string, unknown>> | undefined,
): { readonly provided: ResumedFsm["provided"]; readonly inner: ContinuedFsm["provide"] } {
  const entries = Object.entries(provide ?? {});
  const names = paused === undefined ? [] : Array.from(new Set([paused, ...run.pauses.map(({ node }) => node)]));
  const wrong = entries.find(([name]) => !names.includes(name));
  if (wrong !== undefined) throw notPaused(run, wrong[0], names);
  const own = entries.find(([name]) => name === paused);
  const inner = entries.filter(([name]) => name !== paused);
  return {
    provided: own && { value: own[1] },
    inner: inner.length === 0 ? undefined : Object.fromEntries(inner),
  };
}

function restoredWait(plan: FsmPlan, { events, after }: RecordedWait): Wait {
  const index = (state: string) => plan.indexOf.get(state) as number;
  return {
    events: new Map(events.map(([event, to]) => [event, index(to)])),
    after: after && { at: after.at, state: index(after.state) },
  };
}
