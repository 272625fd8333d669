/** Errors on their way from one thread to another. */
import { types } from "node:util";
import { show } from "./check.js";
import { inspect } from "./clone.js";
import { isInstance, unlessHostile } from "./hostile.js";
import { messageOf } from "./message.js";
import { NATIVE_ERRORS } from "./natives.js";

/** Whatever was thrown, as structured clone keeps it whole. */
export interface EncodedThrown {
  /** In place of each error is a bare one. */
  readonly value: unknown;
  /** What the bare errors lack. */
  readonly errors: readonly EncodedError[];
}

type Entries = readonly (readonly [name: string, value: unknown])[];

/** An error. Other errors that are part of it are bare ones again, so that there may be circles. */
export interface EncodedError {
  /** It has message and stack. */
  readonly bare: Error;
  readonly name: string;
  /** The native class that it is of. */
  readonly type: string;
  /** What errors hide from enumeration: cause, and the errors of an aggregate. */
  readonly hidden: Entries;
  /** Its own enumerable properties, and its code. */
  readonly own: Entries;
}

/** How many objects that can't cross as they are, errors among them, are copied of what was thrown; others are described. */
const MOST_OBJECTS = 1000;
/** How far within an error, or what was thrown, is looked whether an object can cross as it is. */
const MOST_LOOKS = 4;

/** Total: what of a value can't be read is left out, and what can't cross, such as a function, is described. */
export function encodeThrown(thrown: unknown): EncodedThrown {
  const encoder = new Encoder();
  return { value: encoder.copy(thrown, 0), errors: encoder.finish() };
}

/** Copies level by level, so that the limit leaves out what is deep inside. */
class Encoder {
  private readonly copies = new Map<object, object>();
  private readonly errors: EncodedError[] = [];
  private readonly fills: (() => void)[] = [];

  /** @param level - below an error, or what was thrown */
  copy(value: unknown, level: number): unknown {
    if (typeof value === "function" || typeof value === "symbol") return show(value);
    if (typeof value !== "object" || value === null) return value;
    const known = this.copies.get(value);
    if (known !== undefined) return known;
    if (this.copies.size >= MOST_OBJECTS) return show(value);
    const copy = attempt(() => this.copyOf(value, level)) ?? show(value);
    if (typeof copy === "object") this.copies.set(value, copy);
    return copy;
  }

  finish(): readonly EncodedError[] {
    // While it goes on, there are ever more of them.
    for (const fill of this.fills) attempt(fill);
    return this.errors;
  }

  /** Undefined for what shows no data. */
  private copyOf(value: object, level: number): object | undefined {
    if (isError(value)) return this.error(value);
    if (isLeaf(value) || (level <= MOST_LOOKS && crossesWhole(value))) return value;
    const each = (part: unknown) => this.copy(part, level + 1);
    if (types.isMap(value)) {
      const map = new Map<unknown, unknown>();
      this.fills.push(() => Map.prototype.forEach.call(value, (item, key) => map.set(each(key), each(item))));
      return map;
    }
    if (types.isSet(value)) {
      const set = new Set<unknown>();
      this.fills.push(() => Set.prototype.forEach.call(value, (item) => set.add(each(item))));
      return set;
    }
    const keys = Object.keys(value);
    if (keys.length === 0 && !isPlain(value)) return undefined;
    const copy: object = Array.isArray(value) ? new Array(value.length) : {};
    this.fills.push(() => {
      for (const key of keys) define(copy, key, each(attempt(() => value[key as never])), true);
    });
    return copy;
  }

  private error(error: Error): Error {
    const name = attempt(() => error.name);
    const message = attempt(() => error.message);
    const stack = attempt(() => error.stack);
    const bare = new Error(typeof message === "string" ? message : messageOf(error));
    define(bare, "stack", typeof stack === "string" ? stack : undefined, false);
    const type = NATIVE_ERRORS.findLast((native) => isInstance(error, native)) ?? Error;
    const hidden: (readonly [string, unknown])[] = [];
    const own: (readonly [string, unknown])[] = [];
    this.errors.push({ bare, name: typeof name === "string" ? name : "Error", type: type.name, hidden, own });
    this.fills.push(() => {
      const keys = attempt(() => Object.keys(error)) ?? [];
      const has = (key: string) => !keys.includes(key) && attempt(() => key in error) === true;
      const valueOf = (key: string) => attempt(() => error[key as never] as unknown);
      for (const key of keys) own.push([key, this.copy(valueOf(key), 0)]);
      if (has("cause")) hidden.push(["cause", this.copy(valueOf("cause"), 0)]);
      const errors = type === AggregateError && has("errors") ? valueOf("errors") : undefined;
      if (Array.isArray(errors)) hidden.push(["errors", this.copy(errors, 0)]);
      const code = has("code") ? valueOf("code") : undefined;
      if (typeof code === "string" || typeof code === "number") own.push(["code", code]);
    });
    return bare;
  }
}

/** Whether a value crosses as it is. */
function crossesWhole(value: object): boolean {
  if (types.isProxy(value)) return false;
  const { obstacle, hasErrors } = inspect(value);
  return obstacle === undefined && !hasErrors;
}

/** Whether it is an object that refers to no others, and crosses. */
function isLeaf(value: object): boolean {
  return (
    ArrayBuffer.isView(value) ||
    types.isAnyArrayBuffer(value) ||
    types.isDate(value) ||
    types.isRegExp(value) ||
    (types.isBoxedPrimitive(value) && !types.isSymbolObject(value))
  );
}

function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value) as object | null;
  return prototype === null || prototype === Object.prototype || Array.isArray(value);
}

/** What `read` gives, undefined when it throws. */
function attempt<T>(read: () => T): T | undefined {
  return unlessHostile<T | undefined>(read, undefined);
}

/** An error of any realm. */
function isError(thrown: unknown): thrown is Error {
  return types.isNativeError(thrown) || isInstance(thrown, Error);
}

/** What was thrown, again. Classes do not cross, but for the native ones of errors. */
export function decodeThrown({ value, errors }: EncodedThrown): unknown {
  for (const { bare, name, type, hidden, own } of errors) {
    // Whatever realm it was read in, it is an error of this one.
    const native = NATIVE_ERRORS.find((known) => known.name === type) ?? Error;
    Object.setPrototypeOf(bare, native.prototype as object);
    if (bare.name !== name) define(bare, "name", name, false);
    for (const [key, part] of hidden) define(bare, key, part, false);
    for (const [key, part] of own) define(bare, key, part, true);
  }
  return value;
}

function define(object: object, key: string, value: unknown, enumerable: boolean): void {
  Object.defineProperty(object, key, { value, configurable: true, writable: true, enumerable });
}
