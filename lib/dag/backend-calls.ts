import type { AttemptCall, RemoteCall, Runner, Trips } from "../backends/runner.js";
import { LazyAbort } from "../base/abort.js";
import { inspect } from "../base/clone.js";
import type { Context } from "../definition/context.js";
import type { CallSite } from "../definition/specs/call-site.js";
import type { NodeHooks } from "../definition/specs/node-options.js";
import type { NodeSpec } from "../definition/specs/node-spec.js";
import { isSink } from "../planning/plan.js";
import { retriesOf } from "../policies/retry.js";
import { NodeContext, type AttemptControls } from "../run/context.js";
import type { RunState } from "../run/state.js";
import type { EventEmitter } from "../engine/event-emitter.js";
import type { TracedCall } from "../engine/host.js";
import type { Arguments } from "./arguments.js";
import { sourcesOf, sourcesOfItems } from "./consumers.js";
import type { Lanes } from "./lanes.js";
import type { Readiness } from "./readiness.js";

/** The run that calls belong to. */
export interface CallsRun extends AttemptControls {
  readonly state: RunState;
  readonly args: Arguments;
  readonly emitter: EventEmitter | undefined;
  readonly readiness: Readiness | undefined;
  /** The store that records it; undefined if none does. */
  readonly store: object | undefined;
  /** The hooks of all nodes. */
  readonly hooks: readonly NodeHooks[];
}

const NO_BUFFERS: ArrayBuffer[] = [];
const ignore = () => {};

/** The calls of a run's nodes that do not run inline. */
export class BackendCalls {
  /** The open calls of plain nodes, by node. */
  private readonly open = new Map<number, LazyAbort>();

  constructor(
    readonly run: CallsRun,
    readonly lanes: Lanes,
  ) {}

  has(node: number): boolean {
    return !this.lanes.isInline(node);
  }

  /** Calls a node with policies, which is not inline. */
  execute(
    node: number,
    { spec, args, ctx, followed }: AttemptCall & Partial<Pick<TracedCall, "followed">>,
    abort: LazyAbort,
    onStart: () => void,
    trips?: Trips,
    item?: string,
  ): unknown {
    const call = new NodeCall(this, node, spec, args, ctx, trips, followed?.trace, item);
    return (this.lanes.runnerOf(node) as Runner).execute(call, abort, onStart);
  }

  /** See {@link Runner.newTrips}. */
  newTrips(node: number, size: number | undefined, limit: () => number): Trips | undefined {
    return this.lanes.runnerOf(node)?.newTrips?.(size, limit);
  }

  /** Calls a plain node. When it has settled, the caller must report that to {@link BackendCalls.settled}. */
  start(node: number): unknown {
    const { state, args } = this.run;
    const ctx = new NodeContext(state, node, state.attemptsBefore(node) + 1, this.run);
    const abort = new LazyAbort();
    const call = { spec: state.plan.specs[node], args: args.all(node, ctx), ctx };
    const work = this.execute(node, call, abort, ignore);
    this.open.set(node, abort);
    return work;
  }

  settled(node: number): void {
    this.open.delete(node);
  }

  /** Ends all calls of plain nodes. */
  end(): void {
    for (const abort of this.open.values()) abort.abort(undefined);
    this.open.clear();
  }
}

class NodeCall implements RemoteCall {
  constructor(
    private readonly calls: BackendCalls,
    private readonly node: number,
    readonly spec: NodeSpec,
    readonly args: readonly unknown[],
    readonly ctx: Context,
    readonly trips: Trips | undefined,
    readonly trace: string | undefined,
    private readonly item: string | undefined,
  ) {}

  get site(): CallSite {
    const { item } = this;
    const site = { runId: this.calls.run.state.runId, node: this.spec.name, attempt: this.ctx.attempt };
    return item === undefined ? site : { ...site, item };
  }

  get store(): object | undefined {
    return this.calls.run.store;
  }

  /** Attempts of items are counted from 1 by each driver. */
  get interrupted(): number {
    return this.spec.map === undefined ? (this.calls.run.state.facts.interrupted.get(this.node) ?? 0) : 0;
  }

  /** Of a map's item: without the collection, which would be sent with each item. */
  get needs(): [string, unknown][] {
    const { state } = this.calls.run;
    const all = new Set(sourcesOf(state.plan, this.node));
    if (this.spec.map !== undefined) for (const source of sourcesOfItems(state.plan, this.node)) all.delete(source);
    const sources = Array.from(all).filter((source) => state.hasResult(source));
    return sources.map((source) => [state.plan.specs[source].name, state.values[source]]);
  }

  /** Drops the results when the node starts, instead of when it has settled. */
  takeBuffers(): ArrayBuffer[] {
    const { state, readiness } = this.calls.run;
    const { plan } = state;
    if (this.spec.map !== undefined) return NO_BUFFERS; // Other items may need them.
    if (readiness?.dropsResults !== true || this.isShown) return NO_BUFFERS;
    const buffers = new Set<ArrayBuffer>();
    for (const source of new Set(sourcesOf(plan, this.node))) {
      if (!this.isOnlyHere(source) || !readiness.isLastFor(source) || isSink(plan, source, state.active)) continue;
      if (state.kept?.has(source) === true) continue;
      for (const buffer of inspect(state.values[source]).buffers) buffers.add(buffer);
      if (buffers.size === 0) continue;
      state.values[source] = undefined;
      state.facts.dropped.add(source);
    }
    return Array.from(buffers);
  }

  /** Whether only this run holds a result: the same backend made it for this run. */
  private isOnlyHere(source: number): boolean {
    const { run, lanes } = this.calls;
    const { state } = run;
    const isCached = state.plan.specs[source].options.cache !== undefined;
    return lanes.runnerOf(source) === lanes.runnerOf(this.node) && state.isFresh(source) && !isCached;
  }

  /** Whether anything besides the function sees the inputs, or the function sees them more than once. */
  private get isShown(): boolean {
    const { state, emitter, hooks } = this.calls.run;
    const { forks, hooks: own } = state.plan;
    const { retry, cache, fallback } = this.spec.options;
    if (retriesOf(retry) > 0 || cache !== undefined || fallback !== undefined) return true;
    // A fork that only names a branch passes its input on.
    return forks.has(this.node) || emitter !== undefined || hooks.length > 0 || own.has(this.node);
  }
}
