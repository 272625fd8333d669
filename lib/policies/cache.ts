import { abandon, pendingOf, type Coroutine } from "../base/coroutine.js";
import { messageOf } from "../base/message.js";
import { warn } from "../base/warning.js";
import type { Waits } from "../base/waits.js";
import { structuralKey } from "../base/structural-key.js";
import type { NodeSpec } from "../definition/node-spec.js";
import type { CacheEntry, CacheOptions, CacheStore } from "../definition/policy-options.js";
import { isPause } from "../run/pause.js";
import { MemoryStore } from "./cache-memory.js";
import { Flight, type Landing } from "./flights.js";

/** Keys longer than this are replaced by their hash. */
const LONGEST_KEY = 200;

/** What looking a result up needs of the run that asks. */
export interface CacheUser {
  /** It can't wait for promises. */
  readonly sync: boolean;
  /** What is given up with the run. */
  readonly waits: Waits;
  /** Computes the result within the run. */
  compute(): Coroutine;
  /** Computes it on its own, later, whatever becomes of the run. */
  refresh(): Promise<unknown>;
  hit(): void;
  missed(): void;
}

/** The results of one node, by the values of its inputs. */
export class ResultCache {
  private readonly store: CacheStore;
  private readonly prefix: string;
  /** Computations under way, by key. */
  private readonly flights = new Map<string, Flight>();
  /** Results that are being computed anew. */
  private readonly refreshing = new Map<string, symbol>();

  constructor(
    workflow: string,
    private readonly spec: NodeSpec,
    private readonly options: CacheOptions,
  ) {
    this.store = options.store ?? new MemoryStore(options.maxEntries);
    // Only a store of the user's own holds the results of several nodes.
    this.prefix = options.store === undefined ? "" : `${JSON.stringify([workflow, spec.name])}:`;
  }

  /**
   * The key of a call.
   * @param inputs - by parameter name
   * @throws {Incomparable} when an input that counts is a function or holds one: it has no value to be found by
   */
  keyOf(inputs: Readonly<Record<string, unknown>>): string {
    const { key, version } = this.options;
    const names = typeof key === "string" ? [key] : key;
    const counted =
      typeof names === "function"
        ? this.chosen(names(inputs))
        : names === undefined
          ? given(inputs)
          : names.map((name) => inputs[name]);
    const text = structuralKey(version === undefined ? counted : [counted, version]);
    return this.prefix + (text.length <= LONGEST_KEY ? text : hash(text));
  }

  private chosen(key: unknown): unknown {
    const pending = pendingOf(key);
    if (pending === undefined) return key;
    abandon(pending);
    throw new TypeError(`"cache.key" returned a promise. Return what counts at once, or let a node before compute it.`);
  }

  /**
   * The kept result under a key, or else the one that is computed, which is kept unless it fails. Of several calls that miss
   * at once, one computes and the others wait for it; when its run is given up, the next of them computes.
   */
  *lookUp(key: string, user: CacheUser): Coroutine {
    for (;;) {
      const found = this.flights.has(key) && !user.sync ? undefined : this.ask(() => this.store.get(key), usable);
      // A store that can't answer at once is asked by one at a time, too.
      if (found !== undefined && !(found instanceof Promise)) return this.use(key, found, user);
      const flight = user.sync ? undefined : this.flights.get(key);
      if (flight === undefined) return yield* this.lead(key, found, user);
      const landing = yield* user.waits.for(flight.follow());
      if (landing === undefined) continue; // The run that computed it was given up.
      if ("error" in landing) throw landing.error;
      user.hit();
      return landing.value;
    }
  }

  /** Forgets the result under a key; all of the node when there is none. */
  async forget(key: string | undefined): Promise<void> {
    if (key === undefined) {
      this.flights.clear();
      this.refreshing.clear();
      await this.store.clear(this.prefix);
    } else {
      this.flights.delete(key);
      this.refreshing.delete(key);
      await this.store.delete(key);
    }
  }

  /** Computes the result on behalf of all who ask meanwhile. */
  private *lead(key: string, found: Promise<CacheEntry | undefined> | undefined, user: CacheUser): Coroutine {
    const flight = new Flight();
    this.flights.set(key, flight);
    let landing: Landing;
    try {
      const entry = yield* user.waits.for(found);
      if (entry !== undefined) {
        landing = { value: entry.value };
        return this.use(key, entry, user);
      }
      user.missed();
      const value = yield* user.compute();
      landing = { value };
      // Who waits for the store must not be overtaken by who asks it.
      if (this.flights.get(key) === flight) yield* user.waits.for(this.keep(key, value));
      return value;
    } catch (error) {
      // Others that wait for the result pause for themselves.
      if (landing === undefined && !user.waits.isGivenUp(error) && !isPause(error)) landing = { error };
      throw error;
    } finally {
      if (this.flights.get(key) === flight) this.flights.delete(key);
      flight.land(landing);
    }
  }

  private use(key: string, entry: CacheEntry, user: CacheUser): unknown {
    user.hit();
    if (this.isDue(entry) && !this.refreshing.has(key)) void this.refresh(key, user);
    return entry.value;
  }

  /** Whether a result is to be computed anew: never before `staleAfter`, with rising probability until `ttl`. */
  private isDue({ storedAt }: CacheEntry): boolean {
    const { staleAfter, ttl = Infinity } = this.options;
    if (staleAfter === undefined) return false;
    const age = Date.now() - storedAt;
    return Math.random() < (age - staleAfter) / (ttl - staleAfter);
  }

  /** A refresh that fails leaves the old result; its error comes up when that has expired. */
  private async refresh(key: string, user: CacheUser): Promise<void> {
    const token = Symbol(key);
    this.refreshing.set(key, token);
    const isWanted = () => this.refreshing.get(key) === token;
    try {
      const value = await user.refresh();
      if (isWanted()) await this.keep(key, value);
    } catch {
      // The node's own failure: see above.
    } finally {
      if (isWanted()) this.refreshing.delete(key);
    }
  }

  private keep(key: string, value: unknown): unknown {
    const storedAt = Date.now();
    const { ttl = Infinity } = this.options;
    const expiresAt = ttl === Infinity ? undefined : storedAt + ttl;
    return this.ask(
      () => this.store.set(key, { value, storedAt, expiresAt }),
      () => undefined,
    );
  }

  /** A store that fails, or whose answer can't be read, costs a computation, and no more. */
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
    const message = `The cache store of node "${this.spec.name}" failed, so nothing is taken from it: ${messageOf(error)}`;
    warn(message, "DagwrightCacheWarning");
  }
}

/** What a store gave, if it is an entry that may be used still. What it holds is looked at here, and not again. */
function usable(found: unknown): CacheEntry | undefined {
  if (typeof found !== "object" || found === null || !("value" in found)) return undefined;
  const { value, storedAt, expiresAt } = found as CacheEntry;
  if (typeof storedAt !== "number") return undefined;
  return typeof expiresAt === "number" && Date.now() >= expiresAt ? undefined : { value, storedAt, expiresAt };
}

/** An input that is undefined is as good as none. */
function given(inputs: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const entries = Object.entries(inputs);
  return entries.every(([, value]) => value !== undefined)
    ? inputs
    : Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}

function hash(text: string): string {
  const { createHash } = process.getBuiltinModule("node:crypto");
  return createHash("sha256").update(text).digest("base64");
}
