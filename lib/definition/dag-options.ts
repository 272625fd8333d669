import { checkOneOf, checkOptions, checkType } from "../base/check.js";

/** The options of a dag as a whole. */
export interface DagOptions {
  description?: string;
  /** Whether a parameter without an explicit need takes the result of the node of its name. @defaultValue true */
  autowire?: boolean;
  /** How parameters without an explicit need find their node: by its name, or by the class it returns. @defaultValue "name" */
  wiring?: "name" | "type";
  /**
   * The module that defines the workflow, for worker threads: `import.meta.url`.
   * @defaultValue the module that `new Dag`, `Dag.from` or `@workflow` was called in
   */
  module?: string;
}

/** @throws {TypeError} | {RangeError} naming the option, its rule and the value received */
export function checkDagOptions(options: DagOptions, where: string, ...more: string[]): void {
  checkOptions(options, ["description", "autowire", "wiring", "module", ...more], where);
  checkType("description", options.description, "string");
  checkType("module", options.module, "string");
  checkType("autowire", options.autowire, "boolean");
  checkOneOf("wiring", options.wiring, ["name", "type"]);
}
