import { show } from "./check.js";
import { isPlainRecord } from "./objects.js";
import { tryOr } from "./safe-access.js";
import { memberText } from "./unsupported-value.js";

/** How deep values may be. */
const MAX_DEPTH = 500;

/** Thrown for a value that JSON would lose or change. */
export class NotPlain extends TypeError {
  /** @param path - of the part: `inputs.order.at`. @param reason - what it is: `is an object (Date)` */
  constructor(path: string, reason: string) {
    super(`${path} ${reason}`);
  }

  /** Why the value was refused, for a longer message. */
  get clause(): string {
    return `${this.message}, which JSON can't hold`;
  }
}

/**
 * The JSON of a value that is read as an equal one: null, booleans, finite numbers, strings, arrays and plain records of
 * these. Cost: O(size).
 * @param path - of the value, for the error
 * @throws {NotPlain}
 */
export function plainJson(value: unknown, path: string): string {
  requirePlain(value, path, []);
  return JSON.stringify(value);
}

function requirePlain(value: unknown, path: string, above: readonly object[]): void {
  if (value === null || typeof value === "string" || typeof value === "boolean") return;
  if (typeof value === "number") {
    if (Number.isFinite(value) && !Object.is(value, -0)) return;
    throw new NotPlain(path, `is ${Object.is(value, -0) ? "-0" : value}`);
  }
  if (typeof value !== "object") throw new NotPlain(path, `is ${show(value)}`);
  if (above.includes(value)) throw new NotPlain(path, "contains itself");
  if (above.length >= MAX_DEPTH) throw new NotPlain(path, `is nested more than ${MAX_DEPTH} levels deep`);
  const within = [...above, value];
  if (tryOr(() => Array.isArray(value), false)) {
    const list = value as readonly unknown[];
    if (Object.keys(list).length !== list.length) throw new NotPlain(path, "is an array with holes or properties");
    list.forEach((item, i) => requirePlain(item, `${path}[${i}]`, within));
    return;
  }
  if (!tryOr(() => isPlainRecord(value), false) || "toJSON" in value) throw new NotPlain(path, `is ${show(value)}`);
  if (Object.getOwnPropertySymbols(value).length > 0) throw new NotPlain(path, "has symbols as keys");
  for (const [key, item] of Object.entries(value)) requirePlain(item, path + memberText(key), within);
}
