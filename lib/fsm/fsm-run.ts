import { abandon, drive, pendingOf, whenSettled, type Coroutine } from "../base/coroutine.js";
import { asSentence, messageOf } from "../base/message.js";
import { callWith, current as called, leave, type ContextSource } from "../definition/current-context.js";
import { valueOf } from "../definition/transitions.js";
import { Attempts } from "../engine/attempts.js";
import type { ChildPlace } from "../engine/children.js";
import type { CommonRunOptions } from "../engine/options.js";
import { inSequence, type Permits, type SharedPermits } from "../engine/permits.js";
import { KEPT_SLOT, SETTLED_SLOT, type Slot } from "../engine/slot.js";
import type { Outlet } from "../engine/channel.js";
import { EngineRun, type EngineSetup } from "../engine/run.js";
import type { FsmPlan } from "../planning/fsm-plan.js";
import type { ErrorSite, ExecutionError } from "../run/errors.js";
import { StateContext } from "../run/fsm-context.js";
import { FsmResult } from "../run/fsm-result.js";
import type { FsmState } from "../run/fsm-state.js";
import { NO_VALUE } from "../run/history.js";
import { isPause } from "../run/pause.js";
import type { RunStatus } from "../run/status.js";
import type { QueuedEvent } from "../stores/store.js";
import { stateInputs, withContext } from "./arguments.js";
import { CycleClock } from "./cycle-clock.js";
import type { FsmRecorder } from "./durable/recorder.js";
import type { ResumedFsm } from "./durable/records.js";
import { endedWithout, maxCyclesError, siteOf, stateError } from "./errors.js";
import { EventWaits, type WaitingRun } from "./event-waits.js";
import { Failures, type FailingRun, type FailureDecision } from "./failures.js";
import { FsmHost, type FsmHostRun } from "./host.js";
import { Inbox, type Receiver } from "./inbox.js";
import type { FsmRunOptions } from "./options.js";
import { StateWaiters } from "./state-waiters.js";
import { describeWait, destination, END, type Wait } from "./transition.js";

const DEFAULT_MAX_CYCLES = 1000;

/** A state hook bound to its fsm. */
export type BoundStateHook = (from: string, to: string, value: unknown) => unknown;

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
  implements FsmHostRun, Receiver, WaitingRun, FailingRun, ContextSource
{
  declare readonly options: FsmRunOptions;
  declare readonly recorder: FsmRecorder | undefined;
  declare protected readonly setup: FsmRunSetup;
  private readonly plan: FsmPlan;
  private readonly maxCycles: number;
  /** Whether all states go through {@link Attempts}, even those without options. */
  private readonly managesAll: boolean;
  private readonly clock: CycleClock;
  private hasBegun = false;
  private pumping = false;
  busy = false;
  isPausing = false;
  /** The inputs of the current state, if it is managed. */
  inputs: readonly unknown[] = [];
  /** The permits of an outer run. */
  readonly permits: Permits | undefined;
  /** In sequential mode: the only permit of the runs that states begin. */
  private inSequence: SharedPermits | undefined = undefined;
  private readonly inbox: Inbox | undefined;
  private readonly failures: Failures;
  waits: EventWaits | undefined = undefined;
  /** Takes the value of each cycle to nodes of outer runs. */
  private readonly outlet: Outlet | undefined;
  /** Whether these take no more. */
  private isAbandoned = false;
  private stateWaiters: StateWaiters | undefined = undefined;

  constructor(state: FsmState, options: FsmRunOptions, setup: FsmRunSetup) {
    super(state, options, setup);
    const { maxCycles = DEFAULT_MAX_CYCLES, timeout } = options;
    const { resumed, recorder, takesEvents } = setup;
    this.plan = state.plan;
    this.maxCycles = maxCycles;
    this.permits = setup.outer?.permits?.of("inline", Infinity, this);
    const isObserved = setup.hooks.length > 0 || recorder !== undefined;
    this.managesAll = isObserved || this.scheduler !== undefined || this.permits !== undefined;
    this.clock = new CycleClock(timeout, setup);
    this.failures = new Failures(this);
    this.failures.anyIgnored = resumed?.hasFailed ?? false;
    const inbox = takesEvents || recorder !== undefined ? new Inbox(this, recorder) : undefined;
    this.inbox = inbox;
    if (resumed !== undefined) inbox?.add(resumed.events);
    recorder?.subscribe((events) => inbox?.add(events));
    this.outlet = setup.outer?.outlets?.get("");
  }

  // --- control ---

  begin(): void {
    const { resumed } = this.setup;
    this.hasBegun = true;
    if (resumed?.isDone === true) return this.complete();
    this.inbox?.open();
    if (this.outlet !== undefined) this.watch(this.outlet);
    if (resumed?.provided !== undefined) this.completePaused(resumed.provided.value);
    else if (resumed?.wait !== undefined) this.beginWait(resumed.wait);
    this.pump();
  }

  /** Ends the run when nobody takes its values any longer. */
  private watch({ channel, keeps }: Outlet): void {
    if (keeps) return;
    channel.onAbandoned = () => {
      this.isAbandoned = true;
      const isWaiting = this.waits?.description !== undefined;
      if (!this.isOver && isWaiting) this.life.guard(() => this.life.end("completed", undefined));
      // An executing state completes first.
    };
    this.isAbandoned = channel.isAbandoned;
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
    this.isPausing = true;
    // A run that waits has nothing in progress, even while an observer is called.
    if (waitsFor !== undefined) this.life.guard(() => this.endPaused(waitsFor));
    else if (this.emitter?.isNotifying !== true) this.pump();
  }

  /** The state that executes next, when the run is stepped. */
  get next(): string | undefined {
    return this.plan.specs[this.state.current].name;
  }

  /** See {@link Inbox.send}. Only for a run that has a handle. */
  send(event: string, payload: unknown): Promise<void> {
    return (this.inbox as Inbox).send(event, payload);
  }

  /** See {@link Inbox.sendAll}. Only for a recorded run. @throws {StoreError} UNSTORABLE */
  sendAll(events: readonly QueuedEvent[]): void {
    (this.inbox as Inbox).sendAll(events);
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
    this.pumping = true;
    try {
      while (!this.isOver && !this.busy) {
        if (this.isPausing) this.life.end("paused", undefined);
        else if (this.isAbandoned) this.life.end("completed", undefined);
        else if (this.state.history.count >= this.maxCycles) this.exhaust();
        else if (this.budget <= 0) break;
        else if (this.clock.allows(this.expire, this.resumeLoop)) this.cycle();
        else this.busy = !this.isOver;
      }
    } catch (fault) {
      this.life.failInternally(fault);
    }
    this.pumping = false;
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
    let returned: unknown;
    let pending: Promise<unknown> | undefined;
    try {
      returned = this.manages(current) ? this.callManaged(current) : this.call(current);
      pending = pendingOf(returned);
    } catch (error) {
      return this.failures.threw(error);
    }
    if (pending === undefined) return this.returned(returned);
    if (!this.sync) return this.continueAfter(pending, this.returned, this.failures.threw);
    abandon(pending);
    const obstacle = this.lazyAttempts?.obstacle ?? "returned a promise";
    const error = stateError(state, `${obstacle}, which runSync can't wait for. Use run instead.`);
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
    const { storage, source, node: caller } = called;
    if (storage !== undefined || contextAt >= 0 || extra || rest) {
      const context = this.contextOf(current);
      return callWith(context, spec, withContext(spec, stateInputs(state), context));
    }
    called.source = this;
    called.node = current;
    try {
      if (inputs.length === 0) return spec.fn.call(spec.self);
      if (inputs.length === 1 && state.value !== undefined) return spec.fn.call(spec.self, state.value);
      return spec.fn.apply(spec.self, stateInputs(state));
    } finally {
      leave(source, caller);
    }
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
    const room = this.outlet?.channel.push(value);
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
      target = destination(this.plan, this.state.current, outcome, value);
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
    this.waits ??= new EventWaits(this, this.inbox, recorder, takesEvents);
    this.waits.begin(wait);
  }

  /** Enters a state, unless a state hook vetoes that. */
  goTo(to: number, value: unknown, decision?: FailureDecision): void {
    if (this.setup.stateHooks.length === 0) this.enter(to, value);
    else this.askToEnter(to, value, decision);
  }

  private askToEnter(to: number, value: unknown, decision: FailureDecision | undefined): void {
    const { failures } = this;
    const vetoed = (cause: unknown) => {
      if (this.isOver) return;
      if (isPause(cause)) return failures.pause(cause);
      const target = this.plan.specs[to].name;
      const predicate = `can't go to "${target}": a state hook threw: ${asSentence(messageOf(cause))} Return another state, or correct the hook.`;
      failures.fail(stateError(this.state, predicate, { cause }), decision);
    };
    const allowed = () => this.isOver || this.enter(to, value);
    let asked: void | Promise<void>;
    try {
      asked = drive(this.callStateHooks(to, value));
    } catch (error) {
      return vetoed(error);
    }
    if (asked === undefined) return void allowed();
    if (!this.sync) return this.continueAfter(asked, allowed, vetoed);
    abandon(asked);
    const predicate = "has a state hook that returned a promise, which runSync can't wait for. Use run instead.";
    failures.fail(stateError(this.state, predicate), "failFast");
  }

  private *callStateHooks(to: number, value: unknown): Coroutine<void> {
    const from = this.name;
    const { name } = this.plan.specs[to];
    for (const hook of this.setup.stateHooks) {
      if (this.isOver) return;
      yield hook(from, name, value);
    }
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
  enqueue(): void {}

  wake(): void {
    const { current } = this.state;
    if (!this.isOver && this.permits?.isFull === false) this.permits.grant(current);
  }

  innerOptions(): CommonRunOptions {
    const { mode, strict, scheduler, store, durability, hooks } = this.options;
    return this.setup.outer?.options ?? { mode, strict, scheduler, store, durability, hooks };
  }

  sharedPermits(_: string, { several }: { readonly several: boolean }): SharedPermits | undefined {
    const { mode } = this.options;
    const isSequential = mode === undefined || mode === "sequential";
    const { permits = several && isSequential ? (this.inSequence ??= inSequence()) : undefined } =
      this.setup.outer ?? {};
    return permits;
  }

  placeInside(node: number): ChildPlace {
    const { name } = this.plan.specs[node];
    return { node: name, key: this.state.executionKey, path: name };
  }

  protected innerNeeds(): readonly string[] {
    return [];
  }

  /** A state that is a plain call has no slot. */
  protected slotOf(node: number): Slot {
    const { isExecuting, current } = this.state;
    return isExecuting && current === node ? KEPT_SLOT : SETTLED_SLOT;
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

  endPaused(reason: string | undefined): void {
    this.state.pauseReason = reason;
    this.life.end("paused", undefined);
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
    this.endChildren();
    this.permits?.close();
    const isPaused = status === "paused";
    this.waits?.stop();
    if (isPaused) this.emitter?.emit({ type: "run.paused" });
    this.inbox?.close({ isPaused });
    this.inbox?.open();
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
