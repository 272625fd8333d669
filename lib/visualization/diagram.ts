import { append } from "../base/append.js";
import { show, type Rules } from "../base/check.js";
import type { ChildWorkflow } from "../definition/defined.js";
import type { Delay } from "../definition/specs/node-options.js";
import type { NodeSpec } from "../definition/specs/node-spec.js";
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
  /** How many levels of dags inside are drawn with their nodes; may be Infinity. @defaultValue 1 */
  depth?: number | undefined;
}

const DEPTH_RULE: Rules<Pick<DiagramOptions, "depth">> = {
  depth: (_, depth) => {
    if (depth === Infinity || (Number.isInteger(depth) && Number(depth) >= 0)) return;
    throw new RangeError(`"depth" of a diagram must be an integer from 0 up, or Infinity; received ${show(depth)}.`);
  },
};

/** Shapes by kind; other nodes are boxes. */
const MERMAID_SHAPES: Readonly<Record<string, readonly [string, string]>> = {
  condition: ["{", "}"],
  select: ["{{", "}}"],
  any: ["([", "])"],
  all: ["[/", "\\]"],
  when: [">", "]"],
  coalesce: ["[\\", "/]"],
  map: ["[/", "/]"],
  workflow: ["[[", "]]"],
  event: ["(((", ")))"],
};
const DOT_SHAPES: Readonly<Record<string, string>> = {
  condition: "diamond",
  select: "hexagon",
  any: "ellipse",
  all: "box3d",
  when: "trapezium",
  coalesce: "invtrapezium",
  map: "parallelogram",
  event: "doubleoctagon",
};

/** How deep lines are indented, so that diagrams of deep nesting stay short. */
const MAX_INDENT = 32;

/** The plan of a workflow in a node; undefined if it is no dag, which is drawn as one node. */
export type PlanOf = (workflow: ChildWorkflow) => DagPlan | undefined;

/** A node of the diagram, of the dag or of a dag inside. */
interface Drawn {
  /** `n1`, or `n2_0` for the first node of the second workflow inside. */
  readonly id: string;
  readonly spec: NodeSpec;
  readonly report: NodeReport | undefined;
  /** What is drawn inside of it. */
  readonly inside: Drawing | undefined;
}

interface Drawing {
  readonly plan: DagPlan;
  readonly prefix: string;
  readonly nodes: readonly Drawn[];
}

/** What to draw of a dag: all its nodes, and those of the workflows inside, to a depth. */
function drawingOf(root: DagPlan, { run, depth = 1 }: DiagramOptions, planOf: PlanOf): Drawing {
  type Open = { drawing: Drawing & { nodes: Drawn[] }; run: RunResult<any> | undefined; depth: number };
  const first: Open = { drawing: { plan: root, prefix: "n", nodes: [] }, run, depth };
  const open = [first];
  let count = 0;
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { drawing, run: its, depth: left } = next;
    drawing.plan.specs.forEach((spec, i) => {
      const id = `${drawing.prefix}${i}`;
      const plan = left > 0 && spec.subworkflow !== undefined ? planOf(spec.subworkflow.workflow) : undefined;
      const inside = plan === undefined ? undefined : { plan, prefix: `n${++count}_`, nodes: [] };
      if (inside !== undefined) open.push({ drawing: inside, run: its?.child(spec.name), depth: left - 1 });
      drawing.nodes.push({ id, spec, report: its?.nodes.get(spec.name), inside });
    });
  }
  return first.drawing;
}

/**
 * A Mermaid flowchart. Names appear only in labels, so none can break the diagram. Workflows that are drawn with their
 * nodes are subgraphs. Cost: O(nodes + edges).
 */
export function toMermaid(plan: DagPlan, options: DiagramOptions, planOf: PlanOf): string {
  checkDiagramOptions(options, RunResult, DEPTH_RULE);
  const { direction = "TB" } = options;
  const lines = [`flowchart ${direction}`];
  const byStatus = new Map<NodeStatus, string[]>();
  walk(drawingOf(plan, options, planOf), {
    node({ id, spec, spec: { kind }, report }, indent) {
      const [open, close] = MERMAID_SHAPES[kind] ?? ["[", "]"];
      if (report !== undefined) append(byStatus, report.status, id);
      lines.push(`${indent}${id}${open}"${labelOf(spec, report).map(escapeMermaid).join("<br/>")}"${close}`);
    },
    enter({ id, spec, report }, indent) {
      if (report !== undefined) append(byStatus, report.status, id);
      lines.push(`${indent}subgraph ${id}["${labelOf(spec, report).map(escapeMermaid).join("<br/>")}"]`);
    },
    leave: (indent) => lines.push(`${indent}end`),
    edges({ plan: { indexOf }, plan: drawn, prefix }, indent) {
      for (const edge of edgesOf(drawn)) {
        const { from, to } = edge;
        const arrow = edge.stream ? "==>" : edge.optional || edge.orderOnly ? "-.->" : "-->";
        const text = edgeLabel(edge);
        const label = text === "" ? "" : `|"${escapeMermaid(text)}"|`;
        lines.push(`${indent}${prefix}${indexOf.get(from)} ${arrow}${label} ${prefix}${indexOf.get(to)}`);
      }
    },
  });
  lines.push(...classLines(byStatus, ""));
  return `${lines.join("\n")}\n`;
}

/**
 * A digraph for Graphviz's `dot`. Workflows that are drawn with their nodes are clusters, which also hold the node that
 * edges lead to. Cost: O(nodes + edges).
 */
export function toDot(plan: DagPlan, options: DiagramOptions, planOf: PlanOf): string {
  checkDiagramOptions(options, RunResult, DEPTH_RULE);
  const { direction = "TB" } = options;
  const lines = [`digraph ${quoteDot(plan.workflow)} {`, `  rankdir=${direction};`, `  ${DOT_NODE_STYLE}`];
  const node = ({ id, spec, spec: { kind }, report }: Drawn, indent: string) => {
    const attributes = [`label=${quoteDot(labelOf(spec, report).join("\n"))}`];
    if (kind === "workflow") attributes.push("peripheries=2");
    if (DOT_SHAPES[kind] !== undefined) attributes.push(`shape=${DOT_SHAPES[kind]}`, "style=filled");
    if (report !== undefined) {
      const { fill, stroke } = COLOURS[report.status];
      attributes.push(`fillcolor="${fill}"`, `color="${stroke}"`);
    }
    lines.push(`${indent}${id} [${attributes.join(", ")}];`);
  };
  walk(drawingOf(plan, options, planOf), {
    node,
    enter(drawn, indent) {
      lines.push(`${indent}subgraph cluster_${drawn.id} {`, `${indent}  label="";`);
      node(drawn, `${indent}  `);
    },
    leave: (indent) => lines.push(`${indent}}`),
    edges({ plan: { indexOf }, plan: drawn, prefix }, indent) {
      for (const edge of edgesOf(drawn)) {
        const { from, to } = edge;
        const text = edgeLabel(edge);
        const attributes = [
          ...(text === "" ? [] : [`label=${quoteDot(text)}`]),
          ...(edge.stream ? ["style=bold"] : edge.optional || edge.orderOnly ? ["style=dashed"] : []),
        ];
        const end = attributes.length === 0 ? "" : ` [${attributes.join(", ")}]`;
        lines.push(`${indent}${prefix}${indexOf.get(from)} -> ${prefix}${indexOf.get(to)}${end};`);
      }
    },
  });
  return `${[...lines, "}"].join("\n")}\n`;
}

interface Pen {
  node(drawn: Drawn, indent: string): void;
  /** Begins a workflow that is drawn with its nodes. */
  enter(drawn: Drawn, indent: string): void;
  leave(indent: string): void;
  edges(drawing: Drawing, indent: string): void;
}

/** Draws workflows with what is inside of them, without recursion: the nodes of each, and then its edges. */
function walk(root: Drawing, pen: Pen): void {
  const open = [{ drawing: root, at: 0 }];
  for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
    const indent = indentAt(open.length);
    const drawn = top.drawing.nodes.at(top.at++);
    if (drawn === undefined) {
      pen.edges(top.drawing, indent);
      open.pop();
      if (open.length > 0) pen.leave(indentAt(open.length));
    } else if (drawn.inside === undefined) pen.node(drawn, indent);
    else {
      pen.enter(drawn, indent);
      open.push({ drawing: drawn.inside, at: 0 });
    }
  }
}

function indentAt(depth: number): string {
  return "  ".repeat(Math.min(depth, MAX_INDENT));
}

/** What passes along an edge, and what it is to a choice: `total`, `then`, `if: true`. */
function edgeLabel({ role, output }: DagEdge): string {
  return [role, output].filter((part) => part !== undefined).join(": ");
}

/** The lines of a node's label: its name, what it waits for, and what became of it. */
function labelOf({ name, event, options: { delay } }: NodeSpec, report: NodeReport | undefined): string[] {
  const lines = [name];
  if (delay !== undefined) lines.push(delayText(delay));
  if (event !== undefined) lines.push(`on ${event.name}`);
  if (report === undefined) return lines;
  const time = report.duration === undefined ? "" : ` ${formatDuration(report.duration)}`;
  return [...lines, `${report.status}${time}`];
}

/** `after 1.5 s`, `at 2026-11-26T12:00:00.000Z`, or `after a delay` for one that is computed. */
function delayText(delay: Delay): string {
  if (typeof delay === "function") return "after a delay";
  return typeof delay === "number" ? `after ${formatDuration(delay)}` : `at ${delay.toISOString()}`;
}

/** `0.3 ms`, `12 ms`, `1.5 s`. */
function formatDuration(ms: number): string {
  if (ms >= 1000) return `${(ms / 1000).toFixed(1)} s`;
  return ms >= 10 ? `${Math.round(ms)} ms` : `${ms.toFixed(1)} ms`;
}
