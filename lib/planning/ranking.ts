import { priorityOf } from "../definition/specs/node-options.js";
import type { NodeSpec } from "../definition/specs/node-spec.js";
import { inverse } from "../graph/order.js";
import { flowOrder } from "./flow.js";
import type { DagPlan, Ranking } from "./plan.js";

const rankings = new WeakMap<DagPlan, Ranking>();

/**
 * The ranking for limited concurrency: by priority, then by the longest path from a node to a sink, in nodes, then by
 * order of definition. Computed once per plan. Cost: O(nodes + edges), or O(nodes log nodes) if nodes have priorities.
 * Source: the critical path rule of list scheduling (Graham, 1969).
 */
export function criticalFirst(plan: DagPlan): Ranking {
  let ranking = rankings.get(plan);
  if (ranking === undefined) rankings.set(plan, (ranking = rankingOf(plan)));
  return ranking;
}

function rankingOf(plan: DagPlan): Ranking {
  const node = plan.rank === undefined ? byCriticalPath(plan) : byPriority(plan.specs, byCriticalPath(plan));
  if (node.every((value, place) => value === place)) return { order: plan.order, rank: undefined };
  const rank = { of: inverse(node), node };
  return { order: flowOrder(plan.flow, rank.of), rank };
}

/** Sorts nodes by priority, the highest first. Stable. */
export function byPriority(specs: readonly NodeSpec[], nodes: Iterable<number>): Int32Array {
  const priorities = specs.map(({ options }) => priorityOf(options.priority));
  return Int32Array.from(Array.from(nodes).sort((a, b) => priorities[b] - priorities[a]));
}

/** Sorts all nodes by the longest path to a sink, the longest first. Ties are in order of definition. */
function byCriticalPath({ size, order, graph }: DagPlan): Int32Array {
  const { start, target } = graph;
  const path = new Int32Array(size);
  for (let k = size - 1; k >= 0; k--) {
    const v = order[k];
    for (let e = start[v]; e < start[v + 1]; e++) path[v] = Math.max(path[v], path[target[e]] + 1);
  }
  let longest = 0;
  for (const length of path) longest = Math.max(longest, length);
  // The start of the nodes of each length, for a counting sort.
  const next = new Int32Array(longest + 2);
  for (const length of path) next[longest - length + 1]++;
  for (let k = 1; k < next.length; k++) next[k] += next[k - 1];
  const node = new Int32Array(size);
  for (let v = 0; v < size; v++) node[next[longest - path[v]]++] = v;
  return node;
}
