import { isObject } from "../../base/objects.js";

/** A step of a path: a property, an index, or the key of a map in a tuple of its own. */
export type Step = string | number | readonly [unknown];

/** The maximum nesting depth of a value. Printing or comparing values is recursive. */
export const MAX_DEPTH = 2000;

/** An object within a value, and the path to it. */
export interface Place {
  readonly value: unknown;
  readonly parent: Place | undefined;
  readonly step: Step;
  readonly level: number;
}

/** The path of an object, or of a part of it: `rows[1].fn`. */
export function pathOf(place: Place | undefined, step?: Step): string {
  let path = step === undefined || place === undefined ? "" : stepText(step);
  for (let at = place; at?.parent !== undefined; at = at.parent) path = stepText(at.step) + path;
  return path.replace(/^\.(?!get\()/u, "");
}

export function joinPaths(path: string, rest: string): string {
  return path === "" || rest === "" || /^[[.]/u.test(rest) ? path + rest : `${path}.${rest}`;
}

function stepText(step: Step): string {
  if (typeof step === "number") return `[${step}]`;
  if (typeof step === "string")
    return /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(step) ? `.${step}` : `[${quote(step)}]`;
  const [key] = step;
  return `.get(${typeof key === "string" ? quote(key) : isObject(key) ? "…" : String(key)})`;
}

const ESCAPED = /["\\\p{Cc}\p{Surrogate}]/u;

/** A fast `JSON.stringify` for strings. */
export function quote(text: string): string {
  return ESCAPED.test(text) ? JSON.stringify(text) : `"${text}"`;
}
