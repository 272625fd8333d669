/**
 * The public API of dagwright.
 * @module dagwright
 */
export {
  all,
  any,
  cachedNode,
  condition,
  event,
  map,
  node,
  select,
  state,
  workflow,
  type EventDecorator,
  type EventDecorators,
  type MapDecorator,
  type MapDecorators,
  type NodeDecorator,
  type NodeDecorators,
  type StateDecorator,
  type StateDecorators,
} from "./definition/decorators.js";
export { decide, route, type Decision, type Route } from "./definition/decisions.js";
export { cases, type Case, type CaseFunction, type CaseTable, type Switch } from "./definition/switch.js";
export { switchOn, type SwitchDecorator, type SwitchOn } from "./definition/switch-on.js";
export { next, stop, waitForEvent, type Next, type Stop, type WaitForEvent } from "./definition/transitions.js";
export type { DefinitionJson, FromDataOptions, WorkflowJson } from "./definition/data/document.js";
export type { CaseJson, MemberJson, NeedJson } from "./definition/data/members.js";
export type { SubworkflowJson } from "./definition/data/workflow-writer.js";
export type { ValueReference } from "./definition/data/values.js";
export {
  optional,
  stream,
  type StreamNeed,
  type Need,
  type NeedLike,
  type NeedSource,
  type OptionalNeed,
} from "./definition/specs/need.js";
export type { Entry, Item, ItemPlace } from "./definition/item.js";
export type { MapOptions, MapSettings, OnItemError, Reduction } from "./definition/specs/map-options.js";
export type { EventOptions, EventSettings, EventSpec } from "./definition/specs/event-spec.js";
export { subworkflow } from "./definition/subworkflow.js";
export type { Subworkflow, SubworkflowOptions, WorkflowLike } from "./definition/specs/subworkflow-spec.js";
export type { ChildRunOptions, Context, FsmContext, LogLevel } from "./definition/context.js";
export { getContext } from "./definition/current-context.js";
export type { WorkflowOptions } from "./definition/specs/workflow-options.js";
export type {
  ChildWorkflow,
  Connection,
  Transition,
  TransitionCondition,
  WorkflowInput,
  WorkflowKind,
} from "./definition/defined.js";
export type { NodeHandle, OutputHandle, Target } from "./definition/node-handle.js";
export type { Class } from "./base/class-state.js";
export type {
  JsonSchema,
  StandardIssue,
  StandardResult,
  StandardSchema,
  StandardSchemaProps,
} from "./base/standard-schema.js";
export type { EventSchemas } from "./definition/specs/event-schemas.js";
export type { InputSchemas } from "./definition/specs/input-schemas.js";
export type { InputReport } from "./planning/declared-inputs.js";
export type { Delay, ErrorStrategy, NodeHooks, NodeOptions, Priority } from "./definition/specs/node-options.js";
export type {
  Backoff,
  CacheEntry,
  CacheOptions,
  CacheStore,
  CircuitBreakerOptions,
  ConcurrencyOptions,
  JsonClass,
  RetryOptions,
  ThrottleOptions,
} from "./definition/specs/policy-options.js";
export type { NodeKind, NodeSpec } from "./definition/specs/node-spec.js";
export type { StateHandle, StateTarget } from "./definition/state-handle.js";
export type { StateOptions, StateSpec } from "./definition/specs/state-spec.js";
export type {
  AllDefiner,
  AnyDefiner,
  CachedDefiner,
  EventDefiner,
  ForkDefiner,
  MapDefiner,
  NodeDefiner,
} from "./definition/typings/typed-builder.js";
export type { SwitchDefiner } from "./definition/typings/typed-switch.js";
export type { CoalesceDefiner, GuardDefiner, WhenDefiner } from "./definition/typings/typed-choices.js";
export type { BranchSource, GuardOptions, WhenOptions } from "./definition/specs/choice-spec.js";
export type { DeclaredPayloads, EventsOf, StatesOf } from "./definition/typings/typed-states.js";
export type { ResultsOf, StandInsOf } from "./definition/typings/typed-results.js";

export { Dag, type DryRun } from "./dag/dag.js";
export type { ConnectionJson, DagJson, NodeJson } from "./dag/dag-json.js";
export type { RunHandle } from "./dag/handle.js";
export type { ExecutorName } from "./dag/executors/executor.js";
export { Fsm, type StateHook } from "./fsm/fsm.js";
export type { FsmJson, TransitionJson } from "./fsm/fsm-json.js";
export type { StateDefiner } from "./fsm/fsm-builder.js";
export type { FsmHandle } from "./fsm/handle.js";
export type { DagOptions, PartialRunOptions, RunOptions, RunProgress } from "./dag/options.js";
export type { LiveDag } from "./dag/live/live-dag.js";
export type { LiveOptions } from "./dag/live/options.js";
export type { StreamItem } from "./dag/over-stream/run-stream.js";
export type { ItemErrorAction, StreamInput, StreamOptions } from "./dag/over-stream/options.js";
export type { Source, WebStream } from "./base/source.js";
export type { ContinueOptions, RecoverOptions, ReplayOptions, ResumeOptions } from "./dag/durable/options.js";
export type { FsmOptions, FsmRunOptions } from "./fsm/options.js";
export type {
  EventsToSend,
  FsmContinueOptions,
  FsmRecoverOptions,
  FsmResumeOptions,
  FsmSendOptions,
} from "./fsm/durable/options.js";
export type { SendOptions } from "./engine/durable/options.js";
export type { Logger } from "./engine/logger.js";
export type { CommonRunOptions, ErrorHandler, ErrorVerdict, Given, Mode } from "./engine/options.js";
export type { Telemetry } from "./engine/telemetry/telemetry.js";
export type { Workflow } from "./engine/workflow.js";
export { WorkflowRegistry } from "./engine/workflow-registry.js";
export type { StepResult, StepState } from "./engine/step.js";
export type { DiagramOptions } from "./visualization/diagram.js";
export type { StateDiagramOptions } from "./visualization/state-diagram.js";
export type { XStateConfig, XStateNode } from "./visualization/xstate.js";

export { transforms } from "./transforms/transforms.js";

export { circuits, circuitState, resetCircuit, type CircuitReport, type CircuitState } from "./policies/circuit.js";
export { Scheduler, type SchedulerClosing, type SchedulerOptions, type SchedulerStats } from "./policies/scheduler.js";
export type { ThreadPoolOptions } from "./backends/thread/pool-options.js";
export { ThreadPool } from "./backends/thread/thread-pool.js";

export { PauseRun, type Pause, type PauseOptions } from "./run/pause.js";
export type { RunContext } from "./run/context.js";
export type { FsmMetrics, FsmResult } from "./run/fsm-result.js";
export type { Cycle } from "./run/history.js";
export type { LogLine, Observer, RunEvent } from "./run/events.js";
export type { RunMetrics, TimelineEntry } from "./run/metrics.js";
export type { DagEdge } from "./planning/plan.js";
export type { FsmEdge } from "./planning/fsm-plan.js";
export type { DagGraph, FsmGraph, GraphNode, WorkflowGraph } from "./planning/workflow-graph.js";
export type { ChildRun } from "./run/child-run.js";
export type { NodeReport, RunResult } from "./run/result.js";
export type { Backend, BackendCall, BackendLimit, BackendName, Backends } from "./definition/specs/backend.js";
export type { CallSite } from "./definition/specs/call-site.js";
export type { Durability, RunStore } from "./stores/store.js";
export type { WaitingFor } from "./run/waiting-for.js";
export type { ItemCounts, NodeWait } from "./run/state.js";
export type { NodeStatus, RunStatus } from "./run/status.js";

export {
  ClosedError,
  CycleError,
  DagwrightError,
  DisconnectedNodeError,
  InvalidNodeError,
  MissingConnectionError,
  MissingInputError,
  MissingResultError,
  StoreError,
  type StoreErrorCode,
  ValidationError,
  type ValidationIssue,
} from "./base/errors.js";
export {
  BackendError,
  type BackendFailure,
  CancelledError,
  CircuitOpenError,
  DeadlockError,
  type ErrorSite,
  ExecutionError,
  FallbackError,
  InputsTimeoutError,
  InvalidTransitionError,
  MaxCyclesError,
  NodeTimeoutError,
  NotCloneableError,
  QueueFullError,
  RecoverError,
  RetryExhaustedError,
  RunTimeoutError,
  StreamError,
  UnknownStateError,
} from "./run/errors.js";
