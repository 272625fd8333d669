import { deferred, type Deferred } from "../base/deferred.js";
import { Holder, type Resource } from "./holder.js";

/** A failure of the node itself, which the followers of a flight share. */
export interface Failure {
  readonly error: unknown;
  readonly runId: string;
  /**
   * Structural key of the run's metadata and inputs if the node has read them: a run with another key may succeed.
   * Otherwise empty.
   */
  readonly contextKey: string;
}

/** An expired result, served because computing a new one failed. */
export interface StaleResult {
  /** Why there is no new result. */
  readonly error: unknown;
  /** When the result was computed, in ms since 1970. */
  readonly storedAt: number;
}

/** A value for all followers of a flight. */
export interface FlightValue {
  readonly value: unknown;
  /** Set when the value has expired. */
  readonly stale?: StaleResult;
}

/**
 * How a flight ends for its followers. Undefined when the leader failed for reasons of its own run, or waits for what
 * followers hold: the next follower takes the lead.
 */
export type FlightOutcome =
  | FlightValue
  | { readonly failure: Failure }
  /** The value can't be copied, or the follower can't wait for it: it computes its own. */
  | "unshareable"
  | undefined;

/** The lookup that computes a result. */
export interface FlightLeader {
  /** Holds the result meanwhile. */
  readonly holder: Holder;
}

/**
 * A single flight: the leader computes a result, and concurrent lookups of the same key follow instead of computing
 * it again.
 */
export class Flight implements Resource {
  private followers: Deferred<FlightOutcome> | undefined;
  private hasLanded = false;

  /** @param onLetGo - called when followers should stop waiting: one of them computes the result as well */
  constructor(
    readonly label: string,
    private readonly leader: FlightLeader,
    private readonly onLetGo: () => unknown,
  ) {}

  holders(): Iterable<Holder> {
    return [this.hasLanded ? NOBODY : this.leader.holder];
  }

  letGo(holder: Holder): boolean {
    if (holder !== this.leader.holder || this.hasLanded) return false;
    this.onLetGo();
    this.land(() => undefined);
    return true;
  }

  /** Resolves when the flight lands. */
  follow(): Promise<FlightOutcome> {
    return (this.followers ??= deferred<FlightOutcome>()).promise;
  }

  /** @param outcome - called only if there are followers */
  land(outcome: () => FlightOutcome): void {
    if (this.hasLanded) return;
    this.hasLanded = true;
    this.followers?.resolve(outcome());
  }
}

/** Holds what can be had at once. */
const NOBODY = new Holder(() => "nobody", undefined);
