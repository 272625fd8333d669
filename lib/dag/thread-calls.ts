import type { AttemptCall } from "../backends/backend.js";
import type { ThreadBackend, ThreadHost } from "../backends/thread/thread.js";
import { LazyAbort } from "../base/abort.js";
import { inspect } from "../base/clone.js";
import type { NodeHooks } from "../definition/specs/node-options.js";
import { isSink } from "../planning/plan.js";
import { retriesOf } from "../policies/retry.js";
import { NodeContext, type AttemptControls } from "../run/context.js";
import type { ErrorSite } from "../run/errors.js";
import type { Place } from "../run/place.js";
import type { RunState } from "../run/state.js";
import type { EventEmitter } from "../engine/event-emitter.js";
import type { Arguments } from "./arguments.js";
import { sourcesOf } from "./consumers.js";
import { siteOf } from "./errors.js";
import type { Readiness } from "./readiness.js";

/** What calls on threads need of the run they are part of. */
export interface ThreadsRun extends AttemptControls {
  readonly state: RunState;
  readonly args: Arguments;
  readonly emitter: EventEmitter | undefined;
  readonly readiness: Readiness | undefined;
  /** The hooks of all nodes. */
  readonly hooks: readonly NodeHooks[];
}

const NO_BUFFERS: ArrayBuffer[] = [];

/** The calls of a run's nodes that are on threads. */
export class ThreadCalls implements ThreadHost {
  /** 1 for the nodes that run on threads. */
  readonly nodes: Uint8Array;
  /** Ends the call of a plain node, by node. */
  private readonly open = new Map<number, LazyAbort>();

  constructor(
    private readonly run: ThreadsRun,
    private readonly backend: ThreadBackend,
    places: readonly Place[],
  ) {
    this.nodes = Uint8Array.from(places, ({ backend }) => (backend === "thread" ? 1 : 0));
  }

  has(node: number): boolean {
    return this.nodes[node] === 1;
  }

  /** Calls a node for an attempt. */
  execute(node: number, call: AttemptCall, abort: LazyAbort, began: () => void): Promise<unknown> {
    return this.backend.execute(node, call, this, abort, call.spec.options.timeout === undefined ? undefined : began);
  }

  /** Calls a node that takes no more than a call. To be told when it has settled. */
  start(node: number): Promise<unknown> {
    const abort = new LazyAbort();
    const work = this.backend.execute(node, this.callOf(node), this, abort, undefined);
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

  private callOf(node: number): AttemptCall {
    const { state, args } = this.run;
    const ctx = new NodeContext(state, node, state.attemptsBefore(node) + 1, this.run);
    return { spec: state.plan.specs[node], args: args.all(node, ctx), ctx };
  }

  // --- what the backend asks for ---

  site(node: number, attempt: number): ErrorSite {
    return siteOf(this.run.state, node, attempt);
  }

  needs(node: number): [string, unknown][] {
    const { state } = this.run;
    const sources = Array.from(new Set(sourcesOf(state.plan, node))).filter((source) => state.hasResult(source));
    return sources.map((source) => [state.plan.specs[source].name, state.values[source]]);
  }

  /**
   * The array buffers that nobody needs any more once this node has them: those of results that came from a thread, so that
   * only the run holds them, and that no other node takes. Such a result is dropped now instead of when the node is done.
   */
  spent(node: number): ArrayBuffer[] {
    const { state, readiness } = this.run;
    const { plan } = state;
    if (readiness?.dropsResults !== true || this.isShown(node)) return NO_BUFFERS;
    const buffers = new Set<ArrayBuffer>();
    for (const source of new Set(sourcesOf(plan, node))) {
      const isCached = plan.specs[source].options.cache !== undefined;
      const isOurs = this.has(source) && state.isFresh(source) && !isCached;
      if (!isOurs || !readiness.isLastFor(source) || isSink(plan, source, state.active)) continue;
      for (const buffer of inspect(state.values[source]).buffers) buffers.add(buffer);
      if (buffers.size === 0) continue;
      state.values[source] = undefined;
      state.facts.dropped.add(source);
    }
    return Array.from(buffers);
  }

  /** Whether a node's inputs are looked at by others than its function, or by that more than once. */
  private isShown(node: number): boolean {
    const { state, emitter, hooks } = this.run;
    const { forks, specs, hooks: own } = state.plan;
    const { retry, cache, fallback } = specs[node].options;
    if (retriesOf(retry) > 0 || cache !== undefined || fallback !== undefined) return true;
    // A fork that says only which branch to take passes its input on.
    return forks.has(node) || emitter !== undefined || hooks.length > 0 || own.has(node);
  }
}
