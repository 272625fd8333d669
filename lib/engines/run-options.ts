import { checkDuration, checkNumber, checkOneOf, checkOptions, checkType, show } from "../base/check.js";
import type { Context } from "../definition/context.js";
import { checkErrorStrategy, checkHooks, type ErrorStrategy, type NodeHooks } from "../definition/node-options.js";
import type { DagPlan } from "../planning/plan.js";
import type { ResultCache } from "../policies/cache.js";
import type { ExecutionError } from "../run/errors.js";
import type { Observer } from "../run/events.js";
import type { RunResult } from "../run/result.js";

/** `sequential`: one node after the other. `async`: all ready nodes at once, on the event loop. */
export type Mode = "sequential" | "async";

/** Decides about the failure of one node, instead of the error strategy. May be async. */
export type ErrorHandler = (
  node: string,
  error: ExecutionError,
  ctx: Context,
) => "stop" | "continue" | Promise<"stop" | "continue">;

/** The options of a run. All are optional. */
export interface RunOptions<N = Record<string, unknown>> {
  /** Values for parameters that no node fills, by name. */
  inputs?: Readonly<Record<string, unknown>>;
  /** @defaultValue "sequential" */
  mode?: Mode;
  /** How many nodes may be in flight, in mode `async`. @defaultValue unlimited */
  concurrency?: number;
  /** @defaultValue "failFast" */
  errorStrategy?: ErrorStrategy;
  errorHandler?: ErrorHandler;
  /** The longest the run may take, in ms. @defaultValue unlimited */
  timeout?: number;
  /** Aborts the run, which then rejects with a `CancelledError`. */
  signal?: AbortSignal;
  /** Results by node name; those nodes do not run. */
  overrides?: Readonly<Partial<Record<keyof N & string, unknown>>>;
  /** Metadata for the nodes to share: `{ metadata }`, or the `context` of an earlier run. */
  context?: { readonly metadata?: Readonly<Record<string, unknown>> };
  /** `outputs` drops a result as soon as the last node that takes it has finished. @defaultValue "all" */
  retain?: "all" | "outputs";
  /** Isolated nodes and unconnected branches are errors. @defaultValue false */
  strict?: boolean;
  /** Hooks for every node, between the default hooks and the node's own. */
  hooks?: NodeHooks;
  /** Called with every event of the run. */
  observers?: readonly Observer[];
  /** @defaultValue a random UUID */
  runId?: string;
}

/** The options of a partial run. */
export interface PartialRunOptions<N = Record<string, unknown>> extends RunOptions<N> {
  /** Where the results come from that this run does not compute. @defaultValue the dag's last run */
  from?: RunResult<any>;
}

/** What the engine needs to know of a run: the options, checked and resolved against the plan. */
export interface DagRunSettings {
  readonly plan: DagPlan;
  /** Nobody can wait: a promise is an error, and pauses block. */
  readonly sync: boolean;
  /** How many attempts may be in flight. */
  readonly limit: number;
  /** An `any` node waits until each of its needs is settled, so that its winner does not depend on timing. */
  readonly anyWaitsForAll: boolean;
  readonly errorStrategy: ErrorStrategy;
  readonly errorHandler: ErrorHandler | undefined;
  readonly timeout: number | undefined;
  readonly signal: AbortSignal | undefined;
  readonly overrides: ReadonlyMap<number, unknown> | undefined;
  readonly retain: "all" | "outputs";
  readonly hooks: readonly NodeHooks[];
  readonly observers: readonly Observer[] | undefined;
  readonly cacheOf: (node: string) => ResultCache | undefined;
  /** Called when nothing is in flight though nodes are ready: a stepped run has done its step. */
  readonly onIdle: (() => void) | undefined;
}

const OPTIONS = [
  ...["inputs", "mode", "concurrency", "errorStrategy", "errorHandler", "timeout", "signal", "overrides", "context"],
  ...["retain", "strict", "hooks", "observers", "runId", "from"],
];

/** @throws {TypeError} | {RangeError} naming the option, its rule and the value received */
export function checkRunOptions(options: PartialRunOptions<any>): void {
  checkOptions(options, OPTIONS, "a run");
  checkType("inputs", options.inputs, "object");
  checkOneOf("mode", options.mode, ["sequential", "async"]);
  checkNumber("concurrency", options.concurrency, { min: 1, integer: true });
  checkErrorStrategy("errorStrategy", options.errorStrategy);
  checkType("errorHandler", options.errorHandler, "function");
  checkDuration("timeout", options.timeout);
  checkType("overrides", options.overrides, "object");
  checkType("context", options.context, "object");
  checkType("context.metadata", options.context?.metadata, "object");
  checkOneOf("retain", options.retain, ["all", "outputs"]);
  checkType("strict", options.strict, "boolean");
  checkType("runId", options.runId, "string");
  checkType("from", options.from, "object");
  if (options.hooks !== undefined) checkHooks(options.hooks, '"hooks" of a run');
  if (options.signal !== undefined && typeof options.signal?.addEventListener !== "function") {
    throw new TypeError(`"signal" must be an AbortSignal; received ${show(options.signal)}.`);
  }
  if (options.observers !== undefined) {
    if (!Array.isArray(options.observers)) {
      throw new TypeError(`"observers" must be an array of functions; received ${show(options.observers)}.`);
    }
    for (const observer of options.observers) checkType("observers", observer, "function");
  }
}
