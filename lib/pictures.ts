/** `dagwright/pictures`: workflows and runs as SVG and PNG. */
export { timelineSVG, toPNG, toSVG } from "./pictures/pictures.js";
export type { Drawable, PictureOptions, PngOptions, TimelineOptions } from "./pictures/options.js";
export type { DrawnRun } from "./pictures/run-facts.js";
