import type { LazyAbort } from "../base/abort.js";
import type { Trips } from "../backends/runner.js";
import { inline } from "../backends/inline.js";
import { now } from "../base/clock.js";
import type { Semaphore } from "../base/semaphore.js";
import type { Coroutine } from "../base/coroutine.js";
import type { Context } from "../definition/context.js";
import { Decision, isDecision, isRoute, Route } from "../definition/decisions.js";
import { NEVER } from "../planning/plan.js";
import { Status } from "../run/status.js";
import type { ItemPlace } from "../definition/item.js";
import type { Holder, SlotSource } from "../policies/holder.js";
import type { NodeHooks } from "../definition/specs/node-options.js";
import type { PendingAcquire } from "../base/pending-acquire.js";
import { NodeContext, type AttemptControls } from "../run/context.js";
import type { ErrorSite } from "../run/errors.js";
import type { RunState } from "../run/state.js";
import type { Arguments } from "./arguments.js";
import type { Outlet, StreamGroup } from "../engine/channel.js";
import { EngineHost, type AttemptHost, type TracedCall, type HostRun } from "../engine/host.js";
import { nodeFailure, siteOf } from "./errors.js";
import { withInput } from "./branching.js";
import { followedSource } from "./node-streams/followed-source.js";
import type { Source } from "./node-streams/production.js";
import type { NodeStreams } from "./node-streams/node-streams.js";
import type { BackendCalls } from "./backend-calls.js";
import type { Permits } from "../engine/permits.js";

/** The permits of the nodes that `nodeConcurrency` limits, by index. */
export type NodeLimits = ReadonlyMap<number, Semaphore>;

/** A dag's run, as attempts of its nodes see it. */
export interface DagHostRun extends HostRun {
  readonly state: RunState;
  readonly args: Arguments;
  /** Executes nodes that don't run inline; undefined when all do. */
  readonly calls: BackendCalls | undefined;
  /** The streams between nodes; undefined if no node produces items. */
  readonly streams: NodeStreams | undefined;
  /** Whether nodes run one after the other. */
  readonly isSequential: boolean;
  /** The limits that nodes share with other runs of the same stream; undefined outside of streams. */
  readonly nodeLimits: NodeLimits | undefined;
  /** The permits of a node's lane. */
  permitsOf(node: number): Permits;
  pump(): void;
}

/** Provides the attempts of a dag's nodes with arguments, contexts, permits and caches. */
export class DagHost extends EngineHost<DagHostRun> implements AttemptHost {
  labelOf(node: number): string {
    return `Node "${this.specOf(node).name}"`;
  }

  protected ownHooksOf(node: number): NodeHooks | undefined {
    return this.run.state.plan.hooks.get(node);
  }

  contextOf(node: number, attempt: number, controls: AttemptControls, item?: ItemPlace): NodeContext {
    return new NodeContext(this.run.state, node, attempt, controls, item);
  }

  argumentsOf(node: number, context: Context | undefined): unknown[] {
    return this.run.args.all(node, context);
  }

  resultIn(returned: unknown): unknown {
    return returned;
  }

  /** The value of a fork is what it passes on. */
  *checked(node: number, returned: unknown, args: readonly unknown[], check: (value: unknown) => Coroutine): Coroutine {
    const fork = this.run.state.plan.forks.get(node);
    if (fork === undefined) return yield* check(returned);
    const choice = withInput(fork, returned, args);
    if (isDecision(choice)) return new Decision(choice.condition, yield* check(choice.value));
    return isRoute(choice) ? new Route(choice.branch, yield* check(choice.value)) : returned;
  }

  /** A fork that only names a branch passes on its first input, as changed by hooks. */
  outcomeOf(node: number, _: unknown, result: unknown, args: readonly unknown[]): unknown {
    const fork = this.run.state.plan.forks.get(node);
    return fork === undefined ? result : withInput(fork, result, args);
  }

  siteOf(node: number, attempt: number, options?: ErrorOptions): ErrorSite {
    return siteOf(this.run.state, node, attempt, options);
  }

  /**
   * @param trips - the trips that an item of a map may join
   * @param item - the name of the item
   */
  execute(
    node: number,
    call: TracedCall,
    abort: LazyAbort,
    onStart: () => void,
    trips?: Trips,
    item?: string,
  ): unknown {
    const { calls, streams } = this.run;
    if (call.spec.subworkflow !== undefined) {
      if (streams?.isMember(node) === true) streams.begin(node, () => {});
      return this.executeWorkflow(node, call, abort, onStart);
    }
    if (streams?.generates(node) === true) {
      const source = inline.execute(call, abort, onStart) as Source;
      const { followed, slot } = call;
      return streams.produce(node, followed === undefined ? source : followedSource(source, followed), abort, slot);
    }
    if (calls?.has(node) === true) return calls.execute(node, call, abort, onStart, trips, item);
    return inline.execute(call, abort, onStart);
  }

  slotsOf(node: number): Permits | undefined {
    return this.takesSlot(node) ? this.permitsOf(node) : undefined;
  }

  acquire(node: number): PendingAcquire | undefined {
    return this.takesSlot(node) ? this.permitsOf(node).acquire(node) : undefined;
  }

  nodeLimitOf(node: number): Semaphore | undefined {
    return this.run.nodeLimits?.get(node);
  }

  release(node: number): void {
    if (this.takesSlot(node)) this.permitsOf(node).release();
  }

  private groupOf(node: number): StreamGroup | undefined {
    return this.run.streams?.groupOf(node);
  }

  private permitsOf(node: number): Permits {
    return this.groupOf(node)?.permits ?? this.run.permitsOf(node);
  }

  /** A node in a stream can't run again once an item has passed. */
  canRetry(node: number): boolean {
    return this.run.streams?.hasBegun(node) !== true;
  }

  holderOf(node: number): Holder | undefined {
    return this.run.streams?.holderOf(node);
  }

  callerOf(): Holder | undefined {
    return this.run.caller;
  }

  /** Nodes that run together share a slot of a scheduler. */
  override schedulerOf(node: number): SlotSource | undefined {
    const source = super.schedulerOf(node);
    return source === undefined ? undefined : (this.groupOf(node)?.turn ?? source);
  }

  protected override outletsOf(node: number): ReadonlyMap<string, Outlet> | undefined {
    return this.run.streams?.outletsOf(node);
  }

  /** A workflow leaves the slots to its nodes. */
  private takesSlot(node: number): boolean {
    return this.specOf(node).subworkflow === undefined;
  }

  /** A node that waits for its first attempt has not started. */
  attemptPending(node: number, attempt: number): void {
    const { run } = this;
    if (run.isOver) return;
    const { state } = run;
    if (attempt === state.attemptsBefore(node) + 1) {
      state.status[node] = Status.ready;
      state.setStarted(node, NEVER);
    }
    run.pump();
  }

  pump(): void {
    this.run.pump();
  }

  countHit(): void {
    this.run.state.countLookUp("hits");
  }

  itemAttemptFailed(node: number, item: ItemPlace, attempt: number, error: unknown): void {
    if (!this.run.isOver) this.run.emitter?.emit({ type: "attempt.failed", attempt, error, item }, node);
  }

  itemFallbackUsed(): void {
    this.run.state.facts.itemFallbacks++;
  }

  cacheHit(node: number): void {
    const { state } = this.run;
    state.facts.cached.add(node);
    this.countHit();
    this.notAttempted(node);
  }

  fallbackUsed(node: number, error: unknown): void {
    const { state } = this.run;
    state.facts.fallbacks.set(node, nodeFailure(state, node, error));
  }

  staleServed(node: number, error: unknown, storedAt: number): void {
    this.run.state.facts.cached.add(node);
    this.run.emitter?.emit({ type: "node.stale", error, storedAt }, node);
  }

  attemptsBefore(node: number): number {
    return this.run.state.attemptsBefore(node);
  }

  attemptsOf(node: number): number {
    return this.run.state.attemptsOf(node);
  }

  notAttempted(node: number): void {
    this.run.state.setAttempts(node, this.attemptsBefore(node));
  }

  attemptStarted(node: number, attempt: number): void {
    const { state } = this.run;
    if (state.status[node] !== Status.running) {
      state.status[node] = Status.running;
      state.setStarted(node, now());
    }
    state.setAttempts(node, attempt);
    this.run.emitter?.emit({ type: "attempt.started", attempt }, node);
  }

  attemptFailed(node: number, attempt: number, error: unknown): void {
    if (this.run.isOver) return;
    this.run.streams?.attemptFailed(node);
    this.run.state.setAttempts(node, attempt);
    this.run.emitter?.emit({ type: "attempt.failed", attempt, error }, node);
  }
}
