import { show } from "../../base/check.js";
import { withJson } from "../../base/json.js";

/** Replaces hidden values. */
const REDACTED = "[redacted]";

const PATH = /^[^.[\]]+(?:\.[^.[\]]+|\[\d+\])*$/u;

/**
 * Hides values in the results of lookups. A rule is the name of a node or state, `inputs` or `metadata`, optionally
 * followed by a path within the value: `login`, `login.token`, `rows[0].email`, `users.*.email`.
 */
export class Redaction {
  private readonly rules: (readonly string[])[] = [];
  private readonly paths = new Set<string>();

  /** Adds a rule, once. @throws {RangeError} for an invalid path */
  add(path: string): void {
    if (this.paths.has(path)) return;
    if (!PATH.test(path)) {
      const rule = "a name, optionally followed by keys like .token, [0] or .*";
      throw new RangeError(`"path" must be ${rule}; received ${show(path)}.`);
    }
    this.paths.add(path);
    this.rules.push(path.split(/\.|\[(\d+)\]/u).filter((part) => part !== undefined && part !== ""));
  }

  /** Redacts a value. Copies only objects on the path to a hidden value. */
  apply(name: string, value: unknown): unknown {
    let result = value;
    for (const [first, ...path] of this.rules) if (first === name) result = redacted(result, path);
    return result;
  }
}

/** Whether a path's key selects a key of the value. Objects as keys of a map match only `*`. */
function isNamed(key: unknown, name: string): boolean {
  return name === "*" || (Object(key) !== key && String(key) === name);
}

function redacted(value: unknown, path: readonly string[]): unknown {
  if (path.length === 0) return REDACTED;
  if (typeof value !== "object" || value === null) return value;
  const [key, ...rest] = path;
  const isMatch = (own: unknown) => isNamed(own, key);
  if (value instanceof Map)
    return withJson(new Map(Array.from(value, ([k, item]) => [k, isMatch(k) ? redacted(item, rest) : item])));
  if (value instanceof Set)
    return withJson(new Set(Array.from(value, (item, i) => (isMatch(i) ? redacted(item, rest) : item))));
  // Typed arrays can't be copied property by property.
  if (ArrayBuffer.isView(value)) return key === "*" || key in value ? REDACTED : value;
  const properties: Record<string, PropertyDescriptor> = Object.getOwnPropertyDescriptors(value);
  const keys = Object.keys(properties).filter((own) => isMatch(own) && isData(value, own));
  if (keys.length === 0) return value;
  for (const own of keys) properties[own] = { ...properties[own], value: redacted(properties[own].value, rest) };
  return Object.defineProperties(emptyCopy(value), properties);
}

/** Errors have data in non-enumerable properties. */
function isData(value: object, key: string): boolean {
  return value instanceof Error || Object.prototype.propertyIsEnumerable.call(value, key);
}

/** An empty object of the same class. */
function emptyCopy(value: object): object {
  if (Array.isArray(value)) return [];
  const prototype = Object.getPrototypeOf(value) as object | null;
  return value instanceof Error
    ? (Object.setPrototypeOf(new Error(), prototype) as Error)
    : (Object.create(prototype) as object);
}
