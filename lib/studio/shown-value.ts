import { toJson } from "../observers/event-json.js";

/** A value as the page shows it: in JSON, or the beginning of that if it is long. */
export type ShownValue = { readonly value: unknown } | { readonly text: string; readonly length: number };

/** How long the JSON of a value may be, in characters. */
export const LONG = 200_000;
/** How much of a longer one is shown. */
const BEGINNING = 5000;

/** A value for the page; undefined if there is none. @param most - characters of JSON */
export function shownValue(value: unknown, most = LONG): ShownValue | undefined {
  if (value === undefined) return undefined;
  const text = toJson(value);
  if (text.length <= most) return { value: JSON.parse(text) as unknown };
  return { text: text.slice(0, Math.min(most, BEGINNING)), length: text.length };
}

/** Values by name. */
export function shownValues(values: Readonly<Record<string, unknown>>, most = LONG): Record<string, ShownValue> {
  const shown = Object.create(null) as Record<string, ShownValue>;
  // A rule of redaction may have replaced all of them by a text.
  const record: Readonly<Record<string, unknown>> = typeof values === "object" ? values : { "": values };
  for (const [name, value] of Object.entries(record)) {
    const one = shownValue(value, most);
    if (one !== undefined) shown[name] = one;
  }
  return shown;
}

/** An error as the page shows it: what was thrown may be anything. */
export interface ShownError {
  readonly name: string;
  readonly message: string;
  readonly code?: string | undefined;
  readonly stack?: string | undefined;
  readonly cause?: ShownError | undefined;
}

const MOST_TEXT = 20_000;
const MOST_CAUSES = 8;

export function shownError(thrown: unknown, causes = MOST_CAUSES): ShownError | undefined {
  if (thrown === undefined) return undefined;
  if (!(thrown instanceof Error)) return { name: "thrown", message: toJson(thrown).slice(0, MOST_TEXT) };
  const { name, message, stack, cause } = thrown;
  const { code } = thrown as { code?: unknown };
  return {
    name: textOf(name),
    message: textOf(message),
    code: typeof code === "string" ? code.slice(0, 200) : undefined,
    stack: typeof stack === "string" ? textOf(stack) : undefined,
    cause: cause === undefined || causes === 0 ? undefined : shownError(cause, causes - 1),
  };
}

function textOf(text: unknown): string {
  return String(text).slice(0, MOST_TEXT);
}
