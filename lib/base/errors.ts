import { brand } from "./brand.js";

/** Gives a class of errors the name that its errors have, and that all copies of this library know it by. */
export function nameError(type: abstract new (...args: any[]) => Error, name: string): void {
  (type.prototype as Error).name = name;
  brand(type, name);
}

/**
 * The root of every error dagwright throws, and the errors of a wrong definition.
 *
 * `name` and `code` are stable: `code` survives threads and databases, where classes do not. What goes wrong while a
 * run executes is in `run/errors.ts`.
 */
export class DagwrightError extends Error {
  static {
    nameError(this, "DagwrightError");
  }

  /** Stable, upper case, unique per class unless said otherwise. */
  readonly code: string;

  constructor(message: string, code: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** One thing wrong, or doubtful, with a definition. `nodes` are the names it concerns; for a cycle, in its order. */
export interface ValidationIssue {
  readonly severity: "error" | "warning";
  readonly code: string;
  readonly message: string;
  readonly nodes: readonly string[];
}

/** A workflow, or what was passed to one of its methods, is wrong; nothing ran. Code `VALIDATION`. */
export class ValidationError extends DagwrightError {
  static {
    nameError(this, "ValidationError");
  }

  readonly issues: readonly ValidationIssue[];

  constructor(message: string, issues?: readonly ValidationIssue[], code = "VALIDATION") {
    super(message, code);
    this.issues = issues ?? [{ severity: "error", code, message, nodes: [] }];
  }
}

/** Nodes need each other in a circle. Code `CYCLE`. */
export class CycleError extends ValidationError {
  static {
    nameError(this, "CycleError");
  }

  /** Names along the circle, the first one repeated at the end: `["a", "b", "a"]`. */
  readonly cycle: readonly string[];

  constructor(message: string, issue: ValidationIssue) {
    super(message, [issue], "CYCLE");
    this.cycle = issue.nodes;
  }
}

/** A node that no edge touches, under `strict`. Code `DISCONNECTED_NODE`. */
export class DisconnectedNodeError extends ValidationError {
  static {
    nameError(this, "DisconnectedNodeError");
  }

  constructor(message: string, issue: ValidationIssue) {
    super(message, [issue], "DISCONNECTED_NODE");
  }
}

/** A branch of a condition that leads nowhere, under `strict`. Code `MISSING_CONNECTION`. */
export class MissingConnectionError extends ValidationError {
  static {
    nameError(this, "MissingConnectionError");
  }

  constructor(message: string, issue: ValidationIssue) {
    super(message, [issue], "MISSING_CONNECTION");
  }
}

/** Parameters that no node, run input or default value fills. Code `MISSING_INPUT`. */
export class MissingInputError extends ValidationError {
  static {
    nameError(this, "MissingInputError");
  }

  /** The names of all missing inputs, in order of first use. */
  readonly missing: readonly string[];
  /** What an fsm's run had done when a later state lacked an input; undefined when nothing had run. */
  declare run?: unknown;

  constructor(message: string, missing: readonly string[], issues: readonly ValidationIssue[]) {
    super(message, issues, "MISSING_INPUT");
    this.missing = missing;
  }
}

/** A partial run needs a result that neither it nor the earlier run has. Code `MISSING_RESULT`. */
export class MissingResultError extends ValidationError {
  static {
    nameError(this, "MissingResultError");
  }

  /** The names of all nodes whose result is missing. */
  readonly missing: readonly string[];

  constructor(message: string, missing: readonly string[]) {
    super(message, [{ severity: "error", code: "MISSING_RESULT", message, nodes: missing }], "MISSING_RESULT");
    this.missing = missing;
  }
}

/** A node that cannot be defined as written: its name, its function or its options. Code `INVALID_NODE`. */
export class InvalidNodeError extends DagwrightError {
  static {
    nameError(this, "InvalidNodeError");
  }

  constructor(message: string, options?: ErrorOptions) {
    super(message, "INVALID_NODE", options);
  }
}

/**
 * `NOT_FOUND`, `RUN_EXISTS`: of the run's id. `LEASE_HELD`: somebody else drives the run. `LEASE_LOST`: somebody else took it
 * over. `RUN_ENDED`: the run is over. `UNSTORABLE`: a value can't be kept. `SCHEMA`: the tables are newer than the code. `STORE`: anything else.
 */
export type StoreErrorCode =
  "STORE" | "UNSTORABLE" | "SCHEMA" | "NOT_FOUND" | "RUN_EXISTS" | "LEASE_HELD" | "LEASE_LOST" | "RUN_ENDED";

/** A store can't be opened, read or written, or was given what it can't keep. */
export class StoreError extends DagwrightError {
  static {
    nameError(this, "StoreError");
  }

  constructor(
    message: string,
    code: StoreErrorCode = "STORE",
    options?: ErrorOptions,
    /** Of a value that can't be stored: where in it the obstacle is, as `rows[1].fn`; "" for the value itself. */
    readonly path?: string,
  ) {
    super(message, code, options);
  }

  /** What the run had done that ended because of this; undefined where no run did. */
  declare run?: unknown;
}

/** A run was refused, because what it was to use is closed: a scheduler, a pool. Code `CLOSED`. */
export class ClosedError extends DagwrightError {
  static {
    nameError(this, "ClosedError");
  }

  constructor(message: string) {
    super(message, "CLOSED");
  }
}

/** The error for a list of issues: one issue throws its own class, several one {@link ValidationError} with all. */
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
