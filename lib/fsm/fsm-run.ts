import { abandon, drive, pendingOf, whenSettled } from "../base/coroutine.js";
import {
  callWith,
  current as calling,
  endCall,
  forget,
  returnTo,
  type ContextSource,
} from "../definition/current-context.js";
import type { WorkflowKind } from "../definition/defined.js";
import { valueOf } from "../definition/transitions.js";
import { Attempts } from "../engine/attempts.js";
import type { Permits } from "../engine/permits.js";
import { EngineRun, type EngineSetup } from "../engine/run.js";
import type { FsmPlan } from "../planning/fsm-plan.js";
import { asPartOf, isPartOfOther } from "../policies/callers.js";
import type { Resource } from "../policies/holder.js";
import type { ErrorSite, ExecutionError } from "../run/errors.js";
import { StateContext } from "../run/fsm-context.js";
import { FsmResult } from "../run/fsm-result.js";
import type { FsmState } from "../run/fsm-state.js";
import { NO_VALUE } from "../run/history.js";
import { isPause } from "../run/pause.js";
import type { RunStatus } from "../run/status.js";
import type { WaitingFor } from "../run/waiting-for.js";
import type { QueuedEvent } from "../stores/store.js";
import { stateInputs, withContext } from "./arguments.js";
import { askStateHooks, type BoundStateHook } from "./ask-state-hooks.js";
import { StepClock } from "../engine/step-clock.js";
import type { FsmRecorder } from "./durable/recorder.js";
import type { ResumedFsm } from "./durable/records.js";
import { endedWithout, maxCyclesError, siteOf, stateError } from "./errors.js";
import { EventWaits, type WaitingRun } from "./event-waits.js";
import { Failures, type FailingRun, type FailureDecision } from "./failures.js";
import { FsmHost, type FsmHostRun } from "./host.js";
import { FsmInnerRuns } from "./inner-runs.js";
import type { Receiver } from "../engine/events/inbox.js";
import type { FsmRunOptions } from "./options.js";
import { OutsideEvents } from "./outside-events.js";
import { StateDelay, type DelayedRun } from "./state-delay.js";
import { StateWaiters } from "./state-waiters.js";
import { describeWait, destination, END, type Wait } from "./transition.js";
import { ValueOutlet } from "./value-outlet.js";

const DEFAULT_MAX_CYCLES = 1000;

/** The setup of an fsm's run, beside its options. */
export interface FsmRunSetup extends EngineSetup {
  /** Whether the run has a handle, which can send events. */
  readonly takesEvents: boolean;
  readonly recorder?: FsmRecorder;
  /** Where a recorded run continues. */
  readonly resumed?: ResumedFsm;
  readonly stateHooks: readonly BoundStateHook[];
}

/**
 * Drives one run of an fsm from its initial state to its end.
 *
 * One loop: execute the current state, add its value to the history, go to its destination. A state without options is
 * a plain call, with a promise only if its function returns one; any other is a coroutine of policies.
 *
 * Guarantees: one state executes at a time; a cycle is in the history before its transition starts; every event sent is
 * taken once, or refused when the run ends.
 *
 * Cost: O(1) per cycle, without recursion. Not here: waits (`event-waits.ts`), failures (`failures.ts`).
 */
export class FsmRun
  extends EngineRun<FsmState, FsmResult<any>>
  implements FsmHostRun, Receiver, WaitingRun, DelayedRun, FailingRun, ContextSource
{
  declare readonly options: FsmRunOptions;
  declare readonly recorder: FsmRecorder | undefined;
  declare protected readonly setup: FsmRunSetup;
  private readonly plan: FsmPlan;
  private readonly maxCycles: number;
  /** Whether all states go through {@link Attempts}, even those without options. */
  private readonly managesAll: boolean;
  private readonly clock: StepClock;
  private hasBegun = false;
  private pumping = false;
  /** Whether the function of a state that is a plain call is being called. */
  isCalling = false;
  busy = false;
  isPausing = false;
  /** The inputs of the current state, if it is managed. */
  inputs: readonly unknown[] = [];
  /** The permits of an outer run. */
  readonly permits: Permits | undefined;
  /** Whether all states are in the wait-for graph. */
  readonly tracesAll: boolean;
  private lazyInner: FsmInnerRuns | undefined = undefined;
  private readonly outside: OutsideEvents | undefined;
  readonly failures: Failures;
  waits: EventWaits | undefined = undefined;
  /** The delays of states; undefined before the first one. */
  private delay: StateDelay | undefined = undefined;
  /** Takes the values to nodes of outer runs; undefined if none stream them. */
  private outlet: ValueOutlet | undefined = undefined;
  private stateWaiters: StateWaiters | undefined = undefined;

  constructor(state: FsmState, options: FsmRunOptions, setup: FsmRunSetup) {
    super(state, options, setup);
    const { maxCycles = DEFAULT_MAX_CYCLES, timeout } = options;
    const { resumed, recorder, takesEvents } = setup;
    this.plan = state.plan;
    this.maxCycles = maxCycles;
    this.permits = setup.outer?.permits?.of("inline", Infinity, this, false);
    this.tracesAll = setup.outer?.permits?.tracesAll === true;
    const isObserved = setup.hooks.length > 0 || recorder !== undefined || this.telemetry !== undefined;
    this.managesAll = isObserved || this.scheduler !== undefined || this.permits !== undefined;
    this.clock = new StepClock(timeout, setup);
    this.failures = new Failures(this);
    this.failures.anyIgnored = resumed?.hasFailed ?? false;
    if (takesEvents || recorder !== undefined) this.outside = new OutsideEvents(this, recorder, resumed?.events);
  }

  get kind(): WorkflowKind {
    return "fsm";
  }

  // --- control ---

  begin(): void {
    const { resumed } = this.setup;
    this.hasBegun = true;
    if (resumed?.isDone === true) return this.complete();
    this.outside?.inbox.open();
    const outlet = this.setup.outer?.outlets?.get("");
    if (outlet !== undefined) this.outlet = new ValueOutlet(outlet, () => this.abandoned());
    if (resumed?.provided !== undefined) this.completePaused(resumed.provided.value);
    else if (resumed?.wait !== undefined) this.beginWait(resumed.wait);
    this.pump();
  }

  /** Nobody takes its values any longer. An executing state completes first. */
  private abandoned(): void {
    const isWaiting = this.waits?.description !== undefined;
    if (!this.isOver && isWaiting) this.life.guard(() => this.life.end("completed", undefined));
  }

  /** Completes the cycle of the state that paused the run. */
  private completePaused(value: unknown): void {
    const { state } = this;
    this.emitter?.emit({ type: "state.entered", cycle: state.history.count }, state.current);
    this.returned(value);
  }

  /** Executes no more states. The run ends as `paused` when the executing one is done. */
  pause(): void {
    const waitsFor = this.waits?.description;
    const dueAt = this.waits?.dueAt;
    this.isPausing = true;
    const { delay } = this;
    if (delay?.isOpen === true) return this.life.guard(() => delay.pause());
    // A run that waits has nothing in progress, even while an observer is called.
    if (waitsFor !== undefined) this.life.guard(() => this.endPaused(waitsFor, dueAt));
    else if (this.emitter?.isNotifying !== true) this.pump();
    if (this.busy && this.inside !== undefined) this.inner.rested();
  }

  /** The state that executes next, when the run is stepped. */
  get next(): string | undefined {
    return this.plan.specs[this.state.current].name;
  }

  /** See {@link OutsideEvents.send}. Only for a run that has a handle, a store, or an outer run. */
  send(event: string, payload: unknown): Promise<void> {
    const isOwn = this.plan.events?.has(event) ?? this.waits?.accepts(event) === true;
    const inside = isOwn ? undefined : this.inside?.openAt(event);
    if (inside !== undefined) return inside.run.send(inside.event, payload);
    return this.outside?.send(event, payload) ?? Promise.reject(this.notTaken(event));
  }

  takesEvent(): boolean {
    return true;
  }

  /** See {@link Inbox.sendAll}. Only for a recorded run. @throws {StoreError} UNSTORABLE */
  sendAll(events: readonly QueuedEvent[]): void {
    (this.outside as OutsideEvents).inbox.sendAll(events);
  }

  eventsAdded(): void {
    this.waits?.eventsAdded();
  }

  /**
   * Resolves when the run enters a state, at once when that is the current one.
   * @throws {ExecutionError} when the run ends first
   */
  waitForState(index: number): Promise<void> {
    if (this.state.current === index) return Promise.resolve();
    if (this.isOver) return Promise.reject(this.notEntered(index));
    return (this.stateWaiters ??= new StateWaiters()).add(index);
  }

  // --- the loop ---

  /** Executes states until one returns a promise or a wait, or the run ends. */
  pump(): void {
    if (this.pumping || !this.hasBegun) return;
    if (isPartOfOther(this.caller)) return asPartOf(this.caller, () => this.pump());
    const { source } = calling;
    this.pumping = true;
    try {
      while (!this.isOver && !this.busy) {
        if (this.isPausing) this.life.end("paused", undefined);
        else if (this.outlet?.isAbandoned === true) this.life.end("completed", undefined);
        else if (this.state.history.count >= this.maxCycles) this.exhaust();
        else if (this.budget <= 0) break;
        else if (this.clock.allows(this.expire, this.resumeLoop)) this.cycle();
        else this.busy = !this.isOver;
      }
    } catch (fault) {
      this.life.failInternally(fault);
    }
    this.pumping = false;
    if (source !== this) returnTo(source);
    if (!this.isOver && !this.busy) this.onIdle?.();
  }

  private readonly expire = (): void => this.life.expire();

  private readonly resumeLoop = (): void => {
    this.busy = false;
    this.pump();
  };

  private cycle(): void {
    const { state } = this;
    const { current } = state;
    this.budget--;
    state.isExecuting = true;
    state.isCached = false;
    if (this.emitter !== undefined) {
      this.emitter.emit({ type: "state.entered", cycle: state.history.count }, current);
      if (this.isOver) return;
    }
    const isManaged = this.manages(current);
    if (isManaged && this.plan.specs[current].options.delay !== undefined && this.isDelayed()) return;
    this.execute(current, isManaged);
  }

  private execute(current: number, isManaged: boolean): void {
    let returned: unknown;
    let pending: Promise<unknown> | undefined;
    try {
      returned = isManaged ? this.callManaged(current) : this.call(current);
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

  private isDelayed(): boolean {
    this.delay ??= new StateDelay(this, this.setup.resumed?.dueAt);
    return this.delay.begin();
  }

  executeDelayed(): void {
    this.clock.reset();
    this.execute(this.state.current, true);
    this.pump();
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

  private readonly returned = (outcome: unknown): void => {
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

  private beginWait(wait: Wait): void {
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

  // --- runs inside ---

  /** The current state waits for a permit. It gets one when there is one. */
  enqueue(): void {
    this.relieve();
  }

  *awaitedSlots(): Generator<Resource> {
    if (this.permits?.isAwaited === true && this.permits.areTaken) yield this.permits.slots;
  }

  wake(): void {
    const { current } = this.state;
    if (!this.isOver && this.permits?.isFull === false) this.permits.grant(current);
  }

  get inner(): FsmInnerRuns {
    return (this.lazyInner ??= new FsmInnerRuns(this, this.setup));
  }

  // --- the end ---

  private complete(): void {
    this.state.isTerminated = true;
    this.endUnpaused();
  }

  /** The next state would exceed `maxCycles`. */
  private exhaust(): void {
    const { state, plan, options } = this;
    const next = plan.specs[state.current].name;
    state.current = state.history.stateAt(state.history.count - 1);
    if (options.onMaxCycles === "stop") return this.endUnpaused();
    this.life.end("failed", maxCyclesError(state, this.maxCycles, next));
  }

  private endUnpaused(): void {
    this.life.end(this.failures.anyIgnored ? "failed" : "completed", undefined);
  }

  endPaused(reason: string | undefined, dueAt?: number): void {
    this.state.pauseReason = reason;
    this.state.dueAt = dueAt;
    this.life.end("paused", undefined);
  }

  endWaiting(reason: string | undefined, waitingFor: WaitingFor): void {
    this.state.pauseReason = reason;
    this.state.waitingFor = this.lazyInner?.leaving ?? waitingFor;
    this.life.end("waiting", undefined);
  }

  protected override get detachesByItself(): boolean {
    return this.options.detach ?? !this.setup.takesEvents;
  }

  get waitingFor(): WaitingFor | undefined {
    return this.delay?.waitingFor ?? this.waits?.waitingFor ?? this.inside?.waitingFor();
  }

  putAway(): void {
    if (this.isOver) return;
    if (this.delay?.isOpen === true) return this.delay.putAway();
    if (this.waits?.description === undefined) this.inner.putAway();
    else this.waits.putAway();
  }

  /** The run waits. */
  waitBegan(): void {
    this.setResting(true);
    this.putAwayWhenPolled();
  }

  waitEnded(): void {
    this.setResting(false);
  }

  protected markCancelled(): void {
    const { state } = this;
    if (!state.isExecuting) return;
    state.isExecuting = false;
    state.history.add(state.current, NO_VALUE);
    this.emitter?.emit({ type: "node.cancelled" }, state.current);
  }

  protected observed(): void {}

  resultOf(status: RunStatus): FsmResult<any> {
    return new FsmResult<any>(this.state, status, this.clock.elapsed());
  }

  release(status: RunStatus): void {
    forget(this);
    this.permits?.close();
    this.setResting(false);
    const isPaused = status === "paused";
    this.delay?.stop();
    this.waits?.stop();
    if (isPaused) this.emitter?.emit({ type: "run.paused" });
    const inbox = this.outside?.inbox;
    inbox?.close({ continues: isPaused || status === "waiting" });
    inbox?.open();
    this.stateWaiters?.close((index) => this.notEntered(index));
  }

  siteOf(attempt: number, options?: ErrorOptions): ErrorSite {
    return siteOf(this.state, attempt, options);
  }

  notTaken(event: string): ExecutionError {
    return endedWithout(`take event "${event}"`, this.state, this.name);
  }

  private notEntered(index: number): ExecutionError {
    return endedWithout(`enter state "${this.plan.specs[index].name}"`, this.state, this.name);
  }

  /** The name of the current state. */
  private get name(): string {
    return this.plan.specs[this.state.current].name;
  }
}
