import { checkDuration, checkNumber, checkObject, checkOneOf, checkType, show, unknownOption } from "../base/check.js";
import type { Context } from "../definition/context.js";
import { checkErrorStrategy, checkHooks, type ErrorStrategy, type NodeHooks } from "../definition/node-options.js";
import type { ExecutionError } from "../run/errors.js";
import type { Observer } from "../run/events.js";
import { RunResult } from "../run/result.js";

/** `sequential`: one node after the other. `async`: all ready nodes at once, on the event loop. */
export type Mode = "sequential" | "async";

const MODES: readonly Mode[] = ["sequential", "async"];

/** What an {@link ErrorHandler} answers. */
export type ErrorVerdict = "stop" | "continue";

/** Decides about the failure of one node, instead of the error strategy. May be async. */
export type ErrorHandler = (node: string, error: ExecutionError, ctx: Context) => ErrorVerdict | Promise<ErrorVerdict>;

/** The options of a run. All are optional. */
export interface RunOptions<N = Record<string, unknown>> {
  /** Values for parameters that no node fills, by name. */
  inputs?: Readonly<Record<string, unknown>>;
  /** @defaultValue "sequential" */
  mode?: Mode;
  /** When a node becomes ready: as soon as its last need is there. @defaultValue "workQueue" */
  executor?: "workQueue";
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

const RULES: ReadonlyMap<string, (value: unknown) => void> = new Map(
  Object.entries({
    inputs: (value) => checkType("inputs", value, "object"),
    mode: (value) => checkOneOf("mode", value, MODES),
    executor: (value) => checkOneOf("executor", value, ["workQueue"]),
    concurrency: (value) => checkNumber("concurrency", value, { min: 1, integer: true }),
    errorStrategy: (value) => checkErrorStrategy("errorStrategy", value),
    errorHandler: (value) => checkType("errorHandler", value, "function"),
    timeout: (value) => checkDuration("timeout", value),
    signal: checkSignal,
    overrides: (value) => checkType("overrides", value, "object"),
    context: checkContext,
    retain: (value) => checkOneOf("retain", value, ["all", "outputs"]),
    strict: (value) => checkType("strict", value, "boolean"),
    hooks: (value) => checkHooks(value as NodeHooks, '"hooks" of a run'),
    observers: checkObservers,
    runId: checkRunId,
    from: checkFrom,
  } satisfies Record<keyof PartialRunOptions, (value: unknown) => void>),
);

/** @throws {TypeError} | {RangeError} naming the option, its rule and the value received */
export function checkRunOptions(options: PartialRunOptions<any>): void {
  checkObject(options, "a run");
  for (const key in options) {
    const rule = RULES.get(key);
    if (rule === undefined) throw unknownOption(key, RULES.keys(), "a run");
    const value: unknown = options[key as keyof PartialRunOptions];
    if (value !== undefined) rule(value);
  }
}

function checkSignal(signal: unknown): void {
  if (typeof (signal as AbortSignal | null)?.addEventListener === "function") return;
  throw new TypeError(`"signal" must be an AbortSignal; received ${show(signal)}.`);
}

function checkContext(context: unknown): void {
  checkType("context", context, "object");
  checkType("context.metadata", (context as RunOptions["context"])?.metadata, "object");
}

function checkObservers(observers: unknown): void {
  if (!Array.isArray(observers)) {
    throw new TypeError(`"observers" must be an array of functions; received ${show(observers)}.`);
  }
  for (const observer of observers) checkType("observers", observer, "function");
}

function checkFrom(from: unknown): void {
  if (!(from instanceof RunResult)) throw new TypeError(`"from" must be the result of a run; received ${show(from)}.`);
}

function checkRunId(runId: unknown): void {
  checkType("runId", runId, "string");
  if (runId === "") throw new RangeError('"runId" must be a non-empty string; received "".');
}
