import { isObject } from "../../base/objects.js";
import { isInstance, tryOr } from "../../base/safe-access.js";

/** Thrown for a part of a value that can't be stored. */
export class Unstorable extends Error {
  constructor(
    readonly reason: string,
    readonly remedy: string,
    /** The path within the value, such as `rows[1].fn`; undefined until it is known. */
    readonly path?: string,
  ) {
    super(reason);
  }
}

/** A remedy for values that need not be stored. */
export const SKIP_HINT = 'With the store option onUnstorable: "skip", it is left out of the record.';

/** Replaces a value that throws when it is inspected. */
export const UNREADABLE = "[unreadable]";

/** Whether an error says that a string would exceed the maximum length. */
export function isTooLong(error: unknown): boolean {
  const isStringError = (thrown: Error & { code?: unknown }) =>
    thrown.message === "Invalid string length" || thrown.code === "ERR_STRING_TOO_LONG";
  return tryOr(() => error instanceof Error && isStringError(error), false);
}

export function isUnstorable(error: unknown): error is Unstorable {
  return isInstance(error, Unstorable);
}

/** Describes a value that can't be stored. */
export function describe(value: unknown): string {
  if (!isObject(value)) return String(value);
  const inspect = () =>
    typeof value === "function" ? `function ${value.name}` : Object.prototype.toString.call(value);
  return tryOr(inspect, UNREADABLE);
}
