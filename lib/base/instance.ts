/** Whether `value` is an instance of `type`. Total: of a proxy that can't be asked, it says no. */
export function isInstance<T>(value: unknown, type: abstract new (...args: any[]) => T): value is T {
  try {
    return value instanceof type;
  } catch {
    return false;
  }
}
