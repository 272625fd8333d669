import type { ValidationIssue } from "../base/errors.js";
import { shortPath } from "../base/message.js";
import { suggestion } from "../base/nearest.js";
import { define, ownValue } from "../base/objects.js";
import {
  check,
  pathText,
  problemText,
  type Checked,
  type JsonSchema,
  type SchemaProblem,
} from "../base/standard-schema.js";
import type { SchemaTree } from "../definition/defined.js";
import type { DeclaredInputs } from "../definition/specs/input-schemas.js";
import {
  checkInside,
  madeBefore,
  type CheckedInside,
  type InnerCheckOptions,
  type InnerChecks,
  type InnerPlan,
} from "./inner-schemas.js";

type RunInputs = Readonly<Record<string, unknown>>;

/** The inputs of a run as their schemas made them. */
export interface CheckedInputs {
  /** With the defaults of the schemas, and inputs without a schema as they were given. */
  readonly values: RunInputs;
  /** What the schemas refused. */
  readonly issues: readonly ValidationIssue[];
  /** The inputs that were not given, and for which their schemas have no default. */
  readonly absent: ReadonlySet<string>;
  /** What the schemas inside have made of the values; undefined if there are none. */
  readonly inside?: InnerChecks | undefined;
}

/** The schemas for the inputs of a run: of its own workflow, and of those inside. */
export interface InputChecks {
  readonly declared: DeclaredInputs | undefined;
  readonly plan: InnerPlan;
}

const NONE_ABSENT: ReadonlySet<string> = new Set();

/**
 * Checks the inputs of a run against its own schemas, then what these make of them against the schemas inside. A promise
 * only if a schema returns one; it never rejects.
 * @throws {TypeError} for a schema that returns a promise, if `sync`
 */
export function checkRunInputs(
  { declared, plan }: InputChecks,
  given: RunInputs,
  how: InnerCheckOptions,
): CheckedInputs | Promise<CheckedInputs> {
  const own =
    declared === undefined ? { values: given, issues: [], absent: NONE_ABSENT } : checkInputs(declared, given, how);
  if (plan.inner === undefined) return own;
  const continued = (checked: CheckedInputs): CheckedInputs | Promise<CheckedInputs> => {
    const refused = new Set(checked.issues.map(({ path }) => path?.[0]));
    const inside = checkInside(plan, checked.values, refused, how);
    return inside instanceof Promise ? inside.then((all) => withInside(checked, all)) : withInside(checked, inside);
  };
  return own instanceof Promise ? own.then(continued) : continued(own);
}

function withInside(own: CheckedInputs, { issues, checks }: CheckedInside): CheckedInputs {
  return { ...own, issues: [...own.issues, ...issues], inside: checks };
}

/** An input of a workflow's runs. */
export interface InputReport {
  readonly name: string;
  /** Whether a run has to be given it. */
  readonly required: boolean;
  /** The value that its schema makes when it is not given; absent if that is none, or the schema is asynchronous. */
  readonly default?: unknown;
  /**
   * Its schema as JSON Schema, or that of the workflows inside that take it as it is; absent without a schema, or if its
   * library can't say it.
   */
  readonly schema?: JsonSchema;
}

/**
 * Checks the inputs of a run against their schemas, all of them. A promise only if a schema returns one; it never
 * rejects.
 * @param how - see {@link InnerCheckOptions}
 * @throws {TypeError} for a schema that returns a promise, if `sync`
 */
export function checkInputs(
  declared: DeclaredInputs,
  given: RunInputs,
  { sync, earlier, unknown }: Pick<InnerCheckOptions, "sync" | "earlier" | "unknown">,
): CheckedInputs | Promise<CheckedInputs> {
  const known = unknown === undefined ? declared : new Map(Array.from(declared).filter(([name]) => !unknown.has(name)));
  const checks = Array.from(known, ([name, schema]) => {
    const value = ownValue(given, name);
    const checked = madeBefore(earlier, name, schema, value) ?? check(schema, value);
    if (!sync || !(checked instanceof Promise)) return checked;
    throw new TypeError(
      `The schema of input "${name}" returned a promise, which runSync can't wait for. Use run instead.`,
    );
  });
  if (!checks.some((checked) => checked instanceof Promise)) return collect(known, given, checks as Checked[]);
  return Promise.all(checks.map(async (checked) => await checked)).then((all) => collect(known, given, all));
}

function collect(declared: DeclaredInputs, given: RunInputs, checks: readonly Checked[]): CheckedInputs {
  const values = { ...given };
  const issues: ValidationIssue[] = [];
  const absent = new Set<string>();
  Array.from(declared.keys()).forEach((name, i) => {
    const checked = checks[i];
    if ("value" in checked) define(values, name, checked.value);
    else if (!Object.hasOwn(given, name) && checked.problems.every(({ thrown }) => thrown === undefined))
      absent.add(name);
    else issues.push(...checked.problems.map((problem) => invalid(name, problem)));
  });
  return { values, issues, absent };
}

/** Sets an own property, whatever its name. */
function invalid(name: string, problem: SchemaProblem): ValidationIssue {
  const { path } = problem;
  const where = shortPath(pathText([name, ...path]));
  return {
    severity: "error",
    code: "INVALID_INPUT",
    message: `Input "${where}" is invalid: ${problemText(problem)}`,
    nodes: [],
    path: [name, ...path],
  };
}

/** Warnings about declared inputs that no parameter takes, when one has almost their name. */
export function misnamedInputs(taken: Iterable<string>, declared: DeclaredInputs | undefined): ValidationIssue[] {
  if (declared === undefined) return [];
  const names = new Set(taken);
  const free = Array.from(names).filter((name) => !declared.has(name));
  return Array.from(declared.keys()).flatMap((name) => {
    const hint = names.has(name) ? "" : suggestion(name, free);
    if (hint === "") return [];
    const message = `Input "${name}" is declared, but no parameter takes it.${hint}`;
    return { severity: "warning", code: "UNUSED_INPUT", message, nodes: [] };
  });
}

/**
 * The inputs of a workflow: those that its parameters take, then those that only a schema declares.
 * @param taken - with `required`, whether a parameter that takes it has no default value
 */
export function reportInputs(
  taken: readonly { readonly name: string; readonly required: boolean }[],
  trees: ReadonlyMap<string, SchemaTree> | undefined,
): readonly InputReport[] {
  if (trees === undefined) return Object.freeze(taken.map((input) => Object.freeze(input)));
  const names = new Set(taken.map(({ name }) => name));
  const only = Array.from(trees.keys()).filter((name) => !names.has(name));
  const all = [...taken, ...only.map((name) => ({ name, required: true }))];
  return Object.freeze(all.map((input) => Object.freeze(report(input, trees.get(input.name)))));
}

function report({ name, required: isTaken }: InputReport, tree: SchemaTree | undefined): InputReport {
  if (tree === undefined) return { name, required: isTaken };
  const { hasDefault, default: value, schema } = tree.told;
  // The default of a schema inside is only for the workflow that has it.
  const required = isTaken && (tree.schema === undefined || !hasDefault);
  return {
    name,
    required,
    ...(hasDefault && !required && value !== undefined ? { default: value } : {}),
    ...(schema === undefined ? {} : { schema }),
  };
}
