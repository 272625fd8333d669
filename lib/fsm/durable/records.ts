import { show } from "../../base/check.js";
import { ValidationError, type DagwrightError } from "../../base/errors.js";
import type { FsmPlan } from "../../planning/fsm-plan.js";
import { fsmStructure, structureText } from "../../planning/structure.js";
import { FsmResult } from "../../run/fsm-result.js";
import { FsmState } from "../../run/fsm-state.js";
import { NO_VALUE } from "../../run/history.js";
import type { RunStatus } from "../../run/status.js";
import type { Claim, CycleEntry, QueuedEvent, RecordedRun, RecordedWait } from "../../stores/store.js";
import { textOf, type Wait } from "../transition.js";
import { newEvent } from "../mailbox.js";
import type { EventsToSend } from "./options.js";
import { FsmRecorder } from "./recorder.js";
import type { Recorder, Recording } from "../../engine/durable/recorder.js";
import { changeSince, notPaused } from "../../engine/durable/restore.js";

/** How a recorded run of an fsm goes on. */
export interface ResumedFsm {
  /** The value of the state that paused it. */
  readonly provided: { readonly value: unknown } | undefined;
  /** What it waits for. */
  readonly wait: Wait | undefined;
  /** The events it has not taken yet, those that it is sent now the last ones. */
  readonly events: readonly QueuedEvent[];
  /** A failure was passed over. */
  readonly hasFailed: boolean;
  /** It is over, but for being recorded as such. */
  readonly isDone: boolean;
}

/** A recorded run that can go on. */
export interface ContinuedFsm {
  readonly state: FsmState;
  readonly recorder: FsmRecorder;
  readonly claim: Claim;
  readonly resumed: ResumedFsm;
}

/** What writes a new run to a store. */
export function newFsmRecorder(state: FsmState, { store, durability }: Partial<Recording>): FsmRecorder | undefined {
  if (store === undefined) return undefined;
  const create = (driver: Recorder) =>
    store.create({
      driver,
      runId: state.runId,
      workflow: state.workflow,
      kind: "fsm",
      structure: structureText(state.plan, fsmStructure),
      inputs: state.inputs,
      parent: undefined,
      scope: undefined,
    });
  return new FsmRecorder(state, { store, durability }, create);
}

/**
 * How a run goes on, or its result when it is complete.
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
  const change = changeSince(run, "fsm", plan.workflow, structure, options.allowChanges);
  const cycles = cyclesToGoOn(run);
  const last = cycles.at(-1);
  const pausedIn = last?.status === "paused" ? last.state : undefined;
  const provided = providedTo(run, pausedIn, options.provide);
  if (run.status === "completed") return endedFsm(plan, run, historyLimit);
  const state = restoredFsm(plan, run, cycles, historyLimit, isPast);
  const goesOn = last !== undefined && !isPast(last);
  state.attemptsBefore = goesOn ? last.attempts : 0;
  const recorder = new FsmRecorder(state, options, undefined, last);
  const sent = eventsIn(options.send);
  const resumed = {
    provided,
    wait: !goesOn && last?.wait !== undefined ? waitingOf(plan, last.wait) : undefined,
    events: [...run.events, ...sent],
    isDone: last !== undefined && !goesOn && last.wait === undefined,
    hasFailed: cycles.some(({ status, output }) => status === "failed" && output !== undefined),
  };
  const claim = { driver: recorder, structure: change === undefined ? undefined : structure, discard: [], sent };
  return { state, recorder, claim, resumed };
}

/** What a run came to that has ended, in whichever way. @throws {ValidationError} VALIDATION when a state is missing */
export function endedFsm(plan: FsmPlan, run: RecordedRun, historyLimit: number): FsmResult<any> {
  const status = run.status as RunStatus;
  const tookPlace = status === "paused" ? isPast : (cycle: CycleEntry) => cycle.status !== "entered";
  const state = restoredFsm(plan, run, run.cycles, historyLimit, tookPlace);
  if (status !== "paused" && state.history.count > 0) state.current = state.history.stateAt(state.history.count - 1);
  state.isTerminated = run.outputs.length > 0;
  if (status === "paused") restorePause(state, run);
  return new FsmResult<any>(state, status, (run.finishedAt ?? run.createdAt) - run.createdAt);
}

/** Says again why the run rests. */
function restorePause(state: FsmState, { pauses, cycles }: RecordedRun): void {
  const wait = cycles.at(-1)?.wait;
  state.pause = pauses.at(0);
  if (state.pause !== undefined) state.pauseReason = state.pause.reason;
  else if (wait !== undefined) state.pauseReason = textOf(waitingOf(state.plan, wait));
}

/** Whether a cycle is over; a failure that was passed over has a value. */
function isPast({ status, output }: CycleEntry): boolean {
  return status === "completed" || (status === "failed" && output !== undefined);
}

/** The cycles of a run that goes on: where it failed on the way from a wait, it waits again. */
function cyclesToGoOn({ cycles }: RecordedRun): readonly CycleEntry[] {
  const last = cycles.at(-1);
  if (last?.status !== "failed" || last.wait === undefined) return cycles;
  return [...cycles.slice(0, -1), { ...last, status: "completed", error: undefined }];
}

/** @param tookPlace - whether the last cycle is in the history */
function restoredFsm(
  plan: FsmPlan,
  run: RecordedRun,
  cycles: readonly CycleEntry[],
  historyLimit: number,
  tookPlace: (last: CycleEntry) => boolean,
): FsmState {
  const missing = statesOf(run).find((name) => !plan.indexOf.has(name));
  if (missing !== undefined) {
    const message = `Run ${show(run.runId)} was in state ${show(missing)}, or waits to go there, which ${show(plan.workflow)} does not have any more. Define it again.`;
    throw new ValidationError(message);
  }
  const state = new FsmState(plan, run.inputs, run.runId, run.metadata, historyLimit);
  const last = cycles.at(-1);
  for (const cycle of cycles) {
    if (cycle === last && !tookPlace(cycle)) break;
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

/** The states that a run was in, and those that it waits to go to. */
function statesOf({ cycles }: RecordedRun): string[] {
  const { events = [], after } = cycles.at(-1)?.wait ?? {};
  const next = [...events.map(([, state]) => state), ...(after === undefined ? [] : [after.state])];
  return [...cycles.map(({ state }) => state), ...next];
}

/** Events that are sent now. */
export function eventsIn(send: EventsToSend = []): QueuedEvent[] {
  const list = Array.isArray(send) ? (send as Exclude<EventsToSend, Record<string, unknown>>) : Object.entries(send);
  return list.map(([event, payload]) => newEvent(event, payload));
}

function providedTo(
  run: RecordedRun,
  paused: string | undefined,
  provide: Readonly<Record<string, unknown>> | undefined,
): ResumedFsm["provided"] {
  const wrong = Object.keys(provide ?? {}).find((name) => name !== paused);
  if (wrong !== undefined) throw notPaused(run, wrong, paused === undefined ? [] : [paused]);
  return provide === undefined || paused === undefined || !Object.hasOwn(provide, paused)
    ? undefined
    : { value: provide[paused] };
}

function waitingOf(plan: FsmPlan, { events, after }: RecordedWait): Wait {
  const index = (state: string) => plan.indexOf.get(state) as number;
  return {
    events: new Map(events.map(([event, to]) => [event, index(to)])),
    after: after && { at: after.at, state: index(after.state) },
  };
}
