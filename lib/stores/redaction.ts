import { show } from "../base/check.js";
import { withJson } from "../base/json.js";

/** Stands for what people must not see. */
const REDACTED = "[redacted]";

const PATH = /^[^.[\]]+(?:\.[^.[\]]+|\[\d+\])*$/u;

/**
 * What of values is hidden from people. Rules begin with the name of a node or state, or with `inputs` or `metadata` of the
 * run, and may go on into the value: `login`, `login.token`, `rows[0].email`, `users.*.email`.
 */
export class Redaction {
  private readonly rules: (readonly string[])[] = [];

  /** @throws {RangeError} for what is no path */
  add(path: string): void {
    if (!PATH.test(path)) {
      const rule = `a name, and then keys like .token, [0] or .*`;
      throw new RangeError(`"path" must be ${rule}; received ${show(path)}, which would hide nothing.`);
    }
    this.rules.push(path.split(/\.|\[(\d+)\]/u).filter((part) => part !== undefined && part !== ""));
  }

  /** A value without what is hidden in it. What is shown is copied only where something is hidden. */
  apply(name: string, value: unknown): unknown {
    let shown = value;
    for (const [first, ...path] of this.rules) if (first === name) shown = redacted(shown, path);
    return shown;
  }
}

/** An object has no name as a key of a map. */
function isNamed(key: unknown, name: string): boolean {
  return name === "*" || (Object(key) !== key && String(key) === name);
}

function redacted(value: unknown, path: readonly string[]): unknown {
  if (path.length === 0) return REDACTED;
  if (typeof value !== "object" || value === null) return value;
  const [key, ...rest] = path;
  const isHit = (own: unknown) => isNamed(own, key);
  if (value instanceof Map)
    return withJson(new Map(Array.from(value, ([k, item]) => [k, isHit(k) ? redacted(item, rest) : item])));
  if (value instanceof Set)
    return withJson(new Set(Array.from(value, (item, i) => (isHit(i) ? redacted(item, rest) : item))));
  // It can't be copied property by property.
  if (ArrayBuffer.isView(value)) return key === "*" || key in value ? REDACTED : value;
  const properties: Record<string, PropertyDescriptor> = Object.getOwnPropertyDescriptors(value);
  const keys = Object.keys(properties).filter((own) => isHit(own) && isData(value, own));
  if (keys.length === 0) return value;
  for (const own of keys) properties[own] = { ...properties[own], value: redacted(properties[own].value, rest) };
  return Object.defineProperties(emptyCopy(value), properties);
}

/** Errors have their data where nobody enumerates it. */
function isData(value: object, key: string): boolean {
  return value instanceof Error || Object.prototype.propertyIsEnumerable.call(value, key);
}

/** An object of the same class, without anything in it. */
function emptyCopy(value: object): object {
  if (Array.isArray(value)) return [];
  const prototype = Object.getPrototypeOf(value) as object | null;
  return value instanceof Error
    ? (Object.setPrototypeOf(new Error(), prototype) as Error)
    : (Object.create(prototype) as object);
}
