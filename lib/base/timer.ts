/** The longest delay that Node's timers support, in ms: about 24.8 days. A longer one fires immediately. */
export const MAX_TIMEOUT = 2 ** 31 - 1;

/** How often the clock is checked while waiting for a time of day, in ms. */
const CLOCK_INTERVAL = 60_000;

/** Calls a function once, after a delay of any length: long delays are split into several of Node's timers. */
export class Timer {
  private timer: NodeJS.Timeout | undefined = undefined;

  private constructor(private readonly callback: () => void) {}

  /** Fires after `ms` milliseconds. */
  static after(ms: number, callback: () => void): Timer {
    const timer = new Timer(callback);
    timer.waitFor(ms);
    return timer;
  }

  /**
   * Fires at a time of day, in ms since 1970, or as soon as possible if it has passed. When the clock is changed or the
   * machine has slept, it adjusts within a minute.
   */
  static at(time: number, callback: () => void): Timer {
    const timer = new Timer(callback);
    timer.waitUntil(time);
    return timer;
  }

  stop(): void {
    clearTimeout(this.timer);
  }

  private waitFor(ms: number): void {
    const rest = ms - MAX_TIMEOUT;
    this.timer = rest > 0 ? setTimeout(() => this.waitFor(rest), MAX_TIMEOUT) : setTimeout(this.callback, ms);
  }

  private waitUntil(time: number): void {
    const ms = Math.max(0, time - Date.now());
    this.timer =
      ms > CLOCK_INTERVAL ? setTimeout(() => this.waitUntil(time), CLOCK_INTERVAL) : setTimeout(this.callback, ms);
  }
}
