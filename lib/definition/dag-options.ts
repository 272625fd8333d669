import { checkOneOf, checkOptions, checkType, type OtherNames } from "../base/check.js";

/** The options of a dag as a whole. */
export interface DagOptions {
  description?: string;
  /** Whatever you want to know of the workflow. Nothing here looks at it. */
  metadata?: Readonly<Record<string, unknown>>;
  /** Defaults of every run's options. */
  runOptions?: object;
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

/** What is an option of runs, and so a default of them here. */
export const OF_RUNS: OtherNames = Object.fromEntries(
  ["mode", "executor", "concurrency", "maxWorkers", "errorStrategy", "errorHandler", "timeout", "signal", "inputs"]
    .concat(["hooks", "observers", "scheduler", "store", "durability", "pool", "retain", "strict", "onProgress"])
    .map((option) => [option, `runOptions: { ${option} }`]),
);

/** @throws {TypeError} | {RangeError} naming the option, its rule and the value received */
export function checkDagOptions(options: DagOptions, where: string, ...more: string[]): void {
  const known = ["description", "metadata", "runOptions", "autowire", "wiring", "module", ...more];
  checkOptions(options, known, where, OF_RUNS);
  checkType("description", options.description, "string");
  checkType("metadata", options.metadata, "object");
  checkType("runOptions", options.runOptions, "object");
  checkType("module", options.module, "string");
  checkType("autowire", options.autowire, "boolean");
  checkOneOf("wiring", options.wiring, ["name", "type"]);
}
