import { isObject } from "./unstorable.js";

/** The way to a part of a value: a property, an element, or, in a list of its own, the key of a map. */
export type Step = string | number | readonly [unknown];

/** Levels of a value. Whoever prints or compares one goes down by calling himself. */
export const MAX_DEPTH = 2000;

/** A part of a value that is written by itself, and how it was found. */
export interface Place {
  readonly value: unknown;
  readonly parent: Place | undefined;
  readonly step: Step;
  readonly level: number;
}

/** The path of a part of a place, or of the place itself: `rows[1].fn`. */
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

/** A text as JSON has it. */
export function quote(text: string): string {
  return ESCAPED.test(text) ? JSON.stringify(text) : `"${text}"`;
}
