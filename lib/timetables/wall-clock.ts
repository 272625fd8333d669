const HOUR = 3_600_000;

/** The largest differences from UTC to the west and to the east, in ms, with an hour to spare. */
const WEST = 13 * HOUR;
const EAST = 15 * HOUR;

/**
 * What clocks in a time zone show. A reading is a number: the time in ms since 1970 at which a clock in UTC shows the
 * same.
 */
export class WallClock {
  /** By zone: to make one takes as long as a hundred readings. */
  private static readonly clocks = new Map<string, WallClock>();
  private readonly format: Intl.DateTimeFormat;

  /** @throws {RangeError} when the zone is unknown */
  static in(timezone: string): WallClock {
    let clock = WallClock.clocks.get(timezone);
    if (clock === undefined) WallClock.clocks.set(timezone, (clock = new WallClock(timezone)));
    return clock;
  }

  private constructor(timezone: string) {
    this.format = new Intl.DateTimeFormat("en-US", {
      timeZone: timezone,
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
  }

  /** What clocks show at a time. */
  reading(time: number): number {
    const parts = new Map(this.format.formatToParts(time).map(({ type, value }) => [type, Number(value)]));
    const [year, month, day, hour, minute, second] = UNITS.map((unit) => parts.get(unit)!);
    return Date.UTC(year, month - 1, day, hour, minute, second) + modulo(time, 1000);
  }

  /**
   * When clocks first show a reading. If they skip it, the first instant after the gap. Takes it that a zone does not
   * change its clocks twice within a day.
   */
  firstTime(reading: number): number {
    const [from, to] = [reading - EAST, reading + WEST];
    const [before, after] = [this.offset(from), this.offset(to)];
    const early = reading - before;
    if (before === after) return early;
    const change = this.changeBetween(from, to);
    return early < change ? early : Math.max(change, reading - after);
  }

  private offset(time: number): number {
    return this.reading(time) - time;
  }

  /** When the clocks change: the first second with another offset than at `from`. */
  private changeBetween(from: number, to: number): number {
    const offset = this.offset(from);
    let [last, first] = [Math.floor(from / 1000), Math.ceil(to / 1000)];
    while (first - last > 1) {
      const middle = Math.floor((last + first) / 2);
      if (this.offset(middle * 1000) === offset) last = middle;
      else first = middle;
    }
    return first * 1000;
  }
}

const UNITS = ["year", "month", "day", "hour", "minute", "second"] as const;

function modulo(value: number, divisor: number): number {
  return ((value % divisor) + divisor) % divisor;
}
