import type { NodeStatus } from "../run/status.js";

/** The colours of each status. */
export const COLOURS: Readonly<Record<NodeStatus, { fill: string; stroke: string }>> = {
  pending: { fill: "#f4f4f5", stroke: "#a1a1aa" },
  ready: { fill: "#e0f2fe", stroke: "#38bdf8" },
  waiting: { fill: "#fef9c3", stroke: "#ca8a04" },
  running: { fill: "#dbeafe", stroke: "#2563eb" },
  completed: { fill: "#dcfce7", stroke: "#16a34a" },
  failed: { fill: "#fee2e2", stroke: "#dc2626" },
  skipped: { fill: "#fafafa", stroke: "#d4d4d8" },
  cancelled: { fill: "#fef3c7", stroke: "#d97706" },
  paused: { fill: "#ede9fe", stroke: "#7c3aed" },
  copied: { fill: "#ccfbf1", stroke: "#0d9488" },
};

/** Mermaid lines that colour nodes by status. Node `i` is named by `prefix` and `i`, or by itself if it is a name. */
export function classLines(byStatus: ReadonlyMap<NodeStatus, readonly (string | number)[]>, prefix: string): string[] {
  return Array.from(byStatus, ([status, nodes]) => {
    const { fill, stroke } = COLOURS[status];
    return [
      `  classDef ${status} fill:${fill},stroke:${stroke},color:#18181b`,
      `  class ${nodes.map((i) => `${prefix}${i}`).join(",")} ${status}`,
    ];
  }).flat();
}

/** The Graphviz style of nodes without a status. */
export const DOT_NODE_STYLE = `node [shape=box, style="rounded,filled", fillcolor="#f4f4f5", color="#a1a1aa", fontname="sans-serif"];`;
