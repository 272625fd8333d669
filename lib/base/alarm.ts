/** The longest time in ms that a timer of Node waits, about 24.8 days: one that is set to more goes off at once. */
export const LONGEST_TIMER = 2 ** 31 - 1;

/** How long, in ms, a wait for a time of day goes without a look at the clock. */
const LONGEST_NAP = 60_000;

/** Calls a function once, after any time: beyond what one timer of Node can wait, it sets one after the other. */
export class Alarm {
  private timer: NodeJS.Timeout | undefined = undefined;

  private constructor(private readonly ring: () => void) {}

  /** Rings after so many ms. */
  static after(ms: number, ring: () => void): Alarm {
    const alarm = new Alarm(ring);
    alarm.waitFor(ms);
    return alarm;
  }

  /**
   * Rings at a time of day, in ms since 1970, or at once when that has passed. It follows a clock that is set, and after the
   * machine has slept, within a minute.
   */
  static at(time: number, ring: () => void): Alarm {
    const alarm = new Alarm(ring);
    alarm.waitUntil(time);
    return alarm;
  }

  /** It does not ring any more. */
  stop(): void {
    clearTimeout(this.timer);
  }

  private waitFor(ms: number): void {
    const rest = ms - LONGEST_TIMER;
    this.timer = rest > 0 ? setTimeout(() => this.waitFor(rest), LONGEST_TIMER) : setTimeout(this.ring, ms);
  }

  private waitUntil(time: number): void {
    const ms = Math.max(0, time - Date.now());
    this.timer = ms > LONGEST_NAP ? setTimeout(() => this.waitUntil(time), LONGEST_NAP) : setTimeout(this.ring, ms);
  }
}
