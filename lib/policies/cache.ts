import type { Coroutine } from "../base/coroutine.js";
import type { Waits } from "../base/waits.js";
import type { NodeSpec } from "../definition/specs/node-spec.js";
import type { CacheOptions } from "../definition/specs/policy-options.js";
import { isPause } from "../run/pause.js";
import { CacheKeys } from "./cache-keys.js";
import { MemoryStore } from "./cache-memory.js";
import { Flight, type Failure, type Landed, type Landing, type StandIn } from "./flights.js";
import { circleOf, type Holder } from "./holder.js";
import { KeptResults, type Kept } from "./kept-results.js";
import { Refreshes } from "./refreshes.js";

const STORE = "cache with a store";

/** What looking a result up needs of the run that asks. */
export interface CacheUser {
  /** It can't wait for promises. */
  readonly sync: boolean;
  /** What is given up with the run. */
  readonly waits: Waits;
  /** What it is to those who wait for its result. */
  readonly holder: Holder;
  /** Computes the result within the run. */
  compute(): Coroutine;
  /** Computes it on its own, later, whatever becomes of the run. */
  refresh(): Promise<unknown>;
  hit(): void;
  missed(): void;
  /** An expired result stands in. */
  stoodIn(standIn: StandIn): void;
  /** @param retryAt - when it may be tried again, in ms since 1970 */
  refreshFailed(error: unknown, failures: number, retryAt: number): void;
  /** What others are to know of a computation that threw; undefined when that concerns its run alone. */
  failure(error: unknown): Failure | undefined;
  /** The error that another run's failure is in this one; undefined when this one may fare better. */
  adopted(failure: Failure): { readonly error: unknown } | undefined;
  /** The error for a wait that would never end. @param circle - who holds what, a line each */
  deadlock(circle: readonly string[]): Error;
}

/** The results of one node, by the values of its inputs. */
export class ResultCache {
  private readonly node: string;
  private readonly keys: CacheKeys;
  private readonly results: KeptResults;
  /** Computations under way, by key. */
  private readonly flights = new Map<string, Flight>();
  private readonly refreshes = new Refreshes();

  constructor(
    workflow: string,
    { name }: NodeSpec,
    private readonly options: CacheOptions,
  ) {
    this.node = name;
    const { store, maxEntries } = options;
    // Only a store of the user's own holds the results of several nodes.
    this.keys = new CacheKeys(store === undefined ? "" : `${JSON.stringify([workflow, name])}:`, options);
    this.results = new KeptResults(name, store ?? new MemoryStore(maxEntries), options);
  }

  /**
   * The key of a call.
   * @param inputs - by parameter name
   * @throws {Incomparable} when an input that counts has no value to be found by, or may hold more than it shows
   */
  keyOf(inputs: Readonly<Record<string, unknown>>): string {
    return this.keys.of(inputs);
  }

  /**
   * The kept result under a key, or else the one that is computed, which is kept unless it fails. Of several calls that miss
   * at once, one computes and the others wait for it; when that fails for reasons of its run alone, the next of them computes.
   */
  *lookUp(key: string, user: CacheUser): Coroutine {
    for (;;) {
      const found = this.flights.has(key) && !user.sync ? undefined : this.results.get(key);
      // A store that can't answer at once is asked by one at a time, too.
      if (found !== undefined && !(found instanceof Promise) && found.isFresh) return this.use(key, found, user);
      const flight = user.sync ? undefined : this.flights.get(key);
      if (flight === undefined) return yield* this.lead(key, found, user);
      const landing: Landing = yield* this.awaited(flight, user);
      if (landing === undefined) continue;
      if (landing === "unshareable") return yield* this.alone(key, user);
      if ("value" in landing) return this.follow(landing, user);
      const adopted = user.adopted(landing.failure);
      if (adopted !== undefined) throw adopted.error;
    }
  }

  /** Forgets the result under a key; all of the node when there is none. */
  async forget(key: string | undefined): Promise<void> {
    this.refreshes.forget(key);
    if (key === undefined) {
      this.flights.clear();
      await this.results.clear(this.keys.prefix);
    } else {
      this.flights.delete(key);
      await this.results.delete(key);
    }
  }

  /** Computes the result on behalf of all who ask meanwhile. */
  private *lead(key: string, found: Kept | undefined | Promise<Kept | undefined>, user: CacheUser): Coroutine {
    const flight = new Flight(`the result of node "${this.node}"`, user.holder);
    this.flights.set(key, flight);
    let landing: Landing;
    try {
      const kept = yield* user.waits.for(found, STORE);
      if (kept?.isFresh === true) {
        landing = { value: kept.value };
        return this.use(key, kept, user);
      }
      user.missed();
      let value: unknown;
      try {
        value = yield* user.compute();
        landing = { value };
        this.refreshes.forget(key);
      } catch (error) {
        if (user.waits.isGivenUp(error) || isPause(error)) throw error;
        const failure = user.failure(error);
        if (kept === undefined) {
          landing = failure && { failure };
          throw error;
        }
        const standIn = { error, storedAt: kept.storedAt };
        landing = failure && { value: kept.value, standIn };
        user.stoodIn(standIn);
        return kept.value;
      }
      // Who waits for the store must not be overtaken by who asks it.
      if (this.flights.get(key) === flight) yield* user.waits.for(this.results.set(key, value), STORE);
      return value;
    } finally {
      if (this.flights.get(key) === flight) this.flights.delete(key);
      flight.land(() => this.shared(landing));
    }
  }

  /** Waits for what another run computes, unless that waits for this one. */
  private *awaited(flight: Flight, user: CacheUser): Coroutine<Landing> {
    const { holder } = user;
    const circle = circleOf(holder, flight);
    if (circle !== undefined) throw user.deadlock(circle);
    holder.wait(flight);
    try {
      return yield* user.waits.for(flight.follow());
    } finally {
      holder.waited();
    }
  }

  /** What others can have, whatever the run that it comes from does with its own. */
  private shared(landing: Landing): Landing {
    if (landing === undefined || landing === "unshareable" || !("value" in landing)) return landing;
    const copy = this.results.shared(landing.value);
    return copy === undefined ? "unshareable" : { ...landing, ...copy };
  }

  private follow({ value, standIn }: Landed, user: CacheUser): unknown {
    if (standIn === undefined) user.hit();
    else user.stoodIn(standIn);
    return this.results.handOut(value);
  }

  /** For a result that can't be shared with those who wait for it. */
  private *alone(key: string, user: CacheUser): Coroutine {
    const kept = yield* user.waits.for(this.results.get(key), STORE);
    if (kept?.isFresh === true) return this.use(key, kept, user);
    user.missed();
    return yield* user.compute();
  }

  private use(key: string, kept: Kept, user: CacheUser): unknown {
    user.hit();
    if (this.isDue(kept)) this.refresh(key, kept, user);
    return kept.value;
  }

  /** Whether a result is to be computed anew: never before `staleAfter`, with rising probability until `ttl`. */
  private isDue({ storedAt }: Kept): boolean {
    const { staleAfter, ttl = Infinity } = this.options;
    if (staleAfter === undefined) return false;
    const age = Date.now() - storedAt;
    return Math.random() < (age - staleAfter) / (ttl - staleAfter);
  }

  /** When it fails, the old result stays; the error comes up when that has expired. */
  private refresh(key: string, { storedAt }: Kept, user: CacheUser): void {
    const { ttl = Infinity } = this.options;
    const perform = async (isWanted: () => boolean) => {
      const value = await user.refresh();
      if (isWanted()) await this.results.set(key, value);
    };
    const failed = (...facts: Parameters<CacheUser["refreshFailed"]>) => user.refreshFailed(...facts);
    this.refreshes.begin(key, { perform, failed, expiresAt: storedAt + ttl });
  }
}
