import process from "node:process";

/**
 * Time in milliseconds that never goes back, with a fraction down to nanoseconds; its zero means nothing.
 * A reading costs about 40 ns, a fifth less than `performance.now()`, and runs read it once a node. The process is asked
 * anew each time, so that timers faked by a test count.
 */
export function now(): number {
  const time = process.hrtime();
  return time[0] * 1e3 + time[1] * 1e-6;
}

const epoch = Date.now() - now();

/** The time of day, in milliseconds since 1970, of an instant that {@link now} gave. */
export function toEpoch(instant: number): number {
  return epoch + instant;
}
