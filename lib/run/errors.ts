import { DagwrightError, nameError } from "../base/errors.js";
import { asSentence, messageOf } from "../base/message.js";
import type { FsmResult } from "./fsm-result.js";
import type { RunResult } from "./result.js";

/** Where and when an {@link ExecutionError} happened. */
export interface ErrorSite {
  readonly runId: string;
  /** The node; undefined when the error is of the run as a whole. */
  readonly node?: string;
  /** The attempt that failed, counted from 1; 0 when none was made. */
  readonly attempt?: number;
  /** In an fsm, the state, and the cycle it was executed in, counted from 0. */
  readonly state?: string;
  readonly cycle?: number;
  readonly cause?: unknown;
}

/** Something went wrong while a run executed. A user's error is the `cause`, as it was thrown. Code `EXECUTION`. */
export class ExecutionError extends DagwrightError {
  static {
    nameError(this, "ExecutionError");
  }

  readonly runId: string;
  readonly node: string | undefined;
  readonly attempt: number;
  /** In an fsm, the state that failed; undefined in a dag. */
  readonly state: string | undefined;
  /** In an fsm, the cycle that failed, counted from 0; undefined in a dag. */
  readonly cycle: number | undefined;
  /**
   * What the run had done when it ended: the result of a dag's run, or of an fsm's. Set on the error that a run rejects
   * with.
   */
  declare run: RunResult<any> & FsmResult<any>;

  constructor(message: string, site: ErrorSite, code = "EXECUTION") {
    super(message, code, "cause" in site ? { cause: site.cause } : undefined);
    this.runId = site.runId;
    this.node = site.node;
    this.attempt = site.attempt ?? 0;
    this.state = site.state;
    this.cycle = site.cycle;
  }
}

/** What is said of a node or state that threw. */
export function failedBecause(label: string, thrown: unknown): string {
  return `${label} failed: ${asSentence(messageOf(thrown))} See the cause.`;
}

/** Whether an error of this run was thrown: it says where already. Total. */
export function isErrorOf(runId: string, thrown: unknown): thrown is ExecutionError {
  try {
    return thrown instanceof ExecutionError && thrown.runId === runId;
  } catch {
    return false;
  }
}

/** The same error in another run, which made no attempt of its own. */
export function sameErrorAt({ runId, cycle }: ErrorSite, error: ExecutionError): ExecutionError {
  const same = Reflect.construct(Error, [error.message], error.constructor) as ExecutionError;
  for (const key of Object.getOwnPropertyNames(error)) {
    if (key === "run") continue;
    const enumerable = Object.prototype.propertyIsEnumerable.call(error, key);
    const value = error[key as keyof ExecutionError];
    Object.defineProperty(same, key, { value, enumerable, writable: true, configurable: true });
  }
  return Object.assign(same, { runId, cycle, attempt: 0 });
}

/** An attempt took longer than the node's `timeout`. Code `NODE_TIMEOUT`. */
export class NodeTimeoutError extends ExecutionError {
  static {
    nameError(this, "NodeTimeoutError");
  }

  constructor(message: string, site: ErrorSite) {
    super(message, site, "NODE_TIMEOUT");
  }
}

/** A node's inputs were not there within its `inputsTimeout`; it was not called. Code `INPUTS_TIMEOUT`. */
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

  constructor(
    message: string,
    site: ErrorSite,
    /** The circuit's; undefined for a circuit of the node's own. */
    readonly key: string | undefined,
    /** In ms, until calls are let through as probes; 0 while as many as may are under way. */
    readonly retryAfter: number,
  ) {
    super(message, site, "CIRCUIT_OPEN");
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
    /** How many nodes wait. */
    readonly queued: number,
  ) {
    super(message, site, "QUEUE_FULL");
  }
}

/** A node was not called because it would have waited for ever, for what is held until it is done. Code `DEADLOCK`. */
export class DeadlockError extends ExecutionError {
  static {
    nameError(this, "DeadlockError");
  }

  constructor(message: string, site: ErrorSite) {
    super(message, site, "DEADLOCK");
  }
}

/** A node failed, and so did its fallback, whose error is the `cause`. Code `FALLBACK`. */
export class FallbackError extends ExecutionError {
  static {
    nameError(this, "FallbackError");
  }

  constructor(
    message: string,
    site: ErrorSite,
    /** What the fallback was to stand in for. */
    readonly failure: unknown,
  ) {
    super(message, site, "FALLBACK");
  }
}

/** A run took longer than its `timeout`. Code `RUN_TIMEOUT`. */
export class RunTimeoutError extends ExecutionError {
  static {
    nameError(this, "RunTimeoutError");
  }

  constructor(message: string, site: ErrorSite) {
    super(message, site, "RUN_TIMEOUT");
  }
}

/** A run was aborted from outside; the signal's reason is the `cause`. Code `CANCELLED`. */
export class CancelledError extends ExecutionError {
  static {
    nameError(this, "CancelledError");
  }

  constructor(message: string, site: ErrorSite) {
    super(message, site, "CANCELLED");
  }
}

/** Several recorded runs could not be taken up. Code `RECOVER`. */
export class RecoverError extends DagwrightError {
  static {
    nameError(this, "RecoverError");
  }

  constructor(
    /** One a run, which its message names. */
    readonly errors: readonly Error[],
    /** What `recover` or `attachAll` would have given without them. */
    readonly results: readonly unknown[],
  ) {
    const lines = errors.map(({ message }) => `  - ${message}`);
    super(`${errors.length} runs could not be taken up:\n${lines.join("\n")}`, "RECOVER");
  }
}

/** A node failed in its last attempt too; the last error is the `cause`. Code `RETRY_EXHAUSTED`. */
export class RetryExhaustedError extends ExecutionError {
  static {
    nameError(this, "RetryExhaustedError");
  }

  /** How many attempts were made. */
  readonly attempts: number;

  constructor(
    message: string,
    site: ErrorSite,
    /** What each attempt threw, in order, as it was thrown. */
    readonly errors: readonly unknown[],
  ) {
    super(message, site, "RETRY_EXHAUSTED");
    this.attempts = errors.length;
  }
}

/** Where a node should have run failed it: its worker ended. Code `BACKEND`. */
export class BackendError extends ExecutionError {
  static {
    nameError(this, "BackendError");
  }

  constructor(
    message: string,
    site: ErrorSite,
    /** What the worker exited with; undefined when it did not. */
    readonly exitCode: number | undefined,
  ) {
    super(message, site, "BACKEND");
  }
}

/** Something that was to cross to or from a worker can't be cloned. Code `NOT_CLONEABLE`. */
export class NotCloneableError extends ExecutionError {
  static {
    nameError(this, "NotCloneableError");
  }

  constructor(
    message: string,
    site: ErrorSite,
    /** Where it is: `inputs.x.fn`, `result.rows[3].fn`. */
    readonly path: string,
  ) {
    super(message, site, "NOT_CLONEABLE");
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

/** A state went where its `to` does not lead. Code `INVALID_TRANSITION`. */
export class InvalidTransitionError extends ExecutionError {
  static {
    nameError(this, "InvalidTransitionError");
  }

  constructor(message: string, site: ErrorSite) {
    super(message, site, "INVALID_TRANSITION");
  }
}

/** A state went to one that does not exist. Code `UNKNOWN_STATE`. */
export class UnknownStateError extends ExecutionError {
  static {
    nameError(this, "UnknownStateError");
  }

  constructor(message: string, site: ErrorSite) {
    super(message, site, "UNKNOWN_STATE");
  }
}
