import type { Digraph } from "./digraph.js";

/**
 * One cycle of each strongly connected component that has any: the vertices along it, without repeating the first one.
 * A self-loop is a cycle of length one. Returns an empty list for an acyclic graph. Deterministic: components are in
 * order of their smallest vertex, and each cycle starts there.
 *
 * Source: the path-based strong component algorithm (Gabow, 2000), without recursion. Cost: O(size + edges).
 */
export function findCycles(graph: Digraph): number[][] {
  const component = strongComponents(graph);
  const members = new Map<number, number>();
  const selfLoop = new Set<number>();
  for (let v = 0; v < graph.size; v++) {
    members.set(component[v], (members.get(component[v]) ?? 0) + 1);
    for (let e = graph.start[v]; e < graph.start[v + 1]; e++) if (graph.target[e] === v) selfLoop.add(v);
  }
  const cycles: number[][] = [];
  const seen = new Set<number>();
  for (let v = 0; v < graph.size; v++) {
    if (seen.has(component[v])) continue;
    if (selfLoop.has(v)) cycles.push([v]);
    else if ((members.get(component[v]) ?? 0) > 1) cycles.push(shortestCycle(graph, component, v));
    else continue;
    seen.add(component[v]);
  }
  return cycles;
}

/** A shortest cycle through `origin`, by breadth-first search within its component. */
function shortestCycle(graph: Digraph, component: Int32Array, origin: number): number[] {
  const cameFrom = new Map<number, number>();
  const queue = [origin];
  for (const v of queue) {
    for (let e = graph.start[v]; e < graph.start[v + 1]; e++) {
      const w = graph.target[e];
      if (w === origin) return pathTo(v, cameFrom);
      if (component[w] !== component[origin] || cameFrom.has(w)) continue;
      cameFrom.set(w, v);
      queue.push(w);
    }
  }
  throw new Error(`Vertex ${origin} lies on no cycle of its component.`);
}

function pathTo(end: number, cameFrom: ReadonlyMap<number, number>): number[] {
  const path = [end];
  for (let v = cameFrom.get(end); v !== undefined; v = cameFrom.get(v)) path.push(v);
  return path.reverse();
}

/** The strongly connected component of each vertex, as a number. */
function strongComponents(graph: Digraph): Int32Array {
  const { size, start, target } = graph;
  const component = new Int32Array(size).fill(-1);
  const visited = new Int32Array(size).fill(-1);
  const nextEdge = start.slice(0, size);
  const trail: number[] = [];
  const unassigned: number[] = [];
  const roots: number[] = [];
  let visits = 0;
  let components = 0;
  for (let origin = 0; origin < size; origin++) {
    if (visited[origin] >= 0) continue;
    trail.push(origin);
    while (trail.length > 0) {
      const v = trail[trail.length - 1];
      if (visited[v] < 0) {
        visited[v] = visits++;
        unassigned.push(v);
        roots.push(v);
      }
      if (nextEdge[v] < start[v + 1]) {
        const w = target[nextEdge[v]++];
        if (visited[w] < 0) trail.push(w);
        else if (component[w] < 0) while (visited[roots[roots.length - 1]] > visited[w]) roots.pop();
        continue;
      }
      trail.pop();
      if (roots[roots.length - 1] !== v) continue;
      roots.pop();
      for (let member = -1; member !== v;) {
        member = unassigned.pop() as number;
        component[member] = components;
      }
      components++;
    }
  }
  return component;
}
