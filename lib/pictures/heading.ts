import type { WorkflowGraph } from "../index.js";
import { criticalPath } from "./dag-order.js";
import type { RunFacts } from "./run-facts.js";
import { counted, durationText, oneLine } from "./text.js";

/** How many nodes of the critical path the description names. */
const MAX_NAMED = 20;

/** What a picture is headed by. */
export interface Heading {
  readonly title: string;
  readonly subtitle: string;
  /** The picture in words. */
  readonly description: string;
}

/** The title of a picture, and its subtitle. */
export function headingOf(graph: WorkflowGraph, run: RunFacts | undefined): Heading {
  const { workflow, kind, nodes, edges } = graph;
  const size = [
    counted(nodes.length, kind === "dag" ? "node" : "state"),
    counted(edges.length, kind === "dag" ? "edge" : "transition"),
  ];
  if (run === undefined) {
    return { title: oneLine(workflow), subtitle: size.join(" · "), description: `${kind} with ${size.join(" and ")}.` };
  }
  const word = run.status === "completed" ? "in" : "after";
  const time = run.duration === undefined || run.status === "running" ? "" : ` ${word} ${durationText(run.duration)}`;
  const counts = new Map<string, number>();
  for (const { status } of run.nodes.values()) counts.set(status, (counts.get(status) ?? 0) + 1);
  const statuses = Array.from(counts, ([status, count]) => `${count} ${status}`).join(", ");
  const path = graph.kind === "dag" ? criticalPath(graph, run).slice(0, MAX_NAMED) : [];
  const parts = [
    `${kind} with ${size.join(" and ")}.`,
    `Run ${run.runId}: ${run.status}${time}; ${statuses}.`,
    ...(path.length === 0 ? [] : [`Critical path: ${path.join(" → ")}.`]),
  ];
  const subtitle = `${run.status}${time} · ${size[0]} · run ${run.runId}`;
  return { title: oneLine(workflow), subtitle, description: parts.join(" ") };
}
