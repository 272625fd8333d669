/**
 * The time of day, in ms since 1970: of what is sent, kept and removed, and by which waits end. Read when it is needed: a clock
 * may be set, and a machine may sleep.
 */
export function timeOfDay(): number {
  return Date.now();
}
