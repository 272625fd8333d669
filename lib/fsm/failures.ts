import type { DagwrightError } from "../base/errors.js";
import { askErrorHandler, type FailureAction } from "../engine/error-policy.js";
import type { EventEmitter } from "../engine/event-emitter.js";
import type { Lifecycle } from "../engine/lifecycle.js";
import type { AttemptControls } from "../run/context.js";
import { ExecutionError } from "../run/errors.js";
import { StateContext } from "../run/fsm-context.js";
import type { WaitingFor } from "../run/waiting-for.js";
import type { FsmState } from "../run/fsm-state.js";
import { NO_VALUE } from "../run/history.js";
import { factsOf, InnerWait, isPause } from "../run/pause.js";
import type { FsmRecorder } from "./durable/recorder.js";
import { originOf, stateError, stateFailure } from "./errors.js";
import type { EventWaits } from "./event-waits.js";
import type { FsmRunOptions } from "./options.js";

/** Overrides what to do about a failure: an action, or `skipErrorState` to ask the error handler and the strategy. */
export type FailureDecision = FailureAction | "skipErrorState";

/** The run whose cycles fail. */
export interface FailingRun extends AttemptControls {
  readonly state: FsmState;
  readonly options: FsmRunOptions;
  readonly sync: boolean;
  readonly isOver: boolean;
  readonly emitter: EventEmitter | undefined;
  readonly recorder: FsmRecorder | undefined;
  /** The waits of the run; undefined before the first one. */
  readonly waits: EventWaits | undefined;
  readonly life: Pick<Lifecycle<unknown>, "end">;
  /** Whether the attempts of a state go through `Attempts`, which emits their events. */
  manages(state: number): boolean;
  goTo(to: number, value: unknown, decision?: FailureDecision): void;
  follow(outcome: unknown, value: unknown, decision?: FailureDecision): void;
  /** Continues when `work` has settled. */
  continueAfter<T>(work: Promise<T>, fulfilled: (value: T) => void, rejected: (error: unknown) => void): void;
  endPaused(reason: string | undefined): void;
  endWaiting(reason: string | undefined, waitingFor: WaitingFor): void;
}

/**
 * What a run does when a cycle fails, in its state or on the way to the next one: it goes to the error state, or does
 * what the error handler or the error strategy says. A `PauseRun` thrown there pauses the run.
 */
export class Failures {
  /** How often the current cycle has failed. */
  count = 0;

  /** Whether the run continued after a failure under `continueNone`, so that it ends as `failed`. */
  anyIgnored = false;

  constructor(private readonly run: FailingRun) {}

  /** Called when the current state threw. */
  readonly threw = (error: unknown, decision?: FailureDecision): void => {
    const { run } = this;
    if (run.isOver) return;
    if (isPause(error)) return this.pause(error);
    const { state, emitter } = run;
    const failure = stateFailure(state, error);
    if (!run.manages(state.current)) {
      emitter?.emit({ type: "attempt.failed", attempt: state.attempt, error }, state.current);
      if (run.isOver) return;
    }
    state.isExecuting = false;
    state.history.add(state.current, NO_VALUE);
    this.fail(failure, decision);
  };

  /** Called when the current cycle, which is in the history, or its transition failed. */
  fail(error: unknown, decision?: FailureDecision): void {
    const { run } = this;
    const { state } = run;
    const failure = stateFailure(state, error);
    const origin = originOf(failure);
    this.count++;
    state.addError(failure);
    run.emitter?.emit({ type: "node.failed", error: failure }, state.current);
    if (run.isOver) return;
    const errorState = state.plan.errorStates[state.current];
    if (errorState >= 0 && decision === undefined) return run.goTo(errorState, origin, "skipErrorState");
    const action = decision === undefined || decision === "skipErrorState" ? this.actionFor(failure) : decision;
    if (!(action instanceof Promise)) return this.perform(action, failure);
    if (!run.sync) return run.continueAfter(action, (settled) => this.perform(settled, failure), this.threw);
    const predicate = "has an errorHandler that returned a promise, which runSync can't wait for. Use run instead.";
    this.perform(stateError(state, predicate), failure);
  }

  private actionFor(failure: DagwrightError): FailureAction | Promise<FailureAction> {
    const { run } = this;
    const { errorHandler, errorStrategy = "failFast" } = run.options;
    const { plan, current, attempt } = run.state;
    if (errorHandler === undefined || !(failure instanceof ExecutionError)) {
      return plan.specs[current].options.errorStrategy ?? errorStrategy;
    }
    return askErrorHandler(errorHandler, failure, new StateContext(run.state, current, attempt, run));
  }

  private perform(action: FailureAction, failure: DagwrightError): void {
    const { run } = this;
    if (isPause(action)) return this.pause(action);
    if (action === "continueNone") {
      this.anyIgnored = true;
      run.state.history.amend(null);
      return run.follow(null, null, "failFast");
    }
    const event = run.waits?.take();
    if (action === "continue") run.life.end("failed", undefined);
    else run.life.end("failed", action === "failFast" ? failure : action);
    run.waits?.acknowledge(event);
  }

  /**
   * Pauses the run, as if the current cycle had not taken place. If the run is leaving a wait, only that is undone: the
   * run is back in its wait, and the event that ended it stays queued.
   */
  pause(pause: Error): void {
    const { run } = this;
    const { state, recorder, waits } = run;
    const hasFailed = this.count > 0;
    for (; this.count > 0; this.count--) state.forgetError();
    if (waits?.isLeaving === true) {
      if (hasFailed) {
        // `continueNone` may have set the cycle's value, which a wait leaves undefined.
        state.history.amend(undefined);
        recorder?.waitsAgain();
      }
    } else {
      if (!state.isExecuting) state.history.undo();
      state.isExecuting = false;
      recorder?.paused(pause.message, pause instanceof InnerWait ? "waiting" : "paused");
    }
    if (pause instanceof InnerWait) return run.endWaiting(undefined, pause.waitingFor);
    const facts = factsOf(pause);
    state.pause = { node: state.plan.specs[state.current].name, ...facts };
    run.endPaused(facts.reason);
  }
}
