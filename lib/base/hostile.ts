/** Looking at values that may throw when they are looked at. */

/** What looking gives, unless that throws. */
export function unlessHostile<T>(look: () => T, otherwise: T): T {
  try {
    return look();
  } catch {
    return otherwise;
  }
}

/** Whether `value` is an instance of `type`. Total: of a proxy that can't be asked, it says no. */
export function isInstance<T>(value: unknown, type: abstract new (...args: any[]) => T): value is T {
  // Without a closure: it is asked often.
  try {
    return value instanceof type;
  } catch {
    return false;
  }
}
