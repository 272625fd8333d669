import { show } from "../../base/check.js";
import { abandon, pendingOf } from "../../base/coroutine.js";
import { messageOf } from "../../base/message.js";
import { bytes, LEAVES, VIEWS } from "../../base/natives.js";
import { define } from "../../base/objects.js";
import { ERRORS } from "./known-errors.js";
import { StoredClass, type StoredTypes } from "./stored-types.js";
import { MAX_DEPTH } from "./value-path.js";

const MAX_CUSTOM_DEPTH = 100;
/** Longer sparse arrays are created in dictionary mode, which takes memory only for the elements. */
const MAX_HOLES = 100_000;
const MAX_ARRAY_LENGTH = 2 ** 32 - 1;

type Properties = Record<string, unknown>;

/** Thrown for a text that no writer wrote. */
export class Malformed extends Error {}

/**
 * Reads a value that {@link ValueWriter} wrote: creates each object where it is first referred to, and fills one after
 * the other. Safe for untrusted text: no value is called, properties are defined instead of assigned, and only known
 * kinds and registered classes are created. Of the user's code, only `decode` of registered types is called.
 *
 * Cost: linear, and no recursion, except for types with `decode`.
 */
export class ValueReader {
  private readonly objects: unknown[] = [];
  /** The nesting depth of each object; undefined until a reference to it is found. */
  private readonly levels: (number | undefined)[] = [];
  /** The depth of the object being filled. */
  private level = -1;

  /**
   * @param onObject - called with each object after it is filled, except for the results of `decode`
   * @param within - the number of enclosing values with `decode`
   */
  constructor(
    private readonly types: StoredTypes,
    private readonly entries: readonly unknown[],
    private readonly onObject?: (object: object) => void,
    private readonly within = 0,
  ) {}

  /** @throws {Malformed}, and whatever constructors throw for invalid arguments */
  read(): unknown {
    if (this.entries.length === 0) throw new Malformed("there is no value");
    const value = this.part(this.entries[0]);
    for (let number = 1; number < this.entries.length; number++) {
      this.level = this.levelOf(number);
      this.fill(this.entries[number], this.objects[number]);
    }
    if (this.onObject !== undefined) {
      for (let number = 1; number < this.entries.length; number++) this.report(number, this.onObject);
    }
    return value;
  }

  private report(number: number, onObject: (object: object) => void): void {
    const object = this.objects[number];
    const entry = this.entries[number];
    const isDecoded = Array.isArray(entry) && entry[0] === "coded";
    if (typeof object === "object" && object !== null && !isDecoded) onObject(object);
  }

  /** Objects are written in the order in which they are found, so none is deeper than those after it. */
  private levelOf(number: number): number {
    const level = this.levels[number];
    if (level === undefined) throw new Malformed(`object ${number} is not in any object before it`);
    if (level > MAX_DEPTH) throw new Malformed("it is too deeply nested");
    return level;
  }

  /** Reads a value in its place. */
  private part(part: unknown): unknown {
    if (typeof part !== "object" || part === null) return part;
    const [content] = parts(part, 1);
    if (typeof content === "number") return this.referTo(content);
    switch (content) {
      case "undefined":
        return undefined;
      case "NaN":
      case "Infinity":
      case "-Infinity":
      case "-0":
        return Number(content);
    }
    if (typeof content === "string" && /^-?\d+n$/u.test(content)) return BigInt(content.slice(0, -1));
    throw new Malformed(`${show(content)} is not a value`);
  }

  /** Reads a reference to an object. */
  private referTo(number: number): unknown {
    const object = this.object(number);
    this.levels[number] ??= this.level + 1;
    return object;
  }

  /** An object, which may not be filled yet. */
  private object(number: number): unknown {
    if (number in this.objects) return this.objects[number];
    if (!Number.isInteger(number) || number < 1 || number >= this.entries.length) {
      throw new Malformed(`there is no object ${number}`);
    }
    return (this.objects[number] = this.create(this.entries[number]));
  }

  private create(entry: unknown): unknown {
    if (typeof entry === "string") return entry;
    if (!Array.isArray(entry)) return record(entry);
    const [kind, ...rest] = entry as unknown[];
    if (Array.isArray(kind)) return parts(entry, 1)[0];
    switch (kind) {
      case "null":
        return Object.create(null);
      case "Map":
        return new Map();
      case "Set":
        return new Set();
      case "Sparse":
        return sparse(rest[0]);
      case "Error":
        return this.error(rest);
      case "class":
        return Object.create(this.classOf(rest[0]).type.prototype as object);
      case "coded":
        return this.decoded(rest);
    }
    const leaf = LEAVES.get(kind as string);
    if (leaf !== undefined && rest.every((part) => typeof part !== "object" || part === null))
      return leaf.from(...rest);
    const view = VIEWS.get(kind as string);
    if (view !== undefined) return view(this.buffer(parts(entry, 2)[1]));
    throw new Malformed(`there is no kind ${show(kind)}`);
  }

  private fill(entry: unknown, object: unknown): void {
    if (typeof entry === "string") return;
    // Records and arrays are the objects that JSON.parse returned.
    if (!Array.isArray(entry)) return this.define(object as object, entry as Properties);
    const [kind] = entry as unknown[];
    if (Array.isArray(kind)) {
      for (let i = 0; i < kind.length; i++) if (typeof kind[i] === "object") kind[i] = this.part(kind[i]);
      return;
    }
    switch (kind) {
      case "null":
        return this.define(object as object, record(parts(entry, 2)[1]));
      case "Map":
        if (entry.length % 2 === 0) throw new Malformed("a map has a key without a value");
        for (let i = 1; i < entry.length; i += 2) {
          (object as Map<unknown, unknown>).set(this.part(entry[i]), this.part(entry[i + 1]));
        }
        return;
      case "Set":
        for (let i = 1; i < entry.length; i++) (object as Set<unknown>).add(this.part(entry[i]));
        return;
      case "Sparse":
      case "class":
        return this.define(object as object, record(parts(entry, 3)[2]));
      case "Error":
        this.define(object as object, record(entry[2]), { enumerable: false });
        this.define(object as object, record(entry[3]));
        return;
    }
    if (VIEWS.has(kind as string)) this.part(entry[1]);
  }

  private define(object: object, properties: Properties, { enumerable = true } = {}): void {
    for (const key of Object.keys(properties)) {
      const part = properties[key];
      if (object === properties && (typeof part !== "object" || part === null)) continue;
      const value = this.part(part);
      if (key === "then" && typeof value === "function") throw new Malformed("the property then is a function");
      if (object === properties) properties[key] = value;
      else define(object, key, value, { enumerable });
    }
  }

  private error([kind, hidden, , name, ...rest]: unknown[]): Error {
    const make = ERRORS.get(kind as string);
    const own = name === undefined ? undefined : this.classOf(name, kind as string);
    if (make === undefined || rest.length > 0) throw new Malformed(`there is no error ${show(kind)}`);
    const error = make(own?.type);
    // The original error did not have the properties that were not written.
    for (const key of ["stack", "errors"]) if (!Object.hasOwn(record(hidden), key)) Reflect.deleteProperty(error, key);
    return error;
  }

  private classOf(name: unknown, error?: string): StoredClass {
    const type = this.types.get(name as string);
    if (type instanceof StoredClass && type.error === error && type.obstacle === undefined) return type;
    throw new Malformed(`the store option "types" has no class ${show(name)} of this kind`);
  }

  private decoded([name, entries, ...rest]: unknown[]): unknown {
    const type = this.types.get(name as string);
    if (type === undefined || type instanceof StoredClass) {
      throw new Malformed(`the store option "types" has no ${show(name)} with "decode"`);
    }
    if (!Array.isArray(entries) || rest.length > 0) throw new Malformed("the data to decode is not a value");
    if (this.within === MAX_CUSTOM_DEPTH) throw new Malformed("it is too deeply nested");
    const data = new ValueReader(this.types, entries, undefined, this.within + 1).read();
    let value: unknown;
    let pending: Promise<unknown> | undefined;
    try {
      value = type.decode(data);
      pending = pendingOf(value);
    } catch (error) {
      throw new Malformed(`"decode" of type "${type.name}" failed: ${messageOf(error)}`, { cause: error });
    }
    if (pending === undefined) return value;
    abandon(pending);
    throw new Malformed(`"decode" of type "${type.name}" returned a promise; it must return a value`);
  }

  private buffer(part: unknown): ArrayBuffer {
    // The reference is counted when the view is filled.
    const buffer = typeof part === "string" ? bytes(part) : this.object(parts(part, 1)[0] as number);
    if (buffer instanceof ArrayBuffer) return buffer;
    throw new Malformed("a view has no buffer");
  }
}

function parts(entry: unknown, count: number): readonly unknown[] {
  if (Array.isArray(entry) && entry.length === count) return entry;
  throw new Malformed("an object has the wrong number of parts");
}

function record(value: unknown): Properties {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Properties;
  throw new Malformed("the properties of an object are missing");
}

function sparse(length: unknown): unknown[] {
  if (typeof length !== "number" || !Number.isInteger(length) || length < 0 || length > MAX_ARRAY_LENGTH) {
    throw new Malformed("an array has an invalid length");
  }
  const array: unknown[] = [];
  if (length > MAX_HOLES) {
    // Switches the array to dictionary mode.
    array[MAX_ARRAY_LENGTH - 1] = undefined;
    Reflect.deleteProperty(array, MAX_ARRAY_LENGTH - 1);
  }
  array.length = length;
  return array;
}
