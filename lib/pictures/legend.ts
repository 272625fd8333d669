import type { NodeStatus } from "../index.js";
import { isGroup, partsIn, type Line, type Scene } from "./scene.js";
import { px, signOf } from "./shapes.js";
import { widthOf } from "./text.js";

/** An entry of a legend. */
export interface Entry {
  readonly words: string;
  /** Draws the sample, whose left end is at x, and its middle at y. */
  readonly draw: (x: number, y: number) => string;
  readonly width: number;
}

const SIZE = 12;
const ROW = 22;
const GAP = { sample: 7, entry: 18 };
const LINE = 30;

const STYLES: readonly (readonly [style: Line["style"], words: string])[] = [
  ["optional", "optional"],
  ["after", "order only"],
  ["stream", "stream"],
  ["error", "on error"],
];

/** What the signs and lines of a picture mean, as far as they occur in it. */
export function legendOf({ parts, lines }: Scene, width: number): { svg: string; height: number } {
  const statuses = new Set<NodeStatus>();
  for (const { status } of partsIn(parts)) if (status !== undefined) statuses.add(status);
  const has = (is: (line: Line) => boolean) => lines.some(is);
  const isDag = !Array.from(partsIn(parts)).some((part) => !isGroup(part) && part.shape === "start");
  const entries = [
    ...Array.from(statuses, (status) => statusEntry(status, isDag ? status : (STATE_WORDS[status] ?? status))),
    ...(has(({ use }) => use === "critical") ? [lineEntry("critical path", "plain critical")] : []),
    ...(has(({ use }) => use === "unused") ? [lineEntry(isDag ? "nothing passed" : "not taken", "plain unused")] : []),
    ...STYLES.flatMap(([style, words]) => (has((line) => line.style === style) ? [lineEntry(words, style)] : [])),
  ];
  return rowsOf(entries, width);
}

/** What statuses are called in fsms, if not as in dags. */
const STATE_WORDS: Partial<Record<NodeStatus, string>> = { pending: "not visited" };

export function statusEntry(status: NodeStatus, words: string): Entry {
  const draw = (x: number, y: number) => `<g class="${status}">${signOf(status, x + 7, y)}</g>`;
  return { words, draw, width: 14 };
}

function lineEntry(words: string, classes: string): Entry {
  const draw = (x: number, y: number) => {
    const end = x + LINE;
    const way = (kind: string) => `<path class="${kind}" d="M${px(x)} ${px(y)}H${px(end - 8)}"/>`;
    const inner = classes === "stream" ? way("way inner") : "";
    return `<g class="line ${classes}">${way("way")}${inner}<path class="tip" d="M${px(end)} ${px(y)}l-9 -4v8Z"/></g>`;
  };
  return { words, draw, width: LINE };
}

/** Entries in rows of a width. */
export function rowsOf(entries: readonly Entry[], width: number): { svg: string; height: number } {
  let [x, row] = [0, 0];
  const parts: string[] = [];
  for (const { words, draw, width: sample } of entries) {
    const full = sample + GAP.sample + widthOf(words, SIZE);
    if (x > 0 && x + full > width) [x, row] = [0, row + 1];
    const y = row * ROW + ROW / 2;
    parts.push(draw(x, y), `<text class="legend" x="${px(x + sample + GAP.sample)}" y="${px(y + 4)}">${words}</text>`);
    x += full + GAP.entry;
  }
  return { svg: parts.join(""), height: entries.length === 0 ? 0 : (row + 1) * ROW };
}
