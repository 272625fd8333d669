import type { Backend } from "../backends/backend.js";
import type { LazyAbort } from "../base/abort.js";
import { findClock, now } from "../base/clock.js";
import { cores } from "../base/cores.js";
import { abandon, drive, pendingOf, whenSettled } from "../base/coroutine.js";
import { current, leave, type ContextSource } from "../definition/current-context.js";
import { isContext, type DagPlan, type Ranking } from "../planning/plan.js";
import { innerNeedsOf } from "../planning/inner-needs.js";
import { criticalFirst } from "../planning/ranking.js";
import { NodeContext } from "../run/context.js";
import type { DagwrightError } from "../base/errors.js";
import { interruption } from "../run/endings.js";
import { ExecutionError } from "../run/errors.js";
import { factsOf, isPause } from "../run/pause.js";
import { RunResult } from "../run/result.js";
import type { RunState } from "../run/state.js";
import { Status, type RunStatus } from "../run/status.js";
import type { EventEmitter } from "../engine/event-emitter.js";
import { Arguments, inputValues, WiringFault } from "./arguments.js";
import { Attempts } from "../engine/attempts.js";
import { inputsLate, nodeError, nodeFailure } from "./errors.js";
import { DagHost, type DagHostRun, type NodeLimits } from "./host.js";
import type { ChildPlace } from "../engine/children.js";
import type { CommonRunOptions } from "../engine/options.js";
import { EngineRun, type EngineSetup } from "../engine/run.js";
import { DurabilityBarrier } from "./durability-barrier.js";
import { choose, standsAlone } from "./branching.js";
import { Punctual } from "./executors/punctual.js";
import { InputDeadlines } from "./input-deadlines.js";
import { executorFor } from "./executors/by-name.js";
import type { Executor } from "./executors/executor.js";
import type { Placed } from "./placements.js";
import { Readiness } from "./readiness.js";
import type { RunOptions } from "./options.js";
import { BackendCalls } from "./backend-calls.js";
import { PlainSlot } from "./plain-slot.js";
import { Lanes } from "./lanes.js";
import { Streams } from "./streams/streams.js";
import { MapRun } from "./map/map-run.js";
import { inSequence, Permits, SharedPermits } from "../engine/permits.js";
import { KEPT_SLOT, SETTLED_SLOT, type Slot } from "../engine/slot.js";
import { allowsSerialPath, SerialPath } from "./serial-path.js";
import { TIME_SLICE, TimeSlice } from "../engine/time-slice.js";
import { askErrorHandler, type FailureAction } from "../engine/error-policy.js";

const NO_PATHS: readonly string[] = Object.freeze([]);

/** The setup of a dag's run beside its options, resolved against the plan. */
export interface RunSetup extends EngineSetup {
  /** Whether the state holds results of nodes that completed before this run was resumed. */
  readonly isResumed?: boolean;
  /** Results by node, for the nodes that do not run. */
  readonly overrides: ReadonlyMap<number, unknown> | undefined;
  /** The limits that nodes share with other runs of the same stream. */
  readonly nodeLimits?: NodeLimits | undefined;
  /** Finds out where nodes run; undefined when all run inline. */
  readonly place: ((run: LazyAbort) => Placed | Promise<Placed>) | undefined;
}

/**
 * Drives one run of a dag from plan to terminal state.
 *
 * One loop: takes the ready nodes, starts each while fewer than `limit` attempts are in flight, and applies every
 * outcome to the run's state, which makes more nodes ready or skipped. A node without options is a plain call, with a
 * promise only if its function returns one; any other is a coroutine of policies around the call.
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
 * Cost: O(nodes + edges) per run, for any shape. Not here: which nodes are ready (`readiness.ts`), what surrounds an
 * attempt (`attempts.ts`).
 */
export class DagRun extends EngineRun<RunState, RunResult<any>> implements DagHostRun, ContextSource {
  declare readonly options: RunOptions<any>;
  declare protected readonly setup: RunSetup;
  private readonly plan: DagPlan;
  private readonly ranking: Ranking;
  /** Which nodes may run; undefined on the serial path, which follows the plan's order. */
  readiness: Readiness | undefined = undefined;
  private serialPath: SerialPath | undefined = undefined;
  /** Limits the nodes in flight: inline ones, or all where one limit counts all. */
  private readonly permits: Permits;
  /** The permits that runs inside share; undefined before there are any. */
  private shared: SharedPermits | undefined = undefined;
  /** In sequential mode: the only permit of the runs that nodes begin. */
  private inSequence: SharedPermits | undefined = undefined;
  /** The permits of the plain nodes that have begun runs inside. */
  private slots: Map<number, PlainSlot> | undefined = undefined;
  /** The results inside workflows that this run takes, by node. */
  private lazyInnerNeeds: ReadonlyMap<number, readonly string[]> | undefined = undefined;
  /** The maps that have started. */
  private maps: Map<number, MapRun> | undefined = undefined;
  readonly streams: Streams | undefined;
  /** The calls of nodes that don't run inline; undefined when all do. */
  calls: BackendCalls | undefined = undefined;
  private readonly overrides: RunSetup["overrides"];
  readonly nodeLimits: NodeLimits | undefined;
  /** Whether every node needs policies. */
  private readonly managesAll: boolean;
  private readonly deadline: number;
  /** The last reading of the clock. */
  private time: number;
  /** Whether a node's function has run since that reading. */
  private isStale = false;
  /** When the run began or resumed. */
  private readonly beganAt: number;
  private sliceEnd: number;
  private slice: TimeSlice | undefined = undefined;
  /** The number of nodes that started and have not settled. */
  private open = 0;
  /** Whether it is known where nodes run. */
  private hasBegun = false;
  private pumping = false;
  private pausing = false;
  private deadlines: InputDeadlines | undefined = undefined;
  private lazyArgs: Arguments | undefined = undefined;
  /** In a recorded run: started nodes that wait for the store. */
  private barred: DurabilityBarrier | undefined = undefined;

  constructor(state: RunState, options: RunOptions<any>, setup: RunSetup) {
    super(state, options, setup);
    const { plan } = state;
    const { concurrency, timeout } = options;
    this.plan = plan;
    this.overrides = setup.overrides;
    this.nodeLimits = setup.nodeLimits;
    this.managesAll = setup.hooks.length > 0 || this.scheduler !== undefined;
    const isSerial = plan.isSerial || this.isSequential;
    const limit = this.isSequential ? 1 : (concurrency ?? Infinity);
    const isLimited = limit < Infinity || options.mode === "parallel" || this.scheduler !== undefined;
    this.ranking = isLimited && !isSerial ? criticalFirst(plan) : plan;
    const shared = setup.outer?.permits;
    if (!this.isSequential) this.shared = shared;
    this.permits = shared === undefined ? new Permits(limit, this) : shared.of("inline", limit, this);
    const outlets = setup.outer?.outlets;
    const hasStreams = plan.streams !== undefined || outlets !== undefined;
    this.streams = hasStreams ? new Streams(this, plan.streams, outlets) : undefined;
    findClock();
    this.time = this.beganAt = now();
    if (setup.isResumed !== true) state.beganAt = this.time;
    this.sliceEnd = setup.sync ? Infinity : this.time + TIME_SLICE;
    this.deadline = timeout === undefined ? Infinity : this.time + timeout;
  }

  private newBarrier(): DurabilityBarrier {
    const opened = () => {
      this.readClock();
      this.pump();
    };
    return new DurabilityBarrier(() => this.life.guard(opened));
  }

  /** Whether other runs may hold permits of this one. */
  private get sharesPermits(): boolean {
    return this.shared !== undefined || this.setup.outer?.permits !== undefined;
  }

  get isSequential(): boolean {
    const { mode } = this.options;
    return this.sync || mode === undefined || mode === "sequential";
  }

  get args(): Arguments {
    const { plan, state, streams } = this;
    return (this.lazyArgs ??= new Arguments(plan, state, inputValues(plan, state.inputs), (binding, node) =>
      streams?.stream(binding, node),
    ));
  }

  private get attempts(): Attempts {
    return (this.lazyAttempts ??= new Attempts(new DagHost(this)));
  }

  /** Counts needs from now on. */
  private leaveSerialPath(): Readiness {
    if (this.readiness === undefined) {
      this.serialPath = undefined;
      this.readiness = this.newReadiness();
      this.readiness.catchUp();
      this.readiness.begin();
    }
    return this.readiness;
  }

  private newReadiness(): Readiness {
    const { retain, executor } = this.options;
    let next = executorFor(executor ?? "workQueue", this.plan, this.ranking, this.calls?.lanes.queueOf);
    const { deadlines } = this;
    if (deadlines !== undefined) next = new Punctual(next, deadlines, () => this.time);
    const { plan, state, emitter, streams } = this;
    return new Readiness(plan, state, emitter, this.isSequential, retain === "outputs", next, streams);
  }

  // --- control ---

  /** Finds out where nodes run, and starts the first ones. */
  begin(): void {
    if (this.setup.place === undefined) return this.beginNodes();
    let placed: Placed | Promise<Placed>;
    try {
      placed = this.setup.place(this.abort);
    } catch (error) {
      return this.life.halt("failed", error as ExecutionError);
    }
    if (!(placed instanceof Promise)) return this.placed(placed);
    this.open++;
    placed.then(
      (found) =>
        this.life.guard(() => {
          this.open--;
          this.readClock();
          this.placed(found);
        }),
      (error: ExecutionError) => this.isOver || this.life.halt("failed", error),
    );
  }

  /** Continues once it is known where nodes run. */
  private placed({ places, backends }: Placed): void {
    if (this.isOver) return;
    this.state.places = places;
    if (backends.length > 0) {
      const newPermits = (backend: Backend) =>
        this.shared === undefined
          ? new Permits(backend.limit, this)
          : this.shared.of(backend.name, backend.limit, this);
      const lanes = new Lanes(
        places,
        backends,
        this.permits,
        this.options.mode === "parallel" ? newPermits : undefined,
      );
      this.calls = new BackendCalls(this, lanes);
    }
    this.beginNodes();
  }

  private beginNodes(): void {
    this.hasBegun = true;
    if (this.setup.recorder !== undefined) this.readClock();
    if (this.plan.inputsTimeouts !== undefined) this.watchInputs(this.plan.inputsTimeouts);
    const isWhole = this.state.active === undefined && this.overrides === undefined;
    const isObserved = this.emitter !== undefined;
    const isPlain = this.deadlines === undefined && this.calls === undefined && !isObserved && !this.sharesPermits;
    if (isWhole && isPlain && allowsSerialPath(this.plan, this.options)) {
      this.serialPath = new SerialPath(this.ranking.order);
    } else {
      this.readiness = this.newReadiness();
      this.settleGiven(this.readiness);
      this.readiness.begin();
    }
    this.pump();
  }

  private watchInputs(inputsTimeouts: ReadonlyMap<number, number>): void {
    const onExpired = (node: number) =>
      this.life.guard(() => {
        if (this.isOver || this.state.status[node] !== Status.pending) return;
        this.readClock();
        this.failLate(node);
        this.pump();
      });
    this.deadlines = new InputDeadlines(inputsTimeouts, this.beganAt, onExpired);
    if (!this.sync) this.deadlines.start();
  }

  /** Fails a node whose inputs are late, or applies its fallback. */
  private failLate(node: number): void {
    const { options } = this.plan.specs[node];
    const error = inputsLate(this.state, node);
    this.state.setAttempts(node, this.state.attemptsBefore(node));
    this.open++;
    if (options.fallback === undefined) return this.fail(node, error);
    this.state.status[node] = Status.running;
    let standIn: unknown;
    let pending: Promise<unknown> | undefined;
    try {
      standIn = drive(this.attempts.useFallback(node, error));
      pending = pendingOf(standIn);
    } catch (own) {
      return this.failed(node, true, own);
    }
    if (pending === undefined) this.succeeded(node, true, standIn);
    else this.await(node, true, pending);
  }

  /** Starts no more nodes. The run ends as `paused` when those in flight have settled. */
  pause(): void {
    if (this.isOver) return;
    this.pausing = true;
    if (this.emitter?.isNotifying !== true) this.pump();
  }

  protected observed(emitter: EventEmitter): void {
    if (this.hasBegun) this.leaveSerialPath().listen(emitter);
  }

  // --- the loop ---

  /** Settles the nodes whose outcome is known in advance: those outside a partial run, and overrides. */
  private settleGiven(readiness: Readiness): void {
    const { state, plan } = this;
    const { active } = state;
    const given = Array.from(this.overrides ?? []).filter(([node, value]) => standsAlone(plan, node, value));
    // Keeps them from being skipped along with their needs.
    for (const [node] of given) state.status[node] = Status.running;
    const left =
      active === undefined ? [] : plan.order.filter((i) => active[i] === 0 && this.overrides?.has(i) !== true);
    for (const i of left) if (state.status[i] === Status.pending) state.status[i] = Status.skipped;
    const completed =
      this.setup.isResumed === true ? plan.order.filter((i) => state.status[i] === Status.completed) : [];
    for (const i of completed) readiness.release(i);
    for (const i of left) readiness.release(i);
    for (const [node, value] of given) this.override(node, value);
  }

  private override(node: number, value: unknown): void {
    this.open++;
    this.complete(node, value);
  }

  /** Whether the run waits for the event loop to turn. */
  private get isWaiting(): boolean {
    return this.slice?.isWaiting === true;
  }

  permitsOf(node: number): Permits {
    return this.calls === undefined ? this.permits : this.calls.lanes.permitsOf(node);
  }

  get concurrency(): number {
    const { concurrency, mode, maxWorkers } = this.options;
    return concurrency ?? (mode === "parallel" ? (maxWorkers ?? cores()) : Infinity);
  }

  get hasWaiting(): boolean {
    return this.readiness?.executor.isEmpty === false;
  }

  wake(): void {
    this.pump();
  }

  streamStarted(node: number): void {
    this.leaveSerialPath().started(node);
    this.pump();
  }

  /** Queues a node that waits for a permit. */
  enqueue(node: number): void {
    this.leaveSerialPath().executor.add(node);
  }

  /** Starts ready nodes while permits are free, and ends the run when nothing is left. */
  pump(): void {
    if (this.pumping || !this.hasBegun || this.isWaiting) return;
    this.pumping = true;
    try {
      if (!this.startInOrder()) this.startReady();
    } catch (fault) {
      this.life.failInternally(fault);
    }
    this.pumping = false;
    if (this.time >= this.deadline) this.life.expire();
    if (this.isOver || this.open > 0 || this.isWaiting) return;
    if (this.readiness?.executor.isEmpty ?? true) this.finish();
    else this.onIdle?.();
  }

  /** Starts nodes on the serial path. Returns whether the run is still on it. */
  private startInOrder(): boolean {
    while (this.serialPath !== undefined) {
      if (this.open > 0) return this.plan.isSerial || this.permits.isFull;
      if (this.serialPath.isAtEnd || this.isOver || this.time >= this.deadline) return true;
      if (this.pausing) return false;
      if (this.time >= this.sliceEnd && this.endSlice()) return true;
      this.launch(this.serialPath.next());
    }
    return false;
  }

  private startReady(): void {
    const { executor } = this.leaveSerialPath();
    if (this.barred !== undefined && !this.barred.isEmpty && !this.performDurable(this.barred)) return;
    while (!this.isOver && this.time < this.deadline) {
      const companion = this.streams === undefined ? -1 : this.takeCompanion(this.streams);
      if (companion >= 0) {
        this.launch(companion);
        continue;
      }
      if (this.budget <= 0) break;
      if (this.time >= this.sliceEnd && !executor.isEmpty && this.endSlice()) break;
      const late = this.deadlines?.late.pop();
      if (late !== undefined) {
        this.failLate(late);
        continue;
      }
      const node = this.takeReady(executor);
      if (node < 0) break;
      if (!this.permitsOf(node).grant(node) && !this.pausing) this.launch(node);
    }
  }

  /** Takes a node that runs together with one that has started, even while the run pauses; -1 when there is none. */
  private takeCompanion({ slots }: Streams): number {
    const { companions } = this.leaveSerialPath();
    return companions === undefined ? -1 : companions.take((node) => !this.pausing || slots.isRunning(node));
  }

  /** Takes the node that starts next; -1 when none may. */
  private takeReady(executor: Executor): number {
    if (this.calls !== undefined) return this.calls.lanes.take(executor);
    return this.permits.isFull ? -1 : executor.take(0);
  }

  /** Calls the nodes whose start is durable. Returns whether no node is held back any longer. */
  private performDurable(barrier: DurabilityBarrier): boolean {
    while (!this.isOver && !barrier.isEmpty && this.time < this.deadline) {
      if (this.time >= this.sliceEnd && this.endSlice()) return false;
      this.perform(barrier.take(), false);
    }
    return barrier.isEmpty;
  }

  /** Returns whether the run has to wait for the event loop to turn. */
  private endSlice(): boolean {
    this.sliceEnd = this.time + TIME_SLICE;
    this.slice ??= new TimeSlice();
    const resume = () => {
      this.readClock();
      this.pump();
    };
    return this.slice.renew(() => this.life.guard(resume));
  }

  private launch(node: number): void {
    const { state } = this;
    const { overrides } = this;
    if (this.streams !== undefined) this.readiness?.companions?.launched(node);
    if (overrides !== undefined && overrides.has(node)) return this.override(node, overrides.get(node));
    if (this.isStale) this.readClock();
    state.status[node] = Status.running;
    state.setStarted(node, this.time);
    this.open++;
    this.budget--;
    const managed = this.managesAll || this.plan.managed?.[node] === 1 || this.nodeLimits?.has(node) === true;
    if (!managed) this.permitsOf(node).take();
    if (managed || this.emitter === undefined || this.mayBegin(this.emitter, node)) this.perform(node, managed);
  }

  /** Emits the start of a plain node's attempt. Returns whether the node may be called now. */
  private mayBegin(emitter: EventEmitter, node: number): boolean {
    const attempt = this.state.attemptsBefore(node) + 1;
    this.state.setAttempts(node, attempt);
    emitter.emit({ type: "attempt.started", attempt }, node);
    if (this.isOver) return false;
    const barrier = this.barrier();
    if (barrier !== undefined) (this.barred ??= this.newBarrier()).add(node, barrier);
    return barrier === undefined;
  }

  private perform(node: number, managed: boolean): void {
    let work: unknown;
    let pending: Promise<unknown> | undefined;
    try {
      if (managed) work = this.plan.specs[node].map === undefined ? drive(this.attempts.run(node)) : this.runMap(node);
      else work = this.calls?.has(node) === true ? this.calls.start(node) : this.call(node);
      pending = pendingOf(work);
    } catch (error) {
      return this.failed(node, managed, error);
    }
    if (pending === undefined) this.succeeded(node, managed, work);
    else this.await(node, managed, pending);
  }

  /** Runs a map, which attempts its items. */
  private runMap(node: number): unknown {
    const { state } = this;
    const attempt = state.attemptsBefore(node) + 1;
    state.setAttempts(node, attempt);
    this.emitter?.emit({ type: "attempt.started", attempt }, node);
    if (this.isOver) return undefined;
    const map = new MapRun(this, new DagHost(this), node);
    (this.maps ??= new Map<number, MapRun>()).set(node, map);
    if (this.streams?.isMember(node) !== true) return map.execute();
    return this.inStream(node, () => map.execute());
  }

  /** Runs a map in a stream, with the slot that its nodes share. */
  private async inStream(node: number, work: () => unknown): Promise<unknown> {
    const { streams } = this;
    await streams?.slots.acquire(node)?.granted;
    try {
      return await work();
    } finally {
      streams?.slots.release(node);
    }
  }

  override cancelOpen(error: DagwrightError): boolean {
    let needsTurn = super.cancelOpen(error);
    const reason = interruption(this.state, error);
    this.streams?.interrupt(reason);
    for (const map of this.maps?.values() ?? []) if (map.interrupt(reason)) needsTurn = true;
    return needsTurn;
  }

  /** Waits for the promise that a node returned. */
  private await(node: number, managed: boolean, work: Promise<unknown>): void {
    if (this.sync) {
      abandon(work);
      const obstacle = managed ? this.attempts.obstacle : "returned a promise";
      const message = `Node "${this.name(node)}" ${obstacle}, which runSync can't wait for. Use run instead.`;
      return this.fail(node, new WiringFault(message), "failFast");
    }
    this.isStale = true;
    const fulfil = (value: unknown) => this.settled(node, managed, true, value);
    const reject = (error: unknown) => this.settled(node, managed, false, error);
    whenSettled(work, fulfil, reject);
  }

  /** Calls a plain node's function. */
  private call(node: number): unknown {
    const { storage, source, node: caller } = current;
    if (storage !== undefined) return storage.run(this.contextOf(node), () => this.apply(node));
    current.source = this;
    current.node = node;
    try {
      return this.apply(node);
    } finally {
      leave(source, caller);
    }
  }

  /** The hot path, so small numbers of arguments are spelled out. */
  private apply(node: number): unknown {
    const { args, argStart, functions, self } = this.plan;
    const fn = functions[node];
    const first = argStart[node];
    switch (argStart[node + 1] - first) {
      case 0:
        return fn.call(self);
      case 1:
        return fn.call(self, this.argument(args[first], node));
      case 2:
        return fn.call(self, this.argument(args[first], node), this.argument(args[first + 1], node));
      case 3:
        return fn.call(
          self,
          this.argument(args[first], node),
          this.argument(args[first + 1], node),
          this.argument(args[first + 2], node),
        );
      default:
        return fn.apply(self, this.args.all(node, this.contextOf(node)));
    }
  }

  private argument(code: number, node: number): unknown {
    if (code >= 0) return this.state.values[code];
    return this.args.value(code, node, isContext(this.plan, code) ? this.contextOf(node) : undefined);
  }

  contextOf(node: number): NodeContext {
    return new NodeContext(this.state, node, this.state.attemptsOf(node), this);
  }

  private settled(node: number, managed: boolean, ok: boolean, outcome: unknown): void {
    if (this.isOver) return;
    try {
      if (ok) this.succeeded(node, managed, outcome);
      else this.failed(node, managed, outcome);
      this.pump();
    } catch (fault) {
      this.life.failInternally(fault);
    }
  }

  // --- runs inside ---

  innerOptions(name: string): CommonRunOptions {
    const { mode, executor, concurrency, maxWorkers, pool, parallel, retain, strict } = this.options;
    const { scheduler, store, durability, hooks } = this.options;
    const own = { mode, executor, concurrency, maxWorkers, pool, parallel, retain, strict };
    return { ...own, scheduler: this.isInStream(name) ? undefined : scheduler, store, durability, hooks };
  }

  /** Whether a node runs together with others. Runs inside it have slots of their own: it shares its own with those. */
  private isInStream(name: string): boolean {
    return this.streams?.isMember(this.plan.indexOf.get(name) as number) === true;
  }

  sharedPermits(name: string, { several }: { readonly several: boolean }): SharedPermits | undefined {
    if (this.isSequential) return several ? (this.inSequence ??= inSequence()) : undefined;
    if (this.isInStream(name)) return undefined;
    if (this.shared === undefined) {
      this.shared = new SharedPermits();
      this.shared.add("inline", this.permits);
      this.calls?.lanes.share(this.shared);
      // Of a chain of nodes, one runs at a time, but not of those inside it.
      this.permits.setLimit(this.options.concurrency ?? Infinity);
      this.leaveSerialPath();
    }
    return this.shared;
  }

  protected innerNeeds(name: string): readonly string[] {
    if (this.options.retain !== "outputs") return NO_PATHS;
    this.lazyInnerNeeds ??= innerNeedsOf(this.plan);
    return this.lazyInnerNeeds.get(this.plan.indexOf.get(name) as number) ?? NO_PATHS;
  }

  placeInside(node: number): ChildPlace {
    const name = this.name(node);
    return { node: name, key: name, path: name };
  }

  protected slotOf(node: number): Slot {
    if (this.state.status[node] !== Status.running) return SETTLED_SLOT;
    if (this.isSequential) return KEPT_SLOT;
    const slots = (this.slots ??= new Map<number, PlainSlot>());
    let slot = slots.get(node);
    if (slot === undefined) slots.set(node, (slot = new PlainSlot(this, node, this.permitsOf(node))));
    return slot;
  }

  // --- outcomes of nodes ---

  private readClock(): void {
    this.time = now();
    this.isStale = false;
  }

  private succeeded(node: number, managed: boolean, value: unknown): void {
    this.readClock();
    if (this.isOver) return;
    if (managed) this.maps?.delete(node);
    else this.letGo(node);
    this.complete(node, value);
  }

  private failed(node: number, managed: boolean, error: unknown): void {
    this.readClock();
    if (this.isOver) return;
    if (managed) this.maps?.delete(node);
    else this.letGo(node);
    if (isPause(error)) return this.paused(node, error);
    if (!managed) {
      this.emitter?.emit({ type: "attempt.failed", attempt: this.state.attemptsOf(node), error }, node);
    }
    if (!this.isOver) this.fail(node, error);
  }

  /** Releases the permit and the call of a plain node. */
  private letGo(node: number): void {
    if (this.slots === undefined || this.mayRelease(this.slots, node)) this.permitsOf(node).release();
    this.calls?.settled(node);
  }

  /** Ends the slot of a node that has settled. Returns whether the node holds its permit. */
  private mayRelease(slots: Map<number, PlainSlot>, node: number): boolean {
    const slot = slots.get(node);
    slots.delete(node);
    return slot?.settle() ?? true;
  }

  /** Pauses the run because of a node. */
  private paused(node: number, pause: Error): void {
    const { state } = this;
    this.open--;
    this.streams?.settled(node, { error: pause });
    state.status[node] = Status.paused;
    state.setFinished(node, this.time);
    state.facts.pauses.set(node, factsOf(pause));
    this.pausing = true;
  }

  private complete(node: number, value: unknown): void {
    const { state, plan } = this;
    this.streams?.settled(node, { value });
    let result = value;
    if (plan.forks.size > 0 && plan.forks.has(node)) {
      try {
        const choice = choose(plan, node, value, () => this.args.all(node, undefined));
        state.facts.branches.set(node, choice.branch);
        result = choice.value;
      } catch (error) {
        return this.fail(node, error);
      }
    }
    this.open--;
    state.status[node] = Status.completed;
    state.setFinished(node, this.time);
    state.values[node] = result;
    this.emitter?.emit({ type: "node.completed", result, cached: state.isCached(node) }, node);
    this.readiness?.release(node);
  }

  private fail(node: number, thrown: unknown, decided?: FailureAction): void {
    this.streams?.settled(node, { error: thrown });
    const error = nodeFailure(this.state, node, thrown);
    const { state } = this;
    state.status[node] = Status.failed;
    state.setFinished(node, this.time);
    state.setError(node, error);
    this.emitter?.emit({ type: "node.failed", error }, node);
    if (this.isOver) return;
    const verdict = decided ?? this.judge(node, error);
    if (!(verdict instanceof Promise)) return this.carryOut(node, error, verdict);
    if (this.sync) {
      const message = "errorHandler returned a promise, which runSync can't wait for. Use run instead.";
      return this.carryOut(node, error, nodeError(state, node, message));
    }
    void verdict.then((settled) =>
      this.life.guard(() => {
        if (this.isOver) return;
        this.readClock();
        this.carryOut(node, error, settled);
        this.pump();
      }),
    );
  }

  private judge(node: number, error: ExecutionError): FailureAction | Promise<FailureAction> {
    const { errorHandler, errorStrategy = "failFast" } = this.options;
    const own = this.plan.specs[node].options.errorStrategy;
    if (this.state.isHandled(node)) return own ?? (errorStrategy === "failFast" ? "continue" : errorStrategy);
    if (errorHandler === undefined) return own ?? errorStrategy;
    return askErrorHandler(errorHandler, error, this.contextOf(node));
  }

  private carryOut(node: number, error: ExecutionError, verdict: FailureAction): void {
    if (verdict instanceof ExecutionError) return this.life.halt("failed", verdict);
    if (isPause(verdict)) {
      this.state.dropError(node);
      return this.paused(node, verdict);
    }
    if (verdict === "failFast") return this.life.halt("failed", error);
    this.open--;
    if (verdict === "continueNone") {
      this.state.facts.nulled.add(node);
      this.state.values[node] = null;
    }
    this.leaveSerialPath().release(node);
  }

  // --- the end ---

  private finish(): void {
    const { state, plan } = this;
    const isOpen = (i: number) => state.status[i] <= Status.ready || state.status[i] === Status.paused;
    const left = this.pausing && plan.order.some(isOpen);
    if (left) this.emitter?.emit({ type: "run.paused" });
    this.life.end(left ? "paused" : state.hasFailed ? "failed" : "completed", undefined);
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

  release(): void {
    this.endChildren();
    if (this.setup.outer !== undefined) this.closePermits();
    this.deadlines?.stop();
  }

  /** Gives the permits that this run shares back. */
  private closePermits(): void {
    this.permits.close();
    this.calls?.lanes.close();
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
