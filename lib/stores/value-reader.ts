import { show } from "../base/check.js";
import { abandon, pendingOf } from "../base/coroutine.js";
import { messageOf } from "../base/message.js";
import { bytes, LEAVES, VIEWS } from "../base/natives.js";
import { ERRORS } from "./known-errors.js";
import { StoredClass, type StoredTypes } from "./stored-types.js";
import { MAX_DEPTH } from "./value-path.js";

const MAX_CUSTOM_DEPTH = 100;
/** Longer arrays with holes take memory for their elements only. */
const MAX_HOLES = 100_000;
const MAX_ARRAY_LENGTH = 2 ** 32 - 1;

type Properties = Record<string, unknown>;

/** A text is not what a writer writes. */
export class Malformed extends Error {}

/**
 * Reads what {@link Writer} wrote: makes each object, and then puts into each what belongs there. Nothing else happens: values
 * are never called, properties are defined and not assigned, and what is made is made by kinds and classes known here. Only
 * `decode` of the user's own types is called.
 *
 * Cost: linear, without recursion, types with `decode` aside.
 */
export class ValueReader {
  private readonly objects: unknown[] = [];
  /** How deep in the value each object is; undefined for those that were not met yet. */
  private readonly levels: (number | undefined)[] = [];
  /** The level of what is being filled. */
  private level = -1;

  /**
   * @param touch - is called with each object that is made here, once it is filled; not with what `decode` gives
   * @param within - the number of values with `decode` in whose data this one is
   */
  constructor(
    private readonly types: StoredTypes,
    private readonly entries: readonly unknown[],
    private readonly touch?: (made: object) => void,
    private readonly within = 0,
  ) {}

  /** @throws {Malformed} and whatever constructors throw for parts that are none of theirs */
  value(): unknown {
    if (this.entries.length === 0) throw new Malformed("there is no value");
    for (let number = 1; number < this.entries.length; number++) this.object(number);
    const value = this.part(this.entries[0]);
    for (let number = 1; number < this.entries.length; number++) {
      this.level = this.levelOf(number);
      this.fill(this.entries[number], this.objects[number]);
    }
    if (this.touch !== undefined)
      for (let number = 1; number < this.entries.length; number++) this.show(number, this.touch);
    return value;
  }

  private show(number: number, touch: (made: object) => void): void {
    const object = this.objects[number];
    const entry = this.entries[number];
    const isDecoded = Array.isArray(entry) && entry[0] === "coded";
    if (typeof object === "object" && object !== null && !isDecoded) touch(object);
  }

  /** Objects are written in the order in which they are found, and so none is deeper than those behind it. */
  private levelOf(number: number): number {
    const level = this.levels[number];
    if (level === undefined) throw new Malformed(`nothing before object ${number} holds it`);
    if (level > MAX_DEPTH) throw new Malformed("it is too deeply nested");
    return level;
  }

  /** A value where it stands. */
  private part(part: unknown): unknown {
    if (typeof part !== "object" || part === null) return part;
    const [what] = parts(part, 1);
    if (typeof what === "number") return this.met(what);
    switch (what) {
      case "undefined":
        return undefined;
      case "NaN":
      case "Infinity":
      case "-Infinity":
      case "-0":
        return Number(what);
    }
    if (typeof what === "string" && /^-?\d+n$/u.test(what)) return BigInt(what.slice(0, -1));
    throw new Malformed(`${show(what)} is no value`);
  }

  /** An object where it stands. */
  private met(number: number): unknown {
    const object = this.object(number);
    this.levels[number] ??= this.level + 1;
    return object;
  }

  /** An object, which may have to be filled yet. */
  private object(number: number): unknown {
    if (number in this.objects) return this.objects[number];
    if (!Number.isInteger(number) || number < 1 || number >= this.entries.length) {
      throw new Malformed(`there is no object ${number}`);
    }
    return (this.objects[number] = this.made(this.entries[number]));
  }

  private made(entry: unknown): unknown {
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
    // Lists and records are the very objects that JSON gave.
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
        this.define(object as object, record(entry[2]), false);
        this.define(object as object, record(entry[3]));
        return;
    }
    if (VIEWS.has(kind as string)) this.part(entry[1]);
  }

  private define(object: object, properties: Properties, enumerable = true): void {
    for (const key of Object.keys(properties)) {
      const part = properties[key];
      if (object === properties && (typeof part !== "object" || part === null)) continue;
      const value = this.part(part);
      if (key === "then" && typeof value === "function") throw new Malformed("there is a function under then");
      if (object === properties) properties[key] = value;
      else Object.defineProperty(object, key, { value, enumerable, writable: true, configurable: true });
    }
  }

  private error([kind, hidden, , name, ...rest]: unknown[]): Error {
    const make = ERRORS.get(kind as string);
    const own = name === undefined ? undefined : this.classOf(name, kind as string);
    if (make === undefined || rest.length > 0) throw new Malformed(`there is no error ${show(kind)}`);
    const error = make(own?.type);
    // What was not written was not there.
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
    if (!Array.isArray(entries) || rest.length > 0) throw new Malformed("what is to be decoded is no value");
    if (this.within === MAX_CUSTOM_DEPTH) throw new Malformed("it is too deeply nested");
    const data = new ValueReader(this.types, entries, undefined, this.within + 1).value();
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
    throw new Malformed(`"decode" of type "${type.name}" gave a promise, and has to return a value`);
  }

  private buffer(part: unknown): ArrayBuffer {
    // It is met when the view is filled.
    const buffer = typeof part === "string" ? bytes(part) : this.object(parts(part, 1)[0] as number);
    if (buffer instanceof ArrayBuffer) return buffer;
    throw new Malformed("a view is of no buffer");
  }
}

function parts(entry: unknown, count: number): readonly unknown[] {
  if (Array.isArray(entry) && entry.length === count) return entry;
  throw new Malformed("the parts of an object are not what its kind takes");
}

function record(value: unknown): Properties {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Properties;
  throw new Malformed("the properties of an object are missing");
}

function sparse(length: unknown): unknown[] {
  if (typeof length !== "number" || !Number.isInteger(length) || length < 0 || length > MAX_ARRAY_LENGTH) {
    throw new Malformed("the length of an array is none");
  }
  const array: unknown[] = [];
  if (length > MAX_HOLES) {
    // Makes it a dictionary.
    array[MAX_ARRAY_LENGTH - 1] = undefined;
    Reflect.deleteProperty(array, MAX_ARRAY_LENGTH - 1);
  }
  array.length = length;
  return array;
}
