import { deferred, type Deferred } from "../base/deferred.js";

/** What became of a computation; undefined when it was given up. */
export type Landing = { readonly value: unknown } | { readonly error: unknown } | undefined;

/** One computation under way, and those who wait for what becomes of it. */
export class Flight {
  private followers: Deferred<Landing> | undefined;

  /** Resolves when it has landed. */
  follow(): Promise<Landing> {
    return (this.followers ??= deferred<Landing>()).promise;
  }

  land(landing: Landing): void {
    this.followers?.resolve(landing);
  }
}
