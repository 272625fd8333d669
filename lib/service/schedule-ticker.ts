import { now } from "../base/clock.js";
import type { Schedules } from "../stores/queue/schedules/schedules.js";

/** The shortest time between looks, in ms: a schedule that another service is firing counts as due. */
const MIN_DELAY = 5;

/**
 * Fires the schedules of a store when they are due. However often it is asked, it looks at them only when one is due or
 * has changed, while runs wait for others of their schedule, and else once per interval.
 */
export class ScheduleTicker {
  private readonly startedAt = now();
  private nextLook = 0;
  /** When the first schedule is due. */
  private nextDue = 0;
  private isChanged = false;
  private hasHeld = false;

  /** @param interval - how often to look at schedules that nobody told of, in ms */
  constructor(
    private readonly schedules: Schedules,
    private readonly interval: number,
  ) {}

  /** A schedule has changed. */
  changed(): void {
    this.isChanged = true;
  }

  /** Fires what is due. @returns in how many ms to ask again @throws {StoreError} */
  async tick(): Promise<number> {
    const time = now();
    if (time < this.nextLook && !this.isChanged && !this.hasHeld) return this.nextDue - time;
    this.isChanged = false;
    const { nextIn = Infinity, hasHeld } = await this.schedules.fire(time - this.startedAt);
    const delay = Math.max(MIN_DELAY, nextIn);
    this.hasHeld = hasHeld;
    this.nextDue = now() + delay;
    this.nextLook = Math.min(this.nextDue, now() + this.interval);
    return this.isChanged ? 0 : delay;
  }
}
