import {
  checkNonEmptyString,
  checkOptions,
  checkRecord,
  checkType,
  integer,
  label,
  oneOf,
  show,
  type OptionName,
  type Rules,
} from "../base/check.js";
import { ClosedError } from "../base/errors.js";
import { MAX_WORKERS } from "../backends/thread/pool-options.js";
import { ThreadPool } from "../backends/thread/thread-pool.js";
import type { Routing } from "../backends/routing.js";
import { checkBackends, type Backends } from "../definition/specs/backend.js";
import type { InputSchemas } from "../definition/specs/input-schemas.js";
import type { DagOption, WorkflowOptions } from "../definition/specs/workflow-options.js";
import { RunResult } from "../run/result.js";
import { checkRun, COMMON_RULES, type CommonRunOptions } from "../engine/options.js";
import { EXECUTORS, type ExecutorName } from "./executors/executor.js";

/** The progress of a run. */
export interface RunProgress {
  /** The node that has ended. */
  readonly node: string;
  /** The number of nodes that have ended. */
  readonly completed: number;
  /** The number of nodes in the run. */
  readonly total: number;
  /** From 0 to 1. */
  readonly fraction: number;
}

/**
 * The options of a dag's run. All are optional. `G` holds the types of values that may replace results, by name; `I`
 * those of the inputs.
 */
export interface RunOptions<
  G = Record<string, unknown>,
  I extends object = Record<string, any>,
> extends CommonRunOptions<I> {
  /** When a ready node starts, see {@link ExecutorName}. Does not change results. @defaultValue "workQueue" */
  executor?: ExecutorName | undefined;
  /** The maximum number of nodes in flight, in mode `async`. @defaultValue unlimited */
  concurrency?: number | undefined;
  /**
   * The maximum number of nodes on worker threads at once, in the modes `parallel` and `hybrid`.
   * @defaultValue the machine's available parallelism
   */
  maxWorkers?: number | undefined;
  /** `strict`: a node that should run on a thread or a backend but can't is an error, instead of running inline. */
  parallel?: { readonly strict?: boolean | undefined } | undefined;
  /** The worker threads to use. @defaultValue a pool that all runs without one share */
  pool?: ThreadPool | undefined;
  /**
   * Backends by the names that nodes have for them, and limits by name: `{ thread: { limit: 2 }, billing: rpc(…) }`.
   * They override those of the workflow, name by name, and also apply to the workflows inside.
   */
  backends?: Backends | undefined;
  /** Results by node name; those nodes do not run. */
  overrides?: Readonly<Partial<G>> | undefined;
  /** Called when a node has completed, failed, or been skipped or cancelled. Its errors do not affect the run. */
  onProgress?: ((progress: RunProgress) => unknown) | undefined;
  /** `outputs` drops a result as soon as the last node that takes it has finished. @defaultValue "all" */
  retain?: "all" | "outputs" | undefined;
}

/** The options of a run, as its loop sees them. */
export interface DagRunOptions extends RunOptions<any> {
  /** Its backends; undefined if neither the run nor its workflow names any. */
  readonly routing?: Routing | undefined;
}

/** The options of a dag. */
export interface DagOptions<G = Record<string, unknown>, I extends object = Record<string, any>> extends Pick<
  WorkflowOptions,
  Exclude<DagOption, "inputs">
> {
  /** See {@link WorkflowOptions.inputs}. They also type the inputs of its runs. */
  inputs?: InputSchemas<I> | undefined;
  /** Defaults of every run's options. */
  runOptions?: RunOptions<G, Partial<I>> | undefined;
}

/** The options of a partial run. */
export interface PartialRunOptions<
  G = Record<string, unknown>,
  I extends object = Record<string, any>,
> extends RunOptions<G, Partial<I>> {
  /**
   * The source of the results that this run does not compute: a run, or the id of one in `store`.
   * @defaultValue the dag's last run
   */
  from?: RunResult<any> | string | undefined;
}

export const DAG_RUN_RULES: Rules<PartialRunOptions> = {
  ...COMMON_RULES,
  executor: oneOf(EXECUTORS),
  concurrency: integer(1),
  maxWorkers: MAX_WORKERS,
  parallel: (option, parallel) => {
    checkType(option, parallel, "object");
    checkOptions(parallel, { strict: "boolean" }, option);
  },
  pool: checkPool,
  backends: checkBackends,
  overrides: checkRecord,
  onProgress: "function",
  retain: oneOf(["all", "outputs"]),
  from: checkFrom,
};

/** @throws {TypeError} | {RangeError} naming the option, its rule and the value received */
export function checkRunOptions(options: PartialRunOptions<any>, inputs?: () => Iterable<string>): void {
  checkRun(options, DAG_RUN_RULES, inputs);
}

function checkPool(option: OptionName, pool: unknown): void {
  if (!(pool instanceof ThreadPool))
    throw new TypeError(`${label(option)} must be a ThreadPool; received ${show(pool)}.`);
  if (pool.isClosed) throw new ClosedError(`${label(option)} is closed. Pass another one, or none.`);
}

function checkFrom(option: OptionName, from: unknown): void {
  if (typeof from === "string") return checkNonEmptyString(option, from);
  if (from instanceof RunResult) return;
  throw new TypeError(
    `${label(option)} must be the result of a run, or the id of a recorded one; received ${show(from)}.`,
  );
}
