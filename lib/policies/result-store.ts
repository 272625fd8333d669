import { copyOf } from "../base/copy.js";
import { pendingOf } from "../base/coroutine.js";
import { asSentence, messageOf } from "../base/message.js";
import { warn } from "../base/warning.js";
import type { CacheEntry, CacheOptions, CacheStore } from "../definition/specs/policy-options.js";

/** A result read from a store. */
export interface StoredResult {
  /** The reader's own copy, unless `clone` is false. */
  readonly value: unknown;
  /** In ms since 1970. */
  readonly storedAt: number;
  /** Whether it is within its `ttl`; otherwise only `staleIfError` may use it. */
  readonly isFresh: boolean;
}

/**
 * The results of one node in its cache store. Values are copied on the way in and on the way out, unless the store
 * serializes or `clone` is false. A store that fails, or returns an invalid entry, counts as a miss; failures become
 * process warnings.
 */
export class ResultStore {
  private readonly ttl: number;
  private readonly staleIfError: number;
  private readonly clones: boolean;
  private readonly clonesEntries: boolean;
  private hasWarned = false;

  constructor(
    private readonly node: string,
    private readonly store: CacheStore,
    { ttl = Infinity, staleIfError = 0, clone = true }: CacheOptions,
  ) {
    this.ttl = ttl;
    this.staleIfError = staleIfError;
    this.clones = clone;
    this.clonesEntries = clone && store.serializes !== true;
  }

  get(key: string): StoredResult | undefined | Promise<StoredResult | undefined> {
    return this.ask(
      () => this.store.get(key),
      (entry) => this.read(entry),
    );
  }

  /** Stores a result, if it can be copied. */
  set(key: string, value: unknown): unknown {
    let own = value;
    try {
      if (this.clonesEntries) own = copyOf(value);
    } catch (error) {
      return this.warnUncopyable(error);
    }
    const storedAt = Date.now();
    const end = storedAt + this.ttl + this.staleIfError;
    const entry = { value: own, storedAt, expiresAt: end === Infinity ? undefined : end };
    return this.ask(
      () => this.store.set(key, entry),
      () => undefined,
    );
  }

  /**
   * A copy for the followers of a flight, taken before the leader can change the value; undefined when there is none.
   */
  shareable(value: unknown): { readonly value: unknown } | undefined {
    try {
      return { value: this.copy(value) };
    } catch {
      return undefined; // `set` has warned, unless the store serializes the value in its own way.
    }
  }

  /** A reader's own copy, or the value itself where `clone` is false. @throws {Uncopyable} */
  copy(value: unknown): unknown {
    return this.clones ? copyOf(value) : value;
  }

  delete(key: string): unknown {
    return this.store.delete(key);
  }

  clear(prefix: string): unknown {
    return this.store.clear(prefix);
  }

  /** Checks what a store returned, reading each property once. */
  private read(entry: unknown): StoredResult | undefined {
    if (typeof entry !== "object" || entry === null || !("value" in entry)) return undefined;
    const { value, storedAt, expiresAt } = entry as CacheEntry;
    if (typeof storedAt !== "number") return undefined;
    const time = Date.now();
    const isOver = time >= storedAt + this.ttl + this.staleIfError;
    if (isOver || (typeof expiresAt === "number" && time >= expiresAt)) return undefined;
    return { value: this.clonesEntries ? copyOf(value) : value, storedAt, isFresh: time < storedAt + this.ttl };
  }

  private ask<T>(question: () => unknown, read: (answer: unknown) => T): T | undefined | Promise<T | undefined> {
    try {
      const answer = question();
      const pending = pendingOf(answer);
      return pending === undefined ? read(answer) : this.readLater(pending, read);
    } catch (error) {
      return this.warnFailed(error);
    }
  }

  private async readLater<T>(pending: Promise<unknown>, read: (answer: unknown) => T): Promise<T | undefined> {
    try {
      return read(await pending);
    } catch (error) {
      return this.warnFailed(error);
    }
  }

  private warnFailed(error: unknown): undefined {
    const message = `The cache store of node "${this.node}" failed: ${asSentence(messageOf(error))} The run goes on without it.`;
    warn(message, "DagwrightCacheWarning");
  }

  /** Warns once. */
  private warnUncopyable(error: unknown): void {
    if (this.hasWarned) return;
    this.hasWarned = true;
    const message =
      `A result of node "${this.node}" is not cached, because it can't be copied: ${messageOf(error)}. ` +
      `Return plain data, or let all runs share one value with "clone: false".`;
    warn(message, "DagwrightCacheWarning");
  }
}
