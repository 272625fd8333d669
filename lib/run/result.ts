import { brand } from "../base/brand.js";
import { toEpoch } from "../base/clock.js";
import type { NodeHandle } from "../definition/node-handle.js";
import { isSink, NEVER } from "../planning/plan.js";
import { dagGraph, type DagGraph } from "../planning/workflow-graph.js";
import type { BackendName } from "../definition/specs/backend.js";
import { INLINE } from "./place.js";
import type { ChildOf, ChildOfWorkflow, InnerValue } from "./child-run.js";
import { childIn, STATE } from "./child-result.js";
import { RunContext } from "./context.js";
import type { ExecutionError } from "./errors.js";
import { measure, timelineOf, type RunMetrics, type TimelineEntry } from "./metrics.js";
import type { Pause } from "./pause.js";
import type { RunBase } from "./run-base.js";
import type { ItemCounts, NodeWait, RunState } from "./state.js";
import type { WaitingFor } from "./waiting-for.js";
import { Status, STATUS_NAMES, type NodeStatus, type RunStatus } from "./status.js";

/** The outcome of a node in a run. */
export interface NodeReport {
  /** How far the node came. Ending a run early leaves the rest `cancelled`; pausing it, `pending` or `ready`. */
  readonly status: NodeStatus;
  /** The number of attempts. */
  readonly attempts: number;
  /** In ms since 1970; undefined if the node did not start. */
  readonly startedAt: number | undefined;
  /** In ms, from the start of the first attempt; undefined if the node did not start or did not end. */
  readonly duration: number | undefined;
  /** Why it failed; undefined unless its status is `failed`. */
  readonly error: ExecutionError | undefined;
  /** The error that its fallback replaced. */
  readonly fallbackFor: ExecutionError | undefined;
  /** Of a map: how many items there were, and what became of them. */
  readonly items: Readonly<ItemCounts> | undefined;
  /** All errors of the node: of a map, those of its items, also of skipped ones. */
  readonly errors: readonly ExecutionError[];
  /** Where the node ran. */
  readonly backend: BackendName;
  /** The reason if that is not the backend of the mode or of the node's own option. */
  readonly backendReason: string | undefined;
  /** Whether the result came from the cache. */
  readonly cached: boolean;
  /** The need that caused the node to be skipped, as written, or the `when` or `coalesce` that did not take its branch. */
  readonly skippedBy: string | undefined;
  /** The reason given by a node that paused the run. */
  readonly pauseReason: string | undefined;
  /** What a waiting node waits for: an event, or a time in ms since 1970. */
  readonly waitingFor: NodeWait | undefined;
}

/** The path of a result inside a workflow: `"check.verdict"`, `"check[0].verdict"`. @inline */
export type InnerPath<N> = `${keyof N & string}.${string}` | `${keyof N & string}[${string}`;

/**
 * The result of a run. It is a view of the run's state: members are computed on access, so that unused ones cost
 * nothing.
 */
export class RunResult<N = Record<string, unknown>> {
  static {
    brand(this, "RunResult");
  }

  readonly #state: RunState;
  #memo: { nodes?: ReadonlyMap<string, NodeReport>; metrics?: RunMetrics } | undefined;

  constructor(
    state: RunState,
    /** How the run ended. `failed` also if it went on after the failure of a node. */
    readonly status: RunStatus,
  ) {
    this.#state = state;
  }

  /** The id of the run: its `runId` option, or else a random UUID. */
  get runId(): string {
    return this.#state.runId;
  }

  /** The name of the dag. */
  get workflow(): string {
    return this.#state.plan.workflow;
  }

  /** The nodes and edges of the dag as it was when the run began. */
  get graph(): DagGraph {
    return dagGraph(this.#state.plan);
  }

  /**
   * Resolves when the end of the run is recorded in its store: immediately, unless the run was aborted, cancelled or
   * timed out.
   * @throws {StoreError} when recording failed
   */
  get recorded(): Promise<void> {
    return this.#state.recording ?? Promise.resolve();
  }

  /** The result of the only sink that completed; {@link outputs} if several did, undefined if none did. */
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

  /** The result of a node, or of a node inside a workflow (`"check.verdict"`), or `fallback` if it has none. */
  get<T>(node: NodeHandle<T, any>): T;
  get<K extends keyof N & string>(node: K): N[K];
  get<K extends keyof N & string, F>(node: K, fallback: F): N[K] | F;
  get<T, F>(node: NodeHandle<T, any>, fallback: F): T | F;
  get<const P extends InnerPath<N>>(inner: P): InnerValue<N, P>;
  get<const P extends InnerPath<N>, F>(inner: P, fallback: F): InnerValue<N, P> | F;
  get(node: string | NodeHandle<any, any>, fallback?: unknown): unknown {
    const name = typeof node === "string" ? node : node.name;
    return this.#state.has(name) ? this.#state.get(name) : fallback;
  }

  /** Whether the node has a result, which may be undefined or null. */
  has(node: (keyof N & string) | NodeHandle<any, any> | InnerPath<N>): boolean {
    return this.#state.has(typeof node === "string" ? node : node.name);
  }

  /**
   * The result of the run of a node that is a workflow, or that a node began with `ctx.run`.
   * @param key - of one of several runs of the node
   */
  child<K extends keyof N & string>(node: K, key?: string | number): ChildOf<N, K> | undefined;
  child<W>(node: NodeHandle<any, any, W>, key?: string | number): ChildOfWorkflow<W> | undefined;
  child(node: string | NodeHandle<any, any>, key?: string | number): unknown {
    const name = typeof node === "string" ? node : node.name;
    return childIn(this.#state.children, name, key);
  }

  /** The error of a failed node, otherwise undefined. */
  error(node: (keyof N & string) | NodeHandle<any, any>): ExecutionError | undefined {
    const i = this.#indexOf(node);
    return i === undefined ? undefined : this.#state.errors.get(i);
  }

  /** The outcomes of all nodes by name, in order of definition. */
  get nodes(): ReadonlyMap<string, NodeReport> {
    this.#memo ??= {};
    return (this.#memo.nodes ??= new Map(this.#state.plan.specs.map(({ name }, i) => [name, this.#report(i)])));
  }

  /** The reason given by the first node that paused the run, if any. */
  get pauseReason(): string | undefined {
    return this.#state.pauseReason;
  }

  /** The pauses of the nodes that paused the run, in the order in which they did. */
  get pauses(): readonly Pause[] {
    return this.#state.pauses;
  }

  /** What the run waits for, if it was put away; otherwise undefined. */
  get waitingFor(): WaitingFor | undefined {
    return this.status === "waiting" ? this.#state.waitingFor : undefined;
  }

  /** The errors of all nodes that failed, in the order in which they failed, without those that a `coalesce` handled. */
  get errors(): readonly ExecutionError[] {
    return this.#state.failures;
  }

  /** The durations of the run, its nodes and its critical path, in ms, and other figures. */
  get metrics(): RunMetrics {
    this.#memo ??= {};
    return (this.#memo.metrics ??= measure(this.#state, this.#state.endedAt - this.#state.beganAt));
  }

  /** When each node ran, ordered by start. */
  timeline(): TimelineEntry[] {
    return timelineOf(this.#state, this.#state.beganAt);
  }

  /** The data that the nodes shared. Can be passed to a later run as its `context`. */
  get context(): RunContext {
    return new RunContext(this.#state);
  }

  /** @internal The state behind this view, for partial runs. */
  static stateOf(result: RunResult<any>): RunState {
    return result[STATE] as RunState;
  }

  /** For `JSON.stringify`: the statuses and results. */
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

  /** For `console.log`. */
  [Symbol.for("nodejs.util.inspect.custom")](): unknown {
    const { runId, workflow, status, pauseReason, value, errors } = this;
    const pause = pauseReason === undefined ? {} : { pauseReason };
    return { runId, workflow, status, ...pause, value, ...(errors.length > 0 ? { errors } : {}) };
  }

  /** @internal */
  get [STATE](): RunBase {
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
    const items = state.itemsOf(i);
    const error = state.errors.get(i);
    return {
      status: STATUS_NAMES[state.status[i]],
      attempts: state.attemptsOf(i),
      startedAt: startedAt === NEVER ? undefined : toEpoch(startedAt),
      duration: startedAt === NEVER || finishedAt === NEVER ? undefined : finishedAt - startedAt,
      error,
      fallbackFor: state.fallbacks.get(i),
      items: items && { ...items },
      errors: items === undefined ? (error === undefined ? [] : [error]) : state.itemErrorsOf(i),
      backend: place.backend,
      backendReason: place.reason,
      cached: state.isCached(i),
      skippedBy: state.skippedBy(i),
      pauseReason: state.pauseReasonOf(i),
      waitingFor: state.waitOf(i),
    };
  }
}
