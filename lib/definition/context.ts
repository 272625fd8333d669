import type { ItemPlace } from "./item.js";
import type { ErrorStrategy } from "./specs/node-options.js";

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
  /** In a map: the item that this call is for. */
  readonly item?: ItemPlace | undefined;
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
  /**
   * Writes a line to the log of the run: to observers, as a `node.log` event, to its logger, and to telemetry.
   * @param fields - what belongs to the message, as data; on a worker thread, what can be cloned
   * @param level - defaults to `info`
   * @throws {TypeError} | {RangeError} for other fields, and for an unknown level
   */
  log(message: string, fields?: Readonly<Record<string, unknown>>, level?: LogLevel): void;
  /**
   * Runs a workflow inside this run: a dag, an fsm, an annotated class, or an instance of one. It shares mode, slots,
   * signal, store, hooks, observers and metadata of this run. From the call on, until the run inside has ended, this node
   * counts as waiting, and gives back its slot, which the run inside may need: what the node computes meanwhile, beside
   * the run, is not in any limit. In a recorded run, the run inside is recorded as `<runId>/<node>[<key>]`; when the node runs again, it is continued, and
   * its result taken if it has completed.
   * @returns its result; as with `run`, rejects with its error, which is the partial result's `.run`
   * @throws {ValidationError} for a key that this attempt has used; {TypeError} on a worker thread
   */
  run<W extends object>(workflow: W, options?: ChildRunOptions): Promise<ResultOfRun<W>>;
}

/** How important a line of the log is. */
export type LogLevel = "debug" | "info" | "warn" | "error";

/** The options of {@link Context.run}. */
export interface ChildRunOptions {
  readonly inputs?: Readonly<Record<string, unknown>> | undefined;
  /**
   * Tells apart the runs that a node begins. Give one where the order of the calls depends on anything but the inputs.
   * @defaultValue the number of the call, counted from 0
   */
  readonly key?: string | number | undefined;
  /** @defaultValue that of the workflow */
  readonly errorStrategy?: ErrorStrategy | undefined;
  /** The time the run may take, in ms. @defaultValue unlimited */
  readonly timeout?: number | undefined;
}

/** The result of a workflow's runs; any if it is a class. @inline */
export type ResultOfRun<W> = W extends { run(options?: any): Promise<infer R> } ? R : any;

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
