import type { Runner } from "../backends/runner.js";
import type { LazyAbort } from "../base/abort.js";
import { cores } from "../base/cores.js";
import type { DagwrightError } from "../base/errors.js";
import { current, forget, returnTo } from "../definition/current-context.js";
import type { EventEmitter } from "../engine/event-emitter.js";
import { TIME_SLICE, TimeSlice } from "../engine/time-slice.js";
import type { Ranking } from "../planning/plan.js";
import { criticalFirst } from "../planning/ranking.js";
import { asPartOf, isPartOfOther } from "../policies/callers.js";
import type { Resource } from "../policies/holder.js";
import { interruption } from "../run/endings.js";
import type { ExecutionError } from "../run/errors.js";
import { RunResult } from "../run/result.js";
import type { RunState } from "../run/state.js";
import { Status, type RunStatus } from "../run/status.js";
import { joined, type WaitingFor } from "../run/waiting-for.js";
import { BackendCalls } from "./backend-calls.js";
import type { DurabilityBarrier } from "./durability-barrier.js";
import { executorFor } from "./executors/by-name.js";
import type { Executor } from "./executors/executor.js";
import { Patient } from "./executors/patient.js";
import { Punctual } from "./executors/punctual.js";
import { InputDeadlines } from "./input-deadlines.js";
import { Lanes } from "./lanes.js";
import type { Companions } from "./node-streams/companions.js";
import type { DagRunOptions } from "./options.js";
import type { Placed } from "./placements.js";
import { Readiness } from "./readiness.js";
import type { RunSetup } from "./run-setup.js";
import { allowsSerialPath, SerialPath } from "./serial-path.js";
import { settleGiven } from "./settle-given.js";
import { EventSender, type SendingRun } from "./waits/event-sender.js";
import { eventRefused } from "./waits/wait-errors.js";
import { Waits, type WaitingRun } from "./waits/waits.js";
import { PerformingRun } from "./performing-run.js";

/**
 * Drives one run of a dag from plan to terminal state.
 *
 * One loop: takes the ready nodes, and starts each while fewer than `limit` attempts are in flight. Its outcome, which
 * `performing-run.ts` applies to the run's state, makes more nodes ready or skipped. When none is left, the run ends.
 *
 * Guarantees:
 * - a node starts only after all its needs have completed, and at most once per run, apart from retries;
 * - a node whose need failed is skipped at once: nothing waits for a result that can't come;
 * - an aborted run settles: attempts in flight are abandoned, their outcomes dropped and their rejections handled.
 *
 * Phases: after construction, only the fields that the constructor sets exist. Between `begin` and `beginNodes`, `calls`
 * is set if backends other than inline are needed. After that, the run has either a `serialPath` or, from
 * `leaveSerialPath` on, `readiness`.
 *
 * Cost: O(nodes + edges) per run, for any shape. Not here: which nodes are ready (`readiness.ts`), how one is performed
 * (`performing-run.ts`), waits (`waits/`).
 */
export class DagRun extends PerformingRun implements WaitingRun, SendingRun {
  private readonly ranking: Ranking;
  readiness: Readiness | undefined = undefined;
  private serialPath: SerialPath | undefined = undefined;
  private readonly deadline: number;
  private sliceEnd: number;
  private slice: TimeSlice | undefined = undefined;
  /** Whether it is known where nodes run. */
  private hasBegun = false;
  private pumping = false;
  isPausing = false;
  /** The nodes that wait for times and events; undefined if none can. */
  readonly waits: Waits | undefined;
  private readonly deadlines: InputDeadlines | undefined;
  private lazySender: EventSender | undefined = undefined;

  constructor(state: RunState, options: DagRunOptions, setup: RunSetup) {
    super(state, options, setup);
    const { plan, time } = this;
    const { timeout } = options;
    const isSerial = plan.isSerial || this.isSequential;
    const isLimited = this.isLimited || this.scheduler !== undefined;
    this.ranking = isLimited && !isSerial ? criticalFirst(plan) : plan;
    if (setup.isResumed !== true) state.beganAt = time;
    this.sliceEnd = setup.sync ? Infinity : time + TIME_SLICE;
    this.deadline = timeout === undefined ? Infinity : time + timeout;
    const { waits, inputsTimeouts } = plan;
    this.waits = waits && new Waits(this, waits, setup);
    this.deadlines = inputsTimeouts && new InputDeadlines(this, inputsTimeouts, time);
  }

  get concurrency(): number {
    const { concurrency, mode, maxWorkers } = this.options;
    return concurrency ?? (mode === "parallel" ? (maxWorkers ?? cores()) : Infinity);
  }

  // --- permits ---

  /** Queues a node that waits for a permit. */
  enqueue(node: number): void {
    this.leaveSerialPath().executor.add(node);
  }

  wake(): void {
    this.pump();
  }

  get hasWaiting(): boolean {
    return this.readiness?.executor.isEmpty === false;
  }

  *awaitedSlots(): Generator<Resource> {
    const { permits } = this;
    if ((this.hasWaiting || permits.isAwaited) && permits.areTaken) yield permits.slots;
  }

  // --- the beginning ---

  /** Finds out where nodes run, and starts the first ones. */
  begin(): void {
    const { place } = this.setup;
    if (place === undefined) this.beginNodes();
    else this.findPlaces(place);
  }

  private findPlaces(place: (run: LazyAbort) => Placed | Promise<Placed>): void {
    let placed: Placed | Promise<Placed>;
    try {
      placed = place(this.abort);
    } catch (error) {
      return this.life.halt("failed", error as ExecutionError);
    }
    if (!(placed instanceof Promise)) return this.placed(placed);
    this.open++;
    placed.then(
      (found) =>
        this.reenter(() => {
          this.open--;
          this.placed(found);
        }),
      (error: ExecutionError) => this.isOver || this.life.halt("failed", error),
    );
  }

  /** Continues once it is known where nodes run. */
  private placed({ places, runners }: Placed): void {
    this.state.places = places;
    if (runners.length > 0) {
      const permitsOf = (runner: Runner) => this.runPermits.of(runner);
      this.calls = new BackendCalls(this, new Lanes(places, runners, this.permits, permitsOf));
    }
    this.beginNodes();
  }

  private beginNodes(): void {
    this.hasBegun = true;
    this.waits?.inbox?.open();
    if (this.setup.recorder !== undefined) this.readClock();
    if (!this.sync) this.deadlines?.start();
    if (this.isPlain && allowsSerialPath(this.plan, this.options)) {
      this.serialPath = new SerialPath(this.ranking.order);
    } else {
      this.readiness = this.newReadiness();
      settleGiven(this, this.setup, this.readiness);
      this.readiness.begin();
    }
    this.pump();
  }

  /** Whether only the plan and the options decide which nodes start, and nothing observes the run. */
  private get isPlain(): boolean {
    const { setup, state } = this;
    const isWhole = state.active === undefined && setup.overrides === undefined;
    const isFree = setup.outer?.permits === undefined || this.isSequential;
    const isAlone = this.emitter === undefined && this.calls === undefined && isFree;
    return isWhole && isAlone && this.deadlines === undefined;
  }

  private newReadiness(): Readiness {
    const { retain, executor } = this.options;
    let next = executorFor(executor ?? "workQueue", this.plan, this.ranking, this.calls?.lanes.queueOf);
    const { deadlines, waits } = this;
    if (waits !== undefined) next = waits.executor = new Patient(next, waits);
    if (deadlines !== undefined) next = new Punctual(next, deadlines);
    const { plan, state, emitter, streams } = this;
    const how = { anyWaitsForAll: this.isSequential, dropsResults: retain === "outputs" };
    return new Readiness(plan, state, emitter, next, streams, how);
  }

  /** Leaves the order of the plan, and counts open needs instead. */
  protected leaveSerialPath(): Readiness {
    if (this.readiness === undefined) {
      this.serialPath = undefined;
      this.readiness = this.newReadiness();
      this.readiness.catchUp();
      this.readiness.begin();
    }
    return this.readiness;
  }

  protected observed(emitter: EventEmitter): void {
    if (this.hasBegun) this.leaveSerialPath().listen(emitter);
  }

  // --- the loop ---

  /** Starts ready nodes while permits are free, and ends the run when nothing is left. */
  pump(): void {
    if (this.pumping || !this.hasBegun || this.isWaiting) return;
    if (isPartOfOther(this.caller)) return asPartOf(this.caller, () => this.pump());
    const { source } = current;
    this.pumping = true;
    try {
      if (!this.startInOrder()) this.startReady();
    } catch (fault) {
      this.life.failInternally(fault);
    }
    this.pumping = false;
    if (source !== this) returnTo(source);
    if (this.time >= this.deadline) this.life.expire();
    if (this.caller !== undefined && !this.isOver) this.relieve();
    if (this.isOver || this.open > this.resting || this.isWaiting) return;
    if (this.readiness?.executor.isEmpty ?? true) this.finish();
    else this.onIdle?.();
  }

  /** Enters the loop again after a wait: does `work`, and starts what is ready. */
  reenter(work: () => void): void {
    this.life.guard(() => {
      if (this.isOver) return;
      this.readClock();
      work();
      this.pump();
    });
  }

  /** Whether the run waits for the event loop to turn. */
  private get isWaiting(): boolean {
    return this.slice?.isWaiting === true;
  }

  /** How many of the open nodes only wait, through their runs inside. */
  private get resting(): number {
    return this.lazyInner === undefined ? 0 : this.lazyInner.resting.count;
  }

  /** Starts nodes on the serial path. Returns whether the run is still on it. */
  private startInOrder(): boolean {
    while (this.serialPath !== undefined) {
      if (this.open > 0) return this.plan.isSerial || this.permits.isFull;
      if (this.serialPath.isAtEnd || this.isOver || this.time >= this.deadline) return true;
      if (this.isPausing || (this.setup.outer !== undefined && this.permits.isFull)) return false;
      if (this.time >= this.sliceEnd && this.endSlice()) return true;
      this.launch(this.serialPath.next());
    }
    return false;
  }

  private startReady(): void {
    const { executor, companions } = this.leaveSerialPath();
    if (this.barred !== undefined && !this.barred.isEmpty && !this.performDurable(this.barred)) return;
    while (!this.isOver && this.time < this.deadline) {
      const companion = companions === undefined ? -1 : this.takeCompanion(companions);
      if (companion >= 0) {
        this.launch(companion);
        continue;
      }
      if (this.budget <= 0) break;
      if (this.time >= this.sliceEnd && !executor.isEmpty && this.endSlice()) break;
      if (this.deadlines?.failNext() === true) continue;
      const node = this.takeReady(executor);
      // A node that begins to wait while another one is chosen may fail.
      if (node < 0 || this.isOver) break;
      if (!this.permitsOf(node).grant(node) && !this.isPausing) this.launch(node);
    }
  }

  /** Takes a node that runs together with one that has started, even while the run pauses; -1 when there is none. */
  private takeCompanion(companions: Companions): number {
    return companions.take((node) => !this.isPausing || this.streams?.isRunning(node) === true);
  }

  /** Takes the node that starts next; -1 when none may. */
  private takeReady(executor: Executor): number {
    if (this.calls !== undefined) return this.calls.lanes.take(executor);
    return this.permits.isFull ? -1 : executor.take(0);
  }

  /** Calls the nodes whose start is durable. Returns whether no node is held back any longer. */
  private performDurable(barrier: DurabilityBarrier<number>): boolean {
    while (!this.isOver && !barrier.isEmpty && this.time < this.deadline) {
      if (this.time >= this.sliceEnd && this.endSlice()) return false;
      this.perform(barrier.take());
    }
    return barrier.isEmpty;
  }

  /** Returns whether the run has to wait for the event loop to turn. */
  private endSlice(): boolean {
    this.sliceEnd = this.time + TIME_SLICE;
    this.slice ??= new TimeSlice();
    return this.slice.renew(() => this.reenter(() => {}));
  }

  goOnAfter(node: number): void {
    this.open--;
    this.leaveSerialPath().release(node);
  }

  streamStarted(node: number): void {
    this.leaveSerialPath().started(node);
    this.pump();
  }

  // --- events ---

  /** See {@link EventSender.send}. */
  send(event: string, payload: unknown): Promise<void> {
    return (this.lazySender ??= new EventSender(this)).send(event, payload);
  }

  /** Whether a node waits for an event, or may yet. */
  takesEvent(event: string): boolean {
    return this.plan.waits?.events.has(event) === true || this.inside?.openAt(event) !== undefined;
  }

  notTaken(event: string): Error {
    return eventRefused(this.state, event);
  }

  get waitingFor(): WaitingFor | undefined {
    return joined([this.state.waitingFor ?? [], this.inside?.waitingFor() ?? []].flat());
  }

  /** Called when a wait has ended. */
  woke(): void {
    this.setResting(false);
    this.readClock();
    this.pump();
  }

  // --- the end ---

  /** Starts no more nodes. The run ends as `paused` when those in flight have settled. */
  pause(): void {
    if (this.isOver) return;
    this.holdBack();
    if (this.emitter?.isNotifying !== true) this.pump();
  }

  holdBack(): void {
    this.isPausing = true;
    this.maps?.pause();
  }

  /** Ends the run, in which no node is in flight, unless it has to wait. */
  private finish(): void {
    if (this.isPausing) return this.resting > 0 ? this.children.pause() : this.end();
    if (this.lazyInner?.resting.isLeaving === true) this.putAway();
    else if (this.resting > 0 || this.waits?.isOpen === true) this.rest();
    else this.end();
  }

  private end(): void {
    const isPaused = this.isPausing && this.hasLeft();
    if (isPaused) this.emitter?.emit({ type: "run.paused" });
    this.life.end(isPaused ? "paused" : this.state.hasFailed ? "failed" : "completed", undefined);
  }

  /** Whether nodes have not settled, or have paused the run. */
  private hasLeft(): boolean {
    const { status, plan } = this.state;
    return plan.order.some((i) => status[i] < Status.running || status[i] === Status.paused);
  }

  /** Called when only waits keep the run from ending. */
  private rest(): void {
    if (this.readiness?.takeCompleted() === true) return this.pump();
    if (this.budget <= 0) this.onIdle?.();
    this.setResting(true);
    this.putAwayWhenPolled();
  }

  putAway(): void {
    if (this.isOver) return;
    if (this.resting > 0) this.inner.resting.putAway();
    else this.life.end("waiting", undefined);
  }

  override cancelOpen(error: DagwrightError): boolean {
    const needsTurn = super.cancelOpen(error);
    const reason = interruption(this.state, error);
    this.streams?.interrupt(reason);
    return this.maps?.interrupt(reason) === true || needsTurn;
  }

  protected markCancelled(): void {
    const { state, plan } = this;
    this.readClock();
    this.calls?.end();
    for (let i = 0; i < plan.size; i++) {
      if (state.status[i] > Status.running) continue;
      if (state.status[i] === Status.running) state.setFinished(i, this.time);
      state.status[i] = Status.cancelled;
      this.emitter?.emit({ type: "node.cancelled" }, i);
    }
  }

  resultOf(status: RunStatus): RunResult<any> {
    this.state.endedAt = this.time;
    return new RunResult<any>(this.state, status);
  }

  release(status: RunStatus): void {
    forget(this);
    this.setResting(false);
    if (this.setup.outer !== undefined) this.closePermits();
    this.deadlines?.stop();
    this.waits?.stop(status);
  }

  /** The node that the next step runs. */
  get next(): string | undefined {
    const node = this.leaveSerialPath().executor.first;
    return node < 0 ? undefined : this.name(node);
  }

  private name(node: number): string {
    return this.plan.specs[node].name;
  }
}
