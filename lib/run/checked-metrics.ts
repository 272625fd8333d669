import { show } from "../base/check.js";

/**
 * A run's metrics as an attempt sees them: whatever writes to them, only finite numbers get there.
 * @param subject - whose attempt it is, as `node "load"`
 */
export function checkedMetrics(metrics: Record<string, number>, subject: string): Record<string, number> {
  return new Proxy(metrics, {
    // Assignments end here, too.
    defineProperty(target, key, property) {
      const { value } = property as { readonly value?: unknown };
      if (!Number.isFinite(value))
        throw new TypeError(`Metric "${String(key)}" of ${subject} must be a finite number; received ${show(value)}.`);
      return Reflect.defineProperty(target, key, property);
    },
  });
}
