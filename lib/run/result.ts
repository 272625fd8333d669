import { brand } from "../base/brand.js";
import { toEpoch } from "../base/clock.js";
import type { NodeHandle } from "../definition/node-handle.js";
import { isSink, NEVER } from "../planning/plan.js";
import { INLINE, type BackendName } from "./place.js";
import { RunContext } from "./context.js";
import type { ExecutionError } from "./errors.js";
import { measure, timelineOf, type RunMetrics, type TimelineEntry } from "./metrics.js";
import type { Pause } from "./pause.js";
import type { RunState } from "./state.js";
import { Status, STATUS_NAMES, type NodeStatus, type RunStatus } from "./status.js";

/** What became of one node in a run. */
export interface NodeReport {
  readonly status: NodeStatus;
  /** How many attempts were made. */
  readonly attempts: number;
  /** In ms since 1970; undefined when the node never started. */
  readonly startedAt: number | undefined;
  /** In ms, from the first attempt's start to the end; undefined when the node never started or never ended. */
  readonly duration: number | undefined;
  readonly error: ExecutionError | undefined;
  /** What it failed with when its fallback stood in. */
  readonly fallbackFor: ExecutionError | undefined;
  /** Where it ran. */
  readonly backend: BackendName;
  /** Why it ran there and not where the mode would have put it. */
  readonly backendReason: string | undefined;
  /** The result came from the node's cache. */
  readonly cached: boolean;
  /** The need that caused a `skipped`, as it was written. */
  readonly skippedBy: string | undefined;
  /** The reason that a `paused` node gave. */
  readonly pauseReason: string | undefined;
}

/** For the results of another copy of this library, too: private members are only those of one. */
const STATE = Symbol.for("dagwright:RunState");

/**
 * The outcome of a run. A view on the run's state: every member is computed when it is read, and the run costs nothing
 * for the members that nobody reads.
 */
export class RunResult<N = Record<string, unknown>> {
  static {
    brand(this, "RunResult");
  }

  readonly #state: RunState;
  #memo: { nodes?: ReadonlyMap<string, NodeReport>; metrics?: RunMetrics } | undefined;

  constructor(
    state: RunState,
    readonly status: RunStatus,
  ) {
    this.#state = state;
  }

  get runId(): string {
    return this.#state.runId;
  }

  get workflow(): string {
    return this.#state.plan.workflow;
  }

  /**
   * Resolves when how the run ended is recorded in its store: at once, but for a run that was aborted, cancelled or timed out.
   * @throws {StoreError} what kept it from being recorded
   */
  get recorded(): Promise<void> {
    return this.#state.recording ?? Promise.resolve();
  }

  /** The result of the one sink that completed; {@link outputs} when there are several, undefined when there is none. */
  get value(): unknown {
    const { size } = this.#state.plan;
    let only = -1;
    for (let i = 0; i < size; i++) {
      if (!this.#isOutput(i)) continue;
      if (only >= 0) return this.outputs;
      only = i;
    }
    return only < 0 ? undefined : this.#state.values[only];
  }

  /** The results of all sinks that completed, by name. */
  get outputs(): Readonly<Record<string, unknown>> {
    return this.#state.resultsWhere((i) => this.#isOutput(i));
  }

  /** All results, by name. */
  get results(): Readonly<Partial<N>> {
    return this.#state.results as Partial<N>;
  }

  /** A node's result, `fallback` (or undefined) where there is none. */
  get<T>(node: NodeHandle<T, any>): T;
  get<K extends keyof N & string>(node: K): N[K];
  get<K extends keyof N & string, F>(node: K, fallback: F): N[K] | F;
  get<T, F>(node: NodeHandle<T, any>, fallback: F): T | F;
  get(node: string | NodeHandle<any, any>, fallback?: unknown): unknown {
    const i = this.#indexOf(node);
    return i !== undefined && this.#state.hasResult(i) ? this.#state.values[i] : fallback;
  }

  /** Whether there is a result, be it undefined or null. */
  has(node: (keyof N & string) | NodeHandle<any, any>): boolean {
    const i = this.#indexOf(node);
    return i !== undefined && this.#state.hasResult(i);
  }

  /** What a node failed with; undefined when it did not. */
  error(node: (keyof N & string) | NodeHandle<any, any>): ExecutionError | undefined {
    const i = this.#indexOf(node);
    return i === undefined ? undefined : this.#state.errors.get(i);
  }

  /** What became of each node, by name, in order of definition. */
  get nodes(): ReadonlyMap<string, NodeReport> {
    this.#memo ??= {};
    return (this.#memo.nodes ??= new Map(this.#state.plan.specs.map(({ name }, i) => [name, this.#report(i)])));
  }

  /** Why the run paused, as the first node that paused it says; undefined when none did, or without a reason. */
  get pauseReason(): string | undefined {
    return this.#state.pauseReason;
  }

  /** What each of the nodes that paused the run says, in the order in which they did. */
  get pauses(): readonly Pause[] {
    return this.#state.pauses;
  }

  /** The errors of all nodes that failed, in the order in which they failed. */
  get errors(): readonly ExecutionError[] {
    return Array.from(this.#state.errors.values());
  }

  /** Times in ms: of the run, of each node, and of the path that the run had to wait for. */
  get metrics(): RunMetrics {
    this.#memo ??= {};
    return (this.#memo.metrics ??= measure(this.#state, this.#state.endedAt - this.#state.beganAt));
  }

  /** When each node ran, in order of start. */
  timeline(): TimelineEntry[] {
    return timelineOf(this.#state, this.#state.beganAt);
  }

  /** What the nodes shared. May be passed on as the `context` of a later run. */
  get context(): RunContext {
    return new RunContext(this.#state);
  }

  /** @internal The state behind this view, for partial runs. */
  static stateOf(result: RunResult<any>): RunState {
    return result[STATE];
  }

  /** What `JSON.stringify` writes: no more than the names, statuses and results. */
  toJSON(): object {
    const { runId, workflow, status, pauseReason, results } = this;
    const nodes = Array.from(this.nodes, ([name, report]) => [name, report.status]);
    return {
      runId,
      workflow,
      status,
      pauseReason,
      results,
      nodes: Object.fromEntries(nodes) as Record<string, string>,
    };
  }

  /** `Run 1f3a of "etl" (completed)`, for logs. */
  toString(): string {
    return `Run ${this.runId} of "${this.workflow}" (${this.status})`;
  }

  /** What `console.log` shows. */
  [Symbol.for("nodejs.util.inspect.custom")](): unknown {
    const { runId, workflow, status, pauseReason, value, errors } = this;
    const pause = pauseReason === undefined ? {} : { pauseReason };
    return { runId, workflow, status, ...pause, value, ...(errors.length > 0 ? { errors } : {}) };
  }

  private get [STATE](): RunState {
    return this.#state;
  }

  #isOutput(i: number): boolean {
    return this.#state.status[i] === Status.completed && isSink(this.#state.plan, i, this.#state.active);
  }

  #indexOf(node: string | NodeHandle<any, any>): number | undefined {
    return this.#state.plan.indexOf.get(typeof node === "string" ? node : node.name);
  }

  #report(i: number): NodeReport {
    const state = this.#state;
    const startedAt = state.startedAt(i);
    const finishedAt = state.finishedAt(i);
    const place = state.places?.[i] ?? INLINE;
    return {
      status: STATUS_NAMES[state.status[i]],
      attempts: state.attemptsOf(i),
      startedAt: startedAt === NEVER ? undefined : toEpoch(startedAt),
      duration: startedAt === NEVER || finishedAt === NEVER ? undefined : finishedAt - startedAt,
      error: state.errors.get(i),
      fallbackFor: state.fallbacks.get(i),
      backend: place.backend,
      backendReason: place.reason,
      cached: state.isCached(i),
      skippedBy: state.skippedBy(i),
      pauseReason: state.pauseReasonOf(i),
    };
  }
}
