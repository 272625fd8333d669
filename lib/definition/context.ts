/**
 * The run, as a node's function sees it. It is passed to the parameter named `context` or `ctx`.
 *
 * All attempts of a run share `metadata` and `metrics`; everything else belongs to a single attempt.
 */
export interface Context {
  /** The id of the run: its `runId` option, or else a random UUID. */
  readonly runId: string;
  /** The workflow's name. */
  readonly workflow: string;
  /** The name of the node or state that is called. */
  readonly nodeName: string;
  /** The number of this attempt, counted from 1. */
  readonly attempt: number;
  /**
   * A key that identifies this node in this run: the same in all attempts, also after a crash. Use it for
   * calls that must take effect only once.
   */
  readonly idempotencyKey: string;
  /** The inputs of the run, by name. */
  readonly inputs: Readonly<Record<string, unknown>>;
  /** The need of an `any` node that completed first; undefined in other nodes. */
  readonly trigger: string | undefined;
  /** Aborts when the run is aborted or fails, or when this attempt times out. */
  readonly signal: AbortSignal;
  /** Values that nodes share with each other and, as `run.context.metadata`, with the caller. */
  readonly metadata: Record<string, unknown>;
  /**
   * Custom metrics by name, available as `run.metrics.custom`. To return them, copy them: `{ ...ctx.metrics }`.
   * @throws {TypeError} when a metric is set to anything but a finite number
   */
  readonly metrics: Record<string, number>;
  /** The result of a node, or `fallback` if it has none yet. */
  get(name: string, fallback?: unknown): unknown;
  /** Whether a node has a result. */
  has(name: string): boolean;
  /** All results so far, by node name. Cost: O(nodes) per read. */
  readonly results: Readonly<Record<string, unknown>>;
  /**
   * Reports the progress of this node to observers, as a `node.progress` event.
   * @param fraction - from 0 to 1
   * @throws {TypeError} | {RangeError} for any other fraction
   */
  progress(fraction: number, message?: string): void;
  /** Sends a message to observers, as a `node.progress` event without a fraction. */
  log(message: string): void;
}

/** The run, as a state's function sees it. `get` and `has` refer to the cycles before this one. */
export interface FsmContext extends Omit<Context, "trigger"> {
  /** How many cycles the run had before this one. */
  readonly cycle: number;
  /** The external event that led here, if any. */
  readonly trigger: string | undefined;
  /** The states of the cycles before this one, in order. Cost: O(cycles) per read. */
  readonly stateHistory: readonly string[];
  /** The cycles before this one, in order; the value of a failed one is undefined. Cost: O(cycles) per read. */
  readonly cycleResults: readonly { readonly state: string; readonly value: unknown }[];
  /** The values of a state's executions, in order. */
  getHistory(state: string): unknown[];
  /** The value of a state's execution by index, counted from 0. */
  getCycle(state: string, index: number): unknown;
  /** The value of a state's latest execution. */
  getLatest(state: string): unknown;
}
