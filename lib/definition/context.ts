/**
 * What a node function can know of the run it is part of. It goes to the parameter named `context` or `ctx`.
 *
 * All attempts of a run share `metadata` and `metrics`; everything else belongs to one attempt.
 */
export interface Context {
  readonly runId: string;
  /** The workflow's name. */
  readonly workflow: string;
  readonly nodeName: string;
  /** Which try of the node this is, counted from 1. */
  readonly attempt: number;
  /** The same for all attempts of this node in this run, also after a crash, and for no other: for calls that must count once. */
  readonly idempotencyKey: string;
  /** The inputs of the run, by name. */
  readonly inputs: Readonly<Record<string, unknown>>;
  /** In an `any` node, the need that completed first; else undefined. */
  readonly trigger: string | undefined;
  /** Aborts when the run is aborted or fails, and when this attempt's `timeout` is over. */
  readonly signal: AbortSignal;
  /** Values that nodes and the caller share; what a node writes, later nodes and `run.context` see. */
  readonly metadata: Record<string, unknown>;
  /**
   * Figures of the user's own, by name; they come back as `run.metrics.custom`.
   * @throws {TypeError} when one is set that is no finite number
   */
  readonly metrics: Record<string, number>;
  /** The result of a node that has completed, `fallback` where there is none (yet). */
  get(name: string, fallback?: unknown): unknown;
  /** Whether the node has a result. */
  has(name: string): boolean;
  /** All results so far, by node name. Cost: O(nodes) a read. */
  readonly results: Readonly<Record<string, unknown>>;
  /**
   * Tells observers how far this node is, as a `node.progress` event.
   * @param fraction - from 0 to 1
   * @throws {RangeError} when it is not
   */
  progress(fraction: number, message?: string): void;
  /** Tells observers something, as a `node.progress` event without a fraction. */
  log(message: string): void;
}

/** What a state's function can know of the run it is part of. `get` and `has` look into the cycles before this one. */
export interface FsmContext extends Omit<Context, "trigger"> {
  /** How many cycles the run had before this one. */
  readonly cycle: number;
  /** The event from outside that led here; undefined when none did. */
  readonly trigger: string | undefined;
  /** The states of the cycles before this one, in order. Cost: O(cycles) a read. */
  readonly stateHistory: readonly string[];
  /** The cycles before this one, in order; the value is undefined where the execution failed. Cost: O(cycles) a read. */
  readonly cycleResults: readonly { readonly state: string; readonly value: unknown }[];
  /** The values of a state's executions, in order. */
  getHistory(state: string): unknown[];
  /** The value of a state's execution number `index`, counted from 0. */
  getCycle(state: string, index: number): unknown;
  /** The value of a state's latest execution. */
  getLatest(state: string): unknown;
}
