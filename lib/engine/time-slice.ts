import { setImmediate } from "../base/event-loop.js";

/** The length of a slice, in ms. A run that blocks the event loop yields within two slices. */
export const TIME_SLICE = 25;

/** Makes a run of many quick nodes yield to timers and signals: the event loop turns about every 50 ms. */
export class TimeSlice {
  /** Whether the event loop may have turned during this slice. */
  private hasTurned = true;
  /** Whether the run is yielding. */
  isWaiting = false;

  /**
   * Begins the next slice. If the event loop did not turn during the last one, returns true: the run has to yield until
   * `resume` is called.
   */
  renew(resume: () => void): boolean {
    if (this.hasTurned) {
      this.hasTurned = false;
      setImmediate(() => (this.hasTurned = true)).unref();
      return false;
    }
    this.isWaiting = true;
    setImmediate(() => {
      this.isWaiting = false;
      this.hasTurned = true;
      resume();
    });
    return true;
  }
}
