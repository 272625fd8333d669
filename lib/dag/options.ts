import { checkNumber, checkOneOf, checkOptions, checkRecord, checkType, show } from "../base/check.js";
import { ClosedError } from "../base/errors.js";
import { checkWorkers } from "../backends/thread/pool-options.js";
import { ThreadPool } from "../backends/thread/thread-pool.js";
import type { DagOptions } from "../definition/specs/dag-options.js";
import { RunResult } from "../run/result.js";
import {
  checkRun,
  checkRunId,
  COMMON_RULES,
  type CommonRunOptions,
  type RuleMap,
  type Rules,
} from "../engine/options.js";
import { EXECUTORS, type ExecutorName } from "./executors/executor.js";

/** How far a run is. */
export interface RunProgress {
  /** The node that is over. */
  readonly node: string;
  /** How many are. */
  readonly completed: number;
  /** How many nodes the run has. */
  readonly total: number;
  /** From 0 to 1. */
  readonly fraction: number;
}

/** The options of a dag's run. All are optional. `G` is what may be given for the nodes' results, by name; `I` its inputs. */
export interface RunOptions<
  G = Record<string, unknown>,
  I extends object = Record<string, any>,
> extends CommonRunOptions<I> {
  /** When a node whose needs are there starts, see {@link ExecutorName}. Results are the same. @defaultValue "workQueue" */
  executor?: ExecutorName | undefined;
  /** How many nodes may be in flight, in mode `async`. @defaultValue unlimited */
  concurrency?: number | undefined;
  /** How many nodes may be on worker threads at once, in mode `parallel`. @defaultValue the machine's available parallelism */
  maxWorkers?: number | undefined;
  /** `strict`: a node that should run on a thread but can't is an error, instead of running inline. */
  parallel?: { readonly strict?: boolean | undefined } | undefined;
  /** The worker threads to use. @defaultValue a pool that all runs without one share */
  pool?: ThreadPool | undefined;
  /** Results by node name; those nodes do not run. */
  overrides?: Readonly<Partial<G>> | undefined;
  /** Called when a node is over, be it completed, failed, skipped or cancelled. What it throws harms no run. */
  onProgress?: ((progress: RunProgress) => unknown) | undefined;
  /** `outputs` drops a result as soon as the last node that takes it has finished. @defaultValue "all" */
  retain?: "all" | "outputs" | undefined;
}

/** The options of a dag. */
export interface DagSettings<G = Record<string, unknown>, I extends object = Record<string, any>> extends DagOptions {
  /** Defaults of every run's options. */
  runOptions?: RunOptions<G, Partial<I>> | undefined;
}

/** The options of a partial run. */
export interface PartialRunOptions<
  G = Record<string, unknown>,
  I extends object = Record<string, any>,
> extends RunOptions<G, Partial<I>> {
  /**
   * Where the results come from that this run does not compute: a run, or the id of one in `store`.
   * @defaultValue the dag's last run
   */
  from?: RunResult<any> | string | undefined;
}

export const DAG_RULES: RuleMap = new Map(
  Object.entries({
    ...COMMON_RULES,
    executor: (value) => checkOneOf("executor", value, EXECUTORS),
    concurrency: (value) => checkNumber("concurrency", value, { min: 1, integer: true }),
    maxWorkers: checkWorkers,
    parallel: checkParallel,
    pool: checkPool,
    overrides: (value) => checkRecord("overrides", value),
    onProgress: (value) => checkType("onProgress", value, "function"),
    retain: (value) => checkOneOf("retain", value, ["all", "outputs"]),
    from: checkFrom,
  } satisfies Rules<PartialRunOptions>),
);

/** @throws {TypeError} | {RangeError} naming the option, its rule and the value received */
export function checkRunOptions(options: PartialRunOptions<any>, inputs?: () => Iterable<string>): void {
  checkRun(options, DAG_RULES, inputs);
}

function checkParallel(parallel: unknown): void {
  checkType("parallel", parallel, "object");
  checkOptions(parallel, ["strict"], '"parallel"');
  checkType("parallel.strict", (parallel as { strict?: unknown }).strict, "boolean");
}

function checkPool(pool: unknown): void {
  if (!(pool instanceof ThreadPool)) throw new TypeError(`"pool" must be a ThreadPool; received ${show(pool)}.`);
  if (pool.isClosed) throw new ClosedError('"pool" is closed. Pass another one, or none.');
}

function checkFrom(from: unknown): void {
  if (typeof from === "string") return checkRunId(from, "from");
  if (!(from instanceof RunResult))
    throw new TypeError(`"from" must be the result of a run, or the id of a recorded one; received ${show(from)}.`);
}
