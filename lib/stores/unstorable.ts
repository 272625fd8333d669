import { isInstance, unlessHostile } from "../base/hostile.js";

/** Something in a value can't be kept. */
export class Unstorable extends Error {
  constructor(
    readonly reason: string,
    readonly remedy: string,
    /** Where in the value it is, as `rows[1].fn`; undefined as long as nobody has said it. */
    readonly path?: string,
  ) {
    super(reason);
  }
}

/** What else can be done about what need not be kept. */
export const SKIP_HINT = 'With the store option onUnstorable: "skip" it is left out of the record.';

/** Stands for what throws when it is looked at. */
export const UNREADABLE = "[unreadable]";

/** Whether a text became too long for a string. */
export function isTooLong(error: unknown): boolean {
  const isOfStrings = (thrown: Error & { code?: unknown }) =>
    thrown.message === "Invalid string length" || thrown.code === "ERR_STRING_TOO_LONG";
  return unlessHostile(() => error instanceof Error && isOfStrings(error), false);
}

export function isUnstorable(error: unknown): error is Unstorable {
  return isInstance(error, Unstorable);
}

/** What stands for a value that can't be kept. */
export function describe(value: unknown): string {
  if (!isObject(value)) return String(value);
  const look = () => (typeof value === "function" ? `function ${value.name}` : Object.prototype.toString.call(value));
  return unlessHostile(look, UNREADABLE);
}

export function isObject(value: unknown): value is object {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}
