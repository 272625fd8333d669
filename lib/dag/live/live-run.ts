import type { Runner } from "../../backends/runner.js";
import { pendingOf, whenSettled } from "../../base/coroutine.js";
import { deferred, type Deferred } from "../../base/deferred.js";
import type { DagwrightError } from "../../base/errors.js";
import { current } from "../../definition/current-context.js";
import { StepClock } from "../../engine/step-clock.js";
import { indegrees } from "../../graph/digraph.js";
import { criticalFirst } from "../../planning/ranking.js";
import { broken } from "../../run/endings.js";
import type { RunState } from "../../run/state.js";
import { Status } from "../../run/status.js";
import { BackendCalls } from "../backend-calls.js";
import { WorkQueue } from "../executors/work-queue.js";
import { Lanes } from "../lanes.js";
import type { DagRunOptions } from "../options.js";
import type { Placed } from "../placements.js";
import { hasLanes } from "../run-permits.js";
import type { Computation } from "./computation.js";
import { Computations } from "./computations.js";
import { Freshness, type FreshnessListener } from "./freshness.js";
import { Gates } from "./gates.js";
import { LiveInputs } from "./live-inputs.js";
import { LiveResources, type LiveSetup } from "./live-resources.js";
import { Needs } from "./needs.js";
import type { LiveOptions } from "./options.js";
import { LiveResults, type SettlingDag } from "./results.js";

const noDeadline = (): void => {};

const resolved = Promise.resolve();

/**
 * Keeps the results of a dag up to date.
 *
 * Results, errors and branches are in a run's state, which `results.ts` changes; `freshness` knows which of them still
 * hold. A node that has to be computed waits for everything it depends on, and then runs with the policies of a run
 * (`computation.ts`). A change of what it depends on stops it, and its outcome is dropped. Changes are taken at any time;
 * nodes start in a microtask.
 *
 * Guarantees:
 * - a node is computed from results and inputs of one moment, and at most once for it, retries aside;
 * - a node whose result has not changed causes no computation of the nodes that depend on it;
 * - a failed node is computed again whenever something it depends on has been computed.
 *
 * The nodes that only one branch of a choice needs wait for its gate, a vertex after the nodes in `freshness`.
 *
 * Not here: subscribers (`live-dag.ts`).
 */
export class LiveRun extends LiveResources implements FreshnessListener, SettlingDag {
  readonly results: LiveResults;
  private readonly needs: Needs;
  private readonly gates: Gates | undefined;
  /** The gates to decide, by number. */
  private undecided: number[] = [];
  private readonly freshness: Freshness;
  private queue: WorkQueue | undefined = undefined;
  /** 1 for a node in the queue. */
  private readonly queued: Uint8Array;
  private readonly computations: Computations;
  /** Starts nodes in a microtask, and resolves when everything is up to date. */
  private wave: Promise<void> | undefined = undefined;
  /** Resolves when everything is up to date; for callers that wait while no wave is scheduled. */
  private waiter: Deferred<void> | undefined = undefined;
  private pumping = false;
  private isClosed = false;
  private readonly clock = new StepClock(undefined, { sync: false });
  /** Whether the event loop has to turn before more nodes start. */
  private isWaiting = false;
  private readonly inputs: LiveInputs;

  /** @param values - of the inputs, in the order of the plan; changed in place */
  constructor(
    state: RunState,
    values: unknown[],
    options: LiveOptions<any> & Pick<DagRunOptions, "routing">,
    private readonly setup: LiveSetup,
  ) {
    super(state, values, options, setup);
    const { plan } = this;
    this.inputs = new LiveInputs(plan, values);
    this.gates = plan.choices === undefined ? undefined : new Gates(plan, state);
    this.needs = new Needs(plan, state, this.gates);
    this.results = new LiveResults(state, this.args, this);
    this.computations = new Computations(this, plan.size);
    this.queued = new Uint8Array(plan.size);
    const { graph } = plan.flow;
    this.freshness = new Freshness(graph, graph === plan.graph ? plan.indegree : indegrees(graph), this);
  }

  /** Finds out where nodes run, and computes all of them. */
  begin(): void {
    const { place } = this.setup;
    const { workflow, inputs } = this.state;
    this.telemetry?.record({ type: "run.started", workflow, inputs }, undefined);
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
    if (placed !== undefined && placed.runners.length > 0) {
      this.state.places = placed.places;
      const permitsOf = (runner: Runner) => this.runPermits.of(runner);
      this.calls = new BackendCalls(this, new Lanes(placed.places, placed.runners, this.permits, permitsOf));
    }
    const isLimited =
      hasLanes(this.options) || this.calls !== undefined || this.concurrency < Infinity || this.scheduler !== undefined;
    const ranking = isLimited && mode !== "sequential" ? criticalFirst(this.plan) : this.plan;
    this.queue = new WorkQueue(this.plan, ranking, this.calls?.lanes.queueOf);
    this.freshness.begin();
    this.schedule();
  }

  get hasWaiting(): boolean {
    return this.queue?.isEmpty === false;
  }

  wake(): void {
    this.schedule();
  }

  private get isQuiet(): boolean {
    return this.isClosed || this.freshness.isComplete;
  }

  /** A promise that resolves when every node is up to date, or the live dag is closed; undefined if so at present. */
  settled(): Promise<void> | undefined {
    if (this.isQuiet) return undefined;
    return this.wave ?? (this.waiter ??= deferred()).promise;
  }

  private release(): void {
    const { waiter } = this;
    this.waiter = undefined;
    waiter?.resolve();
  }

  // --- changes ---

  /** Sets inputs by their number in the plan. */
  setAll(changes: ReadonlyMap<number, unknown>): void {
    const nodes: number[] = [];
    for (const [input, value] of changes) {
      if (!this.inputs.set(input, value)) continue;
      for (const node of this.needs.takersOf(input)) nodes.push(node);
    }
    this.changed(nodes);
  }

  /** Sets one input by its number in the plan. */
  set(input: number, value: unknown): void {
    if (this.inputs.set(input, value)) this.changed(this.needs.takersOf(input));
  }

  private changed(nodes: readonly number[]): void {
    if (nodes.length === 0) return;
    if (this.queue === undefined) return; // Everything is still to be computed.
    this.freshness.change(nodes);
    this.schedule();
    this.computations.stopOvertaken();
  }

  inputsNow(): Readonly<Record<string, unknown>> {
    return this.inputs.now();
  }

  becameStale(node: number): void {
    if (node < this.plan.size && this.results.becameStale(node)) this.freshness.mark(node);
  }

  overtaken(node: number): void {
    if (!this.computations.overtake(node)) return;
    this.telemetry?.record({ type: "node.cancelled" }, this.nameOf(node));
    this.freshness.mark(node);
    this.state.status[node] = Status.pending;
  }

  ready(node: number): void {
    if (node < this.plan.size) this.enqueue(node);
    else this.undecided.push(node - this.plan.size);
  }

  kept(node: number): void {
    if (node < this.plan.size) this.results.kept(node);
  }

  // --- the loop ---

  /** Queues a node that is ready, or that waits for a permit. */
  enqueue(node: number): void {
    if (this.queued[node] === 1) return;
    this.queued[node] = 1;
    this.queue?.add(node);
  }

  /** Not `queueMicrotask`, which makes an object for async hooks each time. */
  private schedule(): void {
    this.wave ??= resolved.then(this.pumpScheduled);
  }

  private readonly pumpScheduled = (): Promise<void> | undefined => {
    this.wave = undefined;
    this.pump();
    return this.settled();
  };

  /** Starts what is ready, while permits are free. */
  pump(): void {
    if (this.pumping || this.isClosed || this.queue === undefined || this.isWaiting) return;
    const { source } = current;
    this.pumping = true;
    this.guard(() => this.startReady(this.queue as WorkQueue));
    this.pumping = false;
    // The context source of a computation would keep the live dag in memory.
    if (current.source !== source) current.source = source;
    if (this.isClosed || this.isWaiting) return;
    this.guard(() => this.setup.rested());
    if (this.isQuiet) this.release();
  }

  private startReady(queue: WorkQueue): void {
    while (!this.isClosed) {
      if (this.gates !== undefined) this.decideGates(this.gates);
      if (!queue.isEmpty && !this.clock.allows(noDeadline, this.resume)) return void (this.isWaiting = true);
      const node = this.takeReady(queue);
      if (node < 0) return;
      this.queued[node] = 0;
      // A map that was stopped may still be in the queue, in the place of its node.
      this.permitsOf(node).grant(node);
      if (this.freshness.isReady(node) && !this.computations.has(node)) this.compute(node);
    }
  }

  private decideGates(gates: Gates): void {
    for (let gate = this.undecided.pop(); gate !== undefined; gate = this.undecided.pop()) {
      const vertex = this.plan.size + gate;
      if (this.freshness.isReady(vertex)) this.freshness.settle(vertex, gates.decide(gate));
    }
  }

  private takeReady(queue: WorkQueue): number {
    if (this.calls !== undefined) return this.calls.lanes.take(queue);
    return this.permits.isFull ? -1 : queue.take(0);
  }

  private readonly resume = (): void => {
    this.isWaiting = false;
    this.pump();
  };

  private guard(work: () => void): void {
    try {
      work();
    } catch (fault) {
      this.breakDown(fault);
    }
  }

  breakDown(fault: unknown): void {
    if (!this.isClosed) this.setup.broke(broken(this.state, fault));
  }

  // --- nodes ---

  private compute(node: number): void {
    const { state } = this;
    if (!this.needs.areMet(node)) return this.results.skip(node);
    state.status[node] = Status.running;
    // All that matters is that it has started, not when.
    state.setStarted(node, 0);
    const isManaged = this.managesAll || this.plan.managed?.[node] === 1 || this.calls?.has(node) === true;
    if (isManaged) this.results.forgetPolicies(node);
    const computation = isManaged ? this.computations.managed(node) : this.computations.plain(node);
    this.telemetry?.record({ type: "attempt.started", attempt: 1 }, this.nameOf(node));
    computation.begin();
    let pending: Promise<unknown> | undefined;
    let work: unknown;
    try {
      work = computation.run();
      pending = pendingOf(work);
    } catch (error) {
      if (computation.isCalling) computation.endCall();
      return this.failed(computation, error);
    }
    if (pending !== undefined) return this.await(computation, pending);
    this.succeeded(computation, work);
    if (!isManaged) this.computations.reuse(computation);
  }

  private await(computation: Computation, pending: Promise<unknown>): void {
    // A stopped computation has already released its permits.
    const later = (settle: () => void) => {
      this.guard(settle);
      this.pump();
    };
    whenSettled(
      pending,
      (value) => later(() => this.succeeded(computation, value)),
      (error) => later(() => this.failed(computation, error)),
    );
  }

  private succeeded(computation: Computation, value: unknown): void {
    if (computation.isOver) return;
    const { node } = computation;
    this.telemetry?.record(
      { type: "node.completed", result: value, cached: this.state.isCached(node) },
      this.nameOf(node),
    );
    // A user's function that judges the outcome may change an input, which overtakes the computation.
    this.results.complete(computation, value);
    if (!computation.isOver) computation.release();
  }

  private failed(computation: Computation, error: unknown): void {
    if (computation.isOver) return;
    this.telemetry?.record({ type: "node.failed", error: error as DagwrightError }, this.nameOf(computation.node));
    this.results.fail(computation, error);
    computation.release();
  }

  nodeSettled(node: number, isChanged: boolean): void {
    this.computations.settled(node);
    this.freshness.settle(node, isChanged);
  }

  valueChanged(node: number): void {
    this.setup.changed(node);
  }

  // --- the end ---

  isEnding(work: Promise<unknown>): void {
    this.computations.isEnding(work);
  }

  /** Resolves when everything that was stopped has ended: hooks, and runs inside. */
  ended(): Promise<void> {
    return this.computations.ended();
  }

  /** Stops all computations. Results stay as they are. */
  close(reason: unknown): void {
    if (this.isClosed) return;
    this.isClosed = true;
    const { state, plan } = this;
    for (let node = 0; node < plan.size; node++) {
      if (this.freshness.isStale(node)) state.status[node] = Status.cancelled;
    }
    this.abort.abort(reason);
    this.computations.stop(reason);
    this.telemetry?.record({ type: "run.finished", status: "completed", error: undefined }, undefined);
    this.scheduler?.end();
    this.release();
  }
}
