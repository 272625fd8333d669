import { show } from "./check.js";

/** The most characters of a text that become part of a message. */
const LONGEST = 10_000;

/** How much of a long path is shown, at either end. */
const LONGEST_END = 100;

/** The text of whatever was thrown. Total: whatever a value does when it is looked at, this gives a string. */
export function messageOf(thrown: unknown): string {
  try {
    const text = textIn(thrown) ?? (thrown === "" ? '""' : String(thrown));
    return text.length > LONGEST ? `${text.slice(0, LONGEST)}… (${text.length - LONGEST} characters more)` : text;
  } catch {
    return `${show(thrown)}, which has no readable message`;
  }
}

/** A text as the end of a sentence, so that another can follow. */
export function asSentence(text: string): string {
  return /[.!?…]$/u.test(text) ? text : `${text}.`;
}

/** What has a message need not be an `Error` of this realm, nor one at all. */
function textIn(thrown: unknown): string | undefined {
  if (typeof thrown !== "object" || thrown === null) return undefined;
  const { message } = thrown as Partial<Error>;
  if (typeof message !== "string") return undefined;
  return message || (thrown instanceof Error && String(thrown.name)) || undefined;
}

/** The way to a part of a value as it is shown: a long one without its middle. */
export function shortPath(path: string): string {
  if (path.length <= 3 * LONGEST_END) return path;
  return `${path.slice(0, LONGEST_END)}…${path.slice(-LONGEST_END)}`;
}
