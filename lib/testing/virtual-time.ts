import { checkDuration, checkOptions, isTime, label, show, type Rules } from "../base/check.js";
import { currentClockwork, setClockwork } from "../base/clockwork.js";
import { quiet } from "./time/quiet.js";
import { replaceTime } from "./time/replace-time.js";
import { Timeline } from "./time/timeline.js";

/** The options of {@link virtualTime}. */
export interface VirtualTimeOptions {
  /** The time at which it begins: a `Date`, or ms since 1970. @defaultValue the time of day */
  readonly now?: Date | number | undefined;
}

const RULES: Rules<VirtualTimeOptions> = {
  now: (option, now: unknown) => {
    const time = now instanceof Date ? now.getTime() : now;
    if (isTime(time)) return;
    throw new TypeError(`${label(option)} must be a valid Date, or ms since 1970; received ${show(now)}.`);
  },
};

/**
 * Stops the time of this process, and of the databases of its stores, until it is moved. Timers, dates, retries, delays,
 * timeouts, schedules and leases go by it; worker threads, servers and files are real.
 *
 * Begin it before what goes by it is made, such as a service, and after fake timers of a test framework: it takes their
 * place until it is disposed of, and puts them back. There is one at a time.
 * @throws {TypeError} for a bad option; {Error} while another one is in place
 */
export function virtualTime(options: VirtualTimeOptions = {}): VirtualTime {
  checkOptions(options, RULES, "virtualTime");
  if (currentClockwork() !== undefined) {
    throw new Error(
      'The time is virtual already. Dispose of the first virtualTime() before another one: "await using" does.',
    );
  }
  return new VirtualTime(Number(options.now ?? Date.now()));
}

/** The time of a process, which moves only on command, see {@link virtualTime}. */
export class VirtualTime {
  private readonly timeline: Timeline;
  private readonly putBack: () => void;
  /** The timers that are in place. */
  private readonly setTimeout: typeof globalThis.setTimeout;
  private moving: Promise<void> = Promise.resolve();
  private isOver = false;

  /** @internal */
  constructor(now: number) {
    this.timeline = new Timeline(now);
    this.putBack = replaceTime(this.timeline);
    ({ setTimeout: this.setTimeout } = globalThis);
    setClockwork(this.timeline);
  }

  /** The time of day, in ms since 1970. */
  now(): number {
    return this.timeline.now();
  }

  /**
   * Moves the time, from one timer to the next. All that a timer begins is done before the time moves on, except for what
   * waits for later timers. Worker threads and databases get up to five seconds of real time for each step.
   *
   * Cost: one step for each time at which something is due, whatever the distance. What services and stores poll for is
   * looked at only around those.
   * @param ms - how far; 0 does what is due now
   * @throws {TypeError} | {RangeError} for anything but a duration; {Error} when other fake timers were put on top
   */
  advance(ms: number): Promise<void> {
    checkDuration("ms", ms, 0);
    return this.move(async () => {
      const target = this.timeline.now() + ms;
      while (await this.step(target));
      this.timeline.lookNow();
      while (await this.step(target));
    });
  }

  /**
   * Moves the time until a promise has settled, as far as that takes. Where nothing is due, it looks again, and waits in
   * real time.
   * @returns its value
   * @throws what it rejects with; {Error} when other fake timers were put on top
   */
  async until<T>(promise: PromiseLike<T>): Promise<T> {
    let isOpen = true;
    const settled = () => void (isOpen = false);
    promise.then(settled, settled);
    await this.move(async () => {
      while (isOpen) {
        if ((await this.step(Infinity, () => isOpen)) || !isOpen) continue;
        this.timeline.lookNow();
        await this.timeline.outside.sleep(1);
      }
    });
    return promise;
  }

  /** Lets the time pass again, as it was before. Timers that are still set never fire. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.isOver) return;
    this.isOver = true;
    await this.moving;
    setClockwork(undefined);
    this.putBack();
  }

  /** One move after the other. */
  private async move(work: () => Promise<void>): Promise<void> {
    this.requireInPlace();
    const before = this.moving;
    const moved = before.then(async () => {
      this.timeline.happened();
      await work();
    });
    this.moving = moved.catch(() => {});
    await moved;
  }

  private requireInPlace(): void {
    if (this.isOver) throw new Error("This virtual time is over. Call virtualTime() for another one.");
    if (globalThis.setTimeout === this.setTimeout) return;
    throw new Error(
      "Other timers have taken the place of virtualTime(). Call vi.useFakeTimers() or jest.useFakeTimers() before it, or not at all.",
    );
  }

  /**
   * Goes to the next timer that is due until a time, or else to that time, and lets the timers do their work that are due
   * then. Returns whether there were any.
   */
  private async step(target: number, goesOn = () => true): Promise<boolean> {
    const { timeline } = this;
    const time = await this.nextTime(target);
    if (time === Infinity || !goesOn()) return false;
    timeline.moveTo(time);
    if (timeline.beat()) await quiet();
    let first = timeline.first;
    if (first === undefined || first.next > time) return false;
    for (; first !== undefined && first.next <= time && goesOn(); first = timeline.first) {
      timeline.fire(first);
      await quiet();
    }
    return true;
  }

  /** When the next timer is due, or `target` if none is before, once nothing is under way that may set an earlier one. */
  private async nextTime(target: number): Promise<number> {
    const { timeline } = this;
    const next = () => Math.min(timeline.first?.next ?? Infinity, target);
    for (let time = next(); ; time = next()) {
      await quiet();
      if (next() === time) return time;
    }
  }
}
