import { unlessHostile } from "./hostile.js";

/** Why something can't be done with a part of a value, by whoever does not know where that is; `reason` goes on from what it is. */
export class Obstacle extends Error {
  constructor(
    readonly reason: string,
    /** What of the object that was looked at; undefined for that itself. */
    readonly part?: unknown,
  ) {
    super(reason);
  }
}

/** The way from the first of these objects, each a part of the one before, to the last one's `part`. Read when there is one to report. */
export function pathOf(objects: readonly object[], part: unknown): string {
  const steps = objects.map((object, i) => {
    const next = i + 1 < objects.length ? objects[i + 1] : part;
    return next === undefined ? "" : unlessHostile(() => stepTo(object, next), "");
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

/** How code names a member: `.a`, or `["a b"]`. */
export function memberText(key: string): string {
  return /^[\p{L}_$][\p{L}\p{N}_$]*$/u.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
}
