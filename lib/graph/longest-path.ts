import type { Digraph } from "./digraph.js";

/** A path, and the sum of its weights. */
export interface WeightedPath {
  readonly vertices: readonly number[];
  readonly weight: number;
}

/**
 * The path with the greatest weight; of paths with equal weights, the one that goes further. Cost: O(size + edges).
 * @param order - a topological order; vertices that it lacks are on no path
 * @param weightOf - the weight of a vertex, not negative; undefined if no path leads through it
 */
export function longestPath(
  { size, start, target }: Digraph,
  order: Iterable<number>,
  weightOf: (vertex: number) => number | undefined,
): WeightedPath {
  const longest = new Float64Array(size);
  const previous = new Int32Array(size).fill(-1);
  let last = -1;
  for (const v of order) {
    const weight = weightOf(v);
    if (weight === undefined) continue;
    longest[v] += weight;
    if (last < 0 || longest[v] >= longest[last]) last = v;
    for (let e = start[v]; e < start[v + 1]; e++) {
      const w = target[e];
      if (longest[v] <= longest[w] && previous[w] >= 0) continue;
      longest[w] = longest[v];
      previous[w] = v;
    }
  }
  const vertices: number[] = [];
  for (let v = last; v >= 0; v = previous[v]) vertices.push(v);
  return { vertices: vertices.reverse(), weight: last < 0 ? 0 : longest[last] };
}
