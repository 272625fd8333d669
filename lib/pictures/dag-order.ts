import { digraph, type Digraph } from "../graph/digraph.js";
import { longestPath } from "../graph/longest-path.js";
import { levels, topologicalOrder } from "../graph/order.js";
import type { DagGraph } from "../index.js";
import type { RunFacts } from "./run-facts.js";

function digraphOf({ nodes, edges }: DagGraph): Digraph {
  const indexOf = new Map(nodes.map(({ name }, i) => [name, i]));
  const ends = edges.map(({ from, to }) => [indexOf.get(from) as number, indexOf.get(to) as number] as const);
  return digraph(
    nodes.length,
    ends.map(([from]) => from),
    ends.map(([, to]) => to),
  );
}

/**
 * The path through the completed nodes of a run with the longest total duration; of paths with equal durations, the one
 * that goes further. Empty if it is a single node, which explains nothing. Cost: O(nodes + edges).
 */
export function criticalPath(graph: DagGraph, run: RunFacts): readonly string[] {
  const edges = digraphOf(graph);
  const { vertices } = longestPath(edges, topologicalOrder(edges), (v) => {
    const { status, duration } = run.nodes.get(graph.nodes[v].name) ?? {};
    return status === "completed" ? duration : undefined;
  });
  return vertices.length > 1 ? vertices.map((v) => graph.nodes[v].name) : [];
}

/**
 * The nodes by distance from those that need nothing. Nodes on cycles, and those behind them, which only dags that are
 * not valid have, come last.
 */
export function nodesByLevel(graph: DagGraph): DagGraph["nodes"][number][][] {
  const { nodes } = graph;
  const edges = digraphOf(graph);
  const order = topologicalOrder(edges);
  const level = levels(edges, order);
  const result: DagGraph["nodes"][number][][] = [];
  const isPlaced = new Uint8Array(nodes.length);
  for (const v of order) isPlaced[v] = 1;
  nodes.forEach((node, v) => {
    if (isPlaced[v] === 1) (result[level[v]] ??= []).push(node);
  });
  const others = nodes.filter((_, v) => isPlaced[v] === 0);
  return others.length === 0 ? result : [...result, others];
}
