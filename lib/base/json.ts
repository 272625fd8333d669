/** What `JSON.stringify` writes of what a store gives: everything that is recorded, in the forms that JSON has. */

/** Deeper than this, JSON could not be written: its writers recurse. */
const MOST_DEPTH = 500;

/** Beyond so many objects, large ones are not written again: a value may repeat one more often than memory holds. */
const MOST_OBJECTS = 1_000_000;
const LARGE = 1000;

/** What all copies of this library know their `toJSON` by. */
const OURS = Symbol.for("dagwright:json");

/**
 * Gives an object, or a map or an error, a `toJSON` that does not show. It writes errors with name, message, code, stack and
 * cause; dates as ISO texts; maps as records, or as pairs where a key is no string; sets and typed arrays as lists; bytes
 * (buffers, `DataView`s) in base64; bigints and regular expressions as texts; what contains itself as `"[Circular]"`. It
 * never throws. What JSON knows how to write, as dates, and what has a property of this name, stays as it is.
 */
export function withJson<T>(value: T): T {
  if (typeof value !== "object" || value === null || Object.hasOwn(value, "toJSON") || isWritten(value)) return value;
  return Object.defineProperty(value, "toJSON", { value: toJSON, configurable: true, writable: true });
}

/** Whether JSON writes such objects of the language. */
function isWritten(value: object): boolean {
  return value instanceof Date || value instanceof URL || Buffer.isBuffer(value);
}

/** Whether an object has the `toJSON` of {@link withJson}: it is no part of its value. */
export function hasJson(value: object): boolean {
  const property = Object.getOwnPropertyDescriptor(value, "toJSON");
  return property?.enumerable === false && isOurs(property.value);
}

function isOurs(member: unknown): boolean {
  return typeof member === "function" && (member as { [OURS]?: unknown })[OURS] === true;
}

function toJSON(this: object): unknown {
  return new Writer().plain(this);
}
Object.defineProperty(toJSON, OURS, { value: true });

class Writer {
  private readonly path = new Set<object>();
  /** What was written, and how many objects that is. */
  private readonly known = new Map<object, { readonly plain: unknown; readonly size: number }>();
  private count = 0;

  plain(value: unknown): unknown {
    switch (typeof value) {
      case "bigint":
      case "symbol":
        return String(value);
      case "function":
        return undefined;
      case "object":
        return value === null ? null : this.object(value);
      default:
        return value;
    }
  }

  private object(value: object): unknown {
    if (this.path.has(value)) return "[Circular]";
    const known = this.known.get(value);
    if (known !== undefined) return this.again(known.plain, known.size);
    if (this.path.size >= MOST_DEPTH) return "[Nested too deeply]";
    const before = this.count++;
    this.path.add(value);
    let plain: unknown;
    try {
      plain = this.parts(value);
    } catch {
      plain = "[Unreadable]"; // An instance of a class of the user's own can throw whatever is asked of it.
    }
    this.path.delete(value);
    this.known.set(value, { plain, size: this.count - before });
    return plain;
  }

  private again(plain: unknown, size: number): unknown {
    if (size > LARGE && this.count + size > MOST_OBJECTS) return "[Repeated]";
    this.count += size;
    return plain;
  }

  private parts(value: object): unknown {
    if (Array.isArray(value)) {
      const isSparse = value.length > MOST_OBJECTS && Object.keys(value).length < value.length;
      return isSparse ? this.record(Object.entries(value)) : Array.from(value, (item) => this.plain(item));
    }
    if (value instanceof Map) return this.map(value);
    if (value instanceof Set) return Array.from(value, (item) => this.plain(item));
    if (value instanceof Error) return this.error(value);
    if (value instanceof RegExp || value instanceof URLSearchParams) return String(value);
    if (value instanceof ArrayBuffer || value instanceof SharedArrayBuffer) return base64(value, 0, value.byteLength);
    if (ArrayBuffer.isView(value)) {
      const isBytes = Buffer.isBuffer(value) || value instanceof DataView;
      if (isBytes) return base64(value.buffer, value.byteOffset, value.byteLength);
      return Array.from(value as unknown as Iterable<number | bigint>, (item) => this.plain(item));
    }
    // That of its class.
    const { toJSON: own } = (hasJson(value) ? (Object.getPrototypeOf(value) ?? {}) : value) as { toJSON?: unknown };
    if (typeof own === "function") return this.plain(own.call(value));
    if (value instanceof Number || value instanceof String || value instanceof Boolean || value instanceof BigInt) {
      return this.plain(value.valueOf());
    }
    return this.record(Object.entries(value));
  }

  private map(map: ReadonlyMap<unknown, unknown>): unknown {
    const entries = Array.from(map);
    const isNamed = (entry: [unknown, unknown]): entry is [string, unknown] => typeof entry[0] === "string";
    return entries.every(isNamed)
      ? this.record(entries)
      : entries.map((entry) => entry.map((part) => this.plain(part)));
  }

  private error(error: Error): unknown {
    const { name, message, stack, cause, errors } = error as AggregateError;
    const { code } = error as { code?: unknown };
    const named = { name, message, code, stack, cause, errors };
    return this.record(Object.entries({ ...named, ...error }));
  }

  /** Without a prototype, so that no key means anything. */
  private record(entries: readonly (readonly [string, unknown])[]): unknown {
    const record = Object.create(null) as Record<string, unknown>;
    for (const [key, value] of entries) record[key] = this.plain(value);
    return record;
  }
}

function base64(buffer: ArrayBufferLike, start: number, length: number): string {
  return Buffer.from(buffer, start, length).toString("base64");
}
