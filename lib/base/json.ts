/** Makes recorded values serializable with `JSON.stringify`, in full, with JSON's own types. */

/** The deepest nesting that is written in full, since JSON's writers recurse. */
const MAX_DEPTH = 500;

/** Beyond this many objects, repeated large ones are omitted: writing them again could exhaust the memory. */
const MAX_OBJECTS = 1_000_000;
const LARGE = 1000;

/** Marks the `toJSON` of all copies of this library in a process. */
const OURS = Symbol.for("dagwright:json");

/**
 * Gives an object a non-enumerable `toJSON`. It writes errors with name, message, code, stack and cause; dates as ISO
 * strings; maps as records, or as pairs if a key is not a string; sets and typed arrays as lists; bytes (buffers,
 * `DataView`s) in base64; bigints and regular expressions as strings; circular references as `"[Circular]"`. It never
 * throws. Objects that JSON supports, such as dates, and objects with a `toJSON` of their own are left unchanged.
 */
export function withJson<T>(value: T): T {
  if (typeof value !== "object" || value === null || Object.hasOwn(value, "toJSON") || hasToJson(value)) return value;
  return Object.defineProperty(value, "toJSON", { value: toJSON, configurable: true, writable: true });
}

/** Whether a native object has a `toJSON` already. */
function hasToJson(value: object): boolean {
  return value instanceof Date || value instanceof URL || Buffer.isBuffer(value);
}

/** Whether an object has the `toJSON` of {@link withJson}, which is not part of its value. */
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
  /** The JSON of each object, and how many objects it holds. */
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
    if (this.path.size >= MAX_DEPTH) return "[Nested too deeply]";
    const before = this.count++;
    this.path.add(value);
    let plain: unknown;
    try {
      plain = this.parts(value);
    } catch {
      plain = "[Unreadable]"; // Users' getters and proxy handlers may throw.
    }
    this.path.delete(value);
    this.known.set(value, { plain, size: this.count - before });
    return plain;
  }

  private again(plain: unknown, size: number): unknown {
    if (size > LARGE && this.count + size > MAX_OBJECTS) return "[Repeated]";
    this.count += size;
    return plain;
  }

  private parts(value: object): unknown {
    if (Array.isArray(value)) {
      const isSparse = value.length > MAX_OBJECTS && Object.keys(value).length < value.length;
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
    // The `toJSON` of its class.
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

  /** A record without a prototype, so that no key has a special meaning. */
  private record(entries: readonly (readonly [string, unknown])[]): unknown {
    const record = Object.create(null) as Record<string, unknown>;
    for (const [key, value] of entries) record[key] = this.plain(value);
    return record;
  }
}

function base64(buffer: ArrayBufferLike, start: number, length: number): string {
  return Buffer.from(buffer, start, length).toString("base64");
}
