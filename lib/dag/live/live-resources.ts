import { LazyAbort } from "../../base/abort.js";
import { cores } from "../../base/cores.js";
import type { NodeHooks } from "../../definition/specs/node-options.js";
import type { NodeSpec } from "../../definition/specs/node-spec.js";
import { refuseRunInside } from "../../engine/host.js";
import type { CommonRunOptions } from "../../engine/options.js";
import type { PermitQueue, Permits } from "../../engine/permits.js";
import { SharedPermits } from "../../engine/shared-permits.js";
import { telemetryOf } from "../../engine/telemetry/of-run.js";
import type { RunTelemetry } from "../../engine/telemetry/telemetry.js";
import type { DagPlan } from "../../planning/plan.js";
import type { ResultCache } from "../../policies/cache.js";
import { currentCaller } from "../../policies/callers.js";
import type { Scheduler } from "../../policies/scheduler.js";
import type { ExecutionError } from "../../run/errors.js";
import type { LogLine } from "../../run/events.js";
import type { RunState } from "../../run/state.js";
import { Arguments } from "../arguments.js";
import type { BackendCalls, CallsRun } from "../backend-calls.js";
import { NodeStreams } from "../node-streams/node-streams.js";
import type { DagRunOptions } from "../options.js";
import type { Placed } from "../placements.js";
import { RunPermits } from "../run-permits.js";
import type { ComputingDag } from "./computation.js";
import type { LiveOptions } from "./options.js";

/** What a live dag takes from its definition, and the callbacks for what happens. */
export interface LiveSetup {
  readonly hooks: readonly NodeHooks[];
  cacheOf(node: NodeSpec): ResultCache | undefined;
  /** Finds out where nodes run; undefined when all run inline. */
  readonly place: ((runId: string, abort: LazyAbort) => Placed | Promise<Placed>) | undefined;
  /** Called when the value of a node has changed or is gone. Other nodes may still be stale. */
  changed(node: number): void;
  /** Called when nothing more can be computed for now. */
  rested(): void;
  /** Called when an exception that no node threw has ended everything. */
  broke(error: ExecutionError): void;
}

/**
 * What the nodes of a live dag use: its permits, its options, its telemetry. They are those of a run that is neither
 * recorded nor observed.
 */
export abstract class LiveResources implements ComputingDag, CallsRun, PermitQueue {
  readonly emitter = undefined;
  readonly readiness = undefined;
  readonly store = undefined;
  readonly args: Arguments;
  readonly caller = currentCaller();
  readonly scheduler: Scheduler | undefined;
  readonly telemetry: RunTelemetry | undefined;
  readonly streams: NodeStreams | undefined;
  calls: BackendCalls | undefined = undefined;
  protected readonly plan: DagPlan;
  protected readonly runPermits: RunPermits;
  protected readonly permits: Permits;
  /** Whether every node needs policies. */
  protected readonly managesAll: boolean;
  protected readonly abort = new LazyAbort();
  private lazyPermits: SharedPermits | undefined = undefined;

  constructor(
    readonly state: RunState,
    values: unknown[],
    protected readonly options: LiveOptions<any> & Pick<DagRunOptions, "routing">,
    private readonly resources: Pick<LiveSetup, "hooks" | "cacheOf">,
  ) {
    const { plan } = state;
    const { scheduler } = options;
    this.plan = plan;
    this.args = new Arguments(plan, state, values, undefined);
    this.scheduler = scheduler;
    const { runId, workflow } = state;
    this.telemetry = telemetryOf(options.telemetry)?.follow({ runId, workflow, kind: "dag", past: undefined });
    const isFollowed = resources.hooks.length > 0 || this.telemetry !== undefined;
    this.managesAll = isFollowed || scheduler !== undefined;
    this.streams = plan.streams === undefined ? undefined : new NodeStreams(this, plan.streams, undefined);
    this.runPermits = new RunPermits(
      { options, isSequential: this.isSequential, isOrdered: false, outer: undefined },
      this,
    );
    this.permits = this.runPermits.inline;
  }

  abstract readonly hasWaiting: boolean;
  abstract pump(): void;
  abstract wake(): void;
  abstract enqueue(node: number): void;
  abstract inputsNow(): Readonly<Record<string, unknown>>;
  abstract isEnding(work: Promise<unknown>): void;
  abstract breakDown(fault: unknown): void;

  get signal(): AbortSignal {
    return this.abort.signal;
  }

  /** Progress is not reported. */
  progress(): void {}

  log(node: number, attempt: number, line: LogLine): void {
    this.telemetry?.record({ type: "node.log", attempt, ...line }, this.nameOf(node));
  }

  protected nameOf(node: number): string {
    return this.plan.specs[node].name;
  }

  /** Items of generators are not streamed. */
  streamStarted(): void {}

  /** A fork's context has no attempt, and runs nothing. */
  runInside(): never {
    return refuseRunInside();
  }

  get isSequential(): boolean {
    return this.options.mode === "sequential";
  }

  get concurrency(): number {
    const { concurrency, mode, maxWorkers } = this.options;
    return concurrency ?? (mode === "parallel" ? (maxWorkers ?? cores()) : Infinity);
  }

  get innerOptions(): CommonRunOptions {
    const { mode = "async", concurrency, maxWorkers, pool, routing, scheduler, hooks, strict } = this.options;
    const ofDags = { mode, concurrency, maxWorkers, pool, routing };
    return { ...ofDags, scheduler, hooks, strict };
  }

  get sharedPermits(): SharedPermits {
    if (this.lazyPermits === undefined) {
      this.lazyPermits = new SharedPermits();
      this.runPermits.share(this.lazyPermits);
      this.calls?.lanes.share(this.lazyPermits);
    }
    return this.lazyPermits;
  }

  get hooks(): readonly NodeHooks[] {
    return this.resources.hooks;
  }

  cacheOf(spec: NodeSpec): ResultCache | undefined {
    return this.resources.cacheOf(spec);
  }

  permitsOf(node: number): Permits {
    return this.calls === undefined ? this.permits : this.calls.lanes.permitsOf(node);
  }
}
