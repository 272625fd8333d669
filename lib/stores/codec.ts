import { messageOf, shortPath } from "../base/message.js";
import { StoreError } from "../base/errors.js";
import { isUnstorable, isTooLong } from "./unstorable.js";
import { StoredTypes, type StoredType } from "./stored-types.js";
import { ValueReader } from "./value-reader.js";
import { ValueWriter } from "./value-writer.js";

export type { StoredType };

const MAX_MESSAGE_LENGTH = 10_000;

/**
 * Writes values as text and reads them again: plain data with all that JSON loses (dates, maps, sets, bigints, undefined,
 * NaN, -0, typed arrays and Buffers, circles and repeated references), errors with their causes, and instances of the given
 * classes. What does not come back as it was is refused. Of a view on a buffer only what it shows is kept.
 */
export class Codec {
  private readonly types: StoredTypes;

  /** @param types - classes by the name under which their instances are kept */
  constructor(types: Readonly<Record<string, StoredType>> = {}) {
    this.types = new StoredTypes(types);
  }

  /**
   * @param what - names the value in messages
   * @param otherwise - what else can be done, where there is something
   * @throws {StoreError} UNSTORABLE naming the path of what can't be kept
   */
  encode(value: unknown, what = "The value", otherwise?: string): string {
    try {
      return new ValueWriter(this.types, false).text(value);
    } catch (cause) {
      throw unstorable(what, cause, otherwise);
    }
  }

  /** Whatever was thrown, as text. What of it can't be kept is described, and errors are errors of the language. */
  encodeThrown(thrown: unknown): string {
    try {
      return new ValueWriter(this.types, true).text(thrown);
    } catch {
      return this.encode(new Error(messageOf(thrown).slice(0, MAX_MESSAGE_LENGTH)));
    }
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

  /**
   * @param touch - is called with each object that is made, but for what `decode` of a type gives
   * @throws {StoreError} STORE for text that this did not write, what is wrong with it as the cause
   */
  decode(text: string, touch?: (made: object) => void): unknown {
    try {
      const entries = JSON.parse(text) as unknown;
      if (!Array.isArray(entries)) throw new TypeError("it is no list");
      return new ValueReader(this.types, entries, touch).value();
    } catch (cause) {
      throw new StoreError(`A stored value can't be read: ${messageOf(cause)}.`, "STORE", { cause });
    }
  }
}

function unstorable(what: string, cause: unknown, otherwise = ""): StoreError {
  const known = isUnstorable(cause) ? cause : undefined;
  const path = known?.path ?? "";
  const where = path === "" ? what : `"${shortPath(path)}" of ${what.charAt(0).toLowerCase()}${what.slice(1)}`;
  const reason = isTooLong(cause)
    ? "it is too large: its text is longer than any string can be. Keep it elsewhere, and store where"
    : `${known?.reason ?? messageOf(cause)}. ${known?.remedy ?? ""}`;
  const message = `${where} can't be stored: ${reason.replace(/\.?\s*$/u, ".")} ${otherwise}`.trimEnd();
  return new StoreError(message, "UNSTORABLE", { cause }, path);
}
