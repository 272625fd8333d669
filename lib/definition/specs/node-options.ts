import {
  checkArray,
  checkDuration,
  checkName,
  checkNumber,
  checkOneOf,
  checkOptionNames,
  checkOptions,
  label,
  oneOf,
  type OptionName,
  type OtherNames,
  type Rules,
} from "../../base/check.js";
import { merge } from "../../base/merge.js";
import type { Context } from "../context.js";
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

/** What happens to the rest of a run when a node fails. */
export type ErrorStrategy = "failFast" | "continue" | "continueNone";

/** `critical` 100, `high` 80, `normal` 50, `low` 20, `background` 0, or a number from 0 to 100. */
export type Priority = "critical" | "high" | "normal" | "low" | "background" | number;

/**
 * Functions around every attempt of a node. They may be async. One that throws fails the node, with an error that
 * says which hook it was. `node` is the node's spec, `inputs` a record by parameter name.
 */
export interface NodeHooks<R = unknown> {
  /** Before the function; may return other inputs. */
  preExecute?: Hook<[node: NodeSpec, inputs: Record<string, unknown>, ctx: Context]> | undefined;
  /** After the function; may return another result, undefined keeps it. */
  postExecute?: Hook<[node: NodeSpec, inputs: Record<string, unknown>, result: R, ctx: Context]> | undefined;
  /** When the function threw or timed out; gets the user's own error. */
  onError?: Hook<[node: NodeSpec, inputs: Record<string, unknown>, error: unknown, ctx: Context]> | undefined;
  /** Always, as the last one. */
  cleanup?: Hook<[node: NodeSpec, ctx: Context]> | undefined;
}

/** As a method, so that a hook may expect more of its parameters than is known. */
type Hook<A extends unknown[]> = { hook(...args: A): unknown }["hook"];

/** A class, for wiring by type. */
export type Class = abstract new (...args: any[]) => unknown;

/** What computes the result of a node that has failed. */
type Fallback = (error: unknown, ctx: Context) => unknown;

/** The options of every kind of node. */
export interface NodeOptions<D extends readonly NeedLike[] = readonly NeedLike[]> {
  /** The node's name, for needs and look-ups alike. @defaultValue the method's or function's name */
  name?: string | undefined;
  description?: string | undefined;
  metadata?: Readonly<Record<string, unknown>> | undefined;
  /** Where each positional parameter comes from, in order. */
  needs?: D | undefined;
  /** Nodes that must be over before this one starts; no data passes, and a skipped or failed one counts as over. */
  after?: readonly NeedLike[] | undefined;
  /** The parameters' names, where they can't be read from the function. */
  params?: readonly string[] | undefined;
  /** With `wiring: "type"`: the class of each parameter, `[T]` for all nodes that return `T`. */
  types?: readonly (Class | readonly [Class] | undefined)[] | undefined;
  /** With `wiring: "type"`: the class this node returns. */
  returns?: Class | undefined;
  /** How often to try again after a failure, waiting 100 ms, 200 ms, 400 ms … between; or more precisely. @defaultValue 0 */
  retry?: number | RetryOptions | undefined;
  /** The longest an attempt may take, in ms. @defaultValue unlimited */
  timeout?: number | undefined;
  /** The longest the node may wait for its inputs, in ms from the run's start; then it fails. @defaultValue unlimited */
  inputsTimeout?: number | undefined;
  /** What stands in for the result when the node has failed: a value, or `(error, ctx) => value`, which may be async. */
  fallback?: Fallback | object | string | number | bigint | boolean | symbol | null | undefined;
  circuitBreaker?: CircuitBreakerOptions | undefined;
  throttle?: ThrottleOptions | undefined;
  concurrencyKey?: ConcurrencyOptions | undefined;
  /** Who goes first when several nodes are ready and few may run. @defaultValue "normal" */
  priority?: Priority | undefined;
  /** Where the node runs: on the caller's thread, or on a worker. @defaultValue that of the run's mode */
  backend?: "inline" | "thread" | undefined;
  cache?: CacheOptions | undefined;
  hooks?: NodeHooks | undefined;
  /** Wins over the run's strategy when this node fails. */
  errorStrategy?: ErrorStrategy | undefined;
}

const ERROR_STRATEGIES: readonly ErrorStrategy[] = ["failFast", "continue", "continueNone"];

const PRIORITIES: ReadonlyMap<unknown, number> = new Map([
  ["critical", 100],
  ["high", 80],
  ["normal", 50],
  ["low", 20],
  ["background", 0],
]);

/** The priority as a number from 0 to 100. */
export function priorityOf(priority: Priority | undefined): number {
  return typeof priority === "number" ? priority : (PRIORITIES.get(priority ?? "normal") as number);
}

const POLICIES = Object.keys(POLICY_RULES) as (keyof typeof POLICY_RULES)[];

/** Names that these options have in other libraries. */
const OTHER_NAMES: OtherNames = {
  retries: "retry: n, or retry: { retries }",
  retryDelay: "retry: { delay }",
  maxRetries: "retry: n, or retry: { retries }",
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
export type SharedOptions = Omit<NodeOptions, "needs" | "after" | "types" | "returns" | "inputsTimeout" | "backend">;

export const SHARED_RULES: Rules<SharedOptions> = {
  ...POLICY_RULES,
  name: "any",
  description: "string",
  metadata: "object",
  params: (option, params) => {
    checkArray(option, params);
    for (const param of params) checkName(option, param);
  },
  timeout: checkDuration,
  hooks: (option, hooks) => checkHooks(hooks, label(option)),
  errorStrategy: checkErrorStrategy,
  fallback: "any",
  priority: (option, priority) => {
    if (typeof priority === "number") checkNumber(option, priority, { min: 0, max: 100 });
    else checkOneOf(option, priority, [...PRIORITIES.keys()] as string[]);
  },
};

const NODE_RULES: Rules<NodeOptions> = {
  ...SHARED_RULES,
  needs: checkArray,
  after: checkArray,
  types: checkArray,
  returns: "function",
  inputsTimeout: checkDuration,
  backend: oneOf(["inline", "thread"]),
};

const CACHED_NODE_RULES: Rules<NodeOptions & CacheOptions> = { ...NODE_RULES, ...CACHE_RULES };

/** @throws {TypeError} | {RangeError} naming the option, its rule and the value received */
export function checkNodeOptions(options: NodeOptions, node: string): void {
  checkSpecOptions(options, NODE_RULES, `node "${node}"`);
}

/** @throws {TypeError} | {RangeError} naming the option, its owner, its rule and the value received */
export function checkSpecOptions(options: object, rules: Rules<any>, owner: string): void {
  checkOptions(options, rules, { path: "", owner }, OTHER_NAMES);
}

/** The options of a node that is cached, from those of `@cachedNode`, where the cache's stand among the node's. */
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

/** Whether running the node takes more than calling its function. */
export function hasPolicies(options: NodeOptions): boolean {
  const { retry = 0, timeout, cache, fallback, circuitBreaker, throttle, concurrencyKey } = options;
  const given = [timeout, cache, fallback, circuitBreaker, throttle, concurrencyKey];
  return retry !== 0 || given.some((option) => option !== undefined);
}

/** A copy that nobody can change any more. */
export function frozen<O extends NodeOptions>(options: O): Readonly<O> {
  const copy: NodeOptions = { ...options };
  for (const policy of POLICIES) {
    const own: unknown = copy[policy];
    if (typeof own === "object") copy[policy] = Object.freeze({ ...own }) as never;
  }
  return Object.freeze(copy as O);
}

/** @throws {TypeError} unless `hooks` is an object of functions with known names */
export function checkHooks(hooks: NodeHooks, owner: string): void {
  checkOptions(hooks, HOOK_RULES, owner);
}

/** @throws {TypeError} | {RangeError} unless it is one of the strategies */
export function checkErrorStrategy(option: OptionName, value: unknown): void {
  checkOneOf(option, value, ERROR_STRATEGIES, { stop: '"failFast"', fail: '"failFast"', skip: '"continue"' });
}
