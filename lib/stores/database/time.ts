/**
 * The wall-clock time in ms since 1970, for timestamps and deadlines. Never cached: a clock may be set, and a machine
 * may sleep.
 */
export function timeOfDay(): number {
  return Date.now();
}
