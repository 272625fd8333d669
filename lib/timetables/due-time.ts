import { jitterOf } from "./jitter.js";
import type { Timetable } from "./timetable.js";

/**
 * When the run of a nominal time is due: its jitter later, but before the next nominal time, so that runs keep their
 * order and none comes in the place of another. Always the same, whichever process asks.
 */
export function dueTimeOf(schedule: string, timetable: Timetable, time: number, jitter: number): number {
  if (jitter === 0) return time;
  const next = timetable.after(time) ?? Infinity;
  return time + jitterOf(schedule, time, Math.min(jitter, next - time));
}
