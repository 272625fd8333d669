import type { DagwrightError } from "../base/errors.js";
import type { StateHandle } from "../definition/state-handle.js";
import { fsmGraph, type FsmGraph } from "../planning/workflow-graph.js";
import type { ChildOf, ChildOfWorkflow, InnerValue } from "./child-run.js";
import { childIn, STATE } from "./child-result.js";
import { RunContext } from "./context.js";
import type { ExecutionError } from "./errors.js";
import { valueIn, type FsmState } from "./fsm-state.js";
import type { Cycle } from "./history.js";
import { pausesOf, type Pause } from "./pause.js";
import type { RunBase } from "./run-base.js";
import type { WaitingFor } from "./waiting-for.js";
import type { RunStatus } from "./status.js";

/** How long an fsm's run took, and how often each state was executed. */
export interface FsmMetrics {
  /** From the start of the run to its end, in ms. */
  readonly total: number;
  /** How often each state was executed, by name. */
  readonly visits: Readonly<Record<string, number>>;
  /** How many executions of cached states found a result, and how many did not. */
  readonly cache: { readonly hits: number; readonly misses: number };
  /** How often a fallback was used. */
  readonly fallbacks: number;
  /** The metrics that states wrote to `ctx.metrics`. */
  readonly custom: Readonly<Record<string, number>>;
}

/**
 * The name of a state.
 * @inline
 */
export type StateKey<S> = keyof S & string;

/**
 * The result of an fsm's run. All members are computed on access.
 *
 * Cycles, and the executions of each state, are counted from 0 over the entire run; the values of those that
 * `historyLimit` dropped are undefined.
 */
export class FsmResult<S = Record<string, unknown>> {
  readonly #state: FsmState;
  readonly #duration: number;

  constructor(
    state: FsmState,
    /** How the run ended. `failed` also if it reached its end, but an error strategy ignored a failure on the way. */
    readonly status: RunStatus,
    /** In ms. */
    duration: number,
  ) {
    this.#state = state;
    this.#duration = duration;
  }

  /** The id of the run: its `runId` option, or else a random UUID. */
  get runId(): string {
    return this.#state.runId;
  }

  /** The name of the fsm. */
  get workflow(): string {
    return this.#state.workflow;
  }

  /** The states and declared transitions of the fsm as it was when the run began. */
  get graph(): FsmGraph {
    return fsmGraph(this.#state.plan);
  }

  /**
   * Resolves when the end of the run is recorded in its store: immediately, unless the run was aborted, cancelled or
   * timed out.
   * @throws {StoreError} when recording failed
   */
  get recorded(): Promise<void> {
    return this.#state.recording ?? Promise.resolve();
  }

  /**
   * Why the run paused: the reason given by the state that paused it, or the events that it waits for; otherwise
   * undefined.
   */
  get pauseReason(): string | undefined {
    return this.#state.pauseReason;
  }

  /** The pause of the state that paused the run, as a list like that of a dag's run; otherwise empty. */
  get pauses(): readonly Pause[] {
    const { pause } = this.#state;
    return pause === undefined ? [] : pausesOf(pause.node, pause);
  }

  /** What the run waits for, if it was put away; otherwise undefined. */
  get waitingFor(): WaitingFor | undefined {
    return this.status === "waiting" ? this.#state.waitingFor : undefined;
  }

  /**
   * The result of the latest run of a state that is a workflow; of one execution (`"review.0"`); or of a run that a
   * state began with `ctx.run`.
   * @param key - of one of several runs of the state
   */
  child<K extends StateKey<S>>(state: K, key?: string | number): ChildOf<S, K> | undefined;
  child<W>(state: StateHandle<any, any, W>, key?: string | number): ChildOfWorkflow<W> | undefined;
  child(state: string | StateHandle<any, any>, key?: string | number): unknown {
    const name = typeof state === "string" ? state : state.name;
    return childIn(this.#state.children, name, key);
  }

  /** The value of the last cycle. */
  get value(): unknown {
    return valueIn(this.#state.history.valueAt(this.#state.history.count - 1));
  }

  /** The latest value of each state, by name. */
  get results(): Readonly<Partial<S>> {
    return this.#state.results as Partial<S>;
  }

  /** The latest value of a state (`"state"`), or that of one execution (`"state.2"` is the third), or `fallback`. */
  get<V>(state: StateHandle<V, any>): V | undefined;
  get<K extends StateKey<S>>(state: K): S[K] | undefined;
  get<K extends StateKey<S>>(execution: `${K}.${number}`): S[K] | undefined;
  get<V, F>(state: StateHandle<V, any>, fallback: F): V | F;
  get<const P extends `${StateKey<S>}.${string}`>(inner: P): InnerValue<S, P>;
  get<const P extends `${StateKey<S>}.${string}`, F>(inner: P, fallback: F): InnerValue<S, P> | F;
  get<K extends StateKey<S>, F>(state: K | `${K}.${number}`, fallback: F): S[K] | F;
  get(state: string | StateHandle<any, any>, fallback?: unknown): unknown {
    const name = typeof state === "string" ? state : state.name;
    return this.#state.has(name) ? this.#state.get(name) : fallback;
  }

  /** Whether the state has a value, which may be undefined. */
  has(state: StateKey<S> | `${StateKey<S>}.${number}`): boolean {
    return this.#state.has(state);
  }

  /** The value of a state's execution by index, counted from 0. */
  getCycle<K extends StateKey<S>>(state: K, index: number): S[K] | undefined {
    return valueIn(this.#state.execution(state, index)) as S[K] | undefined;
  }

  /** The value of a state's latest execution. */
  getLatest<K extends StateKey<S>>(state: K): S[K] | undefined {
    return this.get<K>(state);
  }

  /** The values of a state's executions in the history, in order. */
  getHistory<K extends StateKey<S>>(state: K): (S[K] | undefined)[] {
    return this.#state.valuesOf(state) as (S[K] | undefined)[];
  }

  /** The cycles in the history, in order. */
  get cycleResults(): readonly Cycle[] {
    return this.#state.cycles;
  }

  /** The states of the cycles in the history, in order. */
  get stateHistory(): readonly string[] {
    return this.#state.visited;
  }

  /** The number of cycles of the run. */
  get cycleCount(): number {
    return this.#state.history.count;
  }

  /** The current state: the last one executed or, in a run that is paused or waiting, the one that is next or waits. */
  get currentState(): string | undefined {
    return this.#state.plan.specs[this.#state.current]?.name;
  }

  /** The state in which the run ended; undefined in a run that is paused or waiting. */
  get finalState(): string | undefined {
    return this.status === "paused" || this.status === "waiting" ? undefined : this.currentState;
  }

  /** Whether the run ended by `stop`, a terminal state or a plain value. */
  get isTerminated(): boolean {
    return this.#state.isTerminated;
  }

  /** The latest error of a state, if it is kept. */
  error(state: StateKey<S>): DagwrightError | undefined {
    return this.errors.findLast((error) => (error as Partial<ExecutionError>).state === state);
  }

  /** The errors of failed executions, including those that led to an error state. At most `historyLimit` are kept. */
  get errors(): readonly DagwrightError[] {
    return this.#state.errors;
  }

  /** The duration of the run in ms, how often each state was executed, and other figures. */
  get metrics(): FsmMetrics {
    const visits = Object.create(null) as Record<string, number>;
    this.#state.plan.specs.forEach(({ name }, i) => (visits[name] = this.#state.history.visits[i]));
    const { cacheUse, fallbacks, metrics } = this.#state;
    return { total: this.#duration, visits, cache: { ...cacheUse }, fallbacks, custom: { ...metrics } };
  }

  /** The data that the states shared. Can be passed to a later run as its `context`. */
  get context(): RunContext {
    return new RunContext(this.#state);
  }

  /** @internal */
  get [STATE](): RunBase {
    return this.#state;
  }

  /** For `JSON.stringify`. */
  toJSON(): object {
    const { runId, workflow, status, pauseReason, currentState, cycleCount, results } = this;
    return { runId, workflow, status, pauseReason, currentState, cycleCount, results };
  }

  /** `Run 1f3a of "etl" (completed)`, for logs. */
  toString(): string {
    return `Run ${this.runId} of "${this.workflow}" (${this.status})`;
  }

  /** For `console.log`. */
  [Symbol.for("nodejs.util.inspect.custom")](): unknown {
    const { runId, workflow, status, pauseReason, currentState, cycleCount, value, errors } = this;
    const pause = pauseReason === undefined ? {} : { pauseReason };
    return {
      runId,
      workflow,
      status,
      ...pause,
      currentState,
      cycleCount,
      value,
      ...(errors.length > 0 ? { errors } : {}),
    };
  }
}
