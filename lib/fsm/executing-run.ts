import { abandon, drive, pendingOf, whenSettled } from "../base/coroutine.js";
import { callWith, current as calling, endCall, type ContextSource } from "../definition/current-context.js";
import { valueOf } from "../definition/transitions.js";
import { Attempts } from "../engine/attempts.js";
import type { Receiver } from "../engine/events/inbox.js";
import type { Permits } from "../engine/permits.js";
import { EngineRun, type EngineSetup } from "../engine/run.js";
import { StepClock } from "../engine/step-clock.js";
import type { FsmPlan } from "../planning/fsm-plan.js";
import type { ErrorSite, ExecutionError } from "../run/errors.js";
import { StateContext } from "../run/fsm-context.js";
import type { FsmResult } from "../run/fsm-result.js";
import type { FsmState } from "../run/fsm-state.js";
import { isPause } from "../run/pause.js";
import type { WaitingFor } from "../run/waiting-for.js";
import { stateInputs, withContext } from "./arguments.js";
import { askStateHooks, type BoundStateHook } from "./ask-state-hooks.js";
import type { FsmRecorder } from "./durable/recorder.js";
import type { ResumedFsm } from "./durable/records.js";
import { endedWithout, siteOf, stateError } from "./errors.js";
import { EventWaits, type WaitingRun } from "./event-waits.js";
import { Failures, type FailingRun, type FailureDecision } from "./failures.js";
import { FsmHost, type FsmHostRun } from "./host.js";
import type { FsmRunOptions } from "./options.js";
import { OutsideEvents } from "./outside-events.js";
import type { StateWaiters } from "./state-waiters.js";
import { describeWait, destination, END, type Wait } from "./transition.js";
import type { ValueOutlet } from "./value-outlet.js";

/** The setup of an fsm's run, apart from its options. */
export interface FsmRunSetup extends EngineSetup {
  /** Whether the run has a handle, which can send events. */
  readonly takesEvents: boolean;
  readonly recorder?: FsmRecorder;
  /** Where a recorded run continues. */
  readonly resumed?: ResumedFsm;
  readonly stateHooks: readonly BoundStateHook[];
}

/**
 * Executes the states of a run, which its loop enters: calls the function of the current state, with policies where it
 * has any, adds its value to the history, and goes to its destination. A state without options is a plain call, with a
 * promise only if its function returns one; any other is a coroutine of policies.
 *
 * Not here: when a state executes (`fsm-run.ts`), waits (`event-waits.ts`), failures (`failures.ts`).
 */
export abstract class ExecutingRun
  extends EngineRun<FsmState, FsmResult<any>>
  implements FsmHostRun, Receiver, WaitingRun, FailingRun, ContextSource
{
  declare readonly options: FsmRunOptions;
  declare readonly recorder: FsmRecorder | undefined;
  declare protected readonly setup: FsmRunSetup;
  protected readonly plan: FsmPlan;
  /** Whether all states go through {@link Attempts}, even those without options. */
  private readonly managesAll: boolean;
  protected readonly clock: StepClock;
  /** Whether a plain call of a state's function is in progress. */
  isCalling = false;
  busy = false;
  /** The inputs of the current state, if it is managed. */
  inputs: readonly unknown[] = [];
  /** The permits of an outer run. */
  readonly permits: Permits | undefined;
  /** Whether all states are in the wait-for graph. */
  readonly tracesAll: boolean;
  protected readonly outside: OutsideEvents | undefined;
  readonly failures: Failures;
  waits: EventWaits | undefined = undefined;
  /** Takes the values to nodes of outer runs; undefined if none stream them. */
  protected outlet: ValueOutlet | undefined = undefined;
  protected stateWaiters: StateWaiters | undefined = undefined;

  constructor(state: FsmState, options: FsmRunOptions, setup: FsmRunSetup) {
    super(state, options, setup);
    const { resumed, recorder, takesEvents } = setup;
    this.plan = state.plan;
    this.permits = setup.outer?.permits?.of("inline", Infinity, this, false);
    this.tracesAll = setup.outer?.permits?.tracesAll === true;
    const isObserved = setup.hooks.length > 0 || recorder !== undefined || this.telemetry !== undefined;
    this.managesAll = isObserved || this.scheduler !== undefined || this.permits !== undefined;
    this.clock = new StepClock(options.timeout, setup);
    this.failures = new Failures(this);
    this.failures.anyIgnored = resumed?.hasFailed ?? false;
    if (takesEvents || recorder !== undefined) this.outside = new OutsideEvents(this, recorder, resumed?.events);
  }

  abstract readonly isPausing: boolean;
  abstract override pump(): void;
  abstract enqueue(node: number): void;
  abstract wake(): void;
  abstract eventsAdded(): void;
  abstract waitBegan(): void;
  abstract waitEnded(): void;
  abstract endPaused(reason: string | undefined, dueAt?: number): void;
  abstract endWaiting(reason: string | undefined, waitingFor: WaitingFor): void;
  /** Ends the run in a state without a next one. */
  protected abstract complete(): void;

  // --- the current state ---

  /** Calls the function of the current state, and follows its outcome. */
  protected execute(current: number): void {
    let returned: unknown;
    let pending: Promise<unknown> | undefined;
    try {
      returned = this.manages(current) ? this.callManaged(current) : this.call(current);
      pending = pendingOf(returned);
    } catch (error) {
      if (this.isCalling) this.endCall();
      return this.failures.threw(error);
    }
    if (pending === undefined) return this.returned(returned);
    if (!this.sync) return this.continueAfter(pending, this.returned, this.failures.threw);
    abandon(pending);
    const obstacle = this.lazyAttempts?.obstacle ?? "returned a promise";
    const error = stateError(this.state, `${obstacle}, which runSync can't wait for. Use run instead.`);
    this.failures.threw(error, "failFast");
  }

  continueAfter<T>(work: Promise<T>, fulfilled: (value: T) => void, rejected: (error: unknown) => void): void {
    this.busy = true;
    const settled =
      <A>(reaction: (outcome: A) => void) =>
      (outcome: A) => {
        if (this.isOver) return;
        try {
          this.busy = false;
          this.clock.reset();
          reaction(outcome);
          this.pump();
        } catch (fault) {
          this.life.failInternally(fault);
        }
      };
    whenSettled(work, settled(fulfilled), settled(rejected));
  }

  manages(state: number): boolean {
    return this.managesAll || this.plan.isManaged[state];
  }

  /** Calls a state's function. This is the hot path, so the plain cases are spelled out. */
  private call(current: number): unknown {
    const { state } = this;
    const spec = this.plan.specs[current];
    const { inputs, rest, contextAt, extra } = spec.signature;
    state.attempt = 1;
    if (this.emitter !== undefined) {
      this.emitter.emit({ type: "attempt.started", attempt: 1 }, current);
      if (this.isOver) return undefined;
    }
    if (calling.storage !== undefined || contextAt >= 0 || extra || rest) {
      const context = this.contextOf(current);
      return callWith(context, spec, withContext(spec, stateInputs(state), context));
    }
    calling.source = this;
    this.isCalling = true;
    let outcome: unknown;
    if (inputs.length === 0) outcome = spec.fn.call(spec.self);
    else if (inputs.length === 1 && state.value !== undefined) outcome = spec.fn.call(spec.self, state.value);
    else outcome = spec.fn.apply(spec.self, stateInputs(state));
    this.endCall();
    return outcome;
  }

  private endCall(): void {
    this.isCalling = false;
    endCall();
  }

  get calledContext(): StateContext {
    return this.contextOf(this.state.current);
  }

  contextOf(state: number): StateContext {
    return new StateContext(this.state, state, 1, this);
  }

  private callManaged(current: number): unknown {
    this.inputs = stateInputs(this.state);
    this.lazyAttempts ??= new Attempts(new FsmHost(this));
    return drive(this.lazyAttempts.run(current));
  }

  protected readonly returned = (outcome: unknown): void => {
    if (this.isOver) return;
    const { state } = this;
    const { current } = state;
    const value = valueOf(outcome);
    state.isExecuting = false;
    state.history.add(current, value);
    if (this.emitter !== undefined) {
      this.emitter.emit({ type: "node.completed", result: value, cached: state.isCached }, current);
      if (this.isOver) return;
    }
    const room = this.outlet?.push(value);
    if (room === undefined) return this.follow(outcome, value);
    this.continueAfter(
      room,
      () => this.follow(outcome, value),
      () => {},
    );
  };

  // --- transitions ---

  /**
   * Goes to the destination of the current state's outcome.
   * @param decision - what to do if that is illegal, or vetoed, see {@link Failures.fail}
   */
  follow(outcome: unknown, value: unknown, decision?: FailureDecision): void {
    let target: number | Wait;
    try {
      target = destination(this.plan, this.state.current, outcome, value, this);
    } catch (error) {
      return isPause(error) ? this.failures.pause(error) : this.failures.fail(error, decision);
    }
    if (typeof target !== "number") this.beginWait(target);
    else if (target !== END) this.goTo(target, value, decision);
    else {
      const event = this.waits?.take();
      this.emitLeft(undefined, value);
      if (!this.isOver) this.complete();
      this.waits?.acknowledge(event);
    }
  }

  protected beginWait(wait: Wait): void {
    const { recorder, takesEvents } = this.setup;
    if (!takesEvents && recorder === undefined && wait.after === undefined) {
      const predicate = `${describeWait(wait)}, but nobody can send events to this run. Use fsm.start, or give "after".`;
      return this.failures.fail(stateError(this.state, predicate));
    }
    this.waits ??= new EventWaits(this, this.outside?.inbox, recorder);
    this.waits.begin(wait);
  }

  /** Enters a state, unless a state hook vetoes that. */
  goTo(to: number, value: unknown, decision?: FailureDecision): void {
    const { stateHooks } = this.setup;
    if (stateHooks.length === 0) this.enter(to, value);
    else askStateHooks(this, stateHooks, { to, value, decision }, () => this.enter(to, value));
  }

  private enter(to: number, value: unknown): void {
    const { state, failures } = this;
    const event = this.waits?.take();
    // After a failure, the failure leads to the next state, not the event.
    const trigger = failures.count > 0 ? undefined : event?.event;
    this.emitLeft(to, value, trigger);
    if (!this.isOver) {
      state.current = to;
      state.value = value;
      state.trigger = trigger;
      state.attemptsBefore = 0;
      failures.count = 0;
      this.stateWaiters?.entered(to);
    }
    this.waits?.acknowledge(event);
  }

  private emitLeft(to: number | undefined, value: unknown, event?: string): void {
    if (this.emitter === undefined) return;
    const { current, history } = this.state;
    const name = to === undefined ? undefined : this.plan.specs[to].name;
    this.emitter.emit({ type: "state.left", cycle: history.count - 1, value, to: name, event }, current);
  }

  // --- errors ---

  siteOf(attempt: number, options?: ErrorOptions): ErrorSite {
    return siteOf(this.state, attempt, options);
  }

  notTaken(event: string): ExecutionError {
    return endedWithout(`take event "${event}"`, this.state, this.name);
  }

  /** The name of the current state. */
  protected get name(): string {
    return this.plan.specs[this.state.current].name;
  }
}
