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
  /** Of a pause. */
  readonly pause?: { readonly data: unknown; readonly until: unknown };
}

/** Whatever was thrown: an error, or another value, which comes along as it is if it can. */
export type EncodedThrown = { readonly error: EncodedError } | { readonly value: unknown };

const MOST_CAUSES = 20;

/** Total: what of a value can't be read is left out, or described. */
export function encodeThrown(thrown: unknown, canCross: (value: unknown) => boolean, depth = 0): EncodedThrown {
  const carry = (value: unknown): unknown => (attempt(() => canCross(value)) === true ? value : show(value));
  if (!isError(thrown)) return { value: carry(thrown) };
  const name = attempt(() => thrown.name);
  const message = attempt(() => thrown.message);
  const stack = attempt(() => thrown.stack);
  const code = attempt(() => (thrown as { code?: unknown }).code);
  const cause = depth < MOST_CAUSES ? attempt(() => ("cause" in thrown ? [thrown.cause] : undefined)) : undefined;
  const of = (key: "data" | "until") => carry(attempt(() => (thrown as { data?: unknown; until?: unknown })[key]));
  return {
    error: {
      name: typeof name === "string" ? name : "Error",
      message: typeof message === "string" ? message : messageOf(thrown),
      stack: typeof stack === "string" ? stack : undefined,
      code: typeof code === "string" || typeof code === "number" ? code : undefined,
      cause: cause === undefined ? undefined : encodeThrown(cause[0], canCross, depth + 1),
      ...(code === "PAUSE_RUN" ? { pause: { data: of("data"), until: of("until") } } : {}),
    },
  };
}

/** What `read` gives, undefined when it throws. */
function attempt<T>(read: () => T): T | undefined {
  return unlessHostile<T | undefined>(read, undefined);
}

/** An error of any realm. */
function isError(thrown: unknown): thrown is Error {
  return types.isNativeError(thrown) || isInstance(thrown, Error);
}

/** The error again. Its class is `Error`: classes do not cross. */
export function decodeThrown(encoded: EncodedThrown): unknown {
  if (!("error" in encoded)) return encoded.value;
  const { name, message, stack, code, cause, pause } = encoded.error;
  const error = cause === undefined ? new Error(message) : new Error(message, { cause: decodeThrown(cause) });
  identify(error, name, stack);
  if (code !== undefined) Object.assign(error, { code, ...pause });
  return error;
}

/** Gives a new error the name and stack of another, hidden from enumeration as those of errors are. */
export function identify(error: Error, name: string, stack: string | undefined): void {
  const hidden = { configurable: true, writable: true, enumerable: false };
  if (error.name !== name) Object.defineProperty(error, "name", { value: name, ...hidden });
  if (stack !== undefined) Object.defineProperty(error, "stack", { value: stack, ...hidden });
}
