import { indegrees, type Digraph } from "./digraph.js";
import { MinSet } from "./min-set.js";

/**
 * A topological order of the vertices. Among the vertices that may come next, the one with the smallest rank comes
 * first. Vertices on cycles, and all that are reachable from them, are left out, so the order is complete only if its
 * length is `graph.size`. Source: Kahn, "Topological sorting of large networks", 1962. Cost: O(size + edges), without
 * recursion.
 * @param rank - a permutation; the identity by default
 */
export function topologicalOrder(graph: Digraph, rank?: Int32Array): Int32Array {
  const { size, start, target } = graph;
  if (rank === undefined && isOrdered(graph)) return Int32Array.from({ length: size }, (_, v) => v);
  const byRank = rank === undefined ? undefined : inverse(rank);
  const remaining = indegrees(graph);
  const ready = new MinSet(size);
  const order = new Int32Array(size);
  let length = 0;
  for (let v = 0; v < size; v++) if (remaining[v] === 0) ready.add(rank === undefined ? v : rank[v]);
  for (let next = ready.take(); next >= 0; next = ready.take()) {
    const v = byRank === undefined ? next : byRank[next];
    order[length++] = v;
    for (let e = start[v]; e < start[v + 1]; e++) {
      const w = target[e];
      if (--remaining[w] === 0) ready.add(rank === undefined ? w : rank[w]);
    }
  }
  return order.subarray(0, length);
}

/** Whether the vertices are in topological order already. */
function isOrdered({ size, start, target }: Digraph): boolean {
  for (let v = 0; v < size; v++) for (let e = start[v]; e < start[v + 1]; e++) if (target[e] <= v) return false;
  return true;
}

/** The length of the longest path to each vertex, in edges. `order` must be a complete topological order. */
export function levels(graph: Digraph, order: Int32Array): Int32Array {
  const level = new Int32Array(graph.size);
  for (const v of order) {
    for (let e = graph.start[v]; e < graph.start[v + 1]; e++) {
      const w = graph.target[e];
      if (level[w] <= level[v]) level[w] = level[v] + 1;
    }
  }
  return level;
}

/** The inverse permutation. */
export function inverse(permutation: Int32Array): Int32Array {
  const result = new Int32Array(permutation.length);
  for (let k = 0; k < permutation.length; k++) result[permutation[k]] = k;
  return result;
}
