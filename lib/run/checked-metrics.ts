import { show } from "../base/check.js";

/**
 * A run's metrics as an attempt sees them. They accept only finite numbers, however they are written.
 * @param subject - the owner of the attempt, such as `node "load"`
 */
export function checkedMetrics(metrics: Record<string, number>, subject: string): Record<string, number> {
  return new Proxy(metrics, {
    // Assignments call this, too.
    defineProperty(target, key, property) {
      const { value } = property as { readonly value?: unknown };
      if (!Number.isFinite(value))
        throw new TypeError(`Metric "${String(key)}" of ${subject} must be a finite number; received ${show(value)}.`);
      return Reflect.defineProperty(target, key, property);
    },
  });
}
