import type { AttemptCall } from "../backends/backend.js";
import type { StandingCall, ThreadBackend, ThreadHost } from "../backends/thread/thread.js";
import { LazyAbort } from "../base/abort.js";
import { inspect } from "../base/clone.js";
import type { NodeHooks } from "../definition/specs/node-options.js";
import { isContext, isSink } from "../planning/plan.js";
import { retriesOf } from "../policies/retry.js";
import { NodeContext, type AttemptControls } from "../run/context.js";
import type { ErrorSite } from "../run/errors.js";
import type { Place } from "../run/place.js";
import type { RunState } from "../run/state.js";
import type { EventEmitter } from "../engine/event-emitter.js";
import type { Arguments } from "./arguments.js";
import { sourcesOf } from "./consumers.js";
import { siteOf } from "./errors.js";
import type { Executor } from "./executors/executor.js";
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

/**
 * The calls of a run's nodes that are on threads.
 *
 * A node that takes no more than a call may stand by while it waits for a slot: its call is put together, so that the pool
 * can hand it to the thread that is done next, before this thread gets to know what that one was doing.
 */
export class ThreadCalls implements ThreadHost {
  /** 1 for the nodes that run on threads. */
  readonly nodes: Uint8Array;
  /** Ends the call of a plain node, by node. */
  private readonly open = new Map<number, LazyAbort>();
  /** In the order in which they begin. */
  private readonly standing = new Map<number, StandingCall>();
  /** 1 for the nodes that may stand by; undefined where none may. */
  private mayStandBy: Uint8Array | undefined = undefined;

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
    const standing = this.standing.get(node);
    if (standing !== undefined) {
      this.standing.delete(node);
      this.backend.want(standing);
      return standing.result;
    }
    const abort = new LazyAbort();
    const work = this.backend.execute(node, this.callOf(node), this, abort, undefined);
    this.open.set(node, abort);
    return work;
  }

  settled(node: number): void {
    this.open.delete(node);
  }

  /**
   * Lets nodes stand by from now on: a thread that completes its task begins with one of them, whatever the run makes of
   * the completed one. So nothing but functions may fail, no node may be more urgent than others, and those stay
   * behind that look in their context for what others wrote there.
   */
  allowStandBys(): void {
    const { plan } = this.run.state;
    const isMore = (i: number) => this.has(i) && (plan.managed?.[i] === 1 || plan.forks.has(i));
    if (plan.rank !== undefined || plan.inputsTimeouts !== undefined || plan.order.some(isMore)) return;
    const takesContext = (i: number) =>
      plan.args.subarray(plan.argStart[i], plan.argStart[i + 1]).some((code) => isContext(plan, code));
    this.mayStandBy = this.nodes.map((isThreaded, i) => (isThreaded === 1 && !takesContext(i) ? 1 : 0));
  }

  /** Lets the next nodes stand by, as far as that is of use. */
  fill(executor: Executor): void {
    const { mayStandBy, backend, run } = this;
    while (mayStandBy !== undefined && run.emitter === undefined && backend.isStandByUseful) {
      const node = executor.takeSecond();
      if (node < 0) return;
      if (mayStandBy[node] === 0 || !this.standBy(node)) return executor.add(node);
    }
  }

  /** Says whether the node can stand by, which it can't if calling it is going to fail. */
  private standBy(node: number): boolean {
    const abort = new LazyAbort();
    let standing: StandingCall;
    try {
      standing = this.backend.standBy(node, this.callOf(node), this, abort);
    } catch {
      return false;
    }
    standing.result.catch(() => {});
    this.open.set(node, abort);
    this.standing.set(node, standing);
    return true;
  }

  /** Whether nodes stand by. */
  get someStandBy(): boolean {
    return this.standing.size > 0;
  }

  /** The node that has stood by for longest; -1 when none does. @param isAnswered - among those that have been executed */
  standsLongest(isAnswered: boolean): number {
    for (const [node, { job }] of this.standing) if (!isAnswered || job.isSettled) return node;
    return -1;
  }

  /**
   * Lets none stand by any more, and gives those that did.
   * @param onSettled - called when another one has been executed
   */
  withdraw(onSettled?: () => void): number[] {
    const nodes: number[] = [];
    for (const [node, { job }] of this.standing) {
      if (job.isBegun) {
        job.onSettled = onSettled;
        continue;
      }
      this.standing.delete(node);
      this.open.get(node)?.abort(undefined);
      this.open.delete(node);
      nodes.push(node);
    }
    return nodes;
  }

  /** Ends all calls of plain nodes. */
  end(): void {
    for (const abort of this.open.values()) abort.abort(undefined);
    this.open.clear();
    this.standing.clear();
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
