import { LazyAbort } from "../../base/abort.js";
import { afterTurn } from "../../base/event-loop.js";
import { drive } from "../../base/coroutine.js";
import type { ChildRunOptions } from "../../definition/context.js";
import { current, endCall, type ContextSource } from "../../definition/current-context.js";
import type { ItemPlace } from "../../definition/item.js";
import type { NodeHooks } from "../../definition/specs/node-options.js";
import type { NodeSpec } from "../../definition/specs/node-spec.js";
import { Attempts } from "../../engine/attempts.js";
import { Children, type ContainingRun } from "../../engine/children.js";
import type { CommonRunOptions } from "../../engine/options.js";
import type { Permits } from "../../engine/permits.js";
import type { SharedPermits } from "../../engine/shared-permits.js";
import type { RunTelemetry } from "../../engine/telemetry/telemetry.js";
import { isContext } from "../../planning/plan.js";
import type { ResultCache } from "../../policies/cache.js";
import type { Holder } from "../../policies/holder.js";
import type { Scheduler } from "../../policies/scheduler.js";
import type { ChildResult } from "../../run/child-result.js";
import { NodeContext, type AttemptControls } from "../../run/context.js";
import { ExecutionError } from "../../run/errors.js";
import type { LogLine } from "../../run/events.js";
import type { RunState } from "../../run/state.js";
import type { Arguments } from "../arguments.js";
import type { BackendCalls } from "../backend-calls.js";
import { DagHost } from "../host.js";
import type { MappingRun } from "../map/map-host.js";
import { MapRun } from "../map/map-run.js";
import type { NodeStreams } from "../node-streams/node-streams.js";
import { LiveInnerRuns } from "./inner-runs.js";

/** A live dag, as its computations see it. */
export interface ComputingDag {
  readonly state: RunState;
  readonly args: Arguments;
  readonly calls: BackendCalls | undefined;
  readonly hooks: readonly NodeHooks[];
  readonly scheduler: Scheduler | undefined;
  readonly telemetry: RunTelemetry | undefined;
  readonly caller: Holder | undefined;
  /** Collects the items of generators; undefined if there are none. */
  readonly streams: NodeStreams | undefined;
  /** How many nodes may be in flight. */
  readonly concurrency: number;
  /** Whether nodes wait to start. */
  readonly hasWaiting: boolean;
  /** The options of the runs inside. */
  readonly innerOptions: CommonRunOptions;
  /** The permits that runs inside share. */
  readonly sharedPermits: SharedPermits;
  /** The present inputs, which don't change later. */
  inputsNow(): Readonly<Record<string, unknown>>;
  cacheOf(spec: NodeSpec): ResultCache | undefined;
  permitsOf(node: number): Permits;
  pump(): void;
  log(node: number, attempt: number, line: LogLine): void;
  /** Called with stopped work that takes a while to end. */
  isEnding(work: Promise<unknown>): void;
  /** Closes the live dag because of an exception that no node threw. */
  breakDown(fault: unknown): void;
}

const NO_PATHS: readonly string[] = Object.freeze([]);

/**
 * One computation of one node of a live dag: for a plain node, a call of its function. It contains the runs inside of
 * the node, which end with it.
 */
export class Computation implements AttemptControls, ContainingRun, ContextSource {
  /** Whether its outcome is no longer wanted. */
  isOver = false;
  /** Whether its function is being called. */
  isCalling = false;
  /** Whether a context knows it. */
  isKnown = false;
  /** The results of the runs inside, by key. */
  inside: Map<string, ChildResult> | undefined = undefined;
  protected lazyAbort: LazyAbort | undefined = undefined;
  private lazyInputs: Readonly<Record<string, unknown>> | undefined = undefined;
  private lazyChildren: Children | undefined = undefined;
  private lazyInner: LiveInnerRuns | undefined = undefined;

  constructor(
    protected readonly dag: ComputingDag,
    /** Changes when the computation is reused, see `live-run.ts`. */
    public node: number,
  ) {}

  get state(): RunState {
    return this.dag.state;
  }

  get signal(): AbortSignal {
    return this.abort.signal;
  }

  private get abort(): LazyAbort {
    return (this.lazyAbort ??= new LazyAbort());
  }

  /** The inputs as they were when the node first read them. */
  get inputs(): Readonly<Record<string, unknown>> {
    return (this.lazyInputs ??= this.dag.inputsNow());
  }

  /** Returns the outcome, a promise of it, or throws; then {@link Computation.endCall} is due if it is still calling. */
  run(): unknown {
    const { storage } = current;
    if (storage !== undefined) return storage.run(this.contextOf(this.node), () => this.call());
    if (current.source !== this) current.source = this;
    this.isCalling = true;
    const work = this.call();
    this.endCall();
    return work;
  }

  endCall(): void {
    this.isCalling = false;
    endCall();
  }

  get calledContext(): NodeContext {
    return this.contextOf(this.node);
  }

  contextOf(node: number): NodeContext {
    this.isKnown = true;
    return new LiveContext(this, node, 1, this);
  }

  private call(): unknown {
    const { args, argStart, functions, self } = this.dag.state.plan;
    const fn = functions[this.node];
    const first = argStart[this.node];
    // As in a run, small numbers of arguments are spelled out.
    switch (argStart[this.node + 1] - first) {
      case 0:
        return fn.call(self);
      case 1:
        return fn.call(self, this.argument(args[first]));
      case 2:
        return fn.call(self, this.argument(args[first]), this.argument(args[first + 1]));
      case 3:
        return fn.call(
          self,
          this.argument(args[first]),
          this.argument(args[first + 1]),
          this.argument(args[first + 2]),
        );
      default: {
        const values: unknown[] = [];
        for (let k = first; k < argStart[this.node + 1]; k++) values.push(this.argument(args[k]));
        return fn.apply(self, values);
      }
    }
  }

  private argument(code: number): unknown {
    const { dag, node } = this;
    if (code >= 0) return dag.state.values[code];
    return dag.args.value(code, node, isContext(dag.state.plan, code) ? this.contextOf(node) : undefined);
  }

  /** Takes a permit for the call. */
  begin(): void {
    this.dag.permitsOf(this.node).take();
  }

  /** Releases what it holds. Called once, when it has ended or was stopped. */
  release(): void {
    this.letGo();
    const ending = this.lazyChildren?.end();
    if (ending !== undefined) this.dag.isEnding(ending);
  }

  protected letGo(): void {
    if (this.lazyInner?.settle() ?? true) this.dag.permitsOf(this.node).release();
  }

  /** Ends it: its signal aborts, and its outcome is dropped. */
  stop(reason: unknown): void {
    this.isOver = true;
    this.abort.abort(reason);
    this.release();
  }

  /** Not reported. */
  progress(): void {}

  log(node: number, attempt: number, line: LogLine): void {
    this.dag.log(node, attempt, line);
  }

  // --- runs inside ---

  get sync(): boolean {
    return false;
  }

  /** Not reported. */
  get emitter(): undefined {
    return undefined;
  }

  get provide(): undefined {
    return undefined;
  }

  get options(): CommonRunOptions {
    return this.dag.innerOptions;
  }

  get children(): Children {
    return (this.lazyChildren ??= new Children(this));
  }

  get inner(): LiveInnerRuns {
    return (this.lazyInner ??= new LiveInnerRuns(this.dag));
  }

  /** A live dag has none. */
  lostStore(): boolean {
    return false;
  }

  get rootId(): string {
    return this.state.runId;
  }

  /** A live dag has no handle. */
  get takesEvents(): boolean {
    return false;
  }

  get detaches(): boolean {
    return false;
  }

  notTaken(event: string): Error {
    return new ExecutionError(`A live dag takes no events, and so not "${event}".`, { runId: this.state.runId });
  }

  /** Runs inside keep all results. */
  takesInside(): readonly string[] {
    return NO_PATHS;
  }

  keepChild(key: string, result: ChildResult): void {
    (this.inside ??= new Map<string, ChildResult>()).set(key, result);
  }

  get caller(): Holder | undefined {
    return this.dag.caller;
  }

  runInside(node: number, attempt: number, workflow: unknown, options: ChildRunOptions): Promise<unknown> {
    const { abort } = this;
    const slot = this.inner.slotOf(node);
    const { node: name, key, path } = this.inner.placeOf(node);
    const place = { node: name, key, path, caller: key, abort };
    const site = { ...place, isRepeated: false, isRetry: false, restarts: false, isCall: true };
    return this.children.call({ attempt, workflow, options, abort, slot }, site);
  }
}

/** The computation of a node with policies, or of a map: what their attempts take for their run. */
export class ManagedComputation extends Computation implements MappingRun {
  private attempts: Attempts | undefined = undefined;
  private map: MapRun | undefined = undefined;

  get nodeLimits(): undefined {
    return undefined;
  }

  /** A live dag is not recorded. */
  barrier(): undefined {}

  pause(): void {
    this.map?.pause();
  }

  /** The permits of the live dag make nodes, items and runs inside take turns. */
  get isSequential(): boolean {
    return false;
  }

  get life(): MappingRun["life"] {
    return { failInternally: (fault) => this.dag.breakDown(fault) };
  }

  get args(): Arguments {
    return this.dag.args;
  }

  get calls(): BackendCalls | undefined {
    return this.dag.calls;
  }

  get hooks(): readonly NodeHooks[] {
    return this.dag.hooks;
  }

  /** Nothing inside waits for a computation. */
  get tracesAll(): boolean {
    return false;
  }

  get scheduler(): Scheduler | undefined {
    return this.dag.scheduler;
  }

  get telemetry(): RunTelemetry | undefined {
    return this.dag.telemetry;
  }

  get streams(): NodeStreams | undefined {
    return this.dag.streams;
  }

  get concurrency(): number {
    return this.dag.concurrency;
  }

  get hasWaiting(): boolean {
    return this.dag.hasWaiting;
  }

  override run(): unknown {
    const host = new LiveHost(this);
    if (this.state.plan.specs[this.node].map === undefined) {
      this.attempts = new Attempts(host);
      return drive(this.attempts.run(this.node));
    }
    this.map = new MapRun(this, host, this.node);
    return this.map.execute();
  }

  /** Its attempts acquire their permits, and release them themselves. */
  override begin(): void {}

  protected override letGo(): void {}

  /** Makes its attempts stop waiting, too. */
  override stop(reason: unknown): void {
    super.stop(reason);
    const needsTurn = [this.attempts?.interrupt(reason), this.map?.interrupt(reason)].includes(true);
    if (needsTurn) this.dag.isEnding(afterTurn());
  }

  cacheOf(spec: NodeSpec): ResultCache | undefined {
    return this.dag.cacheOf(spec);
  }

  permitsOf(node: number): Permits {
    return this.dag.permitsOf(node);
  }

  pump(): void {
    this.dag.pump();
  }
}

class LiveHost extends DagHost {
  constructor(private readonly computation: ManagedComputation) {
    super(computation);
  }

  override contextOf(node: number, attempt: number, controls: AttemptControls, item?: ItemPlace): NodeContext {
    return new LiveContext(this.computation, node, attempt, controls, item);
  }
}

/** The context of a node in a live dag. Its inputs are those of a single moment. */
class LiveContext extends NodeContext {
  constructor(
    private readonly computation: Computation,
    node: number,
    attempt: number,
    private readonly attemptControls: AttemptControls,
    item?: ItemPlace,
  ) {
    super(computation.state, node, attempt, attemptControls, item);
  }

  override get inputs(): Readonly<Record<string, unknown>> {
    this.attemptControls.onRead?.("inputs");
    return this.computation.inputs;
  }
}
