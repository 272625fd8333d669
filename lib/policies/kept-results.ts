import { copyOf } from "../base/copy.js";
import { pendingOf } from "../base/coroutine.js";
import { messageOf } from "../base/message.js";
import { warn } from "../base/warning.js";
import type { CacheEntry, CacheOptions, CacheStore } from "../definition/specs/policy-options.js";

/** A result that was found. The value is its finder's own. */
export interface Kept {
  readonly value: unknown;
  /** In ms since 1970. */
  readonly storedAt: number;
  /** Its time is not over: it can be used without another thought. */
  readonly isFresh: boolean;
}

/**
 * The results of one node in their store. Unless they are to be shared, nobody gets what others have: what goes in is copied,
 * and what comes out. A store that fails, or whose answer can't be read, costs a computation, and no more.
 */
export class KeptResults {
  private readonly ttl: number;
  private readonly staleIfError: number;
  private readonly isShared: boolean;
  private readonly copies: boolean;
  private hasWarned = false;

  constructor(
    private readonly node: string,
    private readonly store: CacheStore,
    { ttl = Infinity, staleIfError = 0, clone = true }: CacheOptions,
  ) {
    this.ttl = ttl;
    this.staleIfError = staleIfError;
    this.isShared = !clone;
    this.copies = clone && store.serializes !== true;
  }

  get(key: string): Kept | undefined | Promise<Kept | undefined> {
    return this.ask(
      () => this.store.get(key),
      (found) => this.kept(found),
    );
  }

  /** Keeps a result, if there can be a copy of it. */
  set(key: string, value: unknown): unknown {
    let own = value;
    try {
      if (this.copies) own = copyOf(value);
    } catch (error) {
      return this.refuse(error);
    }
    const storedAt = Date.now();
    const end = storedAt + this.ttl + this.staleIfError;
    const entry = { value: own, storedAt, expiresAt: end === Infinity ? undefined : end };
    return this.ask(
      () => this.store.set(key, entry),
      () => undefined,
    );
  }

  /** What others can have of a value, whatever becomes of it; undefined when there is no copy of it. */
  shared(value: unknown): { readonly value: unknown } | undefined {
    try {
      return { value: this.handOut(value) };
    } catch {
      return undefined; // It has been said why, unless the store keeps it in a way of its own.
    }
  }

  /** @throws {Uncopyable} */
  handOut(value: unknown): unknown {
    return this.isShared ? value : copyOf(value);
  }

  delete(key: string): unknown {
    return this.store.delete(key);
  }

  clear(prefix: string): unknown {
    return this.store.clear(prefix);
  }

  /** What a store gave, if it is an entry that may be used still. What it holds is looked at here, and not again. */
  private kept(found: unknown): Kept | undefined {
    if (typeof found !== "object" || found === null || !("value" in found)) return undefined;
    const { value, storedAt, expiresAt } = found as CacheEntry;
    if (typeof storedAt !== "number") return undefined;
    const time = Date.now();
    const isOver = time >= storedAt + this.ttl + this.staleIfError;
    if (isOver || (typeof expiresAt === "number" && time >= expiresAt)) return undefined;
    return { value: this.copies ? copyOf(value) : value, storedAt, isFresh: time < storedAt + this.ttl };
  }

  private ask<T>(question: () => unknown, read: (answer: unknown) => T): T | undefined | Promise<T | undefined> {
    try {
      const answer = question();
      const pending = pendingOf(answer);
      return pending === undefined ? read(answer) : this.awaited(pending, read);
    } catch (error) {
      return this.failed(error);
    }
  }

  private async awaited<T>(pending: Promise<unknown>, read: (answer: unknown) => T): Promise<T | undefined> {
    try {
      return read(await pending);
    } catch (error) {
      return this.failed(error);
    }
  }

  private failed(error: unknown): undefined {
    const message = `The cache store of node "${this.node}" failed, so nothing is taken from it: ${messageOf(error)}`;
    warn(message, "DagwrightCacheWarning");
  }

  private refuse(error: unknown): void {
    if (this.hasWarned) return;
    this.hasWarned = true;
    const message =
      `A result of node "${this.node}" is not kept, since everybody gets a copy and it has none: ${messageOf(error)}. ` +
      `Return plain data, or share one result among all with "clone: false".`;
    warn(message, "DagwrightCacheWarning");
  }
}
