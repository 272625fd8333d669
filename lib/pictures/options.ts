import { checkOptions, label, oneOf, show, type OptionName, type Rules } from "../base/check.js";
import type { WorkflowGraph } from "../index.js";
import type { DrawnRun } from "./run-facts.js";

/** What can be drawn: a dag, an fsm, or a run, which is drawn with what became of its nodes. */
export interface Drawable {
  readonly graph: WorkflowGraph;
}

/** Options of pictures of workflows and runs. */
export interface PictureOptions {
  /** A run of the workflow, to draw what became of its nodes. @defaultValue the first argument, if that is a run */
  run?: DrawnRun | undefined;
  /** `auto` is light or dark as the reader's system is. @defaultValue "light" */
  theme?: "light" | "dark" | "auto" | undefined;
  /** `TB` is top to bottom, `LR` left to right. @defaultValue "TB" */
  direction?: "TB" | "LR" | undefined;
  /** How many levels of workflows inside are drawn with their nodes; may be Infinity. @defaultValue 1 */
  depth?: number | undefined;
  /**
   * `graph` draws boxes and lines, `levels` only a cell for each node, in rows by distance from the first ones.
   * @defaultValue "graph", unless the workflow is too large to be read, or drawn within seconds
   */
  layout?: "graph" | "levels" | undefined;
}

/** Options of PNG pictures. */
export interface PngOptions extends Omit<PictureOptions, "theme"> {
  /** @defaultValue "light" */
  theme?: "light" | "dark" | undefined;
  /**
   * Pixels of the image for each pixel of the picture, from 0.1 to 8, and to 100 million in all.
   * @defaultValue 2, or less if the picture is very large
   */
  scale?: number | undefined;
}

/** Options of timelines. */
export interface TimelineOptions {
  /** `auto` is light or dark as the reader's system is. @defaultValue "light" */
  theme?: "light" | "dark" | "auto" | undefined;
}

const theme = oneOf(["light", "dark", "auto"]);

const RULES: Rules<PictureOptions> = {
  run: checkRun,
  theme,
  direction: oneOf(["TB", "LR"]),
  depth: (option, depth) => {
    if (depth === Infinity || (Number.isInteger(depth) && depth >= 0)) return;
    throw new RangeError(`${label(option)} must be an integer from 0 up, or Infinity; received ${show(depth)}.`);
  },
  layout: oneOf(["graph", "levels"]),
};

const PNG_RULES: Rules<PngOptions> = {
  ...RULES,
  theme: oneOf(["light", "dark"]),
  scale: (option, scale) => {
    if (typeof scale === "number" && scale >= 0.1 && scale <= 8) return;
    throw new RangeError(`${label(option)} must be a number from 0.1 to 8; received ${show(scale)}.`);
  },
};

/** @throws {TypeError} | {RangeError} naming the option, its rule and the value received */
export function checkPicture(drawable: unknown, options: unknown, format: "svg" | "png"): void {
  checkOptions(options, format === "svg" ? RULES : PNG_RULES, "a picture");
  if (!isDrawable(drawable)) {
    throw new TypeError(`A picture needs a dag, an fsm or a run; received ${show(drawable)}.`);
  }
  const { run } = options as PictureOptions;
  if (run === undefined || run.graph.kind === drawable.graph.kind) return;
  throw new TypeError(`"run" must be a run of the ${drawable.graph.kind}; received one of a ${run.graph.kind}.`);
}

/** @throws {TypeError} naming the option, its rule and the value received */
export function checkTimeline(run: unknown, options: unknown): void {
  checkOptions(options, { theme } satisfies Rules<TimelineOptions>, "a timeline");
  if (isRun(run)) return;
  throw new TypeError(`A timeline needs a run: its result, or what store.getRun gives; received ${show(run)}.`);
}

function checkRun(option: OptionName, run: unknown): void {
  if (isRun(run)) return;
  throw new TypeError(
    `${label(option)} must be the result of a run, or what store.getRun gives; received ${show(run)}.`,
  );
}

function isDrawable(value: unknown): value is Drawable {
  return typeof value === "object" && value !== null && "graph" in value;
}

export function isRun(value: unknown): value is DrawnRun {
  return isDrawable(value) && "runId" in value;
}
