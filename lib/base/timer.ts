import { lookLater } from "./clockwork.js";

/** The longest delay that Node's timers support, in ms: about 24.8 days. A longer one fires immediately. */
export const MAX_TIMEOUT = 2 ** 31 - 1;

/** How often the clock is checked while waiting for a time of day, in ms. */
const CLOCK_INTERVAL = 60_000;

/** Calls a function once, after a delay of any length: long delays are split into several of Node's timers. */
export class Timer {
  private timer: NodeJS.Timeout | undefined = undefined;

  private constructor(
    private readonly callback: () => void,
    private readonly clock: () => number = () => Date.now(),
  ) {}

  /** Fires after `ms` milliseconds. */
  static after(ms: number, callback: () => void): Timer {
    const timer = new Timer(callback);
    timer.waitFor(ms);
    return timer;
  }

  /**
   * Fires at a time of day, in ms since 1970, or as soon as possible if it has passed. When the clock is changed or the
   * machine has slept, it adjusts within a minute.
   * @param clock - the clock that the time is of; by default that of this process
   */
  static at(time: number, callback: () => void, clock?: () => number): Timer {
    const timer = new Timer(callback, clock);
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
    // Node's timers drop fractions of ms, and may fire a little early.
    const check = () => (this.clock() < time ? this.waitUntil(time) : this.callback());
    this.timer = lookLater(check, CLOCK_INTERVAL, Math.max(0, time - this.clock()));
  }
}
