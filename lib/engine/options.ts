import {
  checkDuration,
  checkNonEmptyString,
  checkObject,
  checkOptions,
  checkRecord,
  checkType,
  label,
  nested,
  oneOf,
  show,
  type OptionName,
  type Rules,
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

/** Names that modes have in other libraries. */
export const OTHER_MODES = { sync: '"sequential" or runSync', threads: '"parallel"', thread: '"parallel"' };

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

/** The rules of the options in common. */
export const COMMON_RULES: Rules<CommonRunOptions> = {
  inputs: checkRecord,
  mode: oneOf(MODES, OTHER_MODES),
  errorStrategy: checkErrorStrategy,
  errorHandler: "function",
  timeout: checkDuration,
  signal: checkSignal,
  metadata: checkRecord,
  context: checkContext,
  strict: "boolean",
  hooks: (option, hooks) => checkHooks(hooks, `${label(option)} of a run`),
  observers: checkObservers,
  scheduler: checkScheduler,
  runId: checkNonEmptyString,
  store: (_, store) => checkStore(store),
  ifExists: oneOf(["error", "attach"]),
  durability: oneOf(["strict", "relaxed"]),
};

/**
 * @param inputs - the names of the run's inputs, which are no options
 * @throws {TypeError} | {RangeError} naming the option, its rule and the value received
 */
export function checkRun(options: object, rules: Rules<any>, inputs: () => Iterable<string> = noInputs): void {
  checkObject(options, "a run");
  if (!hasOnlyMode(options)) checkOptions(options, rules, "a run", (option) => inputAdvice(option, inputs()));
}

function noInputs(): Iterable<string> {
  return [];
}

/** Whether there is nothing to check: a mode that any run may have is often all that is given, and looking up rules takes longer. */
function hasOnlyMode(options: object): boolean {
  for (const option in options) {
    const value: unknown = options[option as never];
    if (option !== "mode" || (value !== "async" && value !== "sequential")) return false;
  }
  return true;
}

/** Says where an input goes that was given as an option. */
function inputAdvice(option: string, inputs: Iterable<string>): string | undefined {
  for (const name of inputs) {
    // A compiler may have numbered the parameter.
    if (name === option || Array.from(withoutNumber(name)).includes(option)) {
      return `Pass inputs as run({ inputs: { ${option}: … } }).`;
    }
  }
  return undefined;
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

function checkSignal(option: OptionName, signal: unknown): void {
  if (typeof (signal as AbortSignal | null)?.addEventListener === "function") return;
  throw new TypeError(`${label(option)} must be an AbortSignal; received ${show(signal)}.`);
}

function checkContext(option: OptionName, context: NonNullable<CommonRunOptions["context"]>): void {
  checkType(option, context, "object");
  if (Object.keys(context).length > 0 && !("metadata" in context)) {
    const rule = "must be the context of an earlier run, or { metadata }";
    throw new TypeError(`${label(option)} ${rule}; received ${show(context)}.`);
  }
  if (context.metadata !== undefined) checkRecord(nested(option, "metadata"), context.metadata);
}

function checkObservers(option: OptionName, observers: unknown): void {
  if (!Array.isArray(observers)) {
    throw new TypeError(`${label(option)} must be an array of functions; received ${show(observers)}.`);
  }
  for (const observer of observers) checkType(option, observer, "function");
}

function checkScheduler(option: OptionName, scheduler: unknown): void {
  if (!(scheduler instanceof Scheduler)) {
    throw new TypeError(`${label(option)} must be a Scheduler; received ${show(scheduler)}.`);
  }
  if (scheduler.refuses(currentCaller())) {
    throw new ClosedError(`${label(option)} is closed. Pass another one, or none.`);
  }
}

/** @throws {TypeError} unless it can be a store */
export function checkStore(store: unknown): void {
  if (typeof store === "object" && store !== null && "create" in store && "claim" in store) return;
  const makers = 'made by sqliteStore or postgresStore of "dagwright/store"';
  throw new TypeError(`"store" must be a store, ${makers}; received ${show(store)}.`);
}

/** @throws {TypeError} | {RangeError} unless `runId` can be a run's */
export function checkRunId(runId: unknown): asserts runId is string {
  checkNonEmptyString("runId", runId);
}
