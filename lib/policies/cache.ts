import type { Coroutine } from "../base/coroutine.js";
import type { CancelScope } from "../base/cancel-scope.js";
import type { NodeSpec } from "../definition/specs/node-spec.js";
import type { CacheOptions } from "../definition/specs/policy-options.js";
import { isPause } from "../run/pause.js";
import { CacheKeys } from "./cache-keys.js";
import { findLastingDeadlock, type Deadlock } from "./deadlock.js";
import {
  Flight,
  type Failure,
  type FlightLeader,
  type FlightOutcome,
  type FlightValue,
  type StaleResult,
} from "./flight.js";
import { MemoryStore } from "./memory-store.js";
import { Refreshes } from "./refreshes.js";
import { ResultStore, type StoredResult } from "./result-store.js";

const STORE = "cache with a store";

/** A node of one run, looking up its result. */
export interface CacheClient extends FlightLeader {
  /** Whether the run can't wait for promises. */
  readonly sync: boolean;
  /** Cancelled when the run ends. */
  readonly waits: CancelScope;
  /** Computes the result within the run. */
  compute(): Coroutine;
  /** Computes the result in the background, even after the run has ended. */
  refresh(): Promise<unknown>;
  hit(): void;
  missed(): void;
  /** An expired result was served. */
  servedStale(stale: StaleResult): void;
  /** @param failures - how many in a row @param retryAt - the earliest time of the next refresh, in ms since 1970 */
  refreshFailed(error: unknown, failures: number, retryAt: number): void;
  /** The failure to share with followers when computing threw; undefined when it concerns only this run. */
  failure(error: unknown): Failure | undefined;
  /** Turns another run's failure into an error of this run; undefined when this run may still succeed. */
  adopt(failure: Failure): { readonly error: unknown } | undefined;
  /** The error for a wait that would never end. */
  deadlock(deadlock: Deadlock): Error;
}

/**
 * The cached results of one node, by its inputs.
 *
 * Concurrent misses of a key share a single flight: one lookup computes, the others wait for it. From `staleAfter`
 * on, results are served while they may be refreshed in the background (stale-while-revalidate).
 */
export class ResultCache {
  private readonly node: string;
  private readonly keys: CacheKeys;
  private readonly results: ResultStore;
  private readonly flights = new Map<string, Flight>();
  private readonly refreshes = new Refreshes();

  constructor(
    workflow: string,
    { name }: NodeSpec,
    private readonly options: CacheOptions,
  ) {
    this.node = name;
    const { store, maxEntries } = options;
    // Only a user's store holds the results of several nodes.
    this.keys = new CacheKeys(store === undefined ? "" : `${JSON.stringify([workflow, name])}:`, options);
    this.results = new ResultStore(name, store ?? new MemoryStore(maxEntries), options);
  }

  /**
   * The key of a call.
   * @param inputs - by parameter name
   * @throws {Incomparable} when an input in the key can't be compared by value, or may hold hidden state
   */
  keyOf(inputs: Readonly<Record<string, unknown>>): string {
    return this.keys.of(inputs);
  }

  /**
   * Returns the cached result of a key, or computes and stores it. Failures are not cached. When the leader of a
   * flight fails for reasons of its own run, the first of its followers computes next.
   */
  *getOrCompute(key: string, client: CacheClient): Coroutine {
    for (;;) {
      const found = this.flights.has(key) && !client.sync ? undefined : this.results.get(key);
      // An asynchronous store answers within the flight: concurrent lookups ask it once.
      if (found !== undefined && !(found instanceof Promise) && found.isFresh) return this.serve(key, found, client);
      const flight = client.sync ? undefined : this.flights.get(key);
      if (flight === undefined) return yield* this.lead(key, found, client);
      const outcome: FlightOutcome = yield* this.follow(flight, client);
      if (outcome === undefined) continue;
      if (outcome === "unshareable") return yield* this.computeAlone(key, client);
      if ("value" in outcome) return this.serveFollower(outcome, client);
      const adopted = client.adopt(outcome.failure);
      if (adopted !== undefined) throw adopted.error;
    }
  }

  /** Forgets the result of a key, or all results of the node without one. Results being computed won't be stored. */
  async invalidate(key: string | undefined): Promise<void> {
    this.refreshes.cancel(key);
    if (key === undefined) {
      this.flights.clear();
      await this.results.clear(this.keys.prefix);
    } else {
      this.flights.delete(key);
      await this.results.delete(key);
    }
  }

  /** Leads a flight: asks an asynchronous store, and computes the result on a miss. */
  private *lead(
    key: string,
    found: StoredResult | undefined | Promise<StoredResult | undefined>,
    client: CacheClient,
  ): Coroutine {
    const forget = () => this.flights.get(key) === flight && this.flights.delete(key);
    const flight: Flight = new Flight(`the result of node "${this.node}"`, client, forget);
    this.flights.set(key, flight);
    let outcome: FlightOutcome;
    try {
      const stored = yield* client.waits.wait(found, STORE);
      if (stored?.isFresh === true) {
        outcome = { value: stored.value };
        return this.serve(key, stored, client);
      }
      client.missed();
      let value: unknown;
      try {
        value = yield* client.compute();
        outcome = { value };
        this.refreshes.cancel(key);
      } catch (error) {
        if (client.waits.isCancellation(error) || isPause(error)) throw error;
        const failure = client.failure(error);
        if (stored === undefined) {
          outcome = failure && { failure };
          throw error;
        }
        const stale = { error, storedAt: stored.storedAt };
        outcome = failure && { value: stored.value, stale };
        client.servedStale(stale);
        return stored.value;
      }
      // Land only once the result is stored: a lookup in between would miss it.
      if (this.flights.get(key) === flight) yield* client.waits.wait(this.results.set(key, value), STORE);
      return value;
    } finally {
      forget();
      flight.land(() => this.shareable(outcome));
    }
  }

  /** Waits for a flight to land. @throws the client's deadlock error when the leader waits for this run */
  private *follow(flight: Flight, client: CacheClient): Coroutine<FlightOutcome> {
    const { holder } = client;
    const deadlock = findLastingDeadlock(holder, flight);
    if (deadlock !== undefined) throw client.deadlock(deadlock);
    holder.startWaiting(flight);
    try {
      return yield* client.waits.wait(flight.follow());
    } finally {
      holder.stopWaiting();
    }
  }

  /** The outcome for followers, with a value that the leader's run can't change. */
  private shareable(outcome: FlightOutcome): FlightOutcome {
    if (outcome === undefined || outcome === "unshareable" || !("value" in outcome)) return outcome;
    const copy = this.results.shareable(outcome.value);
    return copy === undefined ? "unshareable" : { ...outcome, ...copy };
  }

  private serveFollower({ value, stale }: FlightValue, client: CacheClient): unknown {
    if (stale === undefined) client.hit();
    else client.servedStale(stale);
    return this.results.copy(value);
  }

  /** Computes a result without a flight, unless the store has it. */
  private *computeAlone(key: string, client: CacheClient): Coroutine {
    const stored = yield* client.waits.wait(this.results.get(key), STORE);
    if (stored?.isFresh === true) return this.serve(key, stored, client);
    client.missed();
    return yield* client.compute();
  }

  private serve(key: string, stored: StoredResult, client: CacheClient): unknown {
    client.hit();
    if (this.isRefreshDue(stored)) this.refresh(key, stored, client);
    return stored.value;
  }

  /** Never before `staleAfter`; from then on with a probability that rises linearly, to 1 at `ttl`. */
  private isRefreshDue({ storedAt }: StoredResult): boolean {
    const { staleAfter, ttl = Infinity } = this.options;
    if (staleAfter === undefined) return false;
    const age = Date.now() - storedAt;
    return Math.random() < (age - staleAfter) / (ttl - staleAfter);
  }

  /** Refreshes a result in the background. When that fails, the old one stays until it expires. */
  private refresh(key: string, { storedAt }: StoredResult, client: CacheClient): void {
    const { ttl = Infinity } = this.options;
    const perform = async (isCurrent: () => boolean) => {
      const value = await client.refresh();
      if (isCurrent()) await this.results.set(key, value);
    };
    const failed = (...details: Parameters<CacheClient["refreshFailed"]>) => client.refreshFailed(...details);
    this.refreshes.start(key, { perform, failed, expiresAt: storedAt + ttl });
  }
}
