import type { NodeStatus } from "../run/status.js";

/** How each status looks. */
export const COLOURS: Readonly<Record<NodeStatus, { fill: string; stroke: string }>> = {
  pending: { fill: "#f4f4f5", stroke: "#a1a1aa" },
  ready: { fill: "#e0f2fe", stroke: "#38bdf8" },
  running: { fill: "#dbeafe", stroke: "#2563eb" },
  completed: { fill: "#dcfce7", stroke: "#16a34a" },
  failed: { fill: "#fee2e2", stroke: "#dc2626" },
  skipped: { fill: "#fafafa", stroke: "#d4d4d8" },
  cancelled: { fill: "#fef3c7", stroke: "#d97706" },
  paused: { fill: "#ede9fe", stroke: "#7c3aed" },
  copied: { fill: "#ccfbf1", stroke: "#0d9488" },
};

/** The lines that give Mermaid's nodes the colours of their status: `n0`, `n3` … for the prefix `n`. */
export function classLines(used: ReadonlyMap<NodeStatus, readonly number[]>, prefix: string): string[] {
  return Array.from(used, ([status, nodes]) => {
    const { fill, stroke } = COLOURS[status];
    return [
      `  classDef ${status} fill:${fill},stroke:${stroke},color:#18181b`,
      `  class ${nodes.map((i) => `${prefix}${i}`).join(",")} ${status}`,
    ];
  }).flat();
}

/** How Graphviz draws nodes that no status colours. */
export const DOT_NODES = `node [shape=box, style="rounded,filled", fillcolor="#f4f4f5", color="#a1a1aa", fontname="sans-serif"];`;
