import { checkOptions } from "../base/check.js";
import { errorOf, type ValidationIssue } from "../base/errors.js";

/** A plan with its validation issues. It must not run if there are errors. Warnings are computed on first access. */
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

export interface Strictness {
  readonly strict?: boolean | undefined;
}

/** All issues. Under `strict`, warnings are errors. */
export function issuesOf({ issues }: Planning<any>, { strict }: Strictness): ValidationIssue[] {
  return issues.map((issue) => (strict === true ? { ...issue, severity: "error" } : issue));
}

/** Returns the options of `method`. @throws {TypeError} when they are invalid */
export function checkStrict(options: Strictness, method: string): Strictness {
  checkOptions(options, { strict: "boolean" }, method);
  return options;
}

/** Returns the plan. @throws {ValidationError} | {InvalidNodeError} when an issue is an error */
export function requireValid<P extends { readonly workflow: string }>(
  planning: Planning<P>,
  options: Strictness = {},
): P {
  const errors = options.strict === true ? issuesOf(planning, options) : planning.errors;
  if (errors.length > 0) throw errorOf(planning.plan.workflow, errors);
  return planning.plan;
}
