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
import { checkLogger, type Logger } from "./logger.js";
import type { Telemetry } from "./telemetry/telemetry.js";

/**
 * `sequential`: one node at a time. `async`: all ready nodes at once, on the event loop. `parallel`: all ready nodes at
 * once, on worker threads. `hybrid`: all ready nodes at once, each on its own backend, and without one on the event loop;
 * each backend has a limit of its own.
 */
export type Mode = "sequential" | "async" | "parallel" | "hybrid";

/** Names that modes have in other libraries. */
export const OTHER_MODES = { sync: '"sequential" or runSync', threads: '"parallel"', thread: '"parallel"' };

export const MODES: readonly Mode[] = ["sequential", "async", "parallel", "hybrid"];

/** The answer of an {@link ErrorHandler}: `stop` acts like the strategy `failFast`, `continue` like `continue`. */
export type ErrorVerdict = "stop" | "continue";

/** Decides what to do about the failure of a node, instead of the error strategy. May be async. */
export type ErrorHandler = (node: string, error: ExecutionError, ctx: Context) => ErrorVerdict | Promise<ErrorVerdict>;

/** Inputs, in which those that may be undefined may also be absent, as may those with a default in their schema. */
export type Given<I extends object> = { [K in keyof I as undefined extends I[K] ? never : K]: I[K] } & {
  [K in keyof I as undefined extends I[K] ? K : never]?: I[K];
};

/** The common options of the runs of dags and fsms. */
export interface CommonRunOptions<I extends object = Record<string, any>> {
  /** Values for parameters, by name. */
  inputs?: Readonly<Given<I>> | undefined;
  /** @defaultValue "sequential" */
  mode?: Mode | undefined;
  /** @defaultValue "failFast" */
  errorStrategy?: ErrorStrategy | undefined;
  /** Called when a node has failed for good; its answer replaces the error strategy. @defaultValue none */
  errorHandler?: ErrorHandler | undefined;
  /** The time the run may take, in ms. @defaultValue unlimited */
  timeout?: number | undefined;
  /** Aborts the run, which then rejects with a `CancelledError`. */
  signal?: AbortSignal | undefined;
  /** Values that nodes share, as `ctx.metadata`. They override those of `context`. */
  metadata?: Readonly<Record<string, unknown>> | undefined;
  /** The `context` of an earlier run. Its metadata is the initial metadata of this one. */
  context?: { readonly metadata?: Readonly<Record<string, unknown>> | undefined } | undefined;
  /** Whether warnings about the definition are errors, see `validate`. @defaultValue false */
  strict?: boolean | undefined;
  /** Hooks for every node or state, between the default hooks and its own. */
  hooks?: NodeHooks | undefined;
  /** Functions that are called with every event of the run. */
  observers?: readonly Observer[] | undefined;
  /** Gets the lines of `ctx.log`, and what happens in the run: a logger of pino, or of its shape. @defaultValue none */
  logger?: Logger | undefined;
  /** Follows the run and carries a context through it: `otel()` of `dagwright/otel`. @defaultValue none */
  telemetry?: Telemetry | undefined;
  /** A scheduler, whose slots this run shares with others. */
  scheduler?: Scheduler | undefined;
  /** @defaultValue a random UUID */
  runId?: string | undefined;
  /** Records the run, which can then continue after a pause or a crash. */
  store?: RunStore | undefined;
  /**
   * What to do if the store already has a run of this `runId`. `error`: reject with a `StoreError`, code `RUN_EXISTS`.
   * `attach`: attach to that run, which makes repeated requests idempotent. Its inputs must be the same. A run in
   * progress is waited for, in whichever process it is, and continued here if that process is gone. A run that has
   * ended, even as `paused`, settles as it did and does not run again. `signal` and `timeout` end the waiting, but not
   * a run that another call began. While another process drives the run, the handle of an fsm sends events and follows
   * states through the store, and can't pause it.
   * @defaultValue "error"
   */
  ifExists?: "error" | "attach" | undefined;
  /**
   * With a store: puts the run away when nothing is left to do but to wait, for events, for delays, or for runs inside
   * that do. It resolves with status `waiting`, and `recover` continues it when it is due or has been sent an event.
   * @defaultValue false; true for an fsm whose run has no handle
   */
  detach?: boolean | undefined;
  /**
   * With a store, when a completion is durable: `strict`, before anything that depends on it starts; `relaxed`, within
   * 100 ms.
   * @defaultValue "strict"
   */
  durability?: Durability | undefined;
}

/** The rules of the common options. */
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
  logger: checkLogger,
  telemetry: (_, telemetry) => checkTelemetry(telemetry),
  scheduler: checkScheduler,
  runId: checkNonEmptyString,
  store: (_, store) => checkStore(store),
  ifExists: oneOf(["error", "attach"]),
  durability: oneOf(["strict", "relaxed"]),
  detach: "boolean",
};

/**
 * Checks the options of a run.
 * @param inputs - the names of the run's inputs, for the message about an input that is passed as an option
 * @throws {TypeError} | {RangeError} naming the option, its rule and the value received
 */
export function checkRun(
  options: CommonRunOptions,
  rules: Rules<any>,
  inputs: () => Iterable<string> = noInputs,
): void {
  checkObject(options, "a run");
  if (hasOnlyMode(options)) return;
  checkOptions(options, rules, "a run", (option) => inputAdvice(option, inputs()));
  if (options.detach === true && options.store === undefined) {
    throw new TypeError('"detach" puts a run away in its store, so it needs a "store".');
  }
}

function noInputs(): Iterable<string> {
  return [];
}

/**
 * Whether the only option is a mode that is legal for every run. That is the usual case, and looking up rules takes
 * longer.
 */
function hasOnlyMode(options: object): boolean {
  for (const option in options) {
    const value: unknown = options[option as never];
    if (option !== "mode" || (value !== "async" && value !== "sequential")) return false;
  }
  return true;
}

/** The advice on an input that was given as an option. */
function inputAdvice(option: string, inputs: Iterable<string>): string | undefined {
  for (const name of inputs) {
    // A compiler may have numbered the parameter.
    if (name === option || Array.from(withoutNumber(name)).includes(option)) {
      return `Pass inputs as run({ inputs: { ${option}: … } }).`;
    }
  }
  return undefined;
}

/** The initial metadata of a run. */
export function metadataOf({ metadata, context }: CommonRunOptions): Readonly<Record<string, unknown>> | undefined {
  const earlier = context?.metadata;
  return metadata === undefined || earlier === undefined ? (metadata ?? earlier) : { ...earlier, ...metadata };
}

/** @throws {TypeError} unless the options identify the run to attach to */
export function checkIdentity({ runId, store }: CommonRunOptions): void {
  if (runId !== undefined && store !== undefined) return;
  throw new TypeError('ifExists: "attach" needs the "runId" of a run and the "store" it may be in.');
}

/** @throws {TypeError} unless it is a signal */
export function checkSignal(option: OptionName, signal: unknown): void {
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

/** @throws {TypeError} unless it is telemetry */
export function checkTelemetry(telemetry: unknown): void {
  if (typeof telemetry === "object" && telemetry !== null && "follow" in telemetry && "submit" in telemetry) return;
  throw new TypeError(`"telemetry" must be made by otel() of "dagwright/otel"; received ${show(telemetry)}.`);
}

/** @throws {TypeError} unless it is a store */
export function checkStore(store: unknown): void {
  if (typeof store === "object" && store !== null && "create" in store && "claim" in store) return;
  const makers = 'made by sqliteStore or postgresStore of "dagwright/store"';
  throw new TypeError(`"store" must be a store, ${makers}; received ${show(store)}.`);
}

/** @throws {TypeError} | {RangeError} unless it is a non-empty string */
export function checkRunId(runId: unknown): asserts runId is string {
  checkNonEmptyString("runId", runId);
}
