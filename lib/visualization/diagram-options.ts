import { checkOptions, label, oneOf, show, type OptionName, type Rules } from "../base/check.js";
import { isInstance } from "../base/safe-access.js";

/** Options of every diagram. `R` is the type of a run's result. */
export interface BaseDiagramOptions<R> {
  /** A run to colour the diagram by. */
  run?: R | undefined;
  /** `TB` is top to bottom, `LR` left to right. @defaultValue "TB" */
  direction?: "TB" | "LR" | undefined;
}

/** @throws {TypeError} | {RangeError} naming the option, its rule and the value received */
export function checkDiagramOptions<R>(
  options: BaseDiagramOptions<R>,
  Result: abstract new (...args: any[]) => R,
  more: Rules<any> = {},
): void {
  const checkResult = (option: OptionName, run: unknown) => {
    if (isInstance(run, Result)) return;
    throw new TypeError(`${label(option)} must be the result of a run; received ${show(run)}.`);
  };
  checkOptions(options, { run: checkResult, direction: oneOf(["TB", "LR"]), ...more }, "a diagram");
}
