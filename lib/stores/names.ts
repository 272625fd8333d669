import { StoreError } from "../base/errors.js";

/** What JSON writes for characters that no database keeps in a text: NUL, and one half of a surrogate pair. */
const MAY_BE_LOST = /\\u(?:0000|d[89a-f])/u;
const LOST = /\p{Surrogate}/u;

/** @throws {StoreError} UNSTORABLE for a name that would not come back as it is */
export function requireKept(what: string, name: string): void {
  if (!LOST.test(name) && !name.includes("\0")) return;
  const reason = "databases keep neither NUL nor half a surrogate pair in a text";
  throw new StoreError(`${what} ${JSON.stringify(name)} can't be stored: ${reason}. Change it.`, "UNSTORABLE");
}

/** @param structure - see `planning/structure.ts` @throws as {@link requireKept}, for the name of a node or state */
export function requireNamesKept(structure: string): void {
  if (!MAY_BE_LOST.test(structure)) return;
  for (const [name] of JSON.parse(structure) as [string][]) requireKept("The name", name);
}

/** A text for people, without what would be lost. */
export function kept(text: string): string {
  return text.replaceAll("\0", "\ufffd").replace(/\p{Surrogate}/gu, "\ufffd");
}
