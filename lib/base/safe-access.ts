/** Safe access to users' values, whose getters and proxy handlers may throw. */

/** The result of `read`, or `fallback` when it throws. */
export function tryOr<T>(read: () => T, fallback: T): T {
  try {
    return read();
  } catch {
    return fallback;
  }
}

/** Like `instanceof`, but false for a proxy whose handler throws. */
export function isInstance<T>(value: unknown, type: abstract new (...args: any[]) => T): value is T {
  // Does not use tryOr, to avoid a closure on a hot path.
  try {
    return value instanceof type;
  } catch {
    return false;
  }
}
