import { NAME_HEIGHT, NOTE_HEIGHT, NOTE_SIZE, SIGN_WIDTH } from "./boxes.js";
import type { Area, Layout, Point, Route } from "./layout.js";
import { legendOf } from "./legend.js";
import type { Content } from "./page.js";
import { isGroup, partsIn, type Box, type Group, type Line, type Scene } from "./scene.js";
import { frameOf, outlineOf, px, SHEET, signOf } from "./shapes.js";
import { widthOf, xmlAttribute, xmlText } from "./text.js";

/** Draws a scene that has been laid out: groups, then lines, then boxes. */
export function draw(scene: Scene, { areas, routes, width, height }: Layout): Content {
  const groups: string[] = [];
  const boxes: string[] = [];
  for (const part of partsIn(scene.parts)) {
    const area = areas.get(part.id);
    if (area === undefined) throw new Error(`Graphviz placed no node ${part.id}.`);
    if (isGroup(part)) groups.push(groupOf(part, area));
    else boxes.push(boxOf(part, area));
  }
  // What is on the critical path comes last, so that it lies above the others.
  const order = scene.lines.map((line, i) => ({ line, route: routes[i] }));
  const lines = [
    ...order.filter(({ line }) => line.use !== "critical"),
    ...order.filter(({ line }) => line.use === "critical"),
  ];
  const labels = lines.map(({ line, route }) => labelOf(line, route));
  const svg = [...groups, ...lines.map(({ line, route }) => lineOf(line, route)), ...boxes, ...labels];
  return { width, height, svg: svg.filter((part) => part !== "").join("\n"), legend: (room) => legendOf(scene, room) };
}

function groupOf({ path, title, status, isCritical, tooltip }: Group, area: Area): string {
  const classes = ["group", ...(status === undefined ? [] : [status]), ...(isCritical ? ["critical"] : [])].join(" ");
  const y = area.y + 17;
  const sign = status === undefined ? "" : signOf(status, area.x + 19, y);
  const x = area.x + 12 + (status === undefined ? 0 : SIGN_WIDTH);
  const heading = `<text class="heading" x="${px(x)}" y="${px(y + 4)}">${xmlText(title)}</text>`;
  return `<g class="${classes}"${nodeAttribute(path)}><title>${xmlText(tooltip)}</title>${frameOf(area)}${sign}${heading}</g>`;
}

function boxOf(box: Box, area: Area): string {
  const { path, shape, lines, note, status, isCritical, tooltip, content } = box;
  const classes = ["box", ...(status === undefined ? [] : [status]), ...(isCritical ? ["critical"] : [])].join(" ");
  const sheets = shape === "map" ? SHEET : 0;
  const middle = area.y + area.height / 2 - sheets;
  const left = area.x + (area.width - content) / 2 - sheets + (shape === "event" ? 6 : 0);
  const sign = status === undefined ? "" : signOf(status, left + 7, middle);
  const height = lines.length * NAME_HEIGHT + (note === undefined ? 0 : NOTE_HEIGHT);
  const top = middle - height / 2;
  // Centred without a sign, and else beside it.
  const place =
    status === undefined ? `x="${px(left + content / 2)}" text-anchor="middle"` : `x="${px(left + SIGN_WIDTH)}"`;
  const texts = lines.map(
    (line, i) => `<text class="name" ${place} y="${px(top + i * NAME_HEIGHT + 13)}">${xmlText(line)}</text>`,
  );
  if (note !== undefined) {
    texts.push(`<text class="note" ${place} y="${px(top + lines.length * NAME_HEIGHT + 11)}">${xmlText(note)}</text>`);
  }
  return `<g class="${classes}"${nodeAttribute(path)}><title>${xmlText(tooltip)}</title>${outlineOf(shape, area)}${sign}${texts.join("")}</g>`;
}

/** Tells scripts in a page which node is drawn here. */
export function nodeAttribute(path: string | undefined): string {
  return path === undefined ? "" : ` data-node="${xmlAttribute(path)}"`;
}

function lineOf({ style, use, tooltip }: Line, { points, start, tip }: Route): string {
  const [first, ...rest] = points;
  const at = ({ x, y }: Point) => `${px(x)} ${px(y)}`;
  const base = arrowBase(points[points.length - 1], tip);
  const d = `M${at(start)}L${at(first)}C${rest.map(at).join(" ")}L${at(base)}`;
  const inner = style === "stream" ? `<path class="way inner" d="${d}"/>` : "";
  const classes = ["line", style, ...(use === undefined ? [] : [use])].join(" ");
  return `<g class="${classes}"><title>${xmlText(tooltip)}</title><path class="way" d="${d}"/>${inner}${arrow(base, tip)}</g>`;
}

const ARROW = { length: 10, half: 4.2 };

/** The middle of an arrow's base. */
function arrowBase(from: Point, tip: Point): Point {
  const length = Math.hypot(tip.x - from.x, tip.y - from.y) || 1;
  const along = ARROW.length / length;
  return { x: tip.x - (tip.x - from.x) * along, y: tip.y - (tip.y - from.y) * along };
}

/** A triangle that ends at the tip. */
function arrow(base: Point, tip: Point): string {
  const [x, y] = [(tip.x - base.x) / ARROW.length, (tip.y - base.y) / ARROW.length];
  const side = (sign: number) => `${px(base.x - sign * y * ARROW.half)} ${px(base.y + sign * x * ARROW.half)}`;
  return `<path class="tip" d="M${px(tip.x)} ${px(tip.y)}L${side(1)}L${side(-1)}Z"/>`;
}

/** A label interrupts its line. */
function labelOf({ label, isInside }: Line, { label: place }: Route): string {
  if (label === "" || place === undefined) return "";
  const { x, y } = place;
  const width = widthOf(label, NOTE_SIZE) + 8;
  const size = `x="${px(x - width / 2)}" y="${px(y - 8)}" width="${px(width)}" height="16" rx="3"`;
  const ground = `<rect class="${isInside ? "inside" : "ground"}" ${size}/>`;
  return `<g>${ground}<text class="label" x="${px(x)}" y="${px(y + 4)}">${xmlText(label)}</text></g>`;
}
