import { delayAfter } from "./retry.js";

/** How to refresh one result. */
export interface Refresh {
  /** Computes the result, and stores it if `isCurrent()` still returns true. */
  readonly perform: (isCurrent: () => boolean) => Promise<void>;
  /** When the old result expires, in ms since 1970. */
  readonly expiresAt: number;
  /** @param failures - how many in a row @param retryAt - the earliest time of the next attempt, in ms since 1970 */
  readonly failed: (error: unknown, failures: number, retryAt: number) => void;
}

interface RefreshState {
  isRunning: boolean;
  failures: number;
  retryAt: number;
  expiresAt: number;
}

/** Background refreshes: one at a time per key, and delayed by the default retry backoff after failures. */
export class Refreshes {
  /** Refreshes that are running or have failed, the most recent failure last. */
  private readonly states = new Map<string, RefreshState>();

  /** Starts a refresh, unless one of the key is running or backing off after a failure. */
  start(key: string, refresh: Refresh): void {
    const last = this.states.get(key);
    if (last !== undefined && (last.isRunning || Date.now() < last.retryAt)) return;
    const state = { isRunning: true, failures: last?.failures ?? 0, retryAt: 0, expiresAt: refresh.expiresAt };
    this.states.set(key, state);
    void this.perform(key, state, refresh);
  }

  /** Discards the result of a running refresh and forgets failures: of one key, or of all. */
  cancel(key: string | undefined): void {
    if (key === undefined) this.states.clear();
    else this.states.delete(key);
  }

  private async perform(key: string, state: RefreshState, refresh: Refresh): Promise<void> {
    const isCurrent = () => this.states.get(key) === state;
    try {
      await refresh.perform(isCurrent);
      if (isCurrent()) this.states.delete(key);
    } catch (error) {
      if (!isCurrent()) return;
      state.isRunning = false;
      state.retryAt = Date.now() + delayAfter(++state.failures, {});
      this.states.delete(key);
      this.states.set(key, state);
      this.dropExpired();
      refresh.failed(error, state.failures, state.retryAt);
    }
  }

  private dropExpired(): void {
    for (const [key, { isRunning, expiresAt }] of this.states) {
      if (isRunning || expiresAt > Date.now()) return;
      this.states.delete(key);
    }
  }
}
