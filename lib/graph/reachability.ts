import { digraph, type Digraph } from "./digraph.js";

/** The vertices that are reachable from `origins`, which are included, as a mask. Cost: O(size + edges). */
export function reachable(graph: Digraph, origins: Iterable<number>): Uint8Array {
  const mask = new Uint8Array(graph.size);
  const queue: number[] = [];
  for (const origin of origins) {
    if (mask[origin] === 0) queue.push(origin);
    mask[origin] = 1;
  }
  for (let v = queue.pop(); v !== undefined; v = queue.pop()) {
    for (let e = graph.start[v]; e < graph.start[v + 1]; e++) {
      const w = graph.target[e];
      if (mask[w] === 1) continue;
      mask[w] = 1;
      queue.push(w);
    }
  }
  return mask;
}

/** The graph with all edges reversed. */
export function reversed(graph: Digraph): Digraph {
  const from = new Int32Array(graph.target.length);
  for (let v = 0; v < graph.size; v++) from.fill(v, graph.start[v], graph.start[v + 1]);
  return digraph(graph.size, graph.target, from);
}
