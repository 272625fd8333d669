import { delayAfter } from "./retry.js";

/** How a result is computed anew, in the background. */
export interface Refresh {
  /** Computes and keeps it, if it is still wanted then. */
  readonly perform: (isWanted: () => boolean) => Promise<void>;
  /** When it would expire anyway, in ms since 1970. */
  readonly expiresAt: number;
  /** @param failures - how many there were in a row @param retryAt - the earliest time of the next attempt, in ms since 1970 */
  readonly failed: (error: unknown, failures: number, retryAt: number) => void;
}

/** What there is to know of a key. */
interface State {
  isRunning: boolean;
  failures: number;
  retryAt: number;
  expiresAt: number;
}

/** The results that are being computed anew in the background, one at a time by key, after failures with pauses like those of a retry. */
export class Refreshes {
  /** Those under way, and those that failed, the latest failures last. */
  private readonly states = new Map<string, State>();

  /** Begins one, unless one is under way, or has just failed. */
  begin(key: string, refresh: Refresh): void {
    const known = this.states.get(key);
    if (known !== undefined && (known.isRunning || Date.now() < known.retryAt)) return;
    const state = { isRunning: true, failures: known?.failures ?? 0, retryAt: 0, expiresAt: refresh.expiresAt };
    this.states.set(key, state);
    void this.perform(key, state, refresh);
  }

  forget(key: string | undefined): void {
    if (key === undefined) this.states.clear();
    else this.states.delete(key);
  }

  private async perform(key: string, state: State, refresh: Refresh): Promise<void> {
    const isWanted = () => this.states.get(key) === state;
    try {
      await refresh.perform(isWanted);
      if (isWanted()) this.states.delete(key);
    } catch (error) {
      if (!isWanted()) return;
      state.isRunning = false;
      state.retryAt = Date.now() + delayAfter(++state.failures, {});
      this.states.delete(key);
      this.states.set(key, state);
      this.forgetExpired();
      refresh.failed(error, state.failures, state.retryAt);
    }
  }

  private forgetExpired(): void {
    for (const [key, { isRunning, expiresAt }] of this.states) {
      if (isRunning || expiresAt > Date.now()) return;
      this.states.delete(key);
    }
  }
}
