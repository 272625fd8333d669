/** The public API of dagwright. */
export {
  all,
  any,
  cachedNode,
  condition,
  node,
  select,
  state,
  workflow,
  type NodeDecorator,
  type NodeDecorators,
  type StateDecorator,
  type StateDecorators,
  type WorkflowOptions,
} from "./definition/decorators.js";
export { decide, route, type Decision, type Route } from "./definition/decisions.js";
export { next, stop, waitForEvent, type Next, type Stop, type WaitForEvent } from "./definition/transitions.js";
export { optional, type OptionalNeed } from "./definition/need.js";
export type { Context, FsmContext } from "./definition/context.js";
export type { DagOptions } from "./definition/dag-options.js";
export type { Connection } from "./definition/dag-definition.js";
export type { NodeHandle, OutputHandle, Target } from "./definition/node-handle.js";
export type { Class, ErrorStrategy, NodeHooks, NodeOptions, Priority } from "./definition/node-options.js";
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
} from "./definition/policy-options.js";
export type { NodeKind, NodeSpec } from "./definition/node-spec.js";
export type {
  StateDefiner,
  StateHandle,
  StateTarget,
  Transition,
  TransitionCondition,
} from "./definition/fsm-definition.js";
export type { FsmOptions, StateOptions, StateSpec } from "./definition/state-spec.js";
export type { AllDefiner, AnyDefiner, CachedDefiner, ForkDefiner, NodeDefiner } from "./definition/typed-builder.js";
export type { EventsOf, StatesOf } from "./definition/typed-states.js";
export type { ResultsOf, StandInsOf } from "./definition/typed-wiring.js";

export { Dag, type DryRun, type DagSettings } from "./engines/dag.js";
export type { RunHandle } from "./engines/dag-handle.js";
export type { ExecutorName } from "./engines/executors/executor.js";
export { Fsm, type StateHook, type FsmSettings } from "./engines/fsm.js";
export type { FsmHandle } from "./engines/fsm-handle.js";
export type {
  EventsToSend,
  ContinueOptions,
  FsmContinueOptions,
  FsmRecoverOptions,
  FsmResumeOptions,
  FsmSendOptions,
  RecoverOptions,
  ReplayOptions,
  ResumeOptions,
} from "./engines/durable/options.js";
export type {
  CommonRunOptions,
  ErrorHandler,
  ErrorVerdict,
  FsmRunOptions,
  Mode,
  PartialRunOptions,
  RunProgress,
  RunOptions,
} from "./engines/run-options.js";
export type { StepResult, StepState } from "./engines/step.js";
export type { DiagramOptions } from "./visualization/diagram.js";
export type { StateDiagramOptions } from "./visualization/state-diagram.js";
export type { XStateConfig, XStateNode } from "./visualization/xstate.js";

export { circuits, circuitState, resetCircuit, type CircuitReport, type CircuitState } from "./policies/circuit.js";
export { Scheduler, type SchedulerClosing, type SchedulerOptions, type SchedulerStats } from "./policies/scheduler.js";
export type { ThreadPoolOptions } from "./backends/pool-options.js";
export { ThreadPool } from "./backends/thread-pool.js";

export { PauseRun, type Pause, type PauseOptions } from "./run/pause.js";
export type { RunContext } from "./run/context.js";
export type { FsmMetrics, FsmResult } from "./run/fsm-result.js";
export type { Cycle } from "./run/history.js";
export type { Observer, RunEvent } from "./run/events.js";
export type { RunMetrics, TimelineEntry } from "./run/metrics.js";
export type { DagEdge } from "./planning/plan.js";
export type { NodeReport, RunResult } from "./run/result.js";
export type { BackendName } from "./run/place.js";
export type { Durability, RunStore } from "./stores/store.js";
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
  CancelledError,
  CircuitOpenError,
  DeadlockError,
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
  UnknownStateError,
} from "./run/errors.js";
