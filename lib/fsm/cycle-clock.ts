import { now, nowChecked } from "../base/clock.js";
import { TIME_SLICE, TimeSlice } from "../engine/time-slice.js";

/** How many quick cycles may pass between two looks at the clock. */
const MOST_UNTIMED = 64;

/** Watches the time of a run that makes many small steps. Reads the clock less often while they are quick. */
export class CycleClock {
  private readonly startedAt: number;
  private readonly deadline: number;
  private time: number;
  private sliceEnd: number;
  private slice: TimeSlice | undefined;
  private untimed = 0;
  private stride = 1;

  /**
   * @param timeout - in ms; with one, every step is timed
   * @param sync - the run can't wait for the event loop to turn
   */
  constructor(timeout: number | undefined, sync: boolean) {
    this.time = this.startedAt = nowChecked();
    this.deadline = timeout === undefined ? Infinity : this.time + timeout;
    this.sliceEnd = sync ? Infinity : this.time + TIME_SLICE;
  }

  /** Whether there is time for another step. Otherwise `expire` was called, or `resume` will be when it is time. */
  allows(expire: () => void, resume: () => void): boolean {
    if (this.untimed-- > 0) return true;
    const before = this.time;
    this.time = now();
    this.stride = this.time - before > 1 || this.deadline < Infinity ? 1 : Math.min(this.stride * 2, MOST_UNTIMED);
    this.untimed = this.stride - 1;
    if (this.time >= this.deadline) {
      expire();
      return false;
    }
    if (this.time < this.sliceEnd) return true;
    this.sliceEnd = this.time + TIME_SLICE;
    this.slice ??= new TimeSlice();
    return !this.slice.renew(resume);
  }

  /** Something was waited for: the next step looks at the clock. */
  reset(): void {
    this.untimed = 0;
  }

  /** Since the run's start, in ms. */
  elapsed(): number {
    return now() - this.startedAt;
  }
}
