import { DagwrightError } from "../base/errors.js";
import type { RunResult } from "./result.js";

/** Where and when an {@link ExecutionError} happened. */
export interface ErrorSite {
  readonly runId: string;
  /** The node; undefined when the error is of the run as a whole. */
  readonly node?: string;
  /** The attempt that failed, counted from 1; 0 when none was made. */
  readonly attempt?: number;
  readonly cause?: unknown;
}

/** Something went wrong while a run executed. A user's error is the `cause`, as it was thrown. Code `EXECUTION`. */
export class ExecutionError extends DagwrightError {
  static {
    this.prototype.name = "ExecutionError";
  }

  readonly runId: string;
  readonly node: string | undefined;
  readonly attempt: number;
  /** What the run had done when it ended. Set on the error that a run rejects with. */
  declare run: RunResult<any>;

  constructor(message: string, site: ErrorSite, code = "EXECUTION") {
    super(message, code, "cause" in site ? { cause: site.cause } : undefined);
    this.runId = site.runId;
    this.node = site.node;
    this.attempt = site.attempt ?? 0;
  }
}

/** An attempt took longer than the node's `timeout`. Code `NODE_TIMEOUT`. */
export class NodeTimeoutError extends ExecutionError {
  static {
    this.prototype.name = "NodeTimeoutError";
  }

  constructor(message: string, site: ErrorSite) {
    super(message, site, "NODE_TIMEOUT");
  }
}

/** A run took longer than its `timeout`. Code `RUN_TIMEOUT`. */
export class RunTimeoutError extends ExecutionError {
  static {
    this.prototype.name = "RunTimeoutError";
  }

  constructor(message: string, site: ErrorSite) {
    super(message, site, "RUN_TIMEOUT");
  }
}

/** A run was aborted from outside; the signal's reason is the `cause`. Code `CANCELLED`. */
export class CancelledError extends ExecutionError {
  static {
    this.prototype.name = "CancelledError";
  }

  constructor(message: string, site: ErrorSite) {
    super(message, site, "CANCELLED");
  }
}

/** A node failed in its last attempt too; the last error is the `cause`. Code `RETRY_EXHAUSTED`. */
export class RetryExhaustedError extends ExecutionError {
  static {
    this.prototype.name = "RetryExhaustedError";
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

/** The text of whatever was thrown. */
export function messageOf(error: unknown): string {
  if (error instanceof Error) return error.message || error.name;
  try {
    return String(error);
  } catch {
    return Object.prototype.toString.call(error);
  }
}
