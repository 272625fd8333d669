import type { NodeStatus } from "../index.js";
import { GLYPHS } from "./glyphs.js";
import type { Area, Point } from "./layout.js";
import type { Shape } from "./scene.js";

/** A number as short as pictures need it. */
export function px(value: number): string {
  return String(Math.round(value * 10) / 10);
}

function rect({ x, y, width, height }: Area, radius: number, kind = "outline"): string {
  const size = `x="${px(x)}" y="${px(y)}" width="${px(width)}" height="${px(height)}"`;
  return `<rect class="${kind}" ${size} rx="${px(radius)}"/>`;
}

function polygon(points: readonly (readonly [number, number])[]): string {
  return `<polygon class="outline" points="${points.map(([x, y]) => `${px(x)},${px(y)}`).join(" ")}" stroke-linejoin="round"/>`;
}

/** How far each of the three sheets of a map lies apart from the next. */
export const SHEET = 3.5;
/** How long slanted ends are. */
const SLANT = 11;
const STATE_RADIUS = 15;

/** The outline of a box. */
export function outlineOf(shape: Shape, area: Area): string {
  const { x, y, width, height } = area;
  const [right, bottom, middle] = [x + width, y + height, y + height / 2];
  switch (shape) {
    case "fork": {
      const [left, end] = [x + SLANT, right - SLANT];
      return polygon([
        [left, y],
        [end, y],
        [right, middle],
        [end, bottom],
        [left, bottom],
        [x, middle],
      ]);
    }
    case "join":
    case "state":
      return rect(area, radiusOf(shape, height));
    case "map": {
      const front = { x, y, width: width - 2 * SHEET, height: height - 2 * SHEET };
      const behind = (i: number) => rect({ ...front, x: x + i * SHEET, y: y + i * SHEET }, 5, "outline sheet");
      return behind(2) + behind(1) + rect(front, 5);
    }
    case "workflow": {
      const bar = (at: number) => `<path class="outline" d="M${px(at)} ${px(y)}V${px(bottom)}"/>`;
      return rect(area, 3) + bar(x + 7) + bar(right - 7);
    }
    case "event":
      return polygon([
        [x, y],
        [right, y],
        [right, bottom],
        [x, bottom],
        [x + SLANT, middle],
      ]);
    case "terminal": {
      const inner = { x: x + 3.5, y: y + 3.5, width: width - 7, height: height - 7 };
      return rect(area, radiusOf(shape, height)) + rect(inner, STATE_RADIUS - 2);
    }
    case "start":
      return `<circle class="start" cx="${px(x + width / 2)}" cy="${px(middle)}" r="${px(width / 2)}"/>`;
    case "box":
      return rect(area, 6);
  }
}

/** Whether a point lies in the outline of a box. */
export function contains(shape: Shape, { x, y, width, height }: Area, point: Point): boolean {
  const [fromLeft, fromTop] = [point.x - x, point.y - y];
  const [fromRight, fromBottom] = [width - fromLeft, height - fromTop];
  if (Math.min(fromLeft, fromTop, fromRight, fromBottom) < 0) return false;
  const fromMiddle = Math.abs(fromTop - height / 2) / (height / 2);
  if (shape === "fork") return Math.min(fromLeft, fromRight) >= SLANT * fromMiddle;
  if (shape === "event") return fromLeft >= SLANT * (1 - fromMiddle);
  const radius = radiusOf(shape, height);
  const [dx, dy] = [radius - Math.min(fromLeft, fromRight), radius - Math.min(fromTop, fromBottom)];
  return dx <= 0 || dy <= 0 || Math.hypot(dx, dy) <= radius;
}

function radiusOf(shape: Shape, height: number): number {
  const radii: Partial<Record<Shape, number>> = { join: height / 2, state: STATE_RADIUS, terminal: STATE_RADIUS + 2 };
  return Math.min(radii[shape] ?? 6, height / 2);
}

export function frameOf(area: Area): string {
  return rect(area, 9, "frame");
}

/** The sign of a status, so that it does not rely on colour alone. @param x - of its centre */
export function signOf(status: NodeStatus, x: number, y: number): string {
  const place = `transform="translate(${px(x)} ${px(y)})"`;
  const glyph: string = GLYPHS[status];
  if (glyph === "") return `<g ${place}><circle class="hollow" r="6"/></g>`;
  return `<g ${place}><circle class="sign" r="7"/><path class="glyph" d="${glyph}"/></g>`;
}
