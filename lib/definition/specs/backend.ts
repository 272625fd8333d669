import {
  checkNonEmptyString,
  checkOptions,
  checkRecord,
  checkType,
  integer,
  label,
  nested,
  show,
  type OptionName,
  type Rules,
} from "../../base/check.js";
import type { Context } from "../context.js";
import type { CallSite } from "./call-site.js";
import type { NodeSpec } from "./node-spec.js";

/** The name of a backend: of the two that every run has, or of one in the option `backends`. */
export type BackendName = "inline" | "thread" | (string & {});

/** One attempt of a node, as a {@link Backend} gets it. */
export interface BackendCall {
  /** The node: its name, its options, and its function, which is called as `node.fn.apply(node.self, args)`. */
  readonly node: NodeSpec;
  /** The workflow's name. */
  readonly workflow: string;
  /** The values of the node's parameters by name, without the context, as a record without a prototype. */
  readonly inputs: Readonly<Record<string, unknown>>;
  /** The arguments in order, with the context if the function takes it. */
  readonly args: readonly unknown[];
  /** The run, as the node's function sees it on this thread. */
  readonly ctx: Context;
  /** The number of this attempt, counted from 1. */
  readonly attempt: number;
  /** Where errors of this attempt belong: `new BackendError(message, call.site)`. */
  readonly site: CallSite;
  /** Aborts when the result is no longer needed: at the timeout of the node, or when its run ends. */
  readonly signal: AbortSignal;
  /**
   * The trace that the attempt belongs to, as W3C Trace Context: `traceparent`, and `tracestate` after a space. Undefined if
   * no telemetry follows the run.
   */
  readonly trace: string | undefined;
  /**
   * The store that records the run; undefined if none does.
   * @internal
   */
  readonly store?: object | undefined;
  /**
   * How many earlier attempts of the node were interrupted, as the drivers of the run died.
   * @internal
   */
  readonly interrupted?: number | undefined;
}

/**
 * Where attempts run: on another machine, in another language, in a sandbox. It knows where, and the run knows when and
 * why: retries, timeouts, limits, caches and hooks are around each call.
 *
 * Nodes have one as their option `backend`, or name one of the option `backends` of the run or the workflow. In a run,
 * each backend has slots and a queue of its own.
 */
export interface Backend {
  /** Shown in plans and results, unless the option `backends` gives it another. Not `inline` or `thread`. */
  readonly name: string;
  /** The maximum number of calls in flight, in one run. @defaultValue unlimited */
  readonly limit?: number | undefined;
  /**
   * Whether it can execute a node, asked before a run begins: true, or the reason why not. A node that it can't execute
   * runs inline, and `dryRun` and the run's result tell why; under `parallel: { strict: true }`, and if it has no
   * function, the run is refused.
   */
  place?(node: NodeSpec): true | string;
  /**
   * Makes one attempt. Returns the result, or a promise of it; what it throws is the error of the attempt.
   * @param signal - `call.signal`: calls should end when it aborts, and are abandoned in any case
   */
  run(call: BackendCall, signal: AbortSignal): unknown;
  /** Releases what it holds, such as connections. Called by its owner, never by a run. */
  close?(): unknown;
}

/** The limit of a backend that is known by its name. */
export interface BackendLimit {
  /** The maximum number of calls in flight, in one run. */
  readonly limit: number;
}

/**
 * Backends by the names that nodes have for them, and limits: of `inline`, of `thread`, and of backends that are
 * defined elsewhere.
 */
export type Backends = Readonly<Record<string, Backend | BackendLimit>>;

/** The names of the backends that every run has. */
export const RESERVED_NAMES: readonly string[] = ["inline", "thread"];

/** Whether an option `backend` means one besides those that every run has. */
export function isOwnBackend(backend: BackendName | Backend | undefined): boolean {
  return backend !== undefined && !RESERVED_NAMES.includes(backend as string);
}

/** Whether an entry of {@link Backends} is a backend, and not only a limit. */
export function isBackend(entry: Backend | BackendLimit): entry is Backend {
  return "run" in entry;
}

/** @throws {TypeError} | {RangeError} unless it is the name of a backend, or a backend */
export function checkNodeBackend(option: OptionName, backend: unknown): void {
  if (typeof backend === "string") return checkNonEmptyString(option, backend);
  if (typeof backend !== "object" || backend === null) {
    throw new TypeError(
      `${label(option)} must be "inline", "thread", a name of the option "backends", or a backend; received ${show(backend)}.`,
    );
  }
  checkBackend(option, backend);
}

const LIMIT_RULES: Rules<BackendLimit> = { limit: integer(1) };

/** @throws {TypeError} | {RangeError} unless it is a record of backends and limits */
export function checkBackends(option: OptionName, backends: Backends): void {
  checkRecord(option, backends);
  const names = new Map<object, string>();
  for (const [name, entry] of Object.entries(backends)) {
    const place = nested(option, name);
    if (name === "") throw new RangeError(`${label(option)} must not have an empty name.`);
    checkType(place, entry, "object");
    if (!isBackend(entry)) {
      checkOptions(entry, LIMIT_RULES, place);
      if (entry.limit !== undefined) continue;
      throw new TypeError(`${label(place)} must be a backend, or a limit as { limit: 4 }; it has neither.`);
    }
    if (RESERVED_NAMES.includes(name)) {
      throw new TypeError(
        `${label(place)} must be a limit, as { limit: 4 }: "${name}" is a backend that every run has. Give yours another name.`,
      );
    }
    checkBackend(place, entry);
    const other = names.get(entry);
    if (other !== undefined) {
      throw new TypeError(`${label(place)} is the same backend as "${other}". Give it one name.`);
    }
    names.set(entry, name);
  }
}

/** Does not look for other members, which belong to whoever wrote it. */
function checkBackend(option: OptionName, backend: object): void {
  const { name, limit, place, run, close } = backend as Record<keyof Backend, unknown>;
  checkType(nested(option, "run"), run, "function");
  checkNonEmptyString(nested(option, "name"), name);
  if (RESERVED_NAMES.includes(name)) {
    const rule = `must not be "${name}", a backend that every run has`;
    throw new RangeError(`${label(nested(option, "name"))} ${rule}. Give yours another name.`);
  }
  if (limit !== undefined) LIMIT_RULE(nested(option, "limit"), limit);
  if (place !== undefined) checkType(nested(option, "place"), place, "function");
  if (close !== undefined) checkType(nested(option, "close"), close, "function");
}

const LIMIT_RULE = LIMIT_RULES.limit as (option: OptionName, value: unknown) => void;
