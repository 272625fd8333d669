/** Time in milliseconds that never goes back; its zero is the start of the process. */
export function now(): number {
  return performance.now();
}

/** The time of day, in milliseconds since 1970, of an instant that {@link now} gave. */
export function toEpoch(instant: number): number {
  return performance.timeOrigin + instant;
}
