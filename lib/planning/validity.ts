import { checkOptions } from "../base/check.js";
import { errorOf, type ValidationIssue } from "../base/errors.js";

/** A plan, or the reasons why there is none; warnings in either case, which are looked for when they are asked for. */
export class Planning<P extends { readonly workflow: string }> {
  private all: readonly ValidationIssue[] | undefined;

  constructor(
    readonly plan: P,
    readonly errors: readonly ValidationIssue[],
    private readonly findWarnings: () => readonly ValidationIssue[],
  ) {}

  get issues(): readonly ValidationIssue[] {
    return (this.all ??= [...this.errors, ...this.findWarnings()]);
  }
}

/** The issues, with what is loose an error under `strict` instead of a warning. */
export function issuesOf({ issues }: Planning<any>, strict: boolean): ValidationIssue[] {
  return issues.map((issue) => (strict ? { ...issue, severity: "error" } : issue));
}

/** Whether the options of a validation ask for strictness. @throws {TypeError} naming the option */
export function checkStrict(options: { readonly strict?: boolean | undefined }, method: string): boolean {
  checkOptions(options, { strict: "boolean" }, method);
  return options.strict === true;
}

/** @throws {ValidationError} | {InvalidNodeError} when an issue is an error */
export function requireValid<P extends { readonly workflow: string }>(planning: Planning<P>, strict: boolean): P {
  const errors = strict ? issuesOf(planning, true) : planning.errors;
  if (errors.length > 0) throw errorOf(planning.plan.workflow, errors);
  return planning.plan;
}
