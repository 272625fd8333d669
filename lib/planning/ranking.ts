import { priorityOf } from "../definition/specs/node-options.js";
import type { NodeSpec } from "../definition/specs/node-spec.js";
import { inverse, topologicalOrder } from "../graph/order.js";
import type { DagPlan, Ranking } from "./plan.js";

const rankings = new WeakMap<DagPlan, Ranking>();

/**
 * The ranking where slots are limited: by priority, then the longest way behind a node, in nodes, then by order of definition.
 * Computed once a plan. Cost: O(nodes + edges), and O(nodes log nodes) where nodes have priorities.
 * Source: the critical path rule of list scheduling, Graham, 1969.
 */
export function criticalFirst(plan: DagPlan): Ranking {
  let ranking = rankings.get(plan);
  if (ranking === undefined) rankings.set(plan, (ranking = rankingOf(plan)));
  return ranking;
}

function rankingOf(plan: DagPlan): Ranking {
  const node = plan.rank === undefined ? byWayBehind(plan) : byPriority(plan.specs, byWayBehind(plan));
  if (node.every((value, place) => value === place)) return { order: plan.order, rank: undefined };
  const rank = { of: inverse(node), node };
  return { order: topologicalOrder(plan.graph, rank.of), rank };
}

/** Nodes, those of higher priority first, ties as they stand in `nodes`. */
export function byPriority(specs: readonly NodeSpec[], nodes: Iterable<number>): Int32Array {
  const priorities = specs.map(({ options }) => priorityOf(options.priority));
  return Int32Array.from(Array.from(nodes).sort((a, b) => priorities[b] - priorities[a]));
}

/** The nodes, those with the longest way behind them first, ties by order of definition. */
function byWayBehind({ size, order, graph }: DagPlan): Int32Array {
  const { start, target } = graph;
  const way = new Int32Array(size);
  for (let k = size - 1; k >= 0; k--) {
    const v = order[k];
    for (let e = start[v]; e < start[v + 1]; e++) way[v] = Math.max(way[v], way[target[e]] + 1);
  }
  let longest = 0;
  for (const length of way) longest = Math.max(longest, length);
  // Where the nodes of each length begin.
  const next = new Int32Array(longest + 2);
  for (const length of way) next[longest - length + 1]++;
  for (let k = 1; k < next.length; k++) next[k] += next[k - 1];
  const node = new Int32Array(size);
  for (let v = 0; v < size; v++) node[next[longest - way[v]]++] = v;
  return node;
}
