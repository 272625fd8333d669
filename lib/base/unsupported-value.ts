import { tryOr } from "./safe-access.js";

/**
 * Thrown for an object that can't be processed, by code that does not know its path. Callers add the path with {@link
 * pathOf}.
 */
export class UnsupportedValue extends Error {
  constructor(
    /** A clause that follows the path, such as `is function f`. */
    readonly reason: string,
    /** The part of the object that is unsupported; undefined for the object itself. */
    readonly part?: unknown,
  ) {
    super(reason);
  }
}

/** The path to `part` of the last object, where each object is part of the one before. */
export function pathOf(objects: readonly object[], part: unknown): string {
  const steps = objects.map((object, i) => {
    const next = i + 1 < objects.length ? objects[i + 1] : part;
    return next === undefined ? "" : tryOr(() => stepTo(object, next), "");
  });
  return steps.join("").replace(/^\./u, "");
}

function stepTo(object: object, part: unknown): string {
  if (object instanceof Map) {
    let i = 0;
    for (const [key, value] of object as Map<unknown, unknown>) {
      if (Object.is(key, part)) return `<key ${i}>`;
      if (Object.is(value, part)) return typeof key === "string" ? `.get(${JSON.stringify(key)})` : `<value ${i}>`;
      i++;
    }
  }
  if (object instanceof Set) {
    const i = Array.from(object).findIndex((item) => Object.is(item, part));
    if (i >= 0) return `<item ${i}>`;
  }
  const isPart = (key: string) => Object.is((object as Record<string, unknown>)[key], part);
  const key = Object.getOwnPropertyNames(object).find(isPart);
  return key === undefined ? "" : Array.isArray(object) && /^\d+$/u.test(key) ? `[${key}]` : memberText(key);
}

/** A property access as in source code: `.a`, or `["a b"]`. */
export function memberText(key: string): string {
  return /^[\p{L}_$][\p{L}\p{N}_$]*$/u.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
}
