import { deferred, type Deferred } from "../base/deferred.js";
import type { Holder, Resource } from "./holder.js";

/** A failure that is not only its run's own. */
export interface Failure {
  readonly error: unknown;
  readonly runId: string;
  /** What else it may be due to, as a key: where that is otherwise, a run may fare better. Empty when there is nothing. */
  readonly circumstances: string;
}

/** An expired result stands in, because there is none better. */
export interface StandIn {
  /** What computing it anew failed with. */
  readonly error: unknown;
  /** When it was computed, in ms since 1970. */
  readonly storedAt: number;
}

/** A computation gave a value, or there is one. */
export interface Landed {
  readonly value: unknown;
  readonly standIn?: StandIn;
}

/** What became of a computation; undefined when it was given up, or failed for reasons of its run alone. */
export type Landing =
  | Landed
  | { readonly failure: Failure }
  /** Nobody else can have the value. */
  | "unshareable"
  | undefined;

/** One computation under way, and those who wait for what becomes of it. */
export class Flight implements Resource {
  private followers: Deferred<Landing> | undefined;

  /** @param leader - who computes */
  constructor(
    readonly label: string,
    private readonly leader: Holder,
  ) {}

  holders(): Iterable<Holder> {
    return [this.leader];
  }

  /** Resolves when it has landed. */
  follow(): Promise<Landing> {
    return (this.followers ??= deferred<Landing>()).promise;
  }

  /** @param landing - asked for if somebody waits */
  land(landing: () => Landing): void {
    this.followers?.resolve(landing());
  }
}
