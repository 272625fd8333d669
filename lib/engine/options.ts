import {
  checkDuration,
  checkName,
  checkObject,
  checkOneOf,
  checkRecord,
  checkType,
  show,
  unknownOption,
} from "../base/check.js";
import { ClosedError } from "../base/errors.js";
import type { Context } from "../definition/context.js";
import {
  checkErrorStrategy,
  checkHooks,
  type ErrorStrategy,
  type NodeHooks,
} from "../definition/specs/node-options.js";
import { withoutNumber } from "../definition/specs/original-names.js";
import { currentCaller } from "../policies/callers.js";
import { Scheduler } from "../policies/scheduler.js";
import type { ExecutionError } from "../run/errors.js";
import type { Observer } from "../run/events.js";
import type { Durability, RunStore } from "../stores/store.js";

/**
 * `sequential`: one node after the other. `async`: all ready nodes at once, on the event loop. `parallel`: all ready nodes
 * at once, on worker threads.
 */
export type Mode = "sequential" | "async" | "parallel";

/** Names that modes have elsewhere. */
export const OTHER_MODES = { sync: '"sequential", or runSync', threads: '"parallel"', thread: '"parallel"' };

const MODES: readonly Mode[] = ["sequential", "async", "parallel"];

/** What an {@link ErrorHandler} answers. */
export type ErrorVerdict = "stop" | "continue";

/** Decides about the failure of one node, instead of the error strategy. May be async. */
export type ErrorHandler = (node: string, error: ExecutionError, ctx: Context) => ErrorVerdict | Promise<ErrorVerdict>;

/** The options that the runs of dags and of fsms have in common. */
export interface CommonRunOptions<I extends object = Record<string, any>> {
  /** Values for parameters, by name. */
  inputs?: Readonly<I> | undefined;
  /** @defaultValue "sequential" */
  mode?: Mode | undefined;
  /** @defaultValue "failFast" */
  errorStrategy?: ErrorStrategy | undefined;
  errorHandler?: ErrorHandler | undefined;
  /** The longest the run may take, in ms. @defaultValue unlimited */
  timeout?: number | undefined;
  /** Aborts the run, which then rejects with a `CancelledError`. */
  signal?: AbortSignal | undefined;
  /** Values that nodes share, as `ctx.metadata`. They go over those of `context`. */
  metadata?: Readonly<Record<string, unknown>> | undefined;
  /** The `context` of an earlier run, whose metadata this one begins with. */
  context?: { readonly metadata?: Readonly<Record<string, unknown>> | undefined } | undefined;
  /** What is doubtful in the definition, see `validate`, is an error. @defaultValue false */
  strict?: boolean | undefined;
  /** Hooks for every node or state, between the default hooks and its own. */
  hooks?: NodeHooks | undefined;
  /** Called with every event of the run. */
  observers?: readonly Observer[] | undefined;
  /** Slots that this run shares with others. */
  scheduler?: Scheduler | undefined;
  /** @defaultValue a random UUID */
  runId?: string | undefined;
  /** Records the run, so that it can go on after a pause or a crash. */
  store?: RunStore | undefined;
  /**
   * What happens when the store has a run of this `runId`. `error`: reject with a `StoreError`, code `RUN_EXISTS`. `attach`: be
   * that run, for requests that are repeated. A run in progress is waited for, wherever it is driven, and taken up when its
   * process is gone; one that has ended settles as it did, as `paused` too, and is not run again. Its inputs have to be the same.
   * `signal` and `timeout` end the waiting for a run that somebody else has begun, not that run. While another process drives
   * it, a handle of an fsm's run sends it events and follows its states through the store; pausing it is refused.
   * @defaultValue "error"
   */
  ifExists?: "error" | "attach" | undefined;
  /**
   * With a store: `strict` makes a completion durable before anything that depends on it starts, `relaxed` within 100 ms.
   * @defaultValue "strict"
   */
  durability?: Durability | undefined;
}

/** What is asked of the values of options. */
export type RuleMap = ReadonlyMap<string, (value: unknown) => void>;

/** A rule for every option. */
export type Rules<O> = Record<keyof O, (value: unknown) => void>;

/** The rules of the options in common. */
export const COMMON_RULES: Rules<CommonRunOptions> = {
  inputs: (value) => checkRecord("inputs", value),
  mode: (value) => checkOneOf("mode", value, MODES, OTHER_MODES),
  errorStrategy: (value) => checkErrorStrategy("errorStrategy", value),
  errorHandler: (value) => checkType("errorHandler", value, "function"),
  timeout: (value) => checkDuration("timeout", value),
  signal: checkSignal,
  metadata: (value) => checkRecord("metadata", value),
  context: checkContext,
  strict: (value) => checkType("strict", value, "boolean"),
  hooks: (value) => checkHooks(value as NodeHooks, '"hooks" of a run'),
  observers: checkObservers,
  scheduler: checkScheduler,
  runId: (value) => checkRunId(value),
  store: checkStore,
  ifExists: (value) => checkOneOf("ifExists", value, ["error", "attach"]),
  durability: (value) => checkOneOf("durability", value, ["strict", "relaxed"]),
};

/**
 * @param inputs - the names of the run's inputs, which are no options
 * @throws {TypeError} | {RangeError} naming the option, its rule and the value received
 */
export function checkRun(options: object, rules: RuleMap, inputs?: () => Iterable<string>): void {
  checkObject(options, "a run");
  for (const key in options) {
    const value: unknown = (options as Record<string, unknown>)[key];
    // Legal for every run, and often all that is given: looking the rule up would be a twenty-fifth of a small run.
    if (key === "mode" && (value === "async" || value === "sequential")) continue;
    const rule = rules.get(key);
    if (rule === undefined) throw unknown(key, rules, inputs);
    if (value !== undefined) rule(value);
  }
}

function unknown(key: string, rules: RuleMap, inputs: (() => Iterable<string>) | undefined): TypeError {
  for (const name of inputs?.() ?? []) {
    // A compiler may have numbered it.
    if (name !== key && !Array.from(withoutNumber(name)).includes(key)) continue;
    return new TypeError(`Unknown option "${key}" of a run. Inputs go together: run({ inputs: { ${key}: … } }).`);
  }
  return unknownOption(key, rules.keys(), "a run");
}

/** What a run's metadata begin with. */
export function metadataOf({ metadata, context }: CommonRunOptions): Readonly<Record<string, unknown>> | undefined {
  const earlier = context?.metadata;
  return metadata === undefined || earlier === undefined ? (metadata ?? earlier) : { ...earlier, ...metadata };
}

/** @throws {TypeError} unless the options say which run is to be attached to, and where it is */
export function checkIdentity({ runId, store }: CommonRunOptions): void {
  if (runId !== undefined && store !== undefined) return;
  throw new TypeError('ifExists: "attach" takes the "runId" of a run, and the "store" where that may be.');
}

function checkSignal(signal: unknown): void {
  if (typeof (signal as AbortSignal | null)?.addEventListener === "function") return;
  throw new TypeError(`"signal" must be an AbortSignal; received ${show(signal)}.`);
}

function checkContext(context: unknown): void {
  checkType("context", context, "object");
  const given = context as { readonly metadata?: unknown };
  if (Object.keys(given).length > 0 && !("metadata" in given)) {
    throw new TypeError(`"context" must be the context of an earlier run, or { metadata }; received ${show(context)}.`);
  }
  checkRecord("context.metadata", given.metadata);
}

function checkObservers(observers: unknown): void {
  if (!Array.isArray(observers)) {
    throw new TypeError(`"observers" must be an array of functions; received ${show(observers)}.`);
  }
  for (const observer of observers) checkType("observers", observer, "function");
}

function checkScheduler(scheduler: unknown): void {
  if (!(scheduler instanceof Scheduler)) {
    throw new TypeError(`"scheduler" must be a Scheduler; received ${show(scheduler)}.`);
  }
  if (scheduler.refuses(currentCaller())) throw new ClosedError('"scheduler" is closed. Pass another one, or none.');
}

/** @throws {TypeError} unless it can be a store */
export function checkStore(store: unknown): void {
  if (typeof store === "object" && store !== null && "create" in store && "claim" in store) return;
  const makers = 'made by sqliteStore or postgresStore of "dagwright/store"';
  throw new TypeError(`"store" must be a store, ${makers}; received ${show(store)}.`);
}

/** @throws {TypeError} | {RangeError} unless `runId` can be a run's */
export function checkRunId(runId: unknown, option = "runId"): asserts runId is string {
  checkName(option, runId);
  if (runId === "") throw new RangeError(`"${option}" must be a non-empty string; received "".`);
}
