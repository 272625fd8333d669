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

export function encodeThrown(thrown: unknown, canCross: (value: unknown) => boolean, depth = 0): EncodedThrown {
  const carry = (value: unknown): unknown => (canCross(value) ? value : describe(value));
  if (!(thrown instanceof Error)) return { value: carry(thrown) };
  const { name, message, stack } = thrown;
  const { code, data, until } = thrown as { code?: unknown; data?: unknown; until?: unknown };
  const hasCause = "cause" in thrown && depth < MOST_CAUSES;
  return {
    error: {
      name: String(name),
      message: String(message),
      stack: typeof stack === "string" ? stack : undefined,
      code: typeof code === "string" || typeof code === "number" ? code : undefined,
      cause: hasCause ? encodeThrown(thrown.cause, canCross, depth + 1) : undefined,
      ...(code === "PAUSE_RUN" ? { pause: { data: carry(data), until: carry(until) } } : {}),
    },
  };
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

function describe(value: unknown): string {
  return typeof value === "function" ? `function ${value.name}` : Object.prototype.toString.call(value);
}
