/** `dagwright/studio`: the runs of a store in a browser. */
export { createStudio, type Studio } from "./studio/studio.js";
export type { StudioOptions } from "./studio/options.js";
