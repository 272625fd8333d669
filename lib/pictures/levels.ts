import type { DagGraph, NodeStatus, WorkflowGraph } from "../index.js";
import { tooltip } from "./boxes.js";
import { criticalPath, nodesByLevel } from "./dag-order.js";
import { rowsOf, statusEntry, type Entry } from "./legend.js";
import { nodeAttribute } from "./draw.js";
import type { Content } from "./page.js";
import type { RunFacts } from "./run-facts.js";
import { px } from "./shapes.js";
import { counted, cut, xmlText } from "./text.js";

/** How many rows there are at most; a dag with more levels has several of them in a row. */
const MAX_ROWS = 200;
/** Cells have names unless there are more of them. */
const MAX_NAMED = 1500;
const NAMED = { width: 118, height: 22, gap: 5, columns: 8 };
const BARE = { width: 12, height: 12, gap: 2, columns: 80 };
const PADDING = { x: 12, y: 10 };
const HEADING = 118;
const BETWEEN = 22;

/**
 * Draws a workflow that is too large for boxes and lines: one row for each level of a dag, in which each node is a cell,
 * below those that it needs. Cost: O(nodes + edges).
 */
export function drawLevels(graph: WorkflowGraph, run: RunFacts | undefined): Content {
  const rows = rowsIn(graph);
  const critical = new Set(graph.kind === "dag" && run !== undefined ? criticalPath(graph, run) : []);
  const cell = graph.nodes.length > MAX_NAMED ? BARE : NAMED;
  const step = { x: cell.width + cell.gap, y: cell.height + cell.gap };
  const columns = Math.min(cell.columns, Math.max(...rows.map(({ nodes }) => nodes.length)));
  const width = HEADING + columns * step.x - cell.gap + PADDING.x;
  const parts: string[] = [];
  let y = 0;
  rows.forEach(({ nodes, first, last }, i) => {
    const height = Math.max(2 * PADDING.y + 32, Math.ceil(nodes.length / columns) * step.y - cell.gap + 2 * PADDING.y);
    if (i > 0) parts.push(between(width / 2, y - BETWEEN, y));
    parts.push(
      `<g class="group"><rect class="frame" x="0" y="${px(y)}" width="${px(width)}" height="${px(height)}" rx="9"/>`,
    );
    const heading = graph.kind === "fsm" ? "States" : first === last ? `Level ${first}` : `Levels ${first}–${last}`;
    parts.push(`<text class="heading" x="${PADDING.x}" y="${px(y + PADDING.y + 13)}">${heading}</text>`);
    const count = counted(nodes.length, graph.kind === "dag" ? "node" : "state");
    parts.push(`<text class="note" x="${PADDING.x}" y="${px(y + PADDING.y + 29)}">${count}</text></g>`);
    nodes.forEach((node, k) => {
      const facts = run?.nodes.get(node.name);
      const left = HEADING + (k % columns) * step.x;
      const top = y + PADDING.y + Math.floor(k / columns) * step.y;
      const classes = [
        "box",
        ...(facts === undefined ? [] : [facts.status]),
        ...(critical.has(node.name) ? ["critical"] : []),
      ];
      const kind = cell === BARE ? "bar" : "outline";
      const outline = `<rect class="${kind}" x="${px(left)}" y="${px(top)}" width="${cell.width}" height="${cell.height}" rx="3"/>`;
      const name =
        cell === BARE
          ? ""
          : `<text class="name tiny" x="${px(left + 7)}" y="${px(top + 15)}">${xmlText(cut(node.name, 11, cell.width - 14))}</text>`;
      parts.push(
        `<g class="${classes.join(" ")}"${nodeAttribute(node.name)}><title>${xmlText(tooltip(node, facts))}</title>${outline}${name}</g>`,
      );
    });
    y += height + BETWEEN;
  });
  return {
    width,
    height: y - BETWEEN,
    svg: parts.join("\n"),
    legend: (room) => rowsOf(entriesOf(run, critical.size > 0), room),
  };
}

interface Row {
  readonly nodes: readonly DagGraph["nodes"][number][];
  /** The levels that it has, from 1. */
  readonly first: number;
  readonly last: number;
}

function rowsIn(graph: WorkflowGraph): Row[] {
  if (graph.kind === "fsm") return [{ nodes: graph.nodes, first: 1, last: 1 }];
  const levels = nodesByLevel(graph);
  const each = Math.ceil(levels.length / MAX_ROWS);
  return Array.from({ length: Math.ceil(levels.length / each) }, (_, i) => {
    const some = levels.slice(i * each, (i + 1) * each);
    return { nodes: some.flat(), first: i * each + 1, last: i * each + some.length };
  });
}

/** The arrow from one row to the next. */
function between(x: number, top: number, bottom: number): string {
  const way = `<path class="way" d="M${px(x)} ${px(top)}V${px(bottom - 9)}"/>`;
  return `<g class="line plain">${way}<path class="tip" d="M${px(x)} ${px(bottom)}l-4.2 -10h8.4Z"/></g>`;
}

/** A cell on the critical path. */
const criticalEntry: Entry = {
  words: "critical path",
  width: 18,
  draw: (x, y) =>
    `<g class="critical"><rect class="outline" x="${px(x)}" y="${px(y - 6)}" width="18" height="12" rx="3"/></g>`,
};

function entriesOf(run: RunFacts | undefined, hasPath: boolean): Entry[] {
  const statuses = new Set<NodeStatus>();
  for (const { status } of run?.nodes.values() ?? []) statuses.add(status);
  const entries = Array.from(statuses, (status) => statusEntry(status, status));
  return hasPath ? [...entries, criticalEntry] : entries;
}
