import type { LazyAbort } from "../base/abort.js";
import type { AttemptCall } from "../backends/backend.js";
import { inline } from "../backends/inline.js";
import { inspect } from "../base/clone.js";
import { now } from "../base/clock.js";
import type { Context } from "../definition/context.js";
import { isSink, NEVER } from "../planning/plan.js";
import { retriesOf } from "../policies/retry.js";
import { Status } from "../run/status.js";
import type { ThreadBackend } from "../backends/thread.js";
import type { NodeHooks } from "../definition/node-options.js";
import type { Waiting } from "../base/waiting.js";
import { NodeContext, type AttemptControls } from "../run/context.js";
import type { ErrorSite } from "../run/errors.js";
import type { RunState } from "../run/state.js";
import type { Arguments } from "./arguments.js";
import type { AttemptHost } from "./attempts.js";
import { EngineHost, type HostRun } from "./engine-host.js";
import { sourcesOf } from "./consumers.js";
import { siteOf } from "./dag-errors.js";
import { withInput } from "./forks.js";
import type { Readiness } from "./readiness.js";
import type { Slots } from "./slots.js";

/** What the attempts of a dag's nodes need of their run. */
export interface DagHostRun extends HostRun {
  readonly state: RunState;
  readonly args: Arguments;
  /** Executes the nodes that run on threads, if any do. */
  readonly threads: ThreadBackend | undefined;
  /** The slots that a node takes one of. */
  slotsOf(node: number): Slots;
  readonly readiness: Readiness;
  pump(): void;
}

const NO_BUFFERS: ArrayBuffer[] = [];

/** Gives the attempts of a dag's nodes their arguments, contexts, slots and caches. */
export class DagHost extends EngineHost<DagHostRun> implements AttemptHost {
  labelOf(node: number): string {
    return `Node "${this.specOf(node).name}"`;
  }

  protected ownHooksOf(node: number): NodeHooks | undefined {
    return this.run.state.plan.hooks.get(node);
  }

  contextOf(node: number, attempt: number, controls: AttemptControls): NodeContext {
    return new NodeContext(this.run.state, node, attempt, controls);
  }

  argumentsOf(node: number, context: Context | undefined): unknown[] {
    return this.run.args.all(node, context);
  }

  resultIn(returned: unknown): unknown {
    return returned;
  }

  /** A fork that says only which branch to take passes its first input on, as hooks may have changed it. */
  outcomeOf(node: number, _: unknown, result: unknown, args: readonly unknown[]): unknown {
    const fork = this.run.state.plan.forks.get(node);
    return fork === undefined ? result : withInput(fork, result, args);
  }

  siteOf(node: number, attempt: number, ...cause: [unknown?]): ErrorSite {
    return siteOf(this.run.state, node, attempt, ...cause);
  }

  execute(node: number, call: AttemptCall, abort: LazyAbort, began: () => void): unknown {
    const { threads, state } = this.run;
    if (threads === undefined || state.places?.[node].backend !== "thread") return inline.execute(call);
    const host = {
      needs: () => this.needsOf(node),
      spent: () => this.spent(node, call),
      site: () => this.siteOf(node, call.ctx.attempt),
    };
    return threads.execute(call, host, abort, call.spec.options.timeout === undefined ? undefined : began);
  }

  /**
   * The array buffers that nobody needs any more once this node has them: those of results that came from a thread, so that
   * only the run holds them, and that no other node takes. Such a result is dropped now instead of when the node is done.
   */
  private spent(node: number, { spec }: AttemptCall): ArrayBuffer[] {
    const { state, readiness, announcer } = this.run;
    if (!readiness.dropsResults) return NO_BUFFERS;
    const { retry, cache, fallback } = spec.options;
    const runsOnce = retriesOf(retry) === 0 && cache === undefined && fallback === undefined;
    const isAlone = announcer === undefined && this.hooksOf(node).length === 0 && runsOnce;
    if (!isAlone) return NO_BUFFERS;
    const buffers = new Set<ArrayBuffer>();
    for (const source of new Set(sourcesOf(state.plan, node))) {
      const isOurs = state.places?.[source].backend === "thread" && state.isFresh(source) && !this.keeps(source);
      if (!isOurs || !readiness.isLastFor(source) || isSink(state.plan, source, state.active)) continue;
      for (const buffer of inspect(state.values[source]).buffers) buffers.add(buffer);
      if (buffers.size === 0) continue;
      state.values[source] = undefined;
      state.facts.dropped.add(source);
    }
    return Array.from(buffers);
  }

  /** Whether a result outlives its run. */
  private keeps(node: number): boolean {
    return this.specOf(node).options.cache !== undefined;
  }

  beginsLater(node: number): boolean {
    return this.run.state.places?.[node].backend === "thread";
  }

  acquire(node: number): Waiting | undefined {
    return this.run.slotsOf(node).acquire(node);
  }

  giveBack(node: number): void {
    this.run.slotsOf(node).used--;
  }

  private needsOf(node: number): [string, unknown][] {
    const { state } = this.run;
    const sources = Array.from(new Set(sourcesOf(state.plan, node))).filter((source) => state.hasResult(source));
    return sources.map((source) => [state.plan.specs[source].name, state.values[source]]);
  }

  /** A node that waits for its first attempt has not started. */
  waiting(node: number, attempt: number): void {
    const { run } = this;
    if (run.isOver) return;
    const { state } = run;
    if (attempt === state.attemptsBefore(node) + 1) {
      state.status[node] = Status.ready;
      state.startedAt[node] = NEVER;
    }
    run.pump();
  }

  cacheHit(node: number): void {
    const { state } = this.run;
    state.facts.cached.add(node);
    state.countLookUp("hits");
    this.notAttempted(node);
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
      state.startedAt[node] = now();
    }
    state.setAttempts(node, attempt);
    this.run.announcer?.announce({ type: "attempt.started", attempt }, node);
  }

  attemptFailed(node: number, attempt: number, error: unknown): void {
    if (this.run.isOver) return;
    this.run.state.setAttempts(node, attempt);
    this.run.announcer?.announce({ type: "attempt.failed", attempt, error }, node);
  }
}
