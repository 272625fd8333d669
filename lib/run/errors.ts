import { DagwrightError, nameError } from "../base/errors.js";
import { define, setGiven } from "../base/objects.js";
import type { FsmResult } from "./fsm-result.js";
import type { RunResult } from "./result.js";

/** Where an {@link ExecutionError} happened, and its cause. */
export interface ErrorSite extends ErrorOptions {
  /** The id of the run. */
  readonly runId: string;
  /** The node; undefined if the error concerns the run as a whole. */
  readonly node?: string;
  /** The attempt that failed, counted from 1; 0 if none was made. */
  readonly attempt?: number;
  /** In a map, the item, with the node: `thumb[3]`. */
  readonly item?: string;
  /** In an fsm, the state. */
  readonly state?: string;
  /** In an fsm, the cycle in which the state was executed, counted from 0. */
  readonly cycle?: number;
}

/** A run failed during execution. If user code threw, its error is the `cause`, unchanged. Code `EXECUTION`. */
export class ExecutionError extends DagwrightError {
  static {
    nameError(this, "ExecutionError");
    Object.defineProperty(this.prototype, "path", {
      get(this: ExecutionError): readonly string[] {
        return pathOf(this);
      },
    });
  }

  /** The id of the run that failed. */
  readonly runId: string;
  /** The node or state that failed; undefined if the error concerns the run as a whole. */
  declare readonly node: string | undefined;
  /** The attempt that failed, counted from 1; 0 if none was made. */
  readonly attempt: number;
  /** The item of a map that failed, with its node: `thumb[3]`. */
  declare readonly item: string | undefined;
  /** The state that failed; undefined in a dag. */
  declare readonly state: string | undefined;
  /** The cycle that failed, counted from 0; undefined in a dag. */
  declare readonly cycle: number | undefined;
  /** The nodes that lead to the failure: the node, and if it is a workflow, those inside. */
  declare readonly path: readonly string[];

  /** The partial result of the run, of a dag or an fsm. Set on the error with which a run rejects. */
  declare run: RunResult<any> & FsmResult<any>;

  constructor(message: string, site: ErrorSite, code = "EXECUTION") {
    super(message, code, site);
    const { runId, node, attempt = 0, item, state, cycle } = site;
    this.runId = runId;
    setGiven<ExecutionError>(this, { node });
    this.attempt = attempt;
    setGiven<ExecutionError>(this, { item, state, cycle });
  }
}

function pathOf(outermost: ExecutionError): string[] {
  const path: string[] = [];
  for (let error: ExecutionError | undefined = outermost; error?.node !== undefined; error = innerError(error)) {
    path.push(error.item ?? error.node);
  }
  return path;
}

/** The error of a run inside the node that failed with `error`. */
export function innerError(error: ExecutionError): ExecutionError | undefined {
  return isErrorInside(error.runId, error.cause) ? error.cause : undefined;
}

/** Whether `thrown` is an error of a run that the run contains. Never throws. */
export function isErrorInside(runId: string, thrown: unknown): thrown is ExecutionError {
  try {
    return thrown instanceof ExecutionError && thrown.runId.startsWith(`${runId}/`);
  } catch {
    return false;
  }
}

/** Whether `thrown` is an {@link ExecutionError} of this run, which already has its site. Never throws. */
export function isErrorOf(runId: string, thrown: unknown): thrown is ExecutionError {
  try {
    return thrown instanceof ExecutionError && thrown.runId === runId;
  } catch {
    return false;
  }
}

/** A copy of an error for another run, which made no attempt itself. */
export function sameErrorAt({ runId, cycle }: ErrorSite, error: ExecutionError): ExecutionError {
  const same = Reflect.construct(Error, [error.message], error.constructor) as ExecutionError;
  for (const key of Object.getOwnPropertyNames(error)) {
    if (key === "run" || key === "cycle") continue;
    const enumerable = Object.prototype.propertyIsEnumerable.call(error, key);
    const value = error[key as keyof ExecutionError];
    define(same, key, value, { enumerable });
  }
  setGiven<ExecutionError>(same, { runId, cycle, attempt: 0 });
  return same;
}

/** An attempt exceeded the `timeout` of its node. Code `NODE_TIMEOUT`. */
export class NodeTimeoutError extends ExecutionError {
  static {
    nameError(this, "NodeTimeoutError");
  }

  constructor(message: string, site: ErrorSite) {
    super(message, site, "NODE_TIMEOUT");
  }
}

/** The inputs of a node were not ready within its `inputsTimeout`, and it was not called. Code `INPUTS_TIMEOUT`. */
export class InputsTimeoutError extends ExecutionError {
  static {
    nameError(this, "InputsTimeoutError");
  }

  constructor(message: string, site: ErrorSite) {
    super(message, site, "INPUTS_TIMEOUT");
  }
}

/** A node was not called because its circuit breaker is open. Code `CIRCUIT_OPEN`. */
export class CircuitOpenError extends ExecutionError {
  static {
    nameError(this, "CircuitOpenError");
  }

  /** The key of the circuit; undefined if it belongs to the node. */
  declare readonly key: string | undefined;

  constructor(
    message: string,
    site: ErrorSite,
    key: string | undefined,
    /** The time until the circuit lets probes through, in ms; 0 if all allowed probes are in flight. */
    readonly retryAfter: number,
  ) {
    super(message, site, "CIRCUIT_OPEN");
    setGiven<CircuitOpenError>(this, { key });
  }
}

/** A node was not called because the scheduler's queue is full. Code `QUEUE_FULL`. */
export class QueueFullError extends ExecutionError {
  static {
    nameError(this, "QueueFullError");
  }

  constructor(
    message: string,
    site: ErrorSite,
    /** How many nodes are queued. */
    readonly queued: number,
  ) {
    super(message, site, "QUEUE_FULL");
  }
}

/**
 * A node was not called because it would have waited forever for a resource that is held until the node completes. Code
 * `DEADLOCK`.
 */
export class DeadlockError extends ExecutionError {
  static {
    nameError(this, "DeadlockError");
  }

  constructor(message: string, site: ErrorSite) {
    super(message, site, "DEADLOCK");
  }
}

/** A node and its fallback failed. The error of the fallback is the `cause`. Code `FALLBACK`. */
export class FallbackError extends ExecutionError {
  static {
    nameError(this, "FallbackError");
  }

  constructor(
    message: string,
    site: ErrorSite,
    /** The error of the node, for which the fallback was called. */
    readonly failure: unknown,
  ) {
    super(message, site, "FALLBACK");
  }
}

/** A run exceeded its `timeout`. Code `RUN_TIMEOUT`. */
export class RunTimeoutError extends ExecutionError {
  static {
    nameError(this, "RunTimeoutError");
  }

  constructor(message: string, site: ErrorSite) {
    super(message, site, "RUN_TIMEOUT");
  }
}

/** A run was cancelled, or aborted by its signal. The reason is the `cause`. Code `CANCELLED`. */
export class CancelledError extends ExecutionError {
  static {
    nameError(this, "CancelledError");
  }

  constructor(message: string, site: ErrorSite) {
    super(message, site, "CANCELLED");
  }
}

/**
 * An item of a stream failed, or the stream's source. The error of the item's run, or of the source, is the `cause`.
 * `runId`, `node`, `attempt` and `run` are those of the item's run; `runId` is empty if there is none. Code `STREAM`.
 */
export class StreamError extends ExecutionError {
  static {
    nameError(this, "StreamError");
  }

  /** The item; undefined if the source did not give it. */
  declare readonly input: unknown;

  constructor(
    message: string,
    site: ErrorSite,
    /** The place of the item in the source, counted from 0. */
    readonly index: number,
    input: unknown,
  ) {
    super(message, site, "STREAM");
    setGiven<StreamError>(this, { input });
  }
}

/** Several recorded runs could not be recovered. Code `RECOVER`. */
export class RecoverError extends DagwrightError {
  static {
    nameError(this, "RecoverError");
  }

  constructor(
    /** One error for each run, which its message names. */
    readonly errors: readonly Error[],
    /** The results of the other runs, as `recover` or `attachAll` would have returned them. */
    readonly results: readonly unknown[],
  ) {
    const lines = errors.map(({ message }) => `  - ${message}`);
    super(`${errors.length} runs could not be recovered:\n${lines.join("\n")}`, "RECOVER");
  }
}

/** All attempts of a node failed. The last error is the `cause`. Code `RETRY_EXHAUSTED`. */
export class RetryExhaustedError extends ExecutionError {
  static {
    nameError(this, "RetryExhaustedError");
  }

  /** The number of attempts. */
  readonly attempts: number;

  constructor(
    message: string,
    site: ErrorSite,
    /** The errors of all attempts, in order and unchanged. */
    readonly errors: readonly unknown[],
  ) {
    super(message, site, "RETRY_EXHAUSTED");
    this.attempts = errors.length;
  }
}

/** What is known of the failure of a backend. */
export interface BackendFailure {
  /** `WORKER_LOST` if the worker died that had the node. @defaultValue "BACKEND" */
  readonly code?: "BACKEND" | "WORKER_LOST" | undefined;
  /** The exit code of the worker, if it exited. */
  readonly exitCode?: number | undefined;
  /** Of `rpc`: the code of the Connect protocol, as `unavailable`. */
  readonly rpcCode?: string | undefined;
  /** Of `rpc`: the HTTP status of the response, if there was one. */
  readonly status?: number | undefined;
  /** Whether another attempt may succeed. If not, the node is not retried. @defaultValue true */
  readonly retryable?: boolean | undefined;
}

/**
 * The backend failed while it ran a node: a worker exited, a server could not be reached, a sandboxed module broke its
 * rules. Code `BACKEND`, or `WORKER_LOST` when a worker of a remote backend is gone.
 */
export class BackendError extends ExecutionError {
  static {
    nameError(this, "BackendError");
  }

  /** The exit code of the worker; undefined if it did not exit. */
  declare readonly exitCode: number | undefined;
  /** Of `rpc`: the code of the Connect protocol, as `unavailable`; undefined elsewhere. */
  declare readonly rpcCode: string | undefined;
  /** Of `rpc`: the HTTP status of the response; undefined if there was none. */
  declare readonly status: number | undefined;
  /** Whether another attempt may succeed. If not, the node is not retried. */
  readonly retryable: boolean;

  constructor(message: string, site: ErrorSite, failure: BackendFailure = {}) {
    const { code = "BACKEND", exitCode, rpcCode, status, retryable = true } = failure;
    super(message, site, code);
    setGiven<BackendError>(this, { exitCode, rpcCode, status });
    this.retryable = retryable;
  }
}

/** A value can't be cloned to be sent to or from a worker. Code `NOT_CLONEABLE`. */
export class NotCloneableError extends ExecutionError {
  static {
    nameError(this, "NotCloneableError");
  }

  /** The path of the part that can't be cloned, a text: `inputs.x.fn`, `result.rows[3].fn`. */
  declare readonly path: string & readonly string[];

  constructor(message: string, site: ErrorSite, path: string) {
    super(message, site, "NOT_CLONEABLE");
    Object.defineProperty(this, "path", { value: path, enumerable: true });
  }
}

/** An fsm needed more cycles than `maxCycles`. Code `MAX_CYCLES`. */
export class MaxCyclesError extends ExecutionError {
  static {
    nameError(this, "MaxCyclesError");
  }

  constructor(message: string, site: ErrorSite) {
    super(message, site, "MAX_CYCLES");
  }
}

/** A state went to a state that its `to` does not list. Code `INVALID_TRANSITION`. */
export class InvalidTransitionError extends ExecutionError {
  static {
    nameError(this, "InvalidTransitionError");
  }

  constructor(message: string, site: ErrorSite) {
    super(message, site, "INVALID_TRANSITION");
  }
}

/** A state went to a state that does not exist. Code `UNKNOWN_STATE`. */
export class UnknownStateError extends ExecutionError {
  static {
    nameError(this, "UnknownStateError");
  }

  constructor(message: string, site: ErrorSite) {
    super(message, site, "UNKNOWN_STATE");
  }
}
