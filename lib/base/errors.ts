import { brand } from "./brand.js";
import { setGiven } from "./objects.js";

/** Sets the `name` of an error class, and brands it by that name, see {@link brand}. */
export function nameError(type: abstract new (...args: any[]) => Error, name: string): void {
  (type.prototype as Error).name = name;
  brand(type, name);
}

/**
 * The base class of all errors that dagwright throws.
 *
 * `name` and `code` are stable; `code` also survives threads and databases, where classes do not. The errors in this
 * file are about definitions; `run/errors.ts` has those of running workflows.
 */
export class DagwrightError extends Error {
  static {
    nameError(this, "DagwrightError");
  }

  /** Stable, in upper case, and unique per class unless documented otherwise. */
  readonly code: string;
  /**
   * The address of what the documentation says of this code: when it happens, and what to do. A property like `code`, so
   * that it is printed with the error, and survives where that does.
   */
  readonly docs: string;

  constructor(message: string, code: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.docs = docsOf(code);
  }
}

/** The address of what the documentation says of a code. */
export function docsOf(code: string): string {
  return `https://github.com/dagwright/dagwright/blob/main/docs/errors.md#${code.toLowerCase()}`;
}

/** A problem or warning about a definition. */
export interface ValidationIssue {
  /** Warnings do not prevent a run, unless `strict` is set, which reports them as errors. */
  readonly severity: "error" | "warning";
  /** What kind of problem it is: stable, in upper case, such as `CYCLE`. */
  readonly code: string;
  /** Names the nodes and the rule, and says what to do. */
  readonly message: string;
  /** The names of the nodes or states concerned; those of a cycle in its order. Empty if it concerns none of them. */
  readonly nodes: readonly string[];
  /** What a schema refused: the name of the input and the way into its value, or the way into a node's result. */
  readonly path?: readonly PropertyKey[];
}

/** A workflow, or an argument of one of its methods, is invalid; nothing ran. Code `VALIDATION`. */
export class ValidationError extends DagwrightError {
  static {
    nameError(this, "ValidationError");
  }

  /** All problems that were found; never empty. */
  readonly issues: readonly ValidationIssue[];

  constructor(message: string, issues?: readonly ValidationIssue[], code = "VALIDATION") {
    super(message, code);
    this.issues = issues ?? [{ severity: "error", code, message, nodes: [] }];
  }
}

/** The needs of some nodes form a cycle. Code `CYCLE`. */
export class CycleError extends ValidationError {
  static {
    nameError(this, "CycleError");
  }

  /**
   * The names along the cycle, with the first one repeated at the end: `["a", "b", "a"]`. Of a workflow that contains
   * itself, the nodes that lead from it to itself: `["check", "retry"]`.
   */
  readonly cycle: readonly string[];

  constructor(message: string, issue: ValidationIssue) {
    super(message, [issue], "CYCLE");
    this.cycle = issue.nodes;
  }
}

/** Under `strict`: a node has no edges. Code `DISCONNECTED_NODE`. */
export class DisconnectedNodeError extends ValidationError {
  static {
    nameError(this, "DisconnectedNodeError");
  }

  constructor(message: string, issue: ValidationIssue) {
    super(message, [issue], "DISCONNECTED_NODE");
  }
}

/** Under `strict`: no node takes a branch of a condition. Code `MISSING_CONNECTION`. */
export class MissingConnectionError extends ValidationError {
  static {
    nameError(this, "MissingConnectionError");
  }

  constructor(message: string, issue: ValidationIssue) {
    super(message, [issue], "MISSING_CONNECTION");
  }
}

/** Some parameters have no value from a node, a run input or a default. Code `MISSING_INPUT`. */
export class MissingInputError extends ValidationError {
  static {
    nameError(this, "MissingInputError");
  }

  /** The names of all missing inputs, in order of first use. */
  readonly missing: readonly string[];
  /** The partial result when a later state of an fsm lacked an input; undefined when nothing had run. */
  declare run?: unknown;

  constructor(message: string, missing: readonly string[], issues: readonly ValidationIssue[]) {
    super(message, issues, "MISSING_INPUT");
    this.missing = missing;
  }
}

/** A partial run needs a result that it does not compute and the earlier run lacks. Code `MISSING_RESULT`. */
export class MissingResultError extends ValidationError {
  static {
    nameError(this, "MissingResultError");
  }

  /** The names of all nodes whose results are missing. */
  readonly missing: readonly string[];

  constructor(message: string, missing: readonly string[]) {
    super(message, [{ severity: "error", code: "MISSING_RESULT", message, nodes: missing }], "MISSING_RESULT");
    this.missing = missing;
  }
}

/** A node's name, function or options are invalid. Code `INVALID_NODE`. */
export class InvalidNodeError extends DagwrightError {
  static {
    nameError(this, "InvalidNodeError");
  }

  constructor(message: string, options?: ErrorOptions) {
    super(message, "INVALID_NODE", options);
  }
}

/**
 * `NOT_FOUND`: no run has this id. `RUN_EXISTS`: a run with this id exists. `LEASE_HELD`: another process drives the
 * run. `LEASE_LOST`: another process took the run over. `RUN_ENDED`: the run is over. `UNSTORABLE`: a value can't be
 * stored. `KEY_CONFLICT`: a run was submitted with this key and other inputs. `POISONED`: the run's drivers have died too
 * often. `SCHEMA`: the tables are newer than this version of dagwright. `STORE`: any other failure.
 */
export type StoreErrorCode =
  | "STORE"
  | "UNSTORABLE"
  | "SCHEMA"
  | "NOT_FOUND"
  | "RUN_EXISTS"
  | "LEASE_HELD"
  | "LEASE_LOST"
  | "RUN_ENDED"
  | "KEY_CONFLICT"
  | "POISONED";

/** A store can't be opened, read or written, or can't store a value. See {@link StoreErrorCode}. */
export class StoreError extends DagwrightError {
  static {
    nameError(this, "StoreError");
  }

  /** The path of the part that can't be stored, as `rows[1].fn`; "" for the value itself. */
  declare readonly path?: string;

  constructor(message: string, code: StoreErrorCode = "STORE", options?: ErrorOptions, path?: string) {
    super(message, code, options);
    setGiven<StoreError>(this, { path });
  }

  /** The partial result of the run that this error ended, if any. */
  declare run?: unknown;
}

/** A run was refused because its scheduler or pool is closed. Code `CLOSED`. */
export class ClosedError extends DagwrightError {
  static {
    nameError(this, "ClosedError");
  }

  constructor(message: string) {
    super(message, "CLOSED");
  }
}

/**
 * The error to throw for a list of issues: for one issue its own class, for several a {@link ValidationError} with all
 * of them.
 */
export function errorOf(workflow: string, issues: readonly ValidationIssue[]): DagwrightError {
  if (issues.length !== 1) {
    const lines = issues.map((issue) => `  - ${issue.message}`);
    return new ValidationError(`Workflow "${workflow}" has ${issues.length} problems:\n${lines.join("\n")}`, issues);
  }
  const [issue] = issues;
  switch (issue.code) {
    case "CYCLE":
      return new CycleError(issue.message, issue);
    case "DISCONNECTED_NODE":
      return new DisconnectedNodeError(issue.message, issue);
    case "MISSING_CONNECTION":
      return new MissingConnectionError(issue.message, issue);
    case "INVALID_NODE":
      return new InvalidNodeError(issue.message);
    default:
      return new ValidationError(issue.message, issues);
  }
}
