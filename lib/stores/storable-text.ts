import { show } from "../base/check.js";
import { StoreError } from "../base/errors.js";

/** What JSON writes for characters that no database keeps in a text: NUL, and one half of a surrogate pair. */
const MAY_BE_LOST = /\\u(?:0000|d[89a-f])/u;
const LOST = /\p{Surrogate}/u;

/** Whether a text comes back from a database as it is. Ids and names of other kinds are nowhere. */
export function isStorable(text: string): boolean {
  return !LOST.test(text) && !text.includes("\0");
}

/** Begins a text that databases would not keep as it is: what follows is JSON. */
const ESCAPE = "\u001f";

/** What stands in a column for any text; {@link unescapeName} gives it back. */
export function escapeName(text: string): string {
  return isStorable(text) && !text.startsWith(ESCAPE) ? text : ESCAPE + JSON.stringify(text);
}

/** Likewise for the name of a parameter, which is part of a key. @throws {StoreError} UNSTORABLE for one that is too long */
export function escapeInputName(input: string): string {
  const column = escapeName(input);
  // There is room for what the name of a list's parameter is followed by.
  requireMaxLength("The parameter", column, 2 * MAX_KEY_BYTES);
  return column;
}

/** @throws {TypeError} | {SyntaxError} for a text that {@link escapeName} does not write */
export function unescapeName(text: string): string {
  if (!text.startsWith(ESCAPE)) return text;
  const name: unknown = JSON.parse(text.slice(ESCAPE.length));
  if (typeof name === "string") return name;
  throw new TypeError("it must be a text");
}

/** The longest id of a run and name in a key, in bytes: together with others they are keys, whose length databases bound. */
const MAX_KEY_BYTES = 512;

/** @throws {StoreError} UNSTORABLE for an id, or a name, that is too long for a key or would not come back as it is */
export function requireKey(what: string, name: string, longest = MAX_KEY_BYTES): void {
  requireStorable(what, name);
  requireMaxLength(what, name, longest);
}

function requireMaxLength(what: string, name: string, longest = MAX_KEY_BYTES): void {
  // No character takes more than 3 bytes for each of its units.
  if (name.length * 3 <= longest || Buffer.byteLength(name) <= longest) return;
  const start = JSON.stringify(name.slice(0, 40));
  const message = `${what} that begins with ${start} can't be stored: it has ${Buffer.byteLength(name)} bytes, and may have ${longest}. Shorten it.`;
  throw new StoreError(message, "UNSTORABLE");
}

/** @throws {StoreError} UNSTORABLE for a name that would not come back as it is */
export function requireStorable(what: string, name: string): void {
  if (isStorable(name)) return;
  const reason = "databases keep neither NUL nor half a surrogate pair in a text";
  throw new StoreError(`${what} ${show(name)} can't be stored: ${reason}. Change it.`, "UNSTORABLE");
}

/** The structure whose names were checked last: mostly the same workflow runs again. */
let checked = "";

/** @param structure - see `planning/structure.ts` @throws {StoreError} UNSTORABLE for the name of a node or state that can't be kept */
export function requireStorableNames(structure: string): void {
  if (structure === checked) return;
  const mayBeLost = MAY_BE_LOST.test(structure);
  for (const [name] of JSON.parse(structure) as [string][]) {
    if (mayBeLost) requireStorable("The name", name);
    requireMaxLength("The name", name);
  }
  checked = structure;
}

/** A text for people, without what would be lost. */
export function sanitize(text: string): string {
  return text.replaceAll("\0", "\ufffd").replace(/\p{Surrogate}/gu, "\ufffd");
}
