import { abandon, drive, pendingOf, whenSettled, type Coroutine } from "../base/coroutine.js";
import type { DagwrightError } from "../base/errors.js";
import { valueOf } from "../definition/transitions.js";
import type { FsmPlan } from "../planning/fsm-plan.js";
import { ExecutionError, type ErrorSite } from "../run/errors.js";
import { asSentence, messageOf } from "../base/message.js";
import { StateContext } from "../run/fsm-context.js";
import { FsmResult } from "../run/fsm-result.js";
import type { FsmState } from "../run/fsm-state.js";
import { NO_VALUE } from "../run/history.js";
import { factsOf, isPause } from "../run/pause.js";
import type { RunStatus } from "../run/status.js";
import type { QueuedEvent } from "../stores/store.js";
import { Attempts } from "../engine/attempts.js";
import { CycleClock } from "./cycle-clock.js";
import { destination, END, textOf, type Wait } from "./transition.js";
import { EngineRun, type EngineSetup } from "../engine/run.js";
import { EventWaits, type WaitingRun } from "./event-waits.js";
import { exhausted, neverDone, originOf, siteOf, stateError, stateFailure } from "./errors.js";
import { FsmHost, type FsmHostRun } from "./host.js";
import { Inbox, type Receiver } from "./inbox.js";
import type { Letter } from "./mailbox.js";
import type { FsmRecorder } from "./durable/recorder.js";
import type { ResumedFsm } from "./durable/records.js";
import type { FsmRunOptions } from "./options.js";
import { stateInputs, withContext } from "./arguments.js";
import { askHandler, type Verdict } from "../engine/error-policy.js";
import { StateWaiters } from "./state-waiters.js";

const DEFAULT_CYCLES = 1000;

/** A state hook that knows its fsm. */
export type BoundStateHook = (from: string, to: string, value: unknown) => unknown;

/** What an fsm's run needs beside its options, resolved against the plan. */
export interface FsmRunSetup extends EngineSetup {
  /** Somebody can send events. */
  readonly takesEvents: boolean;
  readonly recorder?: FsmRecorder;
  /** How the run goes on that was recorded before. */
  readonly resumed?: ResumedFsm;
  /** What may veto a transition. */
  readonly stateHooks: readonly BoundStateHook[];
}

/** What is known beforehand of what to do about a failure. */
type Decision = Verdict | "unrescued";

/**
 * Drives one run of an fsm from its initial state to its end.
 *
 * One loop: execute the current state, keep its value, go where it leads. A state without options is called directly, and
 * without a promise where its function returns none; any other is a coroutine that lays the policies around it.
 *
 * Guarantees: one state executes at a time; a cycle is in the history before its transition is taken; every event sent is
 * taken once, or refused when the run ends.
 *
 * Cost: O(1) a cycle, without recursion.
 */
export class FsmRun extends EngineRun<FsmState, FsmResult<any>> implements FsmHostRun, Receiver, WaitingRun {
  declare readonly options: FsmRunOptions;
  declare protected readonly setup: FsmRunSetup;
  private readonly plan: FsmPlan;
  private readonly maxCycles: number;
  /** No state is just called. */
  private readonly managesAll: boolean;
  private readonly clock: CycleClock;
  private hasBegun = false;
  private pumping = false;
  /** Something has to settle before the next cycle. */
  busy = false;
  /** The inputs of the state that is executing, if it is a managed one. */
  inputs: readonly unknown[] = [];
  isPausing = false;
  private hasFailed = false;
  private readonly inbox: Inbox | undefined;
  private lazyWaits: EventWaits | undefined = undefined;
  /** The transition that is under way leads away from a wait. */
  private leavesWait = false;
  /** How often the current cycle has failed: its function, and on the way from there. */
  private failures = 0;
  private waiters: StateWaiters | undefined = undefined;

  constructor(state: FsmState, options: FsmRunOptions, setup: FsmRunSetup) {
    super(state, options, setup);
    const { maxCycles = DEFAULT_CYCLES, timeout } = options;
    this.plan = state.plan;
    this.maxCycles = maxCycles;
    const { resumed, recorder, takesEvents } = setup;
    const inbox = takesEvents || recorder !== undefined ? new Inbox(this, recorder) : undefined;
    this.inbox = inbox;
    this.hasFailed = resumed?.hasFailed ?? false;
    if (resumed !== undefined) inbox?.deliver(resumed.events);
    recorder?.hearWith((events) => inbox?.deliver(events));
    this.clock = new CycleClock(timeout, setup.sync);
    this.managesAll = setup.hooks.length > 0 || this.scheduler !== undefined || setup.recorder !== undefined;
  }

  // --- control ---

  begin(): void {
    const { resumed } = this.setup;
    this.hasBegun = true;
    if (resumed?.isDone === true) return this.finish();
    this.inbox?.postEarly();
    if (resumed?.provided !== undefined) this.provided(resumed.provided.value);
    else if (resumed?.wait !== undefined) this.beginWait(resumed.wait);
    this.pump();
  }

  /** The value of the state that had paused the run. */
  private provided(value: unknown): void {
    const { state } = this;
    this.emitter?.emit({ type: "state.entered", cycle: state.history.count }, state.current);
    this.returned(value);
  }

  /** Executes no more states; the run ends as `paused` when the one that is executing is done. */
  pause(): void {
    const waitsFor = this.lazyWaits?.text;
    this.isPausing = true;
    // Nothing is going on in a run that waits, whatever an observer is told.
    if (waitsFor !== undefined) this.life.guard(() => this.rest(waitsFor));
    else if (this.emitter?.isTelling !== true) this.pump();
  }

  /** The state that executes next, while the run stands still. */
  get next(): string | undefined {
    return this.plan.specs[this.state.current].name;
  }

  /** See {@link Inbox.send}; of a run that somebody can send events to. */
  send(event: string, payload: unknown): Promise<void> {
    return (this.inbox as Inbox).send(event, payload);
  }

  /** See {@link Inbox.sendAll}; of a recorded run. @throws {StoreError} UNSTORABLE */
  sendAll(events: readonly QueuedEvent[]): void {
    (this.inbox as Inbox).sendAll(events);
  }

  mailCame(): void {
    this.lazyWaits?.mailCame();
  }

  /** Resolves when the run enters a state, at once when it is there. @throws {ExecutionError} when it ends elsewhere */
  watch(index: number): Promise<void> {
    if (this.state.current === index) return Promise.resolve();
    if (this.isOver) return Promise.reject(this.neverEntered(index));
    return (this.waiters ??= new StateWaiters()).add(index);
  }

  private readonly outOfTime = (): void => this.life.expire();

  /** The event loop has turned. */
  private readonly turned = (): void => {
    this.busy = false;
    this.pump();
  };

  // --- the loop ---

  /** Executes states until one has to be waited for, or the run ends. */
  pump(): void {
    if (this.pumping || !this.hasBegun) return;
    this.pumping = true;
    try {
      while (!this.isOver && !this.busy) {
        if (this.isPausing) this.life.end("paused", undefined);
        else if (this.state.history.count >= this.maxCycles) this.exhaust();
        else if (this.budget <= 0) break;
        else if (this.clock.allows(this.outOfTime, this.turned)) this.cycle();
        else this.busy = !this.isOver;
      }
    } catch (fault) {
      this.life.breakOff(fault);
    }
    this.pumping = false;
    if (!this.isOver && !this.busy) this.onIdle?.();
  }

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
    let work: unknown;
    let pending: Promise<unknown> | undefined;
    try {
      work = this.isManaged(current) ? this.callManaged(current) : this.call(current);
      pending = pendingOf(work);
    } catch (error) {
      return this.failed(error);
    }
    if (pending === undefined) return this.returned(work);
    if (!this.sync) return this.await(pending, this.returned, this.failed);
    abandon(pending);
    const obstacle = this.lazyAttempts?.obstacle ?? "returned a promise";
    this.failed(stateError(this.state, `${obstacle}, which runSync can't wait for. Use run instead.`), "failFast");
  }

  /** Goes on when `work` has settled, unless the run has ended meanwhile. */
  private await<T>(work: Promise<T>, fulfilled: (value: T) => void, rejected: (error: unknown) => void): void {
    this.busy = true;
    const after =
      <A>(then: (outcome: A) => void) =>
      (outcome: A) => {
        if (this.isOver) return;
        try {
          this.busy = false;
          this.clock.reset();
          then(outcome);
          this.pump();
        } catch (fault) {
          this.life.breakOff(fault);
        }
      };
    whenSettled(work, after(fulfilled), after(rejected));
  }

  /** Calls a state's function: the plain case, spelled out because it is the hot path. */
  private call(current: number): unknown {
    const { state } = this;
    const spec = this.plan.specs[current];
    const { inputs, rest, contextAt, extra } = spec.signature;
    state.attempt = 1;
    if (this.emitter !== undefined) {
      this.emitter.emit({ type: "attempt.started", attempt: 1 }, current);
      if (this.isOver) return undefined;
    }
    if (contextAt < 0 && !extra && !rest) {
      if (inputs.length === 0) return spec.fn.call(spec.self);
      if (inputs.length === 1 && state.value !== undefined) return spec.fn.call(spec.self, state.value);
      return spec.fn.apply(spec.self, stateInputs(state));
    }
    const context = new StateContext(state, current, 1, this);
    return spec.fn.apply(spec.self, withContext(spec, stateInputs(state), context));
  }

  /** Whether the state takes more than a plain call. */
  private isManaged(current: number): boolean {
    return this.managesAll || this.plan.isManaged[current];
  }

  private callManaged(current: number): unknown {
    this.inputs = stateInputs(this.state);
    this.lazyAttempts ??= new Attempts(new FsmHost(this));
    return drive(this.lazyAttempts.run(current));
  }

  // --- what became of a cycle ---

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
    this.follow(outcome, value);
  };

  /**
   * Goes where the current state's outcome leads.
   * @param decided - what to do when that is nowhere, or vetoed, where the options have no say
   */
  private follow(outcome: unknown, value: unknown, decided?: Verdict): void {
    let target: number | Wait;
    try {
      target = destination(this.plan, this.state.current, outcome, value);
    } catch (error) {
      return isPause(error) ? this.paused(error) : this.fail(error, decided);
    }
    if (typeof target !== "number") this.beginWait(target);
    else if (target !== END) this.goTo(target, value, decided);
    else {
      const letter = this.takeLetter();
      this.leave(undefined, value);
      if (!this.isOver) this.finish();
      this.acknowledge(letter);
    }
  }

  private finish(): void {
    this.state.isTerminated = true;
    this.life.end(this.hasFailed ? "failed" : "completed", undefined);
  }

  /**
   * Asks the state hooks and goes to a state.
   * @param decided - what to do about a veto, see {@link FsmRun.fail}
   */
  private goTo(to: number, value: unknown, decided?: Decision): void {
    if (this.setup.stateHooks.length === 0) this.enter(to, value);
    else this.askToGo(to, value, decided);
  }

  private askToGo(to: number, value: unknown, decided: Decision | undefined): void {
    const vetoed = (error: unknown) => {
      if (this.isOver) return;
      if (isPause(error)) return this.paused(error);
      const message = `vetoed: a state hook threw on the way to "${this.plan.specs[to].name}": ${asSentence(messageOf(error))} Go elsewhere, or correct the hook.`;
      this.fail(stateError(this.state, message, error), decided);
    };
    const allowed = () => this.isOver || this.enter(to, value);
    let asked: void | Promise<void>;
    try {
      asked = drive(this.askHooks(to, value));
    } catch (error) {
      return vetoed(error);
    }
    if (asked === undefined) return void allowed();
    if (!this.sync) return this.await(asked, allowed, vetoed);
    abandon(asked);
    this.fail(
      stateError(
        this.state,
        "has a state hook that returned a promise, which runSync can't wait for. Use run instead.",
      ),
      "failFast",
    );
  }

  private *askHooks(to: number, value: unknown): Coroutine<void> {
    const from = this.name;
    const { name } = this.plan.specs[to];
    for (const hook of this.setup.stateHooks) {
      if (this.isOver) return;
      yield hook(from, name, value);
    }
  }

  private enter(to: number, value: unknown): void {
    const { state } = this;
    const letter = this.takeLetter();
    // What failed on the way leads elsewhere, not the event.
    const event = this.failures > 0 ? undefined : letter?.event;
    this.leave(to, value, event);
    if (!this.isOver) {
      state.current = to;
      state.value = value;
      state.trigger = event;
      state.attemptsBefore = 0;
      this.failures = 0;
      this.waiters?.entered(to);
    }
    this.acknowledge(letter);
  }

  private leave(to: number | undefined, value: unknown, event?: string): void {
    if (this.emitter === undefined) return;
    const { current, history } = this.state;
    const name = to === undefined ? undefined : this.plan.specs[to].name;
    this.emitter.emit({ type: "state.left", cycle: history.count - 1, value, to: name, event }, current);
  }

  // --- waiting for events ---

  private beginWait(wait: Wait): void {
    const { recorder, takesEvents } = this.setup;
    if (!takesEvents && recorder === undefined && wait.after === undefined) {
      const message = `${textOf(wait)}, but nobody can send events to this run. Use fsm.start, or give "after".`;
      return this.fail(stateError(this.state, message));
    }
    this.lazyWaits ??= new EventWaits(this, this.inbox, recorder, takesEvents);
    this.lazyWaits.begin(wait);
  }

  /** Asks the state hooks and goes where a wait leads. */
  leaveWait(to: number, payload: unknown): void {
    this.leavesWait = true;
    this.goTo(to, payload);
  }

  /** The wait is over, and the event that ended it is gone, together with what is recorded next. */
  private takeLetter(): Letter | undefined {
    if (!this.leavesWait) return undefined;
    this.leavesWait = false;
    return this.lazyWaits?.take();
  }

  private acknowledge(letter: Letter | undefined): void {
    if (letter !== undefined) this.inbox?.acknowledge(letter);
  }

  // --- failures ---

  private readonly failed = (thrown: unknown, decided?: Verdict): void => {
    if (this.isOver) return;
    if (isPause(thrown)) return this.paused(thrown);
    const { state } = this;
    const error = stateFailure(this.state, thrown);
    if (!this.isManaged(state.current)) {
      this.emitter?.emit({ type: "attempt.failed", attempt: state.attempt, error: thrown }, state.current);
    }
    if (this.isOver) return;
    this.state.isExecuting = false;
    state.history.add(state.current, NO_VALUE);
    this.fail(error, decided);
  };

  /**
   * The current state, or what is asked about it, paused the run: its cycle did not take place. Behind a wait, that and the
   * event which ended it stay as they are.
   */
  private paused(pause: Error): void {
    const { state, plan, failures } = this;
    const { recorder } = this.setup;
    for (; this.failures > 0; this.failures--) state.forgetError();
    if (this.leavesWait) {
      if (failures > 0) {
        // The options may have given the cycle another value than that of a wait.
        state.history.amend(undefined);
        recorder?.waitsAgain();
      }
    } else {
      if (!state.isExecuting) state.history.undo();
      state.isExecuting = false;
      recorder?.paused(pause.message);
    }
    const facts = factsOf(pause);
    state.pause = { node: plan.specs[state.current].name, ...facts };
    this.rest(facts.reason);
  }

  /** Ends the run as `paused`. */
  rest(reason: string | undefined): void {
    this.state.pauseReason = reason;
    this.life.end("paused", undefined);
  }

  /**
   * A cycle failed: its function, or its transition.
   * @param decided - what to do, where the options have no say; `unrescued` asks them, but not for an error state
   */
  private fail(thrown: unknown, decided?: Decision): void {
    const { state, plan } = this;
    const error = stateFailure(this.state, thrown);
    const origin = originOf(error);
    this.failures++;
    state.addError(error);
    this.emitter?.emit({ type: "node.failed", error }, state.current);
    if (this.isOver) return;
    const rescue = plan.errorStates[state.current];
    if (rescue >= 0 && decided === undefined) return this.goTo(rescue, origin, "unrescued");
    const verdict = decided === undefined || decided === "unrescued" ? this.judge(error) : decided;
    if (!(verdict instanceof Promise)) return this.carryOut(error, verdict);
    if (!this.sync) return this.await(verdict, (settled) => this.carryOut(error, settled), this.failed);
    this.carryOut(
      error,
      stateError(
        this.state,
        "has an errorHandler that returned a promise, which runSync can't wait for. Use run instead.",
      ),
    );
  }

  private judge(error: DagwrightError): Verdict | Promise<Verdict> {
    const { errorHandler, errorStrategy = "failFast" } = this.options;
    const { current, attempt } = this.state;
    if (errorHandler === undefined || !(error instanceof ExecutionError)) {
      return this.plan.specs[current].options.errorStrategy ?? errorStrategy;
    }
    return askHandler(errorHandler, error, new StateContext(this.state, current, attempt, this));
  }

  private carryOut(error: DagwrightError, verdict: Verdict): void {
    if (isPause(verdict)) return this.paused(verdict);
    if (verdict === "continueNone") {
      this.hasFailed = true;
      this.state.history.amend(null);
      return this.follow(null, null, "failFast");
    }
    const letter = this.takeLetter();
    if (verdict === "continue") this.life.end("failed", undefined);
    else this.life.end("failed", verdict === "failFast" ? error : verdict);
    this.acknowledge(letter);
  }

  siteOf(attempt: number, ...cause: [unknown?]): ErrorSite {
    return siteOf(this.state, attempt, ...cause);
  }

  // --- how the run ends ---

  /** The run needs more cycles than it may have. */
  private exhaust(): void {
    const { state, plan, options } = this;
    const next = plan.specs[state.current].name;
    state.current = state.history.stateAt(state.history.count - 1);
    if (options.onMaxCycles === "stop") return this.life.end(this.hasFailed ? "failed" : "completed", undefined);
    this.life.end("failed", exhausted(state, this.maxCycles, next));
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
    this.lazyWaits?.stop();
    if (status === "paused") this.emitter?.emit({ type: "run.paused" });
    this.inbox?.empty(status === "paused");
    this.inbox?.postEarly();
    this.waiters?.close((index) => this.neverEntered(index));
  }

  refusal(event: string): ExecutionError {
    return neverDone(this.state, this.name, `did not take event "${event}"`);
  }

  private neverEntered(index: number): ExecutionError {
    return neverDone(this.state, this.name, `did not enter state "${this.plan.specs[index].name}"`);
  }

  /** The current state's name. */
  private get name(): string {
    return this.plan.specs[this.state.current].name;
  }
}
