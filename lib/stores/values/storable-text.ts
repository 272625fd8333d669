/** Makes strings storable in text columns: without NUL and lone surrogates, and in keys not too long. */
import { show } from "../../base/check.js";
import { StoreError } from "../../base/errors.js";

/** Matches JSON with an escaped NUL or lone surrogate, and in rare cases other JSON. */
const MAYBE_UNSTORABLE = /\\u(?:0000|d[89a-f])/u;
const LONE_SURROGATE = /\p{Surrogate}/u;

/** Whether a text column returns the string unchanged. If not, no row can have it as an id or name. */
export function isStorable(text: string): boolean {
  return !LONE_SURROGATE.test(text) && !text.includes("\0");
}

/** The start of an escaped string. JSON follows. */
const ESCAPE = "\u001f";

/** Escapes a string that is not storable. Inverse: {@link unescapeName}. */
export function escapeName(text: string): string {
  return isStorable(text) && !text.startsWith(ESCAPE) ? text : ESCAPE + JSON.stringify(text);
}

/** {@link escapeName} for a parameter, which is part of a key. @throws {StoreError} UNSTORABLE when it is too long */
export function escapeInputName(input: string): string {
  const column = escapeName(input);
  // Twice the limit: a list's parameter has a suffix.
  requireMaxLength("The parameter", column, 2 * MAX_KEY_BYTES);
  return column;
}

/** @throws {TypeError} | {SyntaxError} for a text that {@link escapeName} did not return */
export function unescapeName(text: string): string {
  if (!text.startsWith(ESCAPE)) return text;
  const name: unknown = JSON.parse(text.slice(ESCAPE.length));
  if (typeof name === "string") return name;
  throw new TypeError("it must be a string");
}

/** The maximum length of an id or name, in bytes: databases limit the length of the keys that it is part of. */
const MAX_KEY_BYTES = 512;

/**
 * @param label - names the string in messages
 * @throws {StoreError} UNSTORABLE for an id or name that can't be part of a key
 */
export function requireKey(label: string, name: string, maxBytes = MAX_KEY_BYTES): void {
  requireStorable(label, name);
  requireMaxLength(label, name, maxBytes);
}

function requireMaxLength(label: string, name: string, maxBytes = MAX_KEY_BYTES): void {
  // UTF-8 takes at most 3 bytes per UTF-16 code unit.
  if (name.length * 3 <= maxBytes || Buffer.byteLength(name) <= maxBytes) return;
  const start = JSON.stringify(name.slice(0, 40));
  const message = `${label} that starts with ${start} can't be stored: it has ${Buffer.byteLength(name)} bytes, and at most ${maxBytes} are allowed. Shorten it.`;
  throw new StoreError(message, "UNSTORABLE");
}

/** @param label - names the string in messages @throws {StoreError} UNSTORABLE for a string that is not storable */
export function requireStorable(label: string, name: string): void {
  if (isStorable(name)) return;
  const reason = "it contains NUL or a lone surrogate, which databases don't store";
  throw new StoreError(`${label} ${show(name)} can't be stored: ${reason}. Change it.`, "UNSTORABLE");
}

/** Caches the last structure: usually, the same workflow runs again. */
let checked = "";

/** @param structure - see `planning/structure.ts` @throws {StoreError} UNSTORABLE for the name of a node or state */
export function requireStorableNames(structure: string): void {
  if (structure === checked) return;
  const maybeUnstorable = MAYBE_UNSTORABLE.test(structure);
  for (const [name] of JSON.parse(structure) as [string][]) {
    if (maybeUnstorable) requireStorable("The name", name);
    requireMaxLength("The name", name);
  }
  checked = structure;
}

/** Replaces the characters that can't be stored, in a text that is only shown. */
export function sanitize(text: string): string {
  return text.replaceAll("\0", "\ufffd").replace(/\p{Surrogate}/gu, "\ufffd");
}
