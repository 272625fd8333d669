import { setImmediate } from "../base/event-loop.js";

/** A run that has not seen the event loop turn for this long, in ms, notices after as long again, and lets it turn. */
export const TIME_SLICE = 25;

/** Keeps a long run of quick nodes from blocking timers and signals: the event loop turns every 50 ms or so. */
export class TimeSlice {
  /** Whether the event loop may have turned during this slice. */
  private hasTurned = true;
  /** Whether the run waits for the event loop to turn. */
  isWaiting = false;

  /**
   * A slice is over and the next one begins. When the event loop has not turned meanwhile, lets it turn first and gives
   * true; then `resume` goes on.
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
