import { append } from "../base/append.js";
import { edgesOf, type DagEdge, type DagPlan } from "../planning/plan.js";
import { RunResult, type NodeReport } from "../run/result.js";
import type { NodeStatus } from "../run/status.js";
import { classLines, COLOURS, DOT_NODE_STYLE } from "./colours.js";
import { checkDiagramOptions, type BaseDiagramOptions } from "./diagram-options.js";
import { escapeMermaid, quoteDot } from "./text.js";

/** Options of a dag's diagram. */
export interface DiagramOptions extends BaseDiagramOptions<RunResult<any>> {
  /** Colours each node by its status in this run, and adds its duration. */
  run?: RunResult<any> | undefined;
}

/** Shapes by kind; other nodes are boxes. */
const MERMAID_SHAPES: Readonly<Record<string, readonly [string, string]>> = {
  condition: ["{", "}"],
  select: ["{{", "}}"],
  any: ["([", "])"],
  all: ["[[", "]]"],
  when: ["[/", "\\]"],
  coalesce: ["[\\", "/]"],
  map: ["[/", "/]"],
};
const DOT_SHAPES: Readonly<Record<string, string>> = {
  condition: "diamond",
  select: "hexagon",
  any: "ellipse",
  all: "box3d",
  when: "trapezium",
  coalesce: "invtrapezium",
  map: "parallelogram",
};

/** A Mermaid flowchart. Names appear only in labels, so none can break the diagram. Cost: O(nodes + edges). */
export function toMermaid(plan: DagPlan, options: DiagramOptions): string {
  checkDiagramOptions(options, RunResult);
  const { run, direction = "TB" } = options;
  const lines = [`flowchart ${direction}`];
  const byStatus = new Map<NodeStatus, number[]>();
  plan.specs.forEach(({ name, kind }, i) => {
    const [open, close] = MERMAID_SHAPES[kind] ?? ["[", "]"];
    const report = run?.nodes.get(name);
    if (report !== undefined) append(byStatus, report.status, i);
    lines.push(`  n${i}${open}"${labelOf(name, report).map(escapeMermaid).join("<br/>")}"${close}`);
  });
  for (const edge of edgesOf(plan)) {
    const { from, to } = edge;
    const arrow = edge.stream ? "==>" : edge.optional || edge.orderOnly ? "-.->" : "-->";
    const text = edgeLabel(edge);
    const label = text === "" ? "" : `|"${escapeMermaid(text)}"|`;
    lines.push(`  n${plan.indexOf.get(from)} ${arrow}${label} n${plan.indexOf.get(to)}`);
  }
  lines.push(...classLines(byStatus, "n"));
  return `${lines.join("\n")}\n`;
}

/** A digraph for Graphviz's `dot`. Cost: O(nodes + edges). */
export function toDot(plan: DagPlan, options: DiagramOptions): string {
  checkDiagramOptions(options, RunResult);
  const { run, direction = "TB" } = options;
  const lines = [`digraph ${quoteDot(plan.workflow)} {`, `  rankdir=${direction};`, `  ${DOT_NODE_STYLE}`];
  plan.specs.forEach(({ name, kind }, i) => {
    const report = run?.nodes.get(name);
    const attributes = [`label=${quoteDot(labelOf(name, report).join("\n"))}`];
    if (DOT_SHAPES[kind] !== undefined) attributes.push(`shape=${DOT_SHAPES[kind]}`, "style=filled");
    if (report !== undefined) {
      const { fill, stroke } = COLOURS[report.status];
      attributes.push(`fillcolor="${fill}"`, `color="${stroke}"`);
    }
    lines.push(`  n${i} [${attributes.join(", ")}];`);
  });
  for (const edge of edgesOf(plan)) {
    const { from, to } = edge;
    const text = edgeLabel(edge);
    const attributes = [
      ...(text === "" ? [] : [`label=${quoteDot(text)}`]),
      ...(edge.stream ? ["style=bold"] : edge.optional || edge.orderOnly ? ["style=dashed"] : []),
    ];
    const end = attributes.length === 0 ? "" : ` [${attributes.join(", ")}]`;
    lines.push(`  n${plan.indexOf.get(from)} -> n${plan.indexOf.get(to)}${end};`);
  }
  return `${[...lines, "}"].join("\n")}\n`;
}

/** What passes along an edge, and what it is to a choice: `total`, `then`, `if: true`. */
function edgeLabel({ role, output }: DagEdge): string {
  return [role, output].filter((part) => part !== undefined).join(": ");
}

/** The lines of a node's label. */
function labelOf(name: string, report: NodeReport | undefined): string[] {
  if (report === undefined) return [name];
  const time = report.duration === undefined ? "" : ` ${formatDuration(report.duration)}`;
  return [name, `${report.status}${time}`];
}

/** `0.3 ms`, `12 ms`, `1.5 s`. */
function formatDuration(ms: number): string {
  if (ms >= 1000) return `${(ms / 1000).toFixed(1)} s`;
  return ms >= 10 ? `${Math.round(ms)} ms` : `${ms.toFixed(1)} ms`;
}
