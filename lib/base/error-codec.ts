/** Encodes thrown values for messages between threads. */
import { types } from "node:util";
import { show } from "./check.js";
import { inspect } from "./clone.js";
import { isInstance, tryOr } from "./safe-access.js";
import { messageOf } from "./message.js";
import { NATIVE_ERRORS } from "./natives.js";
import { define } from "./objects.js";

/** A thrown value in a form that survives structured clone. */
export interface EncodedThrown {
  /** The value, with a bare error in place of each error. */
  readonly value: unknown;
  /** The data that the bare errors lack. */
  readonly errors: readonly EncodedError[];
}

type Entries = readonly (readonly [name: string, value: unknown])[];

/** An error. The errors in its properties are bare ones too, so errors may be circular. */
export interface EncodedError {
  /** An error with only message and stack. */
  readonly bare: Error;
  readonly name: string;
  /** The name of the native class that it extends. */
  readonly type: string;
  /** The non-enumerable properties: cause, and the errors of an aggregate. */
  readonly hidden: Entries;
  /** The own enumerable properties, and the code. */
  readonly own: Entries;
}

/**
 * The maximum number of objects to copy because they can't be cloned as they are, errors included. Others are described
 * as text.
 */
const MOST_OBJECTS = 1000;
/** How many levels below an error, or the thrown value, to check whether objects can be cloned as they are. */
const MOST_LOOKS = 4;

/**
 * Never throws: parts that can't be read are omitted, and parts that can't be cloned, such as functions, are described
 * as text.
 */
export function encodeThrown(thrown: unknown): EncodedThrown {
  const encoder = new Encoder();
  return { value: encoder.copy(thrown, 0), errors: encoder.finish() };
}

/** Copies level by level, so that the limit omits the deepest objects. */
class Encoder {
  private readonly copies = new Map<object, object>();
  private readonly errors: EncodedError[] = [];
  private readonly fills: (() => void)[] = [];

  /** @param level - counted from an error, or from the thrown value */
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
    // Filling one object may add more.
    for (const fill of this.fills) attempt(fill);
    return this.errors;
  }

  /** Undefined for an object without readable data. */
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
      for (const key of keys) define(copy, key, each(attempt(() => value[key as never])));
    });
    return copy;
  }

  private error(error: Error): Error {
    const name = attempt(() => error.name);
    const message = attempt(() => error.message);
    const stack = attempt(() => error.stack);
    const bare = new Error(typeof message === "string" ? message : messageOf(error));
    defineHidden(bare, "stack", typeof stack === "string" ? stack : undefined);
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

/** Whether a value can be cloned as it is. */
function crossesWhole(value: object): boolean {
  if (types.isProxy(value)) return false;
  const { obstacle, hasErrors } = inspect(value);
  return obstacle === undefined && !hasErrors;
}

/** Whether `value` is a cloneable object that refers to no other objects. */
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

/** The result of `read`, or undefined when it throws. */
function attempt<T>(read: () => T): T | undefined {
  return tryOr<T | undefined>(read, undefined);
}

/** Whether `thrown` is an error of any realm. */
function isError(thrown: unknown): thrown is Error {
  return types.isNativeError(thrown) || isInstance(thrown, Error);
}

/** Restores a thrown value. Errors come back as instances of native classes, and other instances as plain data. */
export function decodeThrown({ value, errors }: EncodedThrown): unknown {
  for (const { bare, name, type, hidden, own } of errors) {
    // The message may have been deserialized in another realm.
    const native = NATIVE_ERRORS.find((known) => known.name === type) ?? Error;
    Object.setPrototypeOf(bare, native.prototype as object);
    if (bare.name !== name) defineHidden(bare, "name", name);
    for (const [key, part] of hidden) defineHidden(bare, key, part);
    for (const [key, part] of own) define(bare, key, part);
  }
  return value;
}

/** Like {@link define}, for a property that is not enumerable. */
function defineHidden(object: object, key: string, value: unknown): void {
  define(object, key, value, { enumerable: false });
}
