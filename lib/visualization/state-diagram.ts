import { append } from "../base/append.js";
import type { DeclaredEdge, FsmPlan } from "../planning/fsm-plan.js";
import { FsmResult } from "../run/fsm-result.js";
import type { NodeStatus } from "../run/status.js";
import { classLines, COLOURS, DOT_NODE_STYLE } from "./colours.js";
import { checkDiagramOptions, type BaseDiagramOptions } from "./diagram-options.js";
import { escapeMermaid, quoteDot } from "./text.js";

/** Options of an fsm's diagram. */
export interface StateDiagramOptions extends BaseDiagramOptions<FsmResult<any>> {
  /**
   * Colours the states that this run visited, and adds their visits. The last state gets the colour of the run's
   * status.
   */
  run?: FsmResult<any> | undefined;
}

/** A Mermaid `stateDiagram-v2`. Names appear only in labels, so none can break the diagram. */
export function stateDiagram(plan: FsmPlan, options: StateDiagramOptions): string {
  checkDiagramOptions(options, FsmResult);
  const { run, direction = "TB" } = options;
  const lines = ["stateDiagram-v2", `  direction ${direction}`];
  const byStatus = new Map<NodeStatus, number[]>();
  plan.specs.forEach(({ name }, i) => {
    lines.push(`  state "${escapeMermaid(labelOf(name, run))}" as s${i}`);
    const status = statusOf(name, run);
    if (status !== undefined) append(byStatus, status, i);
  });
  if (plan.initial >= 0) lines.push(`  [*] --> s${plan.initial}`);
  for (const { from, to, label } of edgesOf(plan)) {
    lines.push(`  s${from} --> s${to}${label === "" ? "" : ` : ${label}`}`);
  }
  plan.isTerminal.forEach((isTerminal, i) => {
    if (isTerminal) lines.push(`  s${i} --> [*]`);
  });
  lines.push(...classLines(byStatus, "s"));
  return `${lines.join("\n")}\n`;
}

/** A digraph for Graphviz's `dot`. */
export function stateDot(plan: FsmPlan, options: StateDiagramOptions): string {
  checkDiagramOptions(options, FsmResult);
  const { run, direction = "TB" } = options;
  const lines = [
    `digraph ${quoteDot(plan.workflow)} {`,
    `  rankdir=${direction};`,
    `  ${DOT_NODE_STYLE}`,
    `  start [shape=point, label=""];`,
  ];
  plan.specs.forEach(({ name }, i) => {
    const attributes = [`label=${quoteDot(labelOf(name, run))}`];
    if (plan.isTerminal[i]) attributes.push("peripheries=2");
    const status = statusOf(name, run);
    if (status !== undefined) {
      attributes.push(`fillcolor="${COLOURS[status].fill}"`, `color="${COLOURS[status].stroke}"`);
    }
    lines.push(`  s${i} [${attributes.join(", ")}];`);
  });
  if (plan.initial >= 0) lines.push(`  start -> s${plan.initial};`);
  for (const { from, to, label } of edgesOf(plan)) {
    lines.push(`  s${from} -> s${to}${label === "" ? "" : ` [label=${quoteDot(label)}]`};`);
  }
  return `${[...lines, "}"].join("\n")}\n`;
}

const LABELS: Readonly<Record<DeclaredEdge["kind"], string>> = {
  to: "",
  transition: "when",
  default: "default",
  error: "error",
};

/** The declared transitions, merged where they connect the same two states. */
function edgesOf({ edges }: FsmPlan): { from: number; to: number; label: string }[] {
  const merged = new Map<string, { from: number; to: number; labels: Set<string> }>();
  for (const { from, to, kind } of edges) {
    const key = `${from} ${to}`;
    const edge = merged.get(key) ?? { from, to, labels: new Set() };
    if (LABELS[kind] !== "") edge.labels.add(LABELS[kind]);
    merged.set(key, edge);
  }
  return Array.from(merged.values(), ({ from, to, labels }) => ({ from, to, label: Array.from(labels).join(", ") }));
}

function labelOf(name: string, run: FsmResult<any> | undefined): string {
  return run === undefined ? name : `${name} (${run.metrics.visits[name] ?? 0})`;
}

function statusOf(name: string, run: FsmResult<any> | undefined): NodeStatus | undefined {
  if (run === undefined) return undefined;
  if (name === run.currentState) return run.status;
  return (run.metrics.visits[name] ?? 0) > 0 ? "completed" : "pending";
}
