import type { ValidationIssue } from "../base/errors.js";
import { shortPath } from "../base/message.js";
import { suggestion } from "../base/nearest.js";
import { define } from "../base/objects.js";
import {
  check,
  jsonSchemaOf,
  pathText,
  problemText,
  type Checked,
  type JsonSchema,
  type SchemaProblem,
} from "../base/standard-schema.js";
import type { DeclaredInputs } from "../definition/specs/input-schemas.js";

type RunInputs = Readonly<Record<string, unknown>>;

/** The inputs of a run as their schemas made them. */
export interface CheckedInputs {
  /** With the defaults of the schemas, and inputs without a schema as they were given. */
  readonly values: RunInputs;
  /** What the schemas refused. */
  readonly issues: readonly ValidationIssue[];
  /** The inputs that were not given, and for which their schemas have no default. */
  readonly absent: ReadonlySet<string>;
}

/** An input of a workflow's runs. */
export interface InputReport {
  readonly name: string;
  /** Whether a run has to be given it. */
  readonly required: boolean;
  /** The value that its schema makes when it is not given; absent if that is none, or the schema is asynchronous. */
  readonly default?: unknown;
  /** Its schema as JSON Schema; absent without a schema, or if its library can't say it. */
  readonly schema?: JsonSchema;
}

/**
 * Checks the inputs of a run against their schemas, all of them. A promise only if a schema returns one; it never
 * rejects.
 * @param how - `sync`: whether promises are errors
 * @throws {TypeError} for a schema that returns a promise, if `sync`
 */
export function checkInputs(
  declared: DeclaredInputs,
  given: RunInputs,
  { sync }: { readonly sync: boolean },
): CheckedInputs | Promise<CheckedInputs> {
  const checks = Array.from(declared, ([name, schema]) => {
    const checked = check(schema, Object.hasOwn(given, name) ? given[name] : undefined);
    if (!sync || !(checked instanceof Promise)) return checked;
    throw new TypeError(
      `The schema of input "${name}" returned a promise, which runSync can't wait for. Use run instead.`,
    );
  });
  if (!checks.some((checked) => checked instanceof Promise)) return collect(declared, given, checks as Checked[]);
  return Promise.all(checks.map(async (checked) => await checked)).then((all) => collect(declared, given, all));
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
  declared: DeclaredInputs | undefined,
): readonly InputReport[] {
  if (declared === undefined) return Object.freeze(taken.map((input) => Object.freeze(input)));
  const names = new Set(taken.map(({ name }) => name));
  const only = Array.from(declared.keys()).filter((name) => !names.has(name));
  const all = [...taken, ...only.map((name) => ({ name, required: true }))];
  return Object.freeze(all.map((input) => Object.freeze(report(input, declared))));
}

function report(input: InputReport, declared: DeclaredInputs): InputReport {
  const schema = declared.get(input.name);
  if (schema === undefined) return input;
  const absent = check(schema, undefined);
  const told = jsonSchemaOf(schema);
  const isGiven = !(absent instanceof Promise) && "value" in absent;
  return {
    ...input,
    required: input.required && !isGiven,
    ...(isGiven && absent.value !== undefined ? { default: absent.value } : {}),
    ...(told === undefined ? {} : { schema: told }),
  };
}
