import type { DagPlan } from "../planning/plan.js";

/** The number of nodes that take each node's result. */
export function countConsumers(plan: DagPlan): Int32Array {
  const counts = new Int32Array(plan.size);
  for (let node = 0; node < plan.size; node++) {
    for (const source of new Set(sourcesOf(plan, node))) counts[source]++;
  }
  return counts;
}

/** The nodes whose results `node` takes, possibly with repeats. */
export function* sourcesOf(plan: DagPlan, node: number): Generator<number> {
  for (let k = plan.argStart[node]; k < plan.argStart[node + 1]; k++) yield* sourcesOfCode(plan, plan.args[k], node);
  const condition = plan.choices?.of.get(node)?.condition;
  if (condition !== undefined) yield condition.source;
}

/** The nodes that a map's collection comes from, possibly with repeats. */
export function* sourcesOfItems(plan: DagPlan, node: number): Generator<number> {
  const position = plan.specs[node].signature.contextAt === 0 ? 1 : 0;
  yield* sourcesOfCode(plan, plan.args[plan.argStart[node] + position], node);
}

function* sourcesOfCode(plan: DagPlan, code: number, node: number): Generator<number> {
  if (code >= 0) return yield code;
  const binding = plan.bindings[~code];
  if (binding.type === "output" || binding.type === "branch" || binding.type === "inner" || binding.type === "stream")
    yield binding.source;
  else if (binding.type === "winner") for (const need of plan.anyNeeds.get(node) ?? []) yield need.source;
  else if (binding.type === "record" || binding.type === "list") {
    for (const inner of binding.codes) yield* sourcesOfCode(plan, inner, node);
  }
}
