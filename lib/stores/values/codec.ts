import { StoreError } from "../../base/errors.js";
import { messageOf, shortPath } from "../../base/message.js";
import { DigestWriter } from "./digest-writer.js";
import { type StoredType, StoredTypes } from "./stored-types.js";
import { isTooLong, isUnstorable } from "./unstorable.js";
import { ValueReader } from "./value-reader.js";
import { ValueWriter } from "./value-writer.js";

export type { StoredType };

const MAX_MESSAGE_LENGTH = 10_000;

/**
 * Encodes values as text: plain data with everything that JSON loses (dates, maps, sets, bigints, undefined, NaN, -0,
 * typed arrays and Buffers, cycles and repeated references), errors with their causes, and instances of registered
 * types. Rejects values that would not be restored exactly. Of a view on part of a buffer, only that part is stored.
 */
export class Codec {
  private readonly types: StoredTypes;

  /** @param types - by the name that is stored for each */
  constructor(types: Readonly<Record<string, StoredType>> = {}) {
    this.types = new StoredTypes(types);
  }

  /**
   * @param label - names the value in messages
   * @param hint - an additional remedy for messages
   * @throws {StoreError} UNSTORABLE naming the path of the part that can't be stored
   */
  encode(value: unknown, label = "The value", hint?: string): string {
    try {
      return new ValueWriter(this.types, "throw").write(value);
    } catch (cause) {
      throw unstorable(label, cause, hint);
    }
  }

  /** A hash of a value that can be encoded, see {@link DigestWriter}. */
  digestOf(value: unknown): string {
    return new DigestWriter(this.types).write(value);
  }

  /**
   * Encodes a thrown value. Describes parts that can't be stored, and reduces errors of unknown classes to known ones.
   */
  encodeThrown(thrown: unknown): string {
    try {
      return new ValueWriter(this.types, "describe").write(thrown);
    } catch {
      return this.encode(new Error(messageOf(thrown).slice(0, MAX_MESSAGE_LENGTH)));
    }
  }

  /** A copy of a value, as it would be stored; the value itself if it can't be stored, which storing it reports. */
  copyOf<T>(value: T): T {
    return this.canEncode(value) ? (this.decode(this.encode(value)) as T) : value;
  }

  canEncode(value: unknown): boolean {
    try {
      this.encode(value);
      return true;
    } catch {
      return false;
    }
  }

  /**
   * @param onObject - called with each decoded object, except for the results of a type's `decode`
   * @throws {StoreError} STORE for corrupt text, with the reason as its cause
   */
  decode(text: string, onObject?: (object: object) => void): unknown {
    try {
      const entries = JSON.parse(text) as unknown;
      if (!Array.isArray(entries)) throw new TypeError("it is not a list");
      return new ValueReader(this.types, entries, onObject).read();
    } catch (cause) {
      throw new StoreError(`A stored value can't be read: ${messageOf(cause)}.`, "STORE", { cause });
    }
  }
}

function unstorable(label: string, cause: unknown, hint = ""): StoreError {
  const known = isUnstorable(cause) ? cause : undefined;
  const path = known?.path ?? "";
  const where = path === "" ? label : `"${shortPath(path)}" of ${label.charAt(0).toLowerCase()}${label.slice(1)}`;
  const reason = isTooLong(cause)
    ? "it is too large: its text exceeds the maximum length of a string. Store it elsewhere, and store its location instead"
    : `${known?.reason ?? messageOf(cause)}. ${known?.remedy ?? ""}`;
  const message = `${where} can't be stored: ${reason.replace(/\.?\s*$/u, ".")} ${hint}`.trimEnd();
  return new StoreError(message, "UNSTORABLE", { cause }, path);
}
