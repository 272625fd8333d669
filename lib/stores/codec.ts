import { parse, stringify } from "devalue";
import { decodeThrown, encodeThrown, identify, type EncodedThrown } from "../base/error-codec.js";
import { StoreError } from "../base/errors.js";
import { messageOf } from "../base/message.js";

/** How instances of a class are kept: by their own properties, or as `encode` says. */
export type StoredType = Class | Coding;

type Class = abstract new (...args: any[]) => object;

interface Coding {
  readonly is: (value: unknown) => boolean;
  readonly encode: (value: any) => unknown;
  readonly decode: (data: any) => unknown;
}

type Functions = Record<string, (value: any) => any>;

const ERRORS = new Map(
  [Error, TypeError, RangeError, SyntaxError, ReferenceError, EvalError, URIError].map((c) => [c.name, c]),
);

/**
 * Writes values as text and reads them again: plain data with all that JSON loses (dates, maps, sets, bigints, undefined,
 * NaN, -0, typed arrays, circles and repeated references), errors with their causes, and instances of the given classes.
 * Of a view on a buffer only what it shows is kept.
 */
export class Codec {
  private readonly reducers: Functions;
  private readonly revivers: Functions;

  /** @param types - classes by the name under which their instances are kept */
  constructor(types: Readonly<Record<string, StoredType>> = {}) {
    this.reducers = { Error: errorParts, View: viewParts };
    this.revivers = { Error: errorFrom, View: viewFrom };
    for (const [name, type] of Object.entries(types)) {
      const { is, encode, decode } = typeof type === "function" ? ownProperties(type) : type;
      // What a reducer gives must be truthy to count.
      this.reducers[`type ${name}`] = (value: unknown) => is(value) && [encode(value)];
      this.revivers[`type ${name}`] = ([data]: [unknown]) => decode(data);
    }
  }

  /**
   * @param what - names the value in messages
   * @throws {StoreError} UNSTORABLE naming the path of what can't be kept
   */
  encode(value: unknown, what = "The value"): string {
    try {
      return stringify(value, this.reducers);
    } catch (cause) {
      const given = (cause as { path?: unknown }).path;
      const path = typeof given === "string" ? given.replace(/^\.(?!get\()/u, "") : "";
      const where = path === "" ? what : `"${path}" of ${what.charAt(0).toLowerCase()}${what.slice(1)}`;
      const reason = cause instanceof RangeError ? "it is too deeply nested" : messageOf(cause);
      const remedy = 'Keep plain data, or name its class in the store option "types".';
      throw new StoreError(`${where} can't be stored: ${reason}. ${remedy}`, "UNSTORABLE", { cause }, path);
    }
  }

  /** Whatever was thrown, as text. What of it can't be kept is described. */
  encodeThrown(thrown: unknown): string {
    return this.encode(encodeThrown(thrown, (value) => this.canEncode(value)));
  }

  /** What {@link Codec.encodeThrown} wrote; classes of errors do not come back. */
  decodeThrown(text: string): unknown {
    return decodeThrown(this.decode(text) as EncodedThrown);
  }

  /** Whether a value can be kept. */
  canEncode(value: unknown): boolean {
    try {
      this.encode(value);
      return true;
    } catch {
      return false;
    }
  }

  /** @throws {StoreError} STORE for text that this did not write */
  decode(text: string): unknown {
    try {
      return parse(text, this.revivers);
    } catch (cause) {
      throw new StoreError(`A stored value can't be read: ${messageOf(cause)}.`, "STORE", { cause });
    }
  }
}

function ownProperties(type: Class): Coding {
  return {
    is: (value) => value instanceof type,
    encode: (value: object) => ({ ...value }),
    decode: (data: object) => Object.assign(Object.create(type.prototype as object) as object, data),
  };
}

function errorParts(value: unknown): unknown {
  if (!(value instanceof Error)) return false;
  const { name, message, stack } = value;
  const cause = "cause" in value ? [value.cause] : [];
  const errors = value instanceof AggregateError ? (value.errors as unknown[]) : undefined;
  return [name, message, stack, cause, errors, { ...value }];
}

type ErrorParts = [string, string, string | undefined, [unknown?], unknown[] | undefined, object];

function errorFrom([name, message, stack, cause, errors, properties]: ErrorParts): Error {
  const options = cause.length > 0 ? { cause: cause[0] } : undefined;
  const Class = ERRORS.get(name) ?? Error;
  const error = errors === undefined ? new Class(message, options) : new AggregateError(errors, message, options);
  identify(error, name, stack);
  return Object.assign(error, properties);
}

/** Views are often part of a larger buffer, which is none of the store's business. */
function viewParts(value: unknown): unknown {
  if (!ArrayBuffer.isView(value) || value.byteLength === value.buffer.byteLength) return false;
  const type = Object.prototype.toString.call(value).slice(8, -1);
  const isBuffer = Buffer.isBuffer(value);
  const { buffer, byteOffset, byteLength } = value;
  return [isBuffer ? "Buffer" : type, buffer.slice(byteOffset, byteOffset + byteLength)];
}

function viewFrom([type, bytes]: [string, ArrayBuffer]): ArrayBufferView {
  if (type === "Buffer") return Buffer.from(bytes);
  const View = (globalThis as unknown as Record<string, new (bytes: ArrayBuffer) => ArrayBufferView>)[type];
  return new View(bytes);
}
