import type { Backend } from "../../backends/backend.js";
import { LazyAbort } from "../../base/abort.js";
import { findClock, now } from "../../base/clock.js";
import { pendingOf, whenSettled } from "../../base/coroutine.js";
import { show } from "../../base/check.js";
import { asSentence, messageOf } from "../../base/message.js";
import type { NodeHooks } from "../../definition/specs/node-options.js";
import type { NodeSpec } from "../../definition/specs/node-spec.js";
import { TIME_SLICE, TimeSlice } from "../../engine/time-slice.js";
import { edgeText, type DagPlan } from "../../planning/plan.js";
import { criticalFirst } from "../../planning/ranking.js";
import type { ResultCache } from "../../policies/cache.js";
import { currentCaller } from "../../policies/callers.js";
import type { Scheduler } from "../../policies/scheduler.js";
import { broken } from "../../run/endings.js";
import { CancelledError, type ExecutionError } from "../../run/errors.js";
import { isPause } from "../../run/pause.js";
import type { RunState } from "../../run/state.js";
import { Status } from "../../run/status.js";
import { Arguments } from "../arguments.js";
import { BackendCalls, type CallsRun } from "../backend-calls.js";
import { choose } from "../branching.js";
import { nodeError, nodeFailure } from "../errors.js";
import { WorkQueue } from "../executors/work-queue.js";
import { Lanes } from "../lanes.js";
import { Permits } from "../../engine/permits.js";
import type { Placed } from "../placements.js";
import { Computation, ManagedComputation, type ComputingDag } from "./computation.js";
import { Freshness, type FreshnessListener } from "./freshness.js";
import { Needs } from "./needs.js";
import type { LiveOptions } from "./options.js";

/** What a live dag takes from its definition, and whom it tells. */
export interface LiveSetup {
  readonly hooks: readonly NodeHooks[];
  cacheOf(node: NodeSpec): ResultCache | undefined;
  /** Finds out where nodes run; undefined when all run inline. */
  readonly place: ((runId: string, abort: LazyAbort) => Placed | Promise<Placed>) | undefined;
  /** Called when a node has another value than before, or none any more. The nodes around it may still be stale. */
  changed(node: number): void;
  /** Called when nothing more can be computed at the moment. */
  rested(): void;
  /** Called when an exception that no node threw has ended everything. */
  broke(error: ExecutionError): void;
}

/**
 * Keeps the results of a dag up to date.
 *
 * Results, errors and branches are in a run's state; `freshness` knows which of them still hold. A node that has to be
 * computed waits for everything it depends on, and then runs with the policies of a run (`computation.ts`). A change of
 * what it depends on stops it, and its outcome is dropped. Changes are taken at any time; nodes start in a microtask.
 *
 * Guarantees:
 * - a node is computed from results and inputs of one moment, and at most once for it, retries aside;
 * - one whose result is the same as before, or that has none again, has nothing computed after it;
 * - one that failed is computed again whenever something that it depends on was computed.
 *
 * Not here: who hears of changes (`live-dag.ts`).
 */
export class LiveRun implements ComputingDag, CallsRun, FreshnessListener {
  readonly emitter = undefined;
  readonly readiness = undefined;
  readonly args: Arguments;
  readonly caller = currentCaller();
  readonly scheduler: Scheduler | undefined;
  calls: BackendCalls | undefined = undefined;
  private readonly plan: DagPlan;
  private readonly needs: Needs;
  private readonly freshness: Freshness;
  private readonly permits: Permits;
  /** Whether every node needs policies. */
  private readonly managesAll: boolean;
  private queue: WorkQueue | undefined = undefined;
  /** 1 for a node in the queue. */
  private readonly queued: Uint8Array;
  /** 1 for a node with a value: the present one, or, while it is stale, the one before. */
  private readonly held: Uint8Array;
  /** The statuses of stale nodes when they became stale. */
  private readonly before: Uint8Array;
  private readonly computations = new Map<number, Computation>();
  /** Computations to be stopped when freshness is known. */
  private overtakenOnes: Computation[] = [];
  private readonly abort = new LazyAbort();
  private snapshot: Readonly<Record<string, unknown>> | undefined = undefined;
  private isScheduled = false;
  private pumping = false;
  private isClosed = false;
  private time = 0;
  private sliceEnd = 0;
  private slice: TimeSlice | undefined = undefined;

  /** @param inputs - in the order of the plan; changed in place */
  constructor(
    readonly state: RunState,
    private readonly inputs: unknown[],
    private readonly options: LiveOptions<any>,
    private readonly setup: LiveSetup,
  ) {
    const { plan } = state;
    const { mode = "async", concurrency = Infinity, scheduler } = options;
    this.plan = plan;
    this.args = new Arguments(plan, state, inputs, () => undefined);
    this.scheduler = scheduler;
    this.managesAll = setup.hooks.length > 0 || scheduler !== undefined;
    this.needs = new Needs(plan);
    this.permits = new Permits(mode === "sequential" ? 1 : concurrency, this);
    this.queued = new Uint8Array(plan.size);
    this.held = new Uint8Array(plan.size);
    this.before = new Uint8Array(plan.size);
    this.freshness = new Freshness(plan.graph, plan.indegree, this);
  }

  /** Finds out where nodes run, and computes all of them. */
  begin(): void {
    const { place } = this.setup;
    this.guard(() => {
      this.scheduler?.begin();
      if (place === undefined) return this.beginNodes(undefined);
      const placed = place(this.state.runId, this.abort);
      if (!(placed instanceof Promise)) return this.beginNodes(placed);
      const found = (places: Placed) => this.guard(() => this.beginNodes(places));
      placed.then(found, (error) => this.isClosed || this.breakDown(error));
    });
  }

  private beginNodes(placed: Placed | undefined): void {
    if (this.isClosed) return;
    const { mode } = this.options;
    if (placed !== undefined && placed.backends.length > 0) {
      this.state.places = placed.places;
      const newPermits = mode === "parallel" ? ({ limit }: Backend) => new Permits(limit, this) : undefined;
      this.calls = new BackendCalls(this, new Lanes(placed.places, placed.backends, this.permits, newPermits));
    }
    const ranking = mode === "sequential" ? this.plan : criticalFirst(this.plan);
    this.queue = new WorkQueue(this.plan, ranking, this.calls?.lanes.queueOf);
    this.freshness.begin();
    this.schedule();
  }

  get signal(): AbortSignal {
    return this.abort.signal;
  }

  /** Nobody listens. */
  progress(): void {}

  /** A fork's context has no attempt, and runs nothing. */
  runInside(): never {
    throw new TypeError("ctx.run is not available in a live dag.");
  }

  wake(): void {
    this.schedule();
  }

  get hooks(): readonly NodeHooks[] {
    return this.setup.hooks;
  }

  /** Whether every node is up to date. */
  get isComplete(): boolean {
    return this.freshness.isComplete;
  }

  // --- results ---

  /** Whether a node has a value: its own, or, while it is computed, the one before. */
  has(node: number): boolean {
    return this.held[node] === 1;
  }

  get(node: number): unknown {
    return this.state.values[node];
  }

  // --- changes ---

  /** Sets inputs by their number in the plan. */
  set(changes: ReadonlyMap<number, unknown>): void {
    const nodes: number[] = [];
    for (const [input, value] of changes) {
      if (Object.is(this.inputs[input], value)) continue;
      this.inputs[input] = value;
      for (const node of this.needs.takersOf(input)) nodes.push(node);
    }
    if (nodes.length === 0) return;
    this.snapshot = undefined;
    if (this.queue === undefined) return; // Everything is still to be computed.
    this.freshness.change(nodes);
    this.schedule();
    this.stopOvertaken();
  }

  inputsNow(): Readonly<Record<string, unknown>> {
    if (this.snapshot !== undefined) return this.snapshot;
    const record = Object.create(null) as Record<string, unknown>;
    this.plan.inputs.forEach(({ name }, input) => {
      if (this.inputs[input] !== undefined) record[name] = this.inputs[input];
    });
    return (this.snapshot = Object.freeze(record));
  }

  private stopOvertaken(): void {
    const overtaken = this.overtakenOnes;
    this.overtakenOnes = [];
    for (const computation of overtaken) {
      const name = this.plan.specs[computation.node].name;
      const message = `What node "${name}" was computed from has changed. It is computed anew.`;
      computation.stop(new CancelledError(message, { runId: this.state.runId, node: name }));
    }
  }

  becameStale(node: number): void {
    const { state } = this;
    this.before[node] = state.status[node];
    if (state.status[node] === Status.failed) {
      this.freshness.mark(node);
      state.facts.errors.delete(node);
      state.facts.nulled.delete(node);
    }
    state.status[node] = Status.pending;
  }

  overtaken(node: number): void {
    const computation = this.computations.get(node);
    if (computation === undefined) return;
    computation.isOver = true;
    this.computations.delete(node);
    this.overtakenOnes.push(computation);
    this.freshness.mark(node);
    this.state.status[node] = Status.pending;
  }

  ready(node: number): void {
    this.enqueue(node);
  }

  kept(node: number): void {
    this.state.status[node] = this.before[node];
  }

  // --- the loop ---

  /** Queues a node that is ready, or that waits for a permit. */
  enqueue(node: number): void {
    if (this.queued[node] === 1) return;
    this.queued[node] = 1;
    this.queue?.add(node);
  }

  cacheOf(spec: NodeSpec): ResultCache | undefined {
    return this.setup.cacheOf(spec);
  }

  permitsOf(node: number): Permits {
    return this.calls === undefined ? this.permits : this.calls.lanes.permitsOf(node);
  }

  private schedule(): void {
    if (this.isScheduled) return;
    this.isScheduled = true;
    queueMicrotask(() => {
      this.isScheduled = false;
      this.pump();
    });
  }

  /** Starts what is ready, while permits are free. */
  pump(): void {
    if (this.pumping || this.isClosed || this.queue === undefined || this.isWaiting) return;
    this.pumping = true;
    this.guard(() => this.startReady(this.queue as WorkQueue));
    this.pumping = false;
    if (!this.isClosed && !this.isWaiting) this.guard(() => this.setup.rested());
  }

  /** Whether the event loop has to turn before more nodes start. */
  private get isWaiting(): boolean {
    return this.slice?.isWaiting === true;
  }

  private startReady(queue: WorkQueue): void {
    findClock();
    this.readClock();
    if (this.sliceEnd === 0) this.sliceEnd = this.time + TIME_SLICE;
    while (!this.isClosed) {
      if (this.time >= this.sliceEnd && !queue.isEmpty && this.endSlice()) return;
      const node = this.takeReady(queue);
      if (node < 0) return;
      this.queued[node] = 0;
      if (this.permitsOf(node).grant(node)) continue;
      if (this.freshness.isReady(node) && !this.computations.has(node)) this.compute(node);
    }
  }

  private takeReady(queue: WorkQueue): number {
    if (this.calls !== undefined) return this.calls.lanes.take(queue);
    return this.permits.isFull ? -1 : queue.take(0);
  }

  /** Returns whether the event loop has to turn first. */
  private endSlice(): boolean {
    this.sliceEnd = this.time + TIME_SLICE;
    this.slice ??= new TimeSlice();
    return this.slice.renew(() => this.pump());
  }

  private readClock(): void {
    this.time = now();
  }

  private guard(work: () => void): void {
    try {
      work();
    } catch (fault) {
      this.breakDown(fault);
    }
  }

  private breakDown(fault: unknown): void {
    if (!this.isClosed) this.setup.broke(broken(this.state, fault));
  }

  // --- nodes ---

  private compute(node: number): void {
    const { state } = this;
    const unmet = this.needs.unmet(node, state);
    if (unmet !== undefined) return this.skip(node, unmet);
    state.status[node] = Status.running;
    state.setStarted(node, this.time);
    this.forget(node);
    const isManaged = this.managesAll || this.plan.managed?.[node] === 1 || this.calls?.has(node) === true;
    const computation = isManaged ? new ManagedComputation(this, node) : new Computation(this, node);
    this.computations.set(node, computation);
    computation.begin();
    let pending: Promise<unknown> | undefined;
    let work: unknown;
    try {
      work = computation.run();
      pending = pendingOf(work);
    } catch (error) {
      return this.settled(computation, () => this.fail(node, error));
    }
    if (pending === undefined) return this.settled(computation, () => this.complete(computation, work));
    const later = (outcome: () => void) => {
      this.guard(() => this.settled(computation, outcome));
      this.pump();
    };
    whenSettled(
      pending,
      (value) => later(() => this.complete(computation, value)),
      (error) => later(() => this.fail(node, error)),
    );
  }

  /** Forgets what a node's computation before left in the state. */
  private forget(node: number): void {
    const { facts } = this.state;
    facts.cached.delete(node);
    facts.fallbacks.delete(node);
    facts.skippedBy.delete(node);
  }

  private settled(computation: Computation, outcome: () => void): void {
    this.readClock();
    if (computation.isOver) return;
    // The functions of users that judge the outcome may still overtake it.
    outcome();
    if (!computation.isOver) computation.release();
  }

  private complete(computation: Computation, returned: unknown): void {
    const { state, plan } = this;
    const { node } = computation;
    let value = returned;
    let branch: string | undefined;
    let isSame: boolean;
    try {
      if (plan.forks.has(node)) {
        const choice = choose(plan, node, returned, () => this.args.all(node, undefined));
        value = choice.value;
        branch = choice.branch;
      }
      isSame = this.has(node) && state.branchOf(node) === branch && this.isEqual(node, state.values[node], value);
    } catch (error) {
      if (!computation.isOver) this.fail(node, error);
      return;
    }
    if (computation.isOver) return;
    if (branch !== undefined) state.facts.branches.set(node, branch);
    state.status[node] = Status.completed;
    this.settle(node, isSame ? undefined : { value });
  }

  /** @throws {ExecutionError} when the node's own comparison throws, or answers with no boolean */
  private isEqual(node: number, before: unknown, after: unknown): boolean {
    const { name, options } = this.plan.specs[node];
    const { equals } = options;
    if (equals === undefined || this.before[node] === Status.failed) return Object.is(before, after);
    let answer: unknown;
    try {
      answer = equals(before, after);
    } catch (cause) {
      const message = `The "equals" of node "${name}" threw: ${asSentence(messageOf(cause))} Correct the function.`;
      throw nodeError(this.state, node, message, { cause });
    }
    if (typeof answer === "boolean") return answer;
    const message = `The "equals" of node "${name}" must return a boolean; it returned ${show(answer)}. Correct the function.`;
    throw nodeError(this.state, node, message);
  }

  private fail(node: number, thrown: unknown): void {
    const { state, plan } = this;
    const { name, options } = plan.specs[node];
    const message = `Node "${name}" paused, which a live dag can't. Let it return, and set an input to go on.`;
    const error = isPause(thrown)
      ? nodeError(state, node, message, { cause: thrown })
      : nodeFailure(state, node, thrown);
    state.facts.errors.set(node, error);
    state.facts.branches.delete(node);
    state.status[node] = Status.failed;
    if (options.errorStrategy !== "continueNone") return this.lose(node);
    state.facts.nulled.add(node);
    const isSame = this.before[node] === Status.failed && this.has(node);
    this.settle(node, isSame ? undefined : { value: null });
  }

  private skip(node: number, by: { readonly source: number; readonly edge: number }): void {
    const { state } = this;
    this.forget(node);
    state.facts.skippedBy.set(node, edgeText(this.plan, by.source, by.edge));
    state.facts.branches.delete(node);
    state.status[node] = Status.skipped;
    this.lose(node);
  }

  /** Settles a node that has no value. */
  private lose(node: number): void {
    const isChanged = this.has(node);
    this.held[node] = 0;
    this.state.values[node] = undefined;
    this.finish(node, isChanged);
  }

  /** Settles a node that has a value. @param change - its new value; undefined if it is the same */
  private settle(node: number, change: { readonly value: unknown } | undefined): void {
    this.held[node] = 1;
    if (change !== undefined) this.state.values[node] = change.value;
    this.finish(node, change !== undefined);
  }

  private finish(node: number, isChanged: boolean): void {
    this.computations.delete(node);
    this.state.setFinished(node, this.time);
    this.freshness.settle(node, isChanged);
    if (isChanged) this.setup.changed(node);
  }

  // --- the end ---

  /** Stops all computations. Results stay as they are. */
  close(reason: unknown): void {
    if (this.isClosed) return;
    this.isClosed = true;
    const { state, plan } = this;
    for (let node = 0; node < plan.size; node++) {
      if (this.freshness.isStale(node)) state.status[node] = Status.cancelled;
    }
    this.abort.abort(reason);
    const open = [...this.computations.values()];
    this.computations.clear();
    for (const computation of open) computation.stop(reason);
    this.scheduler?.end();
  }
}
