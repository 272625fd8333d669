import { current as calling, forget, returnTo } from "../definition/current-context.js";
import type { WorkflowKind } from "../definition/defined.js";
import { asPartOf, isPartOfOther } from "../policies/callers.js";
import type { Resource } from "../policies/holder.js";
import type { ExecutionError } from "../run/errors.js";
import { FsmResult } from "../run/fsm-result.js";
import type { FsmState } from "../run/fsm-state.js";
import { NO_VALUE } from "../run/history.js";
import type { RunStatus } from "../run/status.js";
import type { WaitingFor } from "../run/waiting-for.js";
import type { QueuedEvent } from "../stores/store.js";
import { endedWithout, maxCyclesError } from "./errors.js";
import { ExecutingRun, type FsmRunSetup } from "./executing-run.js";
import { FsmInnerRuns } from "./inner-runs.js";
import type { FsmRunOptions } from "./options.js";
import type { OutsideEvents } from "./outside-events.js";
import { StateDelay, type DelayedRun } from "./state-delay.js";
import { StateWaiters } from "./state-waiters.js";
import { ValueOutlet } from "./value-outlet.js";

const DEFAULT_MAX_CYCLES = 1000;

/**
 * Drives one run of an fsm from its initial state to its end.
 *
 * One loop: execute the current state, add its value to the history, go to its destination (`executing-run.ts`), until
 * there is something to wait for.
 *
 * Guarantees: one state executes at a time; a cycle is in the history before its transition starts; every event sent is
 * taken once, or refused when the run ends.
 *
 * Cost: O(1) per cycle, without recursion. Not here: waits (`event-waits.ts`), failures (`failures.ts`).
 */
export class FsmRun extends ExecutingRun implements DelayedRun {
  private readonly maxCycles: number;
  private hasBegun = false;
  private pumping = false;
  isPausing = false;
  private lazyInner: FsmInnerRuns | undefined = undefined;
  /** The delays of states; undefined before the first one. */
  private delay: StateDelay | undefined = undefined;

  constructor(state: FsmState, options: FsmRunOptions, setup: FsmRunSetup) {
    super(state, options, setup);
    this.maxCycles = options.maxCycles ?? DEFAULT_MAX_CYCLES;
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

  /** Ends the run, since no consumer of its values is left. An executing state completes first. */
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
    if (this.plan.specs[current].options.delay !== undefined && this.isDelayed()) return;
    this.execute(current);
  }

  private isDelayed(): boolean {
    this.delay ??= new StateDelay(this, this.setup.resumed?.dueAt);
    return this.delay.begin();
  }

  executeDelayed(): void {
    this.clock.reset();
    this.execute(this.state.current);
    this.pump();
  }

  // --- runs inside ---

  /** Called when the current state waits for a permit. It gets the next one that is free. */
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

  protected complete(): void {
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

  /** Called when the run begins to wait. */
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

  private notEntered(index: number): ExecutionError {
    return endedWithout(`enter state "${this.plan.specs[index].name}"`, this.state, this.name);
  }
}
