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

/** When and how often a failed node is retried. */
export interface RetryOptions {
  /** The number of attempts after the first one. @defaultValue 3 */
  retries?: number | undefined;
  /**
   * How the delay grows: before retry n, `exponential` waits delay · factorⁿ⁻¹, and `linear` delay · n.
   * @defaultValue "exponential"
   */
  backoff?: Backoff | undefined;
  /** The first delay, in ms. @defaultValue 100 */
  delay?: number | undefined;
  /** The growth of an exponential delay, at least 1. @defaultValue 2 */
  factor?: number | undefined;
  /** The longest delay, in ms. @defaultValue 30000, or `delay` if that is longer */
  maxDelay?: number | undefined;
  /** Full jitter: each delay is multiplied by a random number from 0 to 1. @defaultValue false */
  jitter?: boolean | undefined;
  /**
   * Whether to retry after attempt `attempt`, counted from 1, has thrown `error`. May be async. @defaultValue always
   */
  when?: ((error: unknown, attempt: number) => boolean | Promise<boolean>) | undefined;
  /** Called after attempt `attempt`, before the delay of `delay` ms. May be async. */
  onRetry?: ((error: unknown, attempt: number, delay: number) => unknown) | undefined;
}

/** How the delay between attempts grows: by a factor, by a constant, or not at all. */
export type Backoff = "exponential" | "linear" | "fixed";

/** Stops calling a node that keeps failing. */
export interface CircuitBreakerOptions {
  /** Nodes with the same key share a circuit, in all workflows. @defaultValue one per node of a workflow */
  key?: string | undefined;
  /** After how many consecutive failures the circuit opens. @defaultValue 5 */
  failureThreshold?: number | undefined;
  /** How long the circuit stays open before it lets probes through, in ms. @defaultValue 30000 */
  resetAfter?: number | undefined;
  /** How many probes may be in flight at once. The first one that succeeds closes the circuit. @defaultValue 1 */
  halfOpenProbes?: number | undefined;
  /**
   * Whether a call that threw `error` counts as a failure; otherwise it counts as a success. May be async.
   * @defaultValue always
   */
  when?: ((error: unknown) => boolean | Promise<boolean>) | undefined;
}

/** How often a node may be called: a token bucket that starts full and refills steadily. */
export interface ThrottleOptions {
  /** How many calls are allowed per interval, at least 1. */
  limit: number;
  /** The length of the interval, in ms. */
  interval: number;
  /** Nodes with the same key share a bucket. @defaultValue one per node of a workflow */
  key?: string | undefined;
}

/** How many nodes with the same key may be in flight at once, across all runs. */
export interface ConcurrencyOptions {
  /** The nodes with this key count together, in whichever workflow they are. */
  key: string;
  /** How many may be in flight at once. All nodes with the key must give the same limit. @defaultValue 1 */
  limit?: number | undefined;
}

/** A result in a {@link CacheStore}. */
export interface CacheEntry {
  /** The result: a copy of its own, unless the store `serializes` or `clone` is false. */
  readonly value: unknown;
  /** When it was computed, in ms since 1970. */
  readonly storedAt: number;
  /** When it expires, including `staleIfError`, in ms since 1970; undefined if it never does. */
  readonly expiresAt: number | undefined;
}

/**
 * A store for cached results, such as a `Map`. All methods may be async. If reading fails, that counts as a miss: the
 * node runs, and the error becomes a process warning.
 */
export interface CacheStore {
  /** The entry that {@link CacheStore.set} stored under this key; undefined if there is none. */
  get(key: string): unknown;
  /** Stores an entry, in place of an earlier one. If that fails, the error becomes a process warning. */
  set(key: string, entry: CacheEntry): unknown;
  /** Removes the entry with this key, if there is one. */
  delete(key: string): unknown;
  /**
   * Whether `get` returns a new value on each call, as stores that serialize do, so that no copies are needed.
   * @defaultValue false
   */
  readonly serializes?: boolean | undefined;
  /** Deletes the entries of a node, whose keys begin with `prefix`. It may delete more. */
  clear(prefix: string): unknown;
}

/** A class with a method `toJSON`. */
export type JsonClass = abstract new (...args: any[]) => { toJSON(): unknown };

/** How results are cached across runs, by the values of a node's inputs. */
export interface CacheOptions {
  /** How long a result stays valid, in ms. @defaultValue unlimited */
  ttl?: number | undefined;
  /**
   * The age in ms from which using a result may refresh it in the background. The probability rises linearly, to 1 at
   * `ttl`. @defaultValue never
   */
  staleAfter?: number | undefined;
  /** For how many ms after `ttl` the last result is used if computing a new one fails. @defaultValue 0 */
  staleIfError?: number | undefined;
  /**
   * Which calls share a result: those with equal values of the named parameters, or of a function of the inputs.
   * @defaultValue all inputs
   */
  key?: (string | readonly string[] | ((inputs: Readonly<Record<string, any>>) => unknown)) | undefined;
  /** Classes whose instances are compared by `toJSON` instead of by their properties. */
  json?: readonly JsonClass[] | undefined;
  /** Part of the key, so that results of another version are not used. */
  version?: string | number | undefined;
  /**
   * Whether each use of a result gets a copy of its own; results that can't be copied are then not cached. With false,
   * all uses share one result, which is faster for large ones, and the only way for functions and connections.
   * @defaultValue true
   */
  clone?: boolean | undefined;
  /** Where results are kept. @defaultValue the memory of this process */
  store?: CacheStore | undefined;
  /** How many results are kept in memory; the least recently used ones are dropped. @defaultValue 1000 */
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

/** The rules for the options of policies. */
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
    const rule = ttl === Infinity ? 'needs a longer "ttl"' : `must be less than its "ttl" of ${ttl}`;
    throw new RangeError(`${nameOf("staleAfter")} ${rule}; received ${staleAfter}.`);
  }
  if (staleIfError !== undefined && ttl === Infinity) {
    throw new RangeError(`${nameOf("staleIfError")} needs a "ttl", after which it begins; received none.`);
  }
  if (store !== undefined && maxEntries !== undefined) {
    throw new TypeError(`${nameOf("maxEntries")} is for results in memory; a store has its own limits.`);
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
