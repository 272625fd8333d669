import type { CancelScope } from "../base/cancel-scope.js";
import type { Coroutine } from "../base/coroutine.js";
import { ValidationError, type ValidationIssue } from "../base/errors.js";
import { shortPath } from "../base/message.js";
import { check, pathText, problemText, type SchemaProblem, type StandardSchema } from "../base/standard-schema.js";

/** A result that is checked. */
export interface CheckedOutput {
  readonly schema: StandardSchema<any, any>;
  /** `Node "x"` or `State "x"`. */
  readonly label: string;
  readonly name: string;
  readonly waits: CancelScope;
}

/**
 * Returns the result of a node as parsed by its schema.
 * @throws {ValidationError} VALIDATION with all issues of the schema
 */
export function* checkOutput(value: unknown, { schema, label, name, waits }: CheckedOutput): Coroutine {
  const checked = yield* waits.wait(check(schema, value), 'schema "output"');
  if ("value" in checked) return checked.value;
  throw invalidOutput({ label, name }, checked.problems);
}

/** The error for a result that does not match its schema. */
export function invalidOutput(
  { label, name }: Pick<CheckedOutput, "label" | "name">,
  problems: readonly SchemaProblem[],
): ValidationError {
  const issues = problems.map((problem) => invalid(label, name, problem));
  const lines = issues.map(({ message }) => message).join("\n");
  return new ValidationError(`${lines} Correct what it returns, or its "output".`, issues);
}

function invalid(label: string, name: string, problem: SchemaProblem): ValidationIssue {
  const { path } = problem;
  const where = path.length === 0 ? "" : ` at ${shortPath(pathText(path))}`;
  return {
    severity: "error",
    code: "INVALID_OUTPUT",
    message: `${label} returned an invalid result${where}: ${problemText(problem)}`,
    nodes: [name],
    path,
  };
}
