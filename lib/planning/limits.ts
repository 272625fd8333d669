import type { ValidationIssue } from "../base/errors.js";
import type { NodeSpec } from "../definition/specs/node-spec.js";

/** Issues for keys that nodes of a workflow use with different limits. Cost: O(nodes). */
export function conflictingLimits(specs: readonly NodeSpec[]): ValidationIssue[] {
  const issues: ValidationIssue[] = [];
  const first = new Map<string, { readonly name: string; readonly limit: string }>();
  for (const { name, options } of specs) {
    const { concurrencyKey, throttle } = options;
    const limits = [
      concurrencyKey && { of: `concurrency key "${concurrencyKey.key}"`, limit: `${concurrencyKey.limit ?? 1}` },
      throttle?.key && { of: `throttle "${throttle.key}"`, limit: `${throttle.limit} in ${throttle.interval} ms` },
    ];
    for (const own of limits) {
      if (!own) continue;
      const { of, limit } = own;
      const other = first.get(of) ?? { name, limit };
      first.set(of, other);
      if (other.limit === limit) continue;
      const message = `"${other.name}" and "${name}" give the ${of} different limits: ${other.limit} and ${limit}. Give all nodes with this key the same limit.`;
      issues.push({ severity: "error", code: "LIMIT_CONFLICT", message, nodes: [other.name, name] });
    }
  }
  return issues;
}
