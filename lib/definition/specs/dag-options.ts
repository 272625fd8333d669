import { checkOptions, oneOf, type OtherNames, type Rules } from "../../base/check.js";

/** The options of a dag. */
export interface DagOptions {
  description?: string | undefined;
  /** Custom data about the workflow, which dagwright does not use. */
  metadata?: Readonly<Record<string, unknown>> | undefined;
  /** Default options of all runs. */
  runOptions?: object | undefined;
  /** Whether a parameter without an explicit need takes the result of the node with its name. @defaultValue true */
  autowire?: boolean | undefined;
  /**
   * How parameters without an explicit need are bound: to the node with their name, or to one that returns their class.
   * @defaultValue "name"
   */
  wiring?: "name" | "type" | undefined;
  /**
   * The module that defines the workflow, for worker threads: `import.meta.url`.
   * @defaultValue the module that calls `new Dag`, `Dag.from` or `@workflow`
   */
  module?: string | undefined;
}

/** Advice for run options that were passed to a workflow. */
export function inRunOptions(...options: string[]): OtherNames {
  return Object.fromEntries(options.map((option) => [option, `runOptions: { ${option} }`]));
}

/** Advice for the options of all runs. */
export const RUN_OPTIONS = inRunOptions(
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

const DAG_RUN_OPTIONS = {
  ...RUN_OPTIONS,
  ...inRunOptions("executor", "concurrency", "maxWorkers", "pool", "parallel", "retain", "overrides", "onProgress"),
};

/** The rules for the options that dags and fsms share. */
export const WORKFLOW_RULES = { description: "string", metadata: "object", runOptions: "object" } as const;

export const DAG_RULES: Rules<DagOptions> = {
  ...WORKFLOW_RULES,
  autowire: "boolean",
  wiring: oneOf(["name", "type"]),
  module: "string",
};

/** @throws {TypeError} | {RangeError} naming the option, its rule and the value received */
export function checkDagOptions(options: DagOptions, where: string): void {
  checkOptions(options, DAG_RULES, where, DAG_RUN_OPTIONS);
}
