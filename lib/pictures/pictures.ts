import { draw } from "./draw.js";
import { headingOf } from "./heading.js";
import { layoutOf } from "./layout.js";
import { drawLevels } from "./levels.js";
import {
  checkPicture,
  checkTimeline,
  isRun,
  type Drawable,
  type PictureOptions,
  type PngOptions,
  type TimelineOptions,
} from "./options.js";
import { page, type Content, type Page } from "./page.js";
import { paint } from "./png.js";
import { factsOf, type DrawnRun, type RunFacts } from "./run-facts.js";
import { partsIn } from "./scene.js";
import { SceneBuilder } from "./scene-builder.js";
import type { Theme } from "./style.js";
import { counted } from "./text.js";
import { timelineOf, timelineWords } from "./timeline.js";
import { drawTimeline } from "./timeline-svg.js";

/** With more boxes or lines, Graphviz takes many seconds for a picture that is unreadable. */
const MAX_BOXES = 1500;
const MAX_LINES = 2500;
/** In pixels. A wider or higher picture is not read either. */
const MAX_SIDE = 16_000;

/**
 * A workflow as an SVG picture: boxes by kind, workflows inside as groups, and of a run what became of each node, with
 * the critical path. More than 1,500 nodes or 2,500 edges are drawn by levels. Texts are escaped, whatever they hold;
 * names that are too long are cut, and whole in the tooltip. Deterministic.
 *
 * Blocks its thread for a second or two if there are a thousand nodes.
 * @throws {Error} when the package @viz-js/viz, an optional peer dependency, is not installed
 * @throws {TypeError} | {RangeError} naming the option, its rule and the value received
 */
export async function toSVG(drawable: Drawable, options: PictureOptions = {}): Promise<string> {
  checkPicture(drawable, options, "svg");
  return (await picture(drawable, options, options.theme ?? "light")).svg;
}

/**
 * {@link toSVG} as a PNG image, painted with the system's fonts, of 100 million pixels at most.
 * @throws {Error} when the packages @viz-js/viz and @resvg/resvg-js, optional peer dependencies, are not installed
 * @throws {TypeError} | {RangeError} naming the option, its rule and the value received
 */
export async function toPNG(drawable: Drawable, options: PngOptions = {}): Promise<Uint8Array> {
  checkPicture(drawable, options, "png");
  const { theme = "light", scale, ...rest } = options;
  return paint(await picture(drawable, rest, theme), scale);
}

/**
 * When the attempts of a run ran, by worker, as an SVG picture: with waits for a free worker, retries and pauses. Times
 * in which nothing ran for long are breaks of the axis.
 *
 * The result of a dag's run shows only when the first attempt of each node began and the last one ended, and no workers
 * but `inline` and `thread`; a recorded run (`store.getRun`) shows everything. Deterministic. Cost: O(n log n).
 * @throws {TypeError} for the result of an fsm's run, which has no times, and naming the option, its rule and the value
 *   received
 */
export function timelineSVG(run: DrawnRun, options: TimelineOptions = {}): string {
  checkTimeline(run, options);
  const timeline = timelineOf(run);
  const { title, subtitle } = headingOf(run.graph, factsOf(run));
  const left = timeline.leftOut === 0 ? "" : ` · without ${counted(timeline.leftOut, "attempt")} of items`;
  const description = `When the nodes of run ${run.runId} ran: ${timelineWords(timeline)}.`;
  return page({ title, subtitle: subtitle + left, description }, drawTimeline(timeline), options.theme ?? "light").svg;
}

async function picture(drawable: Drawable, options: PictureOptions, theme: Theme): Promise<Page> {
  const run = options.run ?? (isRun(drawable) ? drawable : undefined);
  const facts = run === undefined ? undefined : factsOf(run);
  return page(headingOf(drawable.graph, facts), await contentOf(drawable, facts, options), theme);
}

async function contentOf({ graph }: Drawable, run: RunFacts | undefined, options: PictureOptions): Promise<Content> {
  const { layout, direction = "TB", depth = 1 } = options;
  const isForced = layout === "graph";
  const isTooLarge = (boxes: number, lines: number) => !isForced && (boxes > MAX_BOXES || lines > MAX_LINES);
  if (layout === "levels" || isTooLarge(graph.nodes.length, graph.edges.length)) return drawLevels(graph, run);
  const scene = SceneBuilder.scene(graph, run, depth);
  if (isTooLarge(Array.from(partsIn(scene.parts)).length, scene.lines.length)) return drawLevels(graph, run);
  const placed = await layoutOf(scene, direction);
  const isUnreadable = Math.max(placed.width, placed.height) > MAX_SIDE;
  return isUnreadable && !isForced ? drawLevels(graph, run) : draw(scene, placed);
}
