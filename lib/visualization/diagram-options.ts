import { checkOneOf, checkOptions, show } from "../base/check.js";
import { isInstance } from "../base/hostile.js";

/** How a workflow is drawn, with a result `R` of a run. */
export interface DrawingOptions<R> {
  run?: R | undefined;
  /** `TB` from top to bottom, `LR` from left to right. @defaultValue "TB" */
  direction?: "TB" | "LR" | undefined;
}

/** @throws {TypeError} | {RangeError} naming the option, its rule and the value received */
export function checkDrawing<R>(options: DrawingOptions<R>, Result: abstract new (...args: any[]) => R): void {
  checkOptions(options, ["run", "direction"], "a diagram");
  checkOneOf("direction", options.direction, ["TB", "LR"]);
  if (options.run === undefined || isInstance(options.run, Result)) return;
  throw new TypeError(`"run" must be the result of a run; received ${show(options.run)}.`);
}
