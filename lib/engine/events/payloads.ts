import { checkNonEmptyString } from "../../base/check.js";
import { refusePromise } from "../../base/coroutine.js";
import { ValidationError, type ValidationIssue } from "../../base/errors.js";
import { shortPath } from "../../base/message.js";
import { check, pathText, problemText, type Checked, type StandardSchema } from "../../base/standard-schema.js";

/** @throws {TypeError} | {RangeError} unless an event can be sent */
export function checkEvent(event: string, payload: unknown): void {
  checkNonEmptyString("event", event);
  refusePromise(`The payload of event "${event}"`, payload);
}

/**
 * A payload as parsed by the schema of its event. A promise only if the schema returns one.
 * @throws {ValidationError} VALIDATION with all issues of the schema
 */
export function checkedPayload(event: string, payload: unknown, schema: StandardSchema<any, any> | undefined): unknown {
  if (schema === undefined) return payload;
  const accept = (checked: Checked): unknown => {
    if ("value" in checked) return checked.value;
    const issues = checked.problems.map((problem): ValidationIssue => {
      const where = problem.path.length === 0 ? "" : ` at ${shortPath(pathText(problem.path))}`;
      const message = `The payload of the event "${event}" is invalid${where}: ${problemText(problem)}`;
      return { severity: "error", code: "INVALID_PAYLOAD", message, nodes: [], path: problem.path };
    });
    throw new ValidationError(
      `${issues.map(({ message }) => message).join("\n")} Correct it, and send it again.`,
      issues,
    );
  };
  const checked = check(schema, payload);
  return checked instanceof Promise ? checked.then(accept) : accept(checked);
}
