import {
  checkDuration,
  checkName,
  checkNonEmptyString,
  checkNumber,
  checkOptions,
  checkType,
  integer,
  label,
  nested,
  number,
  oneOf,
  requireOptions,
  show,
  type OptionName,
  type Rule,
  type Rules,
} from "../../base/check.js";

/** When and how often a node is tried again after a failure. */
export interface RetryOptions {
  /** How many attempts may follow the first one. @defaultValue 3 */
  retries?: number | undefined;
  /** How the pause grows: `exponential` is delay · factorⁿ⁻¹ before retry n, `linear` delay · n. @defaultValue "exponential" */
  backoff?: Backoff | undefined;
  /** In ms. @defaultValue 100 */
  delay?: number | undefined;
  /** From 1. @defaultValue 2 */
  factor?: number | undefined;
  /** The longest pause, in ms. @defaultValue 30000, or `delay` where that is longer */
  maxDelay?: number | undefined;
  /** Full jitter: the pause is a random part of what it would be. @defaultValue false */
  jitter?: boolean | undefined;
  /** Whether to try again after attempt `attempt` (counted from 1) threw `error`. May be async. @defaultValue always */
  when?: ((error: unknown, attempt: number) => boolean | Promise<boolean>) | undefined;
  /** Called before the pause of `delay` ms that follows attempt `attempt`. May be async. */
  onRetry?: ((error: unknown, attempt: number, delay: number) => unknown) | undefined;
}

export type Backoff = "exponential" | "linear" | "fixed";

/** Stops calling a node that keeps failing. */
export interface CircuitBreakerOptions {
  /** Nodes of the same key share a circuit, wherever they are used. @defaultValue one for this node of this workflow */
  key?: string | undefined;
  /** How many calls in a row have to fail for the circuit to open. @defaultValue 5 */
  failureThreshold?: number | undefined;
  /** How long it stays open before calls are let through as probes, in ms. @defaultValue 30000 */
  resetAfter?: number | undefined;
  /** How many probes may be in flight at once; the first that succeeds closes the circuit. @defaultValue 1 */
  halfOpenProbes?: number | undefined;
  /**
   * Whether a call that threw `error` counts as failed; where it does not, as one that was answered. May be async.
   * @defaultValue always
   */
  when?: ((error: unknown) => boolean | Promise<boolean>) | undefined;
}

/** How often a node may be called: a token bucket that starts full and refills evenly. */
export interface ThrottleOptions {
  /** How many calls, from 1. */
  limit: number;
  /** In so many ms. */
  interval: number;
  /** Nodes of the same key share a bucket. @defaultValue one for this node of this workflow */
  key?: string | undefined;
}

/** How many nodes of one key may be in flight at once, over all runs. */
export interface ConcurrencyOptions {
  key: string;
  /** @defaultValue 1 */
  limit?: number | undefined;
}

/** A result in a {@link CacheStore}. */
export interface CacheEntry {
  readonly value: unknown;
  /** When it was computed, in ms since 1970. */
  readonly storedAt: number;
  /** When it must not be used any more, not even for `staleIfError`, in ms since 1970; undefined when it may be used for ever. */
  readonly expiresAt: number | undefined;
}

/**
 * Where a node's cached results are kept. All methods may be async. A `Map` is one. What can't be read is a miss: one that
 * throws becomes a process warning, and the node runs.
 */
export interface CacheStore {
  /** What {@link CacheStore.set} was given for this key, undefined when there is nothing. */
  get(key: string): unknown;
  set(key: string, entry: CacheEntry): unknown;
  delete(key: string): unknown;
  /** `get` makes a new value for each who asks, as what keeps text does, so that there is nothing to be copied. @defaultValue false */
  readonly serializes?: boolean | undefined;
  /** Forgets the entries whose key begins with `prefix`, those of one node. It may forget more. */
  clear(prefix: string): unknown;
}

/** A class with a method `toJSON`. */
export type JsonClass = abstract new (...args: any[]) => { toJSON(): unknown };

/** Results kept between runs, by the values of a node's inputs. */
export interface CacheOptions {
  /** How long a result is used, in ms. @defaultValue unlimited */
  ttl?: number | undefined;
  /**
   * From this age in ms on, a result that is used may be computed anew in the background; the probability rises evenly, to
   * certainty at `ttl`. @defaultValue never
   */
  staleAfter?: number | undefined;
  /** For how many ms past `ttl` the last result stands in when computing a new one fails. @defaultValue 0 */
  staleIfError?: number | undefined;
  /**
   * What makes two calls the same: the names of the parameters that count, or a function of the inputs by parameter name.
   * @defaultValue all inputs
   */
  key?: (string | readonly string[] | ((inputs: Readonly<Record<string, any>>) => unknown)) | undefined;
  /** Classes whose `toJSON` tells all that there is to compare of their instances. Others are compared by what they hold. */
  json?: readonly JsonClass[] | undefined;
  /** Part of the key: results of another version are not used. */
  version?: string | number | undefined;
  /**
   * Whether everybody who gets a result gets a copy, so that nobody sees what others do to theirs; what can't be copied is not
   * kept. With false, all share one: quicker for large results, and the only way for functions and connections. @defaultValue true
   */
  clone?: boolean | undefined;
  /** @defaultValue memory, of this process */
  store?: CacheStore | undefined;
  /** How many results are kept in memory; the least recently used goes first. @defaultValue 1000 */
  maxEntries?: number | undefined;
}

const MILLISECONDS: Rule = number({ min: 0, unit: "milliseconds" });
const BACKOFFS: readonly Backoff[] = ["exponential", "linear", "fixed"];

const RETRY_RULES: Rules<RetryOptions> = {
  retries: integer(0),
  backoff: oneOf(BACKOFFS),
  delay: checkDuration,
  factor: number({ min: 1 }),
  maxDelay: checkDuration,
  jitter: "boolean",
  when: "function",
  onRetry: "function",
};

const CIRCUIT_BREAKER_RULES: Rules<CircuitBreakerOptions> = {
  key: checkNonEmptyString,
  failureThreshold: integer(1),
  resetAfter: checkDuration,
  halfOpenProbes: integer(1),
  when: "function",
};

const THROTTLE_RULES: Rules<ThrottleOptions> = {
  limit: integer(1),
  interval: (option, interval) => checkDuration(option, interval, 1),
  key: checkNonEmptyString,
};

const CONCURRENCY_RULES: Rules<ConcurrencyOptions> = { key: checkNonEmptyString, limit: integer(1) };

export const CACHE_RULES: Rules<CacheOptions> = {
  ttl: number({ min: 1, unit: "milliseconds" }),
  staleAfter: MILLISECONDS,
  staleIfError: MILLISECONDS,
  key: checkKey,
  json: checkJson,
  version: (option, version) => typeof version === "number" || checkName(option, version),
  clone: "boolean",
  store: checkStore,
  maxEntries: integer(1),
};

/** The rules of the options that policies take. */
export const POLICY_RULES = {
  retry: checkRetry,
  circuitBreaker: (option: OptionName, value: unknown) => checkOptions(value, CIRCUIT_BREAKER_RULES, option),
  throttle: (option: OptionName, throttle: ThrottleOptions) => {
    checkOptions(throttle, THROTTLE_RULES, option);
    requireOptions(throttle, ["limit", "interval"], THROTTLE_RULES, option);
  },
  concurrencyKey: (option: OptionName, concurrency: ConcurrencyOptions) => {
    checkOptions(concurrency, CONCURRENCY_RULES, option);
    requireOptions(concurrency, ["key"], CONCURRENCY_RULES, option);
  },
  cache: checkCache,
};

function checkRetry(option: OptionName, retry: number | RetryOptions): void {
  if (typeof retry === "number") return checkNumber(option, retry, { min: 0, integer: true });
  if (typeof retry !== "object" || retry === null) {
    throw new TypeError(`${label(option)} must be a whole number or an object; received ${show(retry)}.`);
  }
  checkOptions(retry, RETRY_RULES, option);
}

function checkCache(option: OptionName, cache: CacheOptions): void {
  checkOptions(cache, CACHE_RULES, option);
  const { ttl = Infinity, staleAfter, staleIfError, store, maxEntries } = cache;
  const nameOf = (name: keyof CacheOptions) => label(nested(option, name));
  if (staleAfter !== undefined && (staleAfter >= ttl || ttl === Infinity)) {
    const rule = ttl === Infinity ? 'needs a "ttl" that is longer' : `must be less than its "ttl" of ${ttl}`;
    throw new RangeError(`${nameOf("staleAfter")} ${rule}; received ${staleAfter}.`);
  }
  if (staleIfError !== undefined && ttl === Infinity) {
    throw new RangeError(`${nameOf("staleIfError")} needs a "ttl", which it begins after; received none.`);
  }
  if (store !== undefined && maxEntries !== undefined) {
    throw new TypeError(`${nameOf("maxEntries")} is for results in memory; a store has limits of its own.`);
  }
}

function checkKey(option: OptionName, key: unknown): void {
  if (typeof key === "function" || typeof key === "string") return;
  if (Array.isArray(key) && key.every((name) => typeof name === "string")) return;
  throw new TypeError(`${label(option)} must be parameter names or a function; received ${show(key)}.`);
}

function checkJson(option: OptionName, json: unknown): void {
  if (!Array.isArray(json)) throw new TypeError(`${label(option)} must be a list of classes; received ${show(json)}.`);
  for (const type of json as unknown[]) {
    if (typeof type === "function" && typeof (type.prototype as Partial<Date> | undefined)?.toJSON === "function")
      continue;
    throw new TypeError(`${label(option)} must be a list of classes with a method "toJSON"; it has ${show(type)}.`);
  }
}

function checkStore(option: OptionName, store: CacheStore): void {
  checkType(option, store, "object");
  for (const method of ["get", "set", "delete", "clear"] as const) {
    if (typeof store[method] === "function") continue;
    throw new TypeError(`${label(option)} must have the methods get, set, delete and clear; it has no "${method}".`);
  }
}
