import { checkOptions, oneOf, type OtherNames, type Rules } from "../../base/check.js";

/** The options of a dag as a whole. */
export interface DagOptions {
  description?: string | undefined;
  /** Whatever you want to know of the workflow. Nothing here looks at it. */
  metadata?: Readonly<Record<string, unknown>> | undefined;
  /** Defaults of every run's options. */
  runOptions?: object | undefined;
  /** Whether a parameter without an explicit need takes the result of the node of its name. @defaultValue true */
  autowire?: boolean | undefined;
  /** How parameters without an explicit need find their node: by its name, or by the class it returns. @defaultValue "name" */
  wiring?: "name" | "type" | undefined;
  /**
   * The module that defines the workflow, for worker threads: `import.meta.url`.
   * @defaultValue the module that `new Dag`, `Dag.from` or `@workflow` was called in
   */
  module?: string | undefined;
}

/** Options of runs, which are defaults of them here. */
export function inRunOptions(...options: string[]): OtherNames {
  return Object.fromEntries(options.map((option) => [option, `runOptions: { ${option} }`]));
}

/** Those of any workflow's runs. */
export const OF_RUNS = inRunOptions(
  ...[
    "mode",
    "errorStrategy",
    "errorHandler",
    "timeout",
    "signal",
    "inputs",
    "hooks",
    "observers",
    "scheduler",
    "strict",
  ],
  ...["store", "durability", "ifExists", "context"],
);

const OF_DAG_RUNS = {
  ...OF_RUNS,
  ...inRunOptions("executor", "concurrency", "maxWorkers", "pool", "parallel", "retain", "overrides", "onProgress"),
};

/** The rules of the options that dags and fsms share. */
export const WORKFLOW_RULES = { description: "string", metadata: "object", runOptions: "object" } as const;

export const DAG_RULES: Rules<DagOptions> = {
  ...WORKFLOW_RULES,
  autowire: "boolean",
  wiring: oneOf(["name", "type"]),
  module: "string",
};

/** @throws {TypeError} | {RangeError} naming the option, its rule and the value received */
export function checkDagOptions(options: DagOptions, where: string): void {
  checkOptions(options, DAG_RULES, where, OF_DAG_RUNS);
}
