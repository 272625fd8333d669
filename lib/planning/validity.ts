import { checkOptions, checkType } from "../base/check.js";
import { errorOf, type ValidationIssue } from "../base/errors.js";

/** A plan, or the reasons why there is none; warnings in either case. */
export interface Planning<P extends { readonly workflow: string }> {
  readonly plan: P;
  readonly issues: readonly ValidationIssue[];
}

/** The issues, with what is loose an error under `strict` instead of a warning. */
export function issuesOf({ issues }: Planning<{ workflow: string }>, strict: boolean): ValidationIssue[] {
  return issues.map((issue) => (strict ? { ...issue, severity: "error" } : issue));
}

/** Whether the options of a validation ask for strictness. @throws {TypeError} naming the option */
export function checkStrict(options: { readonly strict?: boolean }, method: string): boolean {
  checkOptions(options, ["strict"], method);
  checkType("strict", options.strict, "boolean");
  return options.strict === true;
}

/** @throws {ValidationError} | {InvalidNodeError} when an issue is an error */
export function requireValid<P extends { readonly workflow: string }>(planning: Planning<P>, strict: boolean): P {
  if (planning.issues.length > 0) {
    const errors = issuesOf(planning, strict).filter(({ severity }) => severity === "error");
    if (errors.length > 0) throw errorOf(planning.plan.workflow, errors);
  }
  return planning.plan;
}
