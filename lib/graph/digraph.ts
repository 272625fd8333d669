/**
 * A directed graph on the vertices 0 … size - 1, as compressed sparse rows: the edges out of `v` are `start[v]` …
 * `start[v + 1] - 1`, and edge `e` leads to `target[e]`. Parallel edges and self-loops are kept, and so is the order of
 * the edges out of a vertex.
 */
export interface Digraph {
  readonly size: number;
  readonly start: Int32Array;
  readonly target: Int32Array;
}

/** Builds a graph from edges that lead from `from[k]` to `to[k]`. Cost: O(size + edges). */
export function digraph(size: number, from: ArrayLike<number>, to: ArrayLike<number>): Digraph {
  const { start, order } = groupBy(size, from);
  const target = new Int32Array(order.length);
  for (let slot = 0; slot < order.length; slot++) target[slot] = to[order[slot]];
  return { size, start, target };
}

/**
 * Sorts the positions of `keys` by key, with a stable counting sort: the positions with key k are
 * `order[start[k]]` … `order[start[k + 1] - 1]`. Cost: O(size + keys).
 * @param size - the number of keys, which are 0 … size - 1
 */
export function groupBy(size: number, keys: ArrayLike<number>): { start: Int32Array; order: Int32Array } {
  const start = new Int32Array(size + 1);
  for (let k = 0; k < keys.length; k++) start[keys[k] + 1]++;
  for (let v = 0; v < size; v++) start[v + 1] += start[v];
  const next = start.slice(0, size);
  const order = new Int32Array(keys.length);
  for (let k = 0; k < keys.length; k++) order[next[keys[k]]++] = k;
  return { start, order };
}

/** The number of edges into each vertex. */
export function indegrees(graph: Digraph): Int32Array {
  const counts = new Int32Array(graph.size);
  for (const target of graph.target) counts[target]++;
  return counts;
}
