import {
  checkArray,
  checkDuration,
  checkName,
  checkNumber,
  checkOneOf,
  checkOptionNames,
  checkOptions,
  integer,
  label,
  show,
  timeOf,
  type OptionName,
  type OtherNames,
  type Rules,
} from "../../base/check.js";
import type { Class } from "../../base/class-state.js";
import type { StandardSchema } from "../../base/standard-schema.js";
import { merge } from "../../base/merge.js";
import type { Context } from "../context.js";
import { checkNodeBackend, type Backend, type BackendName } from "./backend.js";
import { checkSchema } from "./input-schemas.js";
import type { NeedLike } from "./need.js";
import type { NodeSpec } from "./node-spec.js";
import {
  CACHE_RULES,
  POLICY_RULES,
  type CacheOptions,
  type CircuitBreakerOptions,
  type ConcurrencyOptions,
  type RetryOptions,
  type ThrottleOptions,
} from "./policy-options.js";

/**
 * How a run continues when a node fails. `failFast`: it rejects with the error. `continue`: nodes that need the failed
 * one are skipped, all others run; in an fsm, the run ends there without rejecting. `continueNone`: `null` takes the
 * place of the result.
 */
export type ErrorStrategy = "failFast" | "continue" | "continueNone";

/** `critical` 100, `high` 80, `normal` 50, `low` 20, `background` 0, or a number from 0 to 100. */
export type Priority = "critical" | "high" | "normal" | "low" | "background" | number;

/**
 * Functions that are called around each attempt of a node. They may be async. If one throws, the node fails with an
 * error that names the hook. `node` is the node's spec, and `inputs` a record by parameter name.
 */
export interface NodeHooks<R = unknown> {
  /** Called before the function; may return other inputs. */
  preExecute?: Hook<[node: NodeSpec, inputs: Record<string, unknown>, ctx: Context]> | undefined;
  /** Called after the function; may return another result. Undefined keeps the result. */
  postExecute?: Hook<[node: NodeSpec, inputs: Record<string, unknown>, result: R, ctx: Context]> | undefined;
  /** Called with the original error when the function has thrown or timed out. */
  onError?: Hook<[node: NodeSpec, inputs: Record<string, unknown>, error: unknown, ctx: Context]> | undefined;
  /** Always called, after the others. */
  cleanup?: Hook<[node: NodeSpec, ctx: Context]> | undefined;
}

/** Declared as a method, so that hooks may have parameters of more specific types. */
type Hook<A extends unknown[]> = { hook(...args: A): unknown }["hook"];

/**
 * A function that computes the result of a failed node.
 * @inline
 */
type Fallback = (error: unknown, ctx: Context) => unknown;

/** The options of every kind of node. */
export interface NodeOptions<D extends readonly NeedLike[] = readonly NeedLike[], V = any> {
  /** The name of the node. @defaultValue the name of the method or function */
  name?: string | undefined;
  /** What the node does, for readers; part of its spec and of `toXState`. */
  description?: string | undefined;
  /** Custom data about the node, which dagwright does not use. */
  metadata?: Readonly<Record<string, unknown>> | undefined;
  /** The sources of the positional parameters, in order. */
  needs?: D | undefined;
  /** Nodes that must have settled before this one starts, whether completed, skipped or failed. Passes no data. */
  after?: readonly NeedLike[] | undefined;
  /** The names of the parameters, if they can't be read from the function. */
  params?: readonly string[] | undefined;
  /** For `wiring: "type"`: the class of each parameter, or `[T]` for the results of all nodes that return `T`. */
  types?: readonly (Class | readonly [Class] | undefined)[] | undefined;
  /** For `wiring: "type"`: the class that the node returns. */
  returns?: Class | undefined;
  /**
   * The schema of the result: any Standard Schema (zod, valibot, arktype …). It checks what the node returns, and the
   * result is what it makes of that. An attempt whose result it refuses has failed.
   */
  output?: StandardSchema<any, V> | undefined;
  /** The number of retries, with delays of 100 ms, 200 ms, 400 ms …, or detailed options. @defaultValue 0 */
  retry?: number | RetryOptions | undefined;
  /**
   * When the node starts after its inputs are there: that many ms later, or at a date. Meanwhile it is `waiting`, and
   * takes no slot. A function gets the inputs.
   * @defaultValue at once
   */
  delay?: Delay | undefined;
  /** How long an attempt may take, in ms, without its `delay`. @defaultValue unlimited */
  timeout?: number | undefined;
  /**
   * How long the node may wait for its inputs, in ms from the start of the run, before it fails.
   * @defaultValue unlimited
   */
  inputsTimeout?: number | undefined;
  /** The result to use when the node has failed: a value, or a function `(error, ctx) => value`, which may be async. */
  fallback?: Fallback | object | string | number | bigint | boolean | symbol | null | undefined;
  /** Stops calling the node for a while when it keeps failing. @defaultValue none */
  circuitBreaker?: CircuitBreakerOptions | undefined;
  /** How often the node may be called. @defaultValue unlimited */
  throttle?: ThrottleOptions | undefined;
  /** How many nodes that share a key may be in flight at once, across runs. @defaultValue unlimited */
  concurrencyKey?: ConcurrencyOptions | undefined;
  /** Of a node that produces items: how many may wait for the slowest node that streams them. @defaultValue 16 */
  buffer?: number | undefined;
  /** The order in which ready nodes start when concurrency is limited. @defaultValue "normal" */
  priority?: Priority | undefined;
  /**
   * Where the node runs: `inline`, on the caller's thread; `thread`, on a worker thread; on a backend, or on the one that
   * has this name among the `backends` of the run or the workflow. Without a function, it has to be one of the latter.
   * @defaultValue the backend of the run's mode
   */
  backend?: BackendName | Backend | undefined;
  /** Keeps results across runs, by the values of the node's inputs. @defaultValue no cache */
  cache?: CacheOptions | undefined;
  /** Functions that are called around each attempt, after the default hooks and those of the run. */
  hooks?: NodeHooks | undefined;
  /**
   * In a live dag, whether a new result counts as the same as the one before, so that nothing that depends on it is
   * computed again. The one before is kept then.
   * @defaultValue Object.is
   */
  equals?: ((before: any, after: any) => boolean) | undefined;
  /** Overrides the strategy of the run when this node fails. */
  errorStrategy?: ErrorStrategy | undefined;
}

/** A time to wait: ms, a date, or a function of a node's inputs that returns either. */
export type Delay = number | Date | ((...inputs: any[]) => number | Date);

const ERROR_STRATEGIES: readonly ErrorStrategy[] = ["failFast", "continue", "continueNone"];

const PRIORITIES: ReadonlyMap<unknown, number> = new Map([
  ["critical", 100],
  ["high", 80],
  ["normal", 50],
  ["low", 20],
  ["background", 0],
]);

/** @throws {TypeError} | {RangeError} */
export function checkPriority(option: OptionName, priority: unknown): void {
  if (typeof priority === "number") checkNumber(option, priority, { min: 0, max: 100 });
  else checkOneOf(option, priority, [...PRIORITIES.keys()] as string[]);
}

/** The priority as a number from 0 to 100. */
export function priorityOf(priority: Priority | undefined): number {
  return typeof priority === "number" ? priority : (PRIORITIES.get(priority ?? "normal") as number);
}

/** The name of a priority; the number itself if it has none. */
export function namedPriority(priority: number): Priority {
  for (const [name, number] of PRIORITIES) if (number === priority) return name as Priority;
  return priority;
}

const POLICIES = Object.keys(POLICY_RULES) as (keyof typeof POLICY_RULES)[];

/** Names that these options have in other libraries. */
const OTHER_NAMES: OtherNames = {
  retries: "retry: n or retry: { retries }",
  retryDelay: "retry: { delay }",
  maxRetries: "retry: n or retry: { retries }",
  backoff: "retry: { backoff }",
  dependsOn: "needs",
  dependencies: "needs",
  ttl: "cache: { ttl }",
};

const HOOK_RULES: Rules<NodeHooks> = {
  preExecute: "function",
  postExecute: "function",
  onError: "function",
  cleanup: "function",
};

/** The options that nodes and states share. */
export type SharedOptions<V = any> = Omit<
  NodeOptions<readonly NeedLike[], V>,
  "needs" | "after" | "types" | "returns" | "inputsTimeout" | "backend" | "buffer" | "equals"
>;

export const SHARED_RULES: Rules<SharedOptions> = {
  ...POLICY_RULES,
  name: "any",
  description: "string",
  metadata: "object",
  params: (option, params) => {
    checkArray(option, params);
    for (const param of params) checkName(option, param);
  },
  delay: checkDelay,
  timeout: checkDuration,
  hooks: (option, hooks) => checkHooks(hooks, label(option)),
  errorStrategy: checkErrorStrategy,
  fallback: "any",
  output: checkSchema,
  priority: checkPriority,
};

export const NODE_RULES: Rules<NodeOptions> = {
  ...SHARED_RULES,
  needs: checkArray,
  after: checkArray,
  types: checkArray,
  returns: "function",
  inputsTimeout: checkDuration,
  buffer: integer(1),
  equals: "function",
  backend: checkNodeBackend,
};

/** The names of all options of nodes. */
export const NODE_OPTIONS = Object.keys(NODE_RULES);

const CACHED_NODE_RULES: Rules<NodeOptions & CacheOptions> = { ...NODE_RULES, ...CACHE_RULES };

/** @throws {TypeError} | {RangeError} naming the option, its rule and the value received */
export function checkNodeOptions(options: NodeOptions, node: string): void {
  checkSpecOptions(options, NODE_RULES, `node "${node}"`);
}

/** @throws {TypeError} | {RangeError} naming the option, its owner, its rule and the value received */
export function checkSpecOptions(options: object, rules: Rules<any>, owner: string): void {
  checkOptions(options, rules, { path: "", owner }, OTHER_NAMES);
}

/** Converts the options of `@cachedNode`, which include those of the cache, to the options of a node. */
export function withCache(options: NodeOptions & CacheOptions): NodeOptions {
  const rest: NodeOptions & Record<string, unknown> = { ...options };
  const cache: Record<string, unknown> = {};
  checkOptionNames(options, CACHED_NODE_RULES, "a cached node", OTHER_NAMES);
  for (const option in CACHE_RULES) {
    if (option in rest) cache[option] = rest[option];
    delete rest[option];
  }
  return { ...rest, cache: merge(cache, options.cache) };
}

/** Whether the options require more than a plain call of the function. */
export function hasPolicies(options: NodeOptions): boolean {
  const { retry = 0, timeout, cache, fallback, circuitBreaker, throttle, concurrencyKey, output } = options;
  const given = [timeout, cache, fallback, circuitBreaker, throttle, concurrencyKey, output];
  return retry !== 0 || given.some((option) => option !== undefined);
}

/** A frozen copy, with frozen copies of the policies. */
export function frozen<O extends NodeOptions>(options: O): Readonly<O> {
  const copy: NodeOptions = { ...options };
  for (const policy of POLICIES) {
    const own: unknown = copy[policy];
    if (typeof own === "object") copy[policy] = Object.freeze({ ...own }) as never;
  }
  return Object.freeze(copy as O);
}

function checkDelay(option: OptionName, delay: unknown): void {
  if (typeof delay !== "function") dueAfter(option, delay, 0);
}

/**
 * When a delay that begins at `time` ends; both in ms since 1970.
 * @throws {TypeError} | {RangeError} unless it is a number of ms, or a date
 */
export function dueAfter(option: string | OptionName, delay: unknown, time: number): number {
  if (delay instanceof Date) return timeOf(option, delay);
  if (typeof delay !== "number") {
    throw new TypeError(`${label(option)} must be milliseconds, or a date; received ${show(delay)}.`);
  }
  checkDuration(option, delay);
  return time + delay;
}

/** @throws {TypeError} unless `hooks` is an object of functions with known names */
export function checkHooks(hooks: NodeHooks, owner: string): void {
  checkOptions(hooks, HOOK_RULES, owner);
}

/** @throws {TypeError} | {RangeError} unless `value` is an error strategy */
export function checkErrorStrategy(option: OptionName, value: unknown): void {
  checkOneOf(option, value, ERROR_STRATEGIES, { stop: '"failFast"', fail: '"failFast"', skip: '"continue"' });
}
