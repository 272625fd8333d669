import { show } from "./check.js";
import { isInstance } from "./safe-access.js";

/** The longest text, in characters, that a message includes in full. */
const MAX_LENGTH = 10_000;

/** How many characters of a long path are shown at each end. */
const PATH_END = 100;

/** The message of any thrown value. Never throws. */
export function messageOf(thrown: unknown): string {
  try {
    const text = textIn(thrown) ?? (thrown === "" ? '""' : String(thrown));
    return text.length > MAX_LENGTH
      ? `${text.slice(0, MAX_LENGTH)}… (${text.length - MAX_LENGTH} characters more)`
      : text;
  } catch {
    return `${show(thrown)}, which has no readable message`;
  }
}

/**
 * A user's message as text: a string as it is, an error's message, or a short description. The same on every version of
 * Node. Never throws.
 */
export function asText(message: unknown): string {
  if (typeof message === "string") return message;
  return isInstance(message, Error) ? messageOf(message) : show(message);
}

/** The text, with a full stop unless it already ends a sentence. */
export function asSentence(text: string): string {
  return /[.!?…]$/u.test(text) ? text : `${text}.`;
}

/** The message of a thrown object, which may be an error of another realm, or no error at all. */
function textIn(thrown: unknown): string | undefined {
  if (typeof thrown !== "object" || thrown === null) return undefined;
  const { message } = thrown as Partial<Error>;
  if (typeof message !== "string") return undefined;
  return message || (thrown instanceof Error && String(thrown.name)) || undefined;
}

/** A path for messages: a long one without its middle. */
export function shortPath(path: string): string {
  if (path.length <= 3 * PATH_END) return path;
  return `${path.slice(0, PATH_END)}…${path.slice(-PATH_END)}`;
}

/** The nodes of a way for messages: a long one without its middle. */
export function shortWay(names: readonly string[]): readonly string[] {
  return names.length <= 12 ? names : [...names.slice(0, 6), `… ${names.length - 11} more …`, ...names.slice(-5)];
}

/** A label in the middle of a sentence: `node "x"` for `Node "x"`. */
export function inSentence(label: string): string {
  return `${label[0].toLowerCase()}${label.slice(1)}`;
}
