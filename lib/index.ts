/** The public API of dagwright. */
export {
  all,
  any,
  cachedNode,
  condition,
  node,
  select,
  workflow,
  type WorkflowOptions,
} from "./definition/decorators.js";
export { decide, route, type Decision, type Route } from "./definition/decisions.js";
export { optional } from "./definition/need.js";
export type { Context } from "./definition/context.js";
export type { DagOptions } from "./definition/dag-options.js";
export type { NodeHandle, OutputHandle } from "./definition/node-handle.js";
export type { CacheOptions, ErrorStrategy, NodeHooks, NodeOptions, Priority } from "./definition/node-options.js";
export type { NodeKind, NodeSpec } from "./definition/node-spec.js";

export { Dag, type DryRun, type RunHandle } from "./engines/dag.js";
export type { ErrorHandler, ErrorVerdict, Mode, PartialRunOptions, RunOptions } from "./engines/run-options.js";
export type { StepResult, StepState } from "./engines/step.js";
export type { DiagramOptions } from "./visualization/diagram.js";

export type { RunContext } from "./run/context.js";
export type { Observer, RunEvent } from "./run/events.js";
export type { RunMetrics, TimelineEntry } from "./run/metrics.js";
export type { NodeReport, RunResult } from "./run/result.js";
export type { NodeStatus, RunStatus } from "./run/status.js";

export {
  CycleError,
  DagwrightError,
  DisconnectedNodeError,
  InvalidNodeError,
  MissingConnectionError,
  MissingInputError,
  MissingResultError,
  ValidationError,
  type ValidationIssue,
} from "./base/errors.js";
export {
  CancelledError,
  ExecutionError,
  NodeTimeoutError,
  RetryExhaustedError,
  RunTimeoutError,
} from "./run/errors.js";
