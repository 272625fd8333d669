import { now, nowChecked } from "../base/clock.js";
import { TIME_SLICE, TimeSlice } from "./time-slice.js";

/** The maximum number of quick steps between two readings of the clock. */
const MAX_UNTIMED_STEPS = 64;

/**
 * The timeout and the time slices of a run with many short steps: cycles of a machine, nodes of a live dag. Reads the
 * clock less often while steps are quick.
 */
export class StepClock {
  private readonly startedAt: number;
  private readonly deadline: number;
  private time: number;
  private sliceEnd: number;
  private slice: TimeSlice | undefined;
  private untimed = 0;
  private stride = 1;

  /**
   * @param timeout - in ms; with one, every step is timed
   * @param sync - whether the run can't wait for a turn of the event loop
   */
  constructor(timeout: number | undefined, { sync }: { readonly sync: boolean }) {
    this.time = this.startedAt = nowChecked();
    this.deadline = timeout === undefined ? Infinity : this.time + timeout;
    this.sliceEnd = sync ? Infinity : this.time + TIME_SLICE;
  }

  /**
   * Whether there is time for another step. If not, `expire` has been called, or `resume` is called after a turn of
   * the event loop.
   */
  allows(expire: () => void, resume: () => void): boolean {
    if (this.untimed-- > 0) return true;
    const before = this.time;
    this.time = now();
    this.stride = this.time - before > 1 || this.deadline < Infinity ? 1 : Math.min(this.stride * 2, MAX_UNTIMED_STEPS);
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

  /** Makes the next step read the clock, since the run has waited. */
  reset(): void {
    this.untimed = 0;
  }

  /** The time since the run started, in ms. */
  elapsed(): number {
    return now() - this.startedAt;
  }
}
