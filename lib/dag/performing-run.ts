import type { AsyncLocalStorage } from "node:async_hooks";
import { findClock, now } from "../base/clock.js";
import { abandon, drive, pendingOf, whenSettled } from "../base/coroutine.js";
import type { Context } from "../definition/context.js";
import type { WorkflowKind } from "../definition/defined.js";
import { current, endCall, type ContextSource } from "../definition/current-context.js";
import { Attempts } from "../engine/attempts.js";
import type { EventEmitter } from "../engine/event-emitter.js";
import type { Permits } from "../engine/permits.js";
import { SharedPermits } from "../engine/shared-permits.js";
import { EngineRun } from "../engine/run.js";
import { usesKeys } from "../planning/keys.js";
import type { DagPlan } from "../planning/plan.js";
import { NodeContext } from "../run/context.js";
import { isPause } from "../run/pause.js";
import type { RunResult } from "../run/result.js";
import type { RunState } from "../run/state.js";
import { Status } from "../run/status.js";
import { applyNode } from "./apply-node.js";
import { Arguments, inputValues, WiringFault } from "./arguments.js";
import type { BackendCalls } from "./backend-calls.js";
import { choose, type Choice } from "./branching.js";
import { DurabilityBarrier } from "./durability-barrier.js";
import { failNode, type FailingRun } from "./fail-node.js";
import { DagHost, type NodeLimits } from "./host.js";
import { DagInnerRuns } from "./inner-runs.js";
import type { MappingRun } from "./map/map-host.js";
import { Maps } from "./map/maps.js";
import { NodeStreams, takesStreams } from "./node-streams/node-streams.js";
import type { DagRunOptions } from "./options.js";
import { pauseNode } from "./pause-node.js";
import type { Readiness } from "./readiness.js";
import { hasLanes, RunPermits } from "./run-permits.js";
import type { RunSetup } from "./run-setup.js";
import { Way, waysOf } from "./ways.js";

/**
 * Performs the nodes of a run, which its loop starts: calls their functions, with policies where they have any, and applies
 * every outcome to the run's state. A node without options is a plain call, with a promise only if its function returns
 * one; any other is a coroutine of policies around the call.
 *
 * The code of plain calls is in small functions without closures, which V8 inlines. The code of a feature is in an
 * object that exists only if the plan, the options or a node use that feature.
 *
 * Not here: what surrounds an attempt (`attempts.ts`), what a failure does (`fail-node.ts`), runs inside
 * (`inner-runs.ts`).
 */
export abstract class PerformingRun
  extends EngineRun<RunState, RunResult<any>>
  implements MappingRun, FailingRun, ContextSource
{
  declare readonly options: DagRunOptions;
  declare protected readonly setup: RunSetup;
  protected readonly plan: DagPlan;
  protected readonly runPermits: RunPermits;
  /** Limits the inline nodes in flight, or all where one limit counts all. */
  protected readonly permits: Permits;
  /** See {@link waysOf}. */
  private readonly ways: Uint8Array | undefined;
  /** The last reading of the clock. */
  time: number;
  /** Whether a node's function has run since that reading. */
  private isStale = false;
  /** The number of nodes that started and have not settled. */
  open = 0;
  /** The plain node whose function is being called, or -1. */
  private called = -1;
  private lazyArgs: Arguments | undefined = undefined;
  /** The calls of nodes that don't run inline; undefined when all do. */
  calls: BackendCalls | undefined = undefined;
  /** See {@link DagHostRun.tracesAll}. */
  readonly tracesAll: boolean;
  readonly streams: NodeStreams | undefined;
  /** The maps in progress; undefined before the first one. */
  maps: Maps | undefined = undefined;
  protected lazyInner: DagInnerRuns | undefined = undefined;
  /** In a recorded run: started nodes that wait for the store. */
  protected barred: DurabilityBarrier<number> | undefined = undefined;

  constructor(state: RunState, options: DagRunOptions, setup: RunSetup) {
    super(state, options, setup);
    const { plan } = state;
    this.plan = plan;
    const { isSequential } = this;
    const outer = setup.outer?.permits;
    this.runPermits = new RunPermits({ options, isSequential, isOrdered: isSequential, outer }, this);
    this.permits = this.runPermits.inline;
    const outlets = setup.outer?.outlets;
    const isTaker = setup.outer !== undefined && takesStreams(state);
    const isStreaming = plan.streams !== undefined || outlets !== undefined || isTaker;
    this.tracesAll = setup.outer?.permits?.tracesAll === true || ((isStreaming || this.isLimited) && usesKeys(plan));
    const isFollowed = setup.hooks.length > 0 || this.telemetry !== undefined;
    this.ways = waysOf(plan, setup, isFollowed || this.scheduler !== undefined || isTaker || this.tracesAll);
    this.streams = isStreaming ? new NodeStreams(this, plan.streams, outlets) : undefined;
    findClock();
    this.time = now();
  }

  /** Which nodes may run; undefined while the run follows the plan's order. */
  abstract readonly readiness: Readiness | undefined;
  abstract readonly isPausing: boolean;
  abstract readonly concurrency: number;
  abstract readonly hasWaiting: boolean;
  abstract override pump(): void;
  abstract reenter(work: () => void): void;
  /** Leaves the order of the plan, and counts open needs instead. */
  protected abstract leaveSerialPath(): Readiness;
  abstract enqueue(node: number): void;
  abstract wake(): void;
  abstract streamStarted(node: number): void;
  abstract goOnAfter(node: number): void;
  abstract holdBack(): void;

  get kind(): WorkflowKind {
    return "dag";
  }

  get store(): object | undefined {
    return this.options.store;
  }

  get isSequential(): boolean {
    const { mode } = this.options;
    return this.sync || mode === undefined || mode === "sequential";
  }

  /** Whether a node may wait for another that is not before it in order. */
  protected get isLimited(): boolean {
    const { concurrency = Infinity, routing } = this.options;
    // A node that waits for a time or an event lets the next ones go first.
    if (this.isSequential) return !this.sync || this.setup.outer !== undefined;
    return concurrency < Infinity || hasLanes(this.options) || routing !== undefined || this.plan.isPlaced;
  }

  get nodeLimits(): NodeLimits | undefined {
    return this.setup.nodeLimits;
  }

  get args(): Arguments {
    const { plan, state, streams } = this;
    return (this.lazyArgs ??= new Arguments(plan, state, inputValues(plan, state.inputs), streams));
  }

  get attempts(): Attempts {
    return (this.lazyAttempts ??= new Attempts(new DagHost(this)));
  }

  get inner(): DagInnerRuns {
    return (this.lazyInner ??= new DagInnerRuns(this, this.setup));
  }

  contextOf(node: number): NodeContext {
    return new NodeContext(this.state, node, this.state.attemptsOf(node), this);
  }

  // --- permits ---

  permitsOf(node: number): Permits {
    return this.calls === undefined ? this.permits : this.calls.lanes.permitsOf(node);
  }

  /** Gives back the permits that this run shares. */
  protected closePermits(): void {
    this.runPermits.close();
    this.calls?.lanes.close();
  }

  /** The permits that know the place of a node in order. */
  placesOf(node: number): Permits {
    return this.streams?.groupOf(node)?.permits ?? this.permitsOf(node);
  }

  sharePermits(): SharedPermits {
    const shared = new SharedPermits(this.tracesAll);
    this.runPermits.share(shared);
    this.calls?.lanes.share(shared);
    // In order, nothing queues up.
    if (!this.isSequential) this.leaveSerialPath();
    return shared;
  }

  // --- starting a node ---

  protected launch(node: number): void {
    const way = this.ways === undefined ? Way.plain : this.ways[node];
    if (way !== Way.plain) return this.launchSpecial(node, way);
    this.started(node);
    this.permitsOf(node).take();
    if (this.emitter === undefined || this.mayBegin(this.emitter, node)) this.perform(node);
  }

  /** Launches a node that is not a plain call. */
  private launchSpecial(node: number, way: number): void {
    this.readiness?.companions?.launched(node);
    if (way === Way.given) return this.override(node, this.setup.overrides?.get(node));
    this.started(node);
    this.settleWith(node, () => this.manage(node));
  }

  override(node: number, value: unknown): void {
    this.open++;
    this.complete(node, value);
  }

  private started(node: number): void {
    if (this.isStale) this.readClock();
    this.state.status[node] = Status.running;
    this.state.setStarted(node, this.time);
    this.open++;
    this.budget--;
  }

  /** Emits the start of a plain node's attempt. Returns whether the node may be called now. */
  private mayBegin(emitter: EventEmitter, node: number): boolean {
    const attempt = this.state.attemptsBefore(node) + 1;
    this.state.setAttempts(node, attempt);
    emitter.emit({ type: "attempt.started", attempt }, node);
    if (this.isOver) return false;
    const barrier = this.barrier();
    if (barrier === undefined) return true;
    this.barred ??= new DurabilityBarrier<number>(() => this.reenter(() => {}));
    this.barred.add(node, barrier);
    return false;
  }

  /** Performs a plain node. */
  protected perform(node: number): void {
    let work: unknown;
    let pending: Promise<unknown> | undefined;
    try {
      work = this.calls?.has(node) === true ? this.calls.start(node) : this.call(node);
      pending = pendingOf(work);
    } catch (error) {
      if (this.isCalling) this.endCall();
      return this.failed(node, false, error);
    }
    if (pending === undefined) this.succeeded(node, false, work);
    else this.await(node, false, pending);
  }

  /** Performs a node with its policies. */
  private manage(node: number): unknown {
    if (this.plan.specs[node].map === undefined) return drive(this.attempts.run(node));
    return (this.maps ??= new Maps(this)).start(node);
  }

  settleWith(node: number, work: () => unknown): void {
    this.placesOf(node).keepPlace();
    let outcome: unknown;
    let pending: Promise<unknown> | undefined;
    try {
      outcome = work();
      pending = pendingOf(outcome);
    } catch (error) {
      return this.failed(node, true, error);
    }
    if (pending === undefined) this.succeeded(node, true, outcome);
    else this.await(node, true, pending);
  }

  /** Calls a plain node's function. */
  private call(node: number): unknown {
    if (current.storage !== undefined) return this.callFollowed(node, current.storage);
    if (current.source !== this) current.source = this;
    this.called = node;
    const work = applyNode(this, node);
    this.endCall();
    return work;
  }

  private callFollowed(node: number, storage: AsyncLocalStorage<Context>): unknown {
    return storage.run(this.contextOf(node), () => applyNode(this, node));
  }

  private endCall(): void {
    this.called = -1;
    endCall();
  }

  get isCalling(): boolean {
    return this.called >= 0;
  }

  get calledContext(): NodeContext {
    return this.contextOf(this.called);
  }

  /** Waits for the promise that a node returned. */
  private await(node: number, managed: boolean, work: Promise<unknown>): void {
    if (this.sync) {
      abandon(work);
      const obstacle = managed ? this.attempts.obstacle : "returned a promise";
      const message = `Node "${this.plan.specs[node].name}" ${obstacle}, which runSync can't wait for. Use run instead.`;
      return failNode(this, node, new WiringFault(message), "failFast");
    }
    this.isStale = true;
    const fulfil = (value: unknown) => this.settled(node, managed, true, value);
    const reject = (error: unknown) => this.settled(node, managed, false, error);
    whenSettled(work, fulfil, reject);
  }

  // --- outcomes of nodes ---

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

  protected readClock(): void {
    this.time = now();
    this.isStale = false;
  }

  private succeeded(node: number, managed: boolean, value: unknown): void {
    this.readClock();
    if (this.isOver) return;
    this.letGo(node, managed);
    this.complete(node, value);
  }

  private failed(node: number, managed: boolean, error: unknown): void {
    this.readClock();
    if (this.isOver) return;
    this.letGo(node, managed);
    if (isPause(error)) return pauseNode(this, node, error);
    if (!managed) {
      this.emitter?.emit({ type: "attempt.failed", attempt: this.state.attemptsOf(node), error }, node);
    }
    if (!this.isOver) failNode(this, node, error);
  }

  /** Releases what a node holds. */
  private letGo(node: number, managed: boolean): void {
    if (managed) {
      this.placesOf(node).leavePlace();
      return this.maps?.settled(node);
    }
    if (this.lazyInner === undefined || this.lazyInner.settle(node)) this.permitsOf(node).release();
    this.calls?.settled(node);
  }

  private complete(node: number, value: unknown): void {
    const { plan } = this;
    this.streams?.settled(node, { value });
    if (plan.forks.size > 0 && plan.forks.has(node)) this.completeFork(node, value);
    else this.completeWith(node, value);
  }

  private completeFork(node: number, value: unknown): void {
    const { state, plan } = this;
    let choice: Choice;
    try {
      choice = choose(plan, node, value, () => this.args.all(node, undefined));
    } catch (error) {
      return failNode(this, node, error);
    }
    state.facts.branches.set(node, choice.branch);
    this.completeWith(node, choice.value);
  }

  private completeWith(node: number, result: unknown): void {
    const { state } = this;
    this.open--;
    state.status[node] = Status.completed;
    state.setFinished(node, this.time);
    state.values[node] = result;
    this.emitter?.emit({ type: "node.completed", result, cached: state.isCached(node) }, node);
    this.readiness?.release(node);
  }
}
