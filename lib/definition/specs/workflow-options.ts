import { checkOptions, integer, oneOf, type OtherNames, type Rules } from "../../base/check.js";
import { checkEventSchemas, type EventSchemas } from "./event-schemas.js";
import { checkBackends, type Backends } from "./backend.js";
import { checkErrorStrategy, type ErrorStrategy } from "./node-options.js";
import { checkInputSchemas, type InputSchemas } from "./input-schemas.js";
import { checkWorkflowName } from "./node-spec.js";

/** The options of a workflow, as `@workflow` takes them: those of dags and of fsms. */
export interface WorkflowOptions {
  /** @defaultValue the class name */
  name?: string | undefined;
  /** What the workflow does, for readers. */
  description?: string | undefined;
  /** Custom data about the workflow, which dagwright does not use. */
  metadata?: Readonly<Record<string, unknown>> | undefined;
  /** What happens when a node or state fails, unless its own options or those of the run say otherwise. @defaultValue "failFast" */
  errorStrategy?: ErrorStrategy | undefined;
  /** Default options of all runs. */
  runOptions?: object | undefined;
  /**
   * The schemas of inputs, by name: any Standard Schema (zod, valibot, arktype …). Before a run starts, they check its
   * inputs, and nodes take what they make of them. An input that no parameter takes can be read from the context.
   */
  inputs?: InputSchemas | undefined;
  /**
   * The events that the states of an fsm wait for, by name: the schema of the payload (any Standard Schema), or `true` for
   * any payload. Other events, and payloads that the schema refuses, are then refused when they are sent; a state gets what
   * the schema makes of the payload. Waiting for any other event fails the state.
   * @defaultValue any event may be sent
   */
  events?: EventSchemas | undefined;
  /** Whether a parameter without an explicit need takes the result of the node with its name. @defaultValue true */
  autowire?: boolean | undefined;
  /**
   * How parameters without an explicit need are bound: to the node with their name, or to one that returns their class.
   * @defaultValue "name"
   */
  wiring?: "name" | "type" | undefined;
  /**
   * Backends by the names that nodes have for them, and limits, for all runs. The option `backends` of a run goes before
   * it, name by name.
   */
  backends?: Backends | undefined;
  /**
   * The module that defines the workflow, for worker threads: `import.meta.url`.
   * @defaultValue the module that calls `new Dag`, `Dag.from` or `@workflow`
   */
  module?: string | undefined;
  /** How many cycles a run may have, unless the run's own options say otherwise. @defaultValue 1000 */
  maxCycles?: number | undefined;
  /** The next state when any state fails; it gets the error as its value. */
  errorState?: string | undefined;
  /** How many cycles a run keeps in its history; older ones are dropped. @defaultValue all */
  historyLimit?: number | undefined;
}

type SharedOption = "description" | "metadata" | "errorStrategy" | "runOptions" | "inputs";

/** The options of dags. */
export type DagOption = SharedOption | "autowire" | "wiring" | "module" | "backends";

/** The options of fsms. */
export type FsmOption = SharedOption | "events" | "maxCycles" | "errorState" | "historyLimit";

/** Advice for run options that were passed to a workflow. */
function inRunOptions(...options: string[]): OtherNames {
  return Object.fromEntries(options.map((option) => [option, `runOptions: { ${option} }`]));
}

/** Advice for the options of all runs. */
const RUN_OPTIONS = inRunOptions(
  ...["mode", "errorHandler", "timeout", "signal", "hooks", "observers", "scheduler", "strict"],
  ...["logger", "telemetry"],
  ...["store", "durability", "ifExists", "context"],
);

const DAG_RUN_OPTIONS = {
  ...RUN_OPTIONS,
  ...inRunOptions("executor", "concurrency", "maxWorkers", "pool", "parallel", "retain", "overrides", "onProgress"),
};

const FSM_RUN_OPTIONS = { ...RUN_OPTIONS, ...inRunOptions("onMaxCycles") };

/** The rules for the options that dags and fsms share. */
const SHARED_RULES: Rules<Pick<WorkflowOptions, SharedOption>> = {
  description: "string",
  metadata: "object",
  errorStrategy: checkErrorStrategy,
  runOptions: "object",
  inputs: checkInputSchemas,
};

/** The rules for the options that fsms and their runs share. */
export const FSM_LIMIT_RULES = { maxCycles: integer(1), historyLimit: integer(1) };

const DAG_RULES: Rules<Pick<WorkflowOptions, DagOption>> = {
  ...SHARED_RULES,
  autowire: "boolean",
  wiring: oneOf(["name", "type"]),
  module: "string",
  backends: checkBackends,
};

const FSM_RULES: Rules<Pick<WorkflowOptions, FsmOption>> = {
  ...SHARED_RULES,
  ...FSM_LIMIT_RULES,
  events: checkEventSchemas,
  errorState: "string",
};

const WORKFLOW_RULES: Rules<WorkflowOptions> = {
  name: (_, name) => checkWorkflowName(name),
  ...DAG_RULES,
  ...FSM_RULES,
};

/** @throws {TypeError} | {RangeError} naming the option, its rule and the value received */
export function checkDagOptions(options: Pick<WorkflowOptions, DagOption>, where: string): void {
  checkOptions(options, DAG_RULES, where, DAG_RUN_OPTIONS);
}

/** @throws {TypeError} | {RangeError} naming the option, its rule and the value received */
export function checkFsmOptions(options: Pick<WorkflowOptions, FsmOption>, where: string): void {
  checkOptions(options, FSM_RULES, where, FSM_RUN_OPTIONS);
}

/** @throws {TypeError} | {RangeError} naming the option, its rule and the value received */
export function checkWorkflowOptions(options: WorkflowOptions, where: string): void {
  checkOptions(options, WORKFLOW_RULES, where, RUN_OPTIONS);
}
