import { digraph, type Digraph } from "../graph/digraph.js";
import { levels, topologicalOrder } from "../graph/order.js";
import { reachable } from "../graph/reachability.js";
import { writtenGraph, type Choices, type DagPlan, type Flow } from "./plan.js";

/** The flow of a graph: the graph itself if it has no choices. Cost: O(nodes + edges). */
export function flowOf(graph: Digraph, choices: Choices | undefined): Flow {
  const { size, start, target } = graph;
  if (choices === undefined || choices.ownerOf.length === 0) return { size, graph };
  const from: number[] = [];
  const to: number[] = [];
  const lead = (source: number, vertex: number) => {
    from.push(source);
    to.push(vertex);
  };
  for (let v = 0; v < size; v++) for (let e = start[v]; e < start[v + 1]; e++) lead(v, target[e]);
  choices.gateOf.forEach((gate, node) => gate >= 0 && lead(size + gate, node));
  for (const [node, { condition, needs, gates }] of choices.of) {
    const outer = choices.gateOf[node];
    gates.forEach((gate, branch) => {
      if (gate < 0) return;
      const before = condition === undefined ? gates[branch - 1] : -1;
      const within = before >= 0 ? before : outer;
      if (within >= 0) lead(size + within, size + gate);
      lead(condition === undefined ? needs[branch - 1].source : condition.source, size + gate);
    });
  }
  return { size, graph: digraph(size + choices.ownerOf.length, from, to) };
}

/** As `topologicalOrder`, of the nodes alone. Gates open as soon as they can. */
export function flowOrder({ size, graph }: Flow, rank?: Int32Array): Int32Array {
  const gates = graph.size - size;
  if (gates === 0) return topologicalOrder(graph, rank);
  const ranks = Int32Array.from({ length: graph.size }, (_, v) => (v >= size ? v - size : gates + (rank?.[v] ?? v)));
  return topologicalOrder(graph, ranks).filter((v) => v < size);
}

/** The length of the longest path to each node, in edges between nodes. The flow must have no cycle. */
export function flowLevels({ size, graph }: Flow, order: Int32Array): Int32Array {
  if (graph.size === size) return levels(graph, order);
  const level = new Int32Array(graph.size);
  for (const v of topologicalOrder(graph)) {
    // A gate is at the level at which its nodes can start.
    const next = v < size ? level[v] + 1 : level[v];
    for (let e = graph.start[v]; e < graph.start[v + 1]; e++) {
      if (level[graph.target[e]] < next) level[graph.target[e]] = next;
    }
  }
  return level.subarray(0, size);
}

/** As `reachable`, of the nodes alone. A branch depends on what decides whether it is taken. */
export function reachableNodes({ size, graph }: Flow, origins: Iterable<number>): Uint8Array {
  return reachable(graph, origins).subarray(0, size);
}

/** The flow of what users wrote, see {@link writtenGraph}. */
export function writtenFlow(plan: DagPlan): Flow {
  return plan.streams === undefined ? plan.flow : flowOf(writtenGraph(plan), plan.choices);
}
