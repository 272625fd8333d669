/**
 * A directed graph over the integers 0 … size - 1, in compressed sparse rows: the edges that leave `v` are
 * `start[v]` … `start[v + 1] - 1`, and `target[e]` is where edge `e` ends. Parallel edges and self-loops are kept.
 * Edges of one vertex keep the order in which they were given.
 */
export interface Digraph {
  readonly size: number;
  readonly start: Int32Array;
  readonly target: Int32Array;
}

/** A graph from its edges, edge k leading from `from[k]` to `to[k]`. Cost: O(size + edges). */
export function digraph(size: number, from: ArrayLike<number>, to: ArrayLike<number>): Digraph {
  const { start, order } = groupBy(size, from);
  const target = new Int32Array(order.length);
  for (let slot = 0; slot < order.length; slot++) target[slot] = to[order[slot]];
  return { size, start, target };
}

/**
 * Sorts the positions of `keys` by key, stably: the positions whose key is k are `order[start[k]]` … `order[start[k + 1] - 1]`.
 * Cost: O(size + keys), a counting sort.
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

/** How many edges end at each vertex. */
export function indegrees(graph: Digraph): Int32Array {
  const counts = new Int32Array(graph.size);
  for (const target of graph.target) counts[target]++;
  return counts;
}
