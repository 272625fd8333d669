import type { Direction, Point } from "./layout.js";

/** How many points of each curve are looked at. */
const STEPS = 24;

/**
 * The point of a line at the height of another point, or across from it if lines run from left to right.
 * @param points - of Bézier curves, see `Route.points`
 */
export function across(points: readonly Point[], to: Point, direction: Direction): Point {
  const [wx, wy] = direction === "TB" ? [1, 6] : [6, 1];
  const distance = ({ x, y }: Point) => Math.hypot((x - to.x) * wx, (y - to.y) * wy);
  let best = points[0];
  for (let k = 0; k + 3 < points.length; k += 3) {
    for (let i = 0; i <= STEPS; i++) {
      const point = onCurve(points, k, i / STEPS);
      if (distance(point) < distance(best)) best = point;
    }
  }
  return best;
}

/** The farthest that an outline lies behind the rectangle around it, in pixels. */
const MAX_GAP = 30;

/** Where a line that goes on straight from a point meets an outline; the point itself if it does not. */
export function meeting(from: Point, through: Point, isInside: (point: Point) => boolean): Point {
  const length = Math.hypot(through.x - from.x, through.y - from.y) || 1;
  const [x, y] = [(through.x - from.x) / length, (through.y - from.y) / length];
  for (let way = 0; way <= MAX_GAP; way += 0.5) {
    const point = { x: through.x + x * way, y: through.y + y * way };
    if (isInside(point)) return point;
  }
  return through;
}

/** @param t - from 0, the first of the four points, to 1, the last */
function onCurve(points: readonly Point[], k: number, t: number): Point {
  const s = 1 - t;
  const weights = [s * s * s, 3 * s * s * t, 3 * s * t * t, t * t * t];
  let [x, y] = [0, 0];
  weights.forEach((weight, i) => {
    x += weight * points[k + i].x;
    y += weight * points[k + i].y;
  });
  return { x, y };
}
