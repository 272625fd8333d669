import { types } from "node:util";
import { show } from "./check.js";
import { isInstance, unlessHostile } from "./hostile.js";
import { messageOf } from "./message.js";

/** An error as plain data, which structured clone keeps whole. */
export interface EncodedError {
  readonly name: string;
  readonly message: string;
  readonly stack: string | undefined;
  readonly code: unknown;
  readonly cause: EncodedThrown | undefined;
  /** Of an aggregate. */
  readonly errors: readonly EncodedThrown[] | undefined;
  /** The enumerable properties of its own that can cross; others are described. */
  readonly own: readonly (readonly [name: string, value: unknown])[];
}

/** Whatever was thrown: an error, or another value, which comes along as it is if it can. */
export type EncodedThrown = { readonly error: EncodedError } | { readonly value: unknown };

/** How many errors of one that was thrown are kept, its causes and those of aggregates included: there may be circles. */
export const MOST_ERRORS = 100;

/** What is told apart from an error's other properties. */
const TOLD: ReadonlySet<string> = new Set(["name", "message", "stack", "code", "cause", "errors"]);

/** Total: what of a value can't be read is left out, or described. */
export function encodeThrown(
  thrown: unknown,
  canCross: (value: unknown) => boolean,
  rest = { errors: MOST_ERRORS },
): EncodedThrown {
  const carry = (value: unknown): unknown => (attempt(() => canCross(value)) === true ? value : show(value));
  if (!isError(thrown)) return { value: carry(thrown) };
  const name = attempt(() => thrown.name);
  const message = attempt(() => thrown.message);
  const stack = attempt(() => thrown.stack);
  const code = attempt(() => (thrown as { code?: unknown }).code);
  const isLast = rest.errors-- <= 1;
  const cause = isLast ? undefined : attempt(() => ("cause" in thrown ? [thrown.cause] : undefined));
  const errors = isLast ? undefined : attempt(() => aggregated(thrown)?.slice(0, rest.errors));
  const names = attempt(() => Object.keys(thrown)) ?? [];
  const own = names
    .filter((key) => !TOLD.has(key))
    .map((key) => [key, carry(attempt(() => thrown[key as never]))] as const);
  return {
    error: {
      name: typeof name === "string" ? name : "Error",
      message: typeof message === "string" ? message : messageOf(thrown),
      stack: typeof stack === "string" ? stack : undefined,
      code: typeof code === "string" || typeof code === "number" ? code : undefined,
      cause: cause === undefined ? undefined : encodeThrown(cause[0], canCross, rest),
      errors: errors?.map((error) => encodeThrown(error, canCross, rest)),
      own,
    },
  };
}

function aggregated(thrown: Error): readonly unknown[] | undefined {
  const { errors } = thrown as { readonly errors?: unknown };
  return isInstance(thrown, AggregateError) && Array.isArray(errors) ? errors : undefined;
}

/** What `read` gives, undefined when it throws. */
function attempt<T>(read: () => T): T | undefined {
  return unlessHostile<T | undefined>(read, undefined);
}

/** An error of any realm. */
function isError(thrown: unknown): thrown is Error {
  return types.isNativeError(thrown) || isInstance(thrown, Error);
}

/** The error again. Its class is `Error`, or `AggregateError`: classes do not cross. */
export function decodeThrown(encoded: EncodedThrown): unknown {
  if (!("error" in encoded)) return encoded.value;
  const { name, message, stack, code, cause, errors, own } = encoded.error;
  const options = cause === undefined ? undefined : { cause: decodeThrown(cause) };
  const error =
    errors === undefined ? new Error(message, options) : new AggregateError(errors.map(decodeThrown), message, options);
  identify(error, name, stack);
  for (const [key, value] of own)
    Object.defineProperty(error, key, { value, configurable: true, writable: true, enumerable: true });
  if (code !== undefined) Object.assign(error, { code });
  return error;
}

/** Gives a new error the name and stack of another, hidden from enumeration as those of errors are. */
export function identify(error: Error, name: string, stack: string | undefined): void {
  const hidden = { configurable: true, writable: true, enumerable: false };
  if (error.name !== name) Object.defineProperty(error, "name", { value: name, ...hidden });
  if (stack !== undefined) Object.defineProperty(error, "stack", { value: stack, ...hidden });
}
