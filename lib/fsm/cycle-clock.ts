import { now, nowChecked } from "../base/clock.js";
import { TIME_SLICE, TimeSlice } from "../engine/time-slice.js";

/** The maximum number of quick cycles between two readings of the clock. */
const MAX_UNTIMED_CYCLES = 64;

/**
 * The timeout and the time slices of a run with many short cycles. Reads the clock less often while cycles are quick.
 */
export class CycleClock {
  private readonly startedAt: number;
  private readonly deadline: number;
  private time: number;
  private sliceEnd: number;
  private slice: TimeSlice | undefined;
  private untimed = 0;
  private stride = 1;

  /**
   * @param timeout - in ms; with one, every cycle is timed
   * @param sync - whether the run can't wait for a turn of the event loop
   */
  constructor(timeout: number | undefined, { sync }: { readonly sync: boolean }) {
    this.time = this.startedAt = nowChecked();
    this.deadline = timeout === undefined ? Infinity : this.time + timeout;
    this.sliceEnd = sync ? Infinity : this.time + TIME_SLICE;
  }

  /**
   * Whether there is time for another cycle. If not, `expire` has been called, or `resume` is called after a turn of
   * the event loop.
   */
  allows(expire: () => void, resume: () => void): boolean {
    if (this.untimed-- > 0) return true;
    const before = this.time;
    this.time = now();
    this.stride =
      this.time - before > 1 || this.deadline < Infinity ? 1 : Math.min(this.stride * 2, MAX_UNTIMED_CYCLES);
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

  /** Makes the next cycle read the clock, since the run has waited. */
  reset(): void {
    this.untimed = 0;
  }

  /** The time since the run started, in ms. */
  elapsed(): number {
    return now() - this.startedAt;
  }
}
