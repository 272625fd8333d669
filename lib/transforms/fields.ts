/** Transforms that read the fields of a record. */
import { show } from "../base/check.js";
import { hasMember } from "../base/objects.js";
import { requireFields, requireNames } from "./operands.js";

/** The value at a path such as `a.b` of a type; undefined where it has no such field. */
export type FieldAt<T, Path extends string> = Path extends `${infer Name}.${infer Rest}`
  ? FieldAt<Field<T, Name>, Rest>
  : Field<T, Path>;

type Field<T, Name extends string> = 0 extends 1 & T
  ? any
  : T extends readonly (infer Item)[]
    ? Name extends keyof T
      ? T[Name]
      : Name extends `${number}`
        ? Item | undefined
        : undefined
    : T extends object
      ? Name extends keyof T
        ? T[Name]
        : undefined
      : undefined;

/**
 * A function that picks the named fields of a record. Fields that the record does not have are left out.
 *
 * A field is an own property, or one of the record's class, such as a getter; `Object.prototype` has none.
 * @throws {TypeError} for a name that is no non-empty string; the function throws for an operand that has no fields
 */
export function project<const Name extends string>(
  ...names: readonly Name[]
): <T extends object>(record: T) => Pick<T, Extract<Name, keyof T>> {
  requireNames("project", names);
  return <T extends object>(record: T) => {
    requireFields("The operand of project", record);
    if (Array.isArray(record)) {
      throw new TypeError(
        `The operand of project must be a record; received ${show(record)}. For each item, use mapEach(project(…)).`,
      );
    }
    const present = names.filter((name) => hasMember(record, name));
    return Object.fromEntries(present.map((name) => [name, read(record, name)])) as never;
  };
}

/**
 * A function that reads the field at a path such as `a.b`; undefined where there is none. In a list, the items are
 * fields: `rows.0.id`.
 * @throws {TypeError} for an empty path or part of one; the function throws for an operand that has no fields
 */
export function field<const Path extends string>(path: Path): <T extends object>(record: T) => FieldAt<T, Path> {
  const names = pathOf("field", path);
  return <T extends object>(record: T) => {
    requireFields("The operand of field", record);
    return valueAt(record, names) as FieldAt<T, Path>;
  };
}

/**
 * A function that fills the fields at the paths into a text: ``template`Dear ${"customer.name"}` ``. Null, undefined and
 * absent fields are written as nothing.
 * @throws {TypeError} for a path that is no non-empty string; the function throws for an operand that has no fields, and
 *   for values that have no text, such as records
 */
export function template(texts: TemplateStringsArray, ...paths: readonly string[]): (record: object) => string {
  if (!Array.isArray(texts) || texts.includes(undefined as never)) {
    throw new TypeError('template is a tag: template`Dear ${"name"}`. Its text takes only the escapes of strings.');
  }
  const names = paths.map((path) => pathOf("template", path));
  return (record) => {
    requireFields("The operand of template", record);
    return texts.reduce((text, next, i) => text + textOf(valueAt(record, names[i - 1]), paths[i - 1]) + next);
  };
}

function pathOf(transform: string, path: unknown): readonly string[] {
  const names = typeof path === "string" ? path.split(".") : [];
  if (names.length > 0 && !names.includes("")) return names;
  throw new TypeError(`${transform} takes the path of a field, such as "a.b"; received ${show(path)}.`);
}

function valueAt(record: unknown, names: readonly string[]): unknown {
  let value = record;
  for (const name of names) {
    if (typeof value !== "object" || value === null) return undefined;
    // Reading an absent property is faster than asking whether it exists.
    value = name in Object.prototype && !Object.hasOwn(value, name) ? undefined : read(value, name);
  }
  return value;
}

function read(record: object, name: string): unknown {
  return (record as Record<string, unknown>)[name];
}

function textOf(value: unknown, path: string): string {
  if (value === null || value === undefined) return "";
  if (hasText(value)) return String(value);
  throw new TypeError(`The field "${path}" of template must have a text; received ${show(value)}. Name a field of it.`);
}

/** Whether a value's text says more than `[object Object]`. */
function hasText(value: unknown): value is string | number | bigint | boolean | Date {
  if (typeof value !== "object") return typeof value !== "symbol" && typeof value !== "function";
  return value !== null && "toString" in value && value.toString !== Object.prototype.toString;
}
