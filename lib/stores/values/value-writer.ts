import { abandon, isThenable, pendingOf } from "../../base/coroutine.js";
import { tryOr } from "../../base/safe-access.js";
import { hasJson } from "../../base/json.js";
import { messageOf } from "../../base/message.js";
import { base64, LEAVES } from "../../base/natives.js";
import { isBare, isBareView } from "../../base/own-properties.js";
import { ERRORS, isTransient, knownError, knownName } from "./known-errors.js";
import { type NamedCustomType, StoredClass, type StoredTypes } from "./stored-types.js";
import { describe, isTooLong, isUnstorable, UNREADABLE, Unstorable } from "./unstorable.js";
import { joinPaths, MAX_DEPTH, pathOf, type Place, quote, type Step } from "./value-path.js";

/** The maximum nesting of values with `encode`, which are written recursively. */
const MAX_CUSTOM_DEPTH = 100;
/** Longer strings are written once, however often they occur. */
const MAX_INLINE_STRING = 100;

const USE_PLAIN_DATA = "Use plain data instead.";
const FLATTEN = "Use a flatter form, such as a list.";
const REGISTER_CLASS = 'Use plain data, or add its class to the store option "types".';
const ADD_CUSTOM_TYPE = 'Add { is, encode, decode } for it to the store option "types".';

/** The properties of errors that are natively non-enumerable. A getter among them is stored as its value. */
const HIDDEN: readonly string[] = ["name", "message", "stack", "cause", "errors"];

export type Properties = Record<string, unknown>;

/**
 * Writes a value as a JSON array: first the value, then each object in it, numbered from 1.
 *
 * A value is written as in JSON, as `[3]` if it is the third object, or as `["undefined"]`, `["NaN"]`, `["5n"]` if JSON
 * has no such value. A record is written as `{…}`, an array as `[[…]]`, and other objects start with their kind, such
 * as `["Map", …]`. Long strings are written like objects.
 *
 * Cost: linear, and no recursion: objects are written in the order in which they are found.
 */
export class ValueWriter {
  private readonly numbers = new Map<unknown, number>();
  private readonly places: Place[] = [];
  protected current: Place | undefined;
  private readonly hasCustomTypes: boolean;
  private readonly describes: boolean;

  /**
   * @param onUnstorable - whether to throw for a part that can't be stored, or to write a description of it
   * @param within - the values with `encode` whose data contains the value
   */
  constructor(
    protected readonly types: StoredTypes,
    private readonly onUnstorable: "throw" | "describe",
    private readonly within: readonly unknown[] = [],
  ) {
    this.hasCustomTypes = types.customTypes.length > 0;
    this.describes = onUnstorable === "describe";
  }

  /**
   * @throws {Unstorable} naming the part that can't be stored; {RangeError} when the text would exceed the maximum
   *   string length
   */
  write(value: unknown): string {
    const texts = [this.part(value, "")];
    for (let at = 0; at < this.places.length; at++) {
      this.current = this.places[at];
      texts.push(this.entryOf(this.current.value));
    }
    return `[${texts.join(",")}]`;
  }

  protected entryOf(value: unknown): string {
    try {
      return this.entry(value);
    } catch (error) {
      if (isTooLong(error)) throw error;
      if (this.describes) return quote(describe(value));
      if (!isUnstorable(error)) throw new Unstorable(messageOf(error), USE_PLAIN_DATA, this.path());
      throw error.path === undefined ? new Unstorable(error.reason, error.remedy, this.path()) : error;
    }
  }

  /** Writes a value in its place. */
  protected part(value: unknown, step: Step): string {
    if (this.hasCustomTypes && typeof value !== "object" && this.types.customTypeOf(value) !== undefined) {
      return this.reference(value, step);
    }
    switch (typeof value) {
      case "string":
        return value.length > MAX_INLINE_STRING ? this.reference(value, step) : quote(value);
      case "number":
        if (Object.is(value, -0)) return '["-0"]';
        return Number.isFinite(value) ? `${value}` : `["${value}"]`;
      case "boolean":
        return value ? "true" : "false";
      case "undefined":
        return '["undefined"]';
      case "bigint":
        return `["${value}n"]`;
      case "object":
        return value === null ? "null" : this.reference(value, step);
      default:
        if (this.describes) return quote(describe(value));
        throw new Unstorable(`it is a ${typeof value}`, USE_PLAIN_DATA, this.path(step));
    }
  }

  protected reference(value: unknown, step: Step): string {
    const known = this.numbers.get(value);
    if (known !== undefined) return `[${known}]`;
    const { current } = this;
    const level = current === undefined ? 0 : current.level + 1;
    if (level > MAX_DEPTH) {
      if (this.describes) return '"[too deeply nested]"';
      throw new Unstorable("it is too deeply nested", FLATTEN, this.path(step));
    }
    const number = this.places.push({ value, parent: current, step, level });
    this.numbers.set(value, number);
    return `[${number}]`;
  }

  /** Writes an object or a long string under its number. */
  private entry(value: unknown): string {
    const kind = typeof value === "object" ? kindOf(value as object, this.types) : undefined;
    if (kind instanceof StoredClass) return this.instance(value as object, kind);
    const custom = this.hasCustomTypes ? this.types.customTypeOf(value) : undefined;
    if (custom !== undefined) return this.custom(value, custom);
    return typeof value === "string" ? quote(value) : this.native(value as object, kind);
  }

  private native(value: object, kind: string | undefined): string {
    switch (kind) {
      case undefined:
        return this.unregistered(value);
      case "Object":
        return this.record(value as Properties);
      case "null":
        return `["null",${this.record(value as Properties)}]`;
      case "Array":
        return this.list(value as readonly unknown[]);
      case "Map":
        return this.map(value as ReadonlyMap<unknown, unknown>);
      case "Set":
        return this.set(value as ReadonlySet<unknown>);
    }
    if (ERRORS.has(kind)) return this.error(value as Error, kind);
    const leaf = LEAVES.get(kind);
    if (leaf === undefined) return this.view(value as ArrayBufferView, kind);
    const parts = leaf.parts(value);
    this.requireNoOtherKeys(value, leaf.keys(value));
    return JSON.stringify([kind, ...parts]);
  }

  private record(value: Properties): string {
    const keys = Object.keys(value);
    // Much faster than Reflect.ownKeys.
    const others = Object.getOwnPropertyNames(value).length - keys.length + Object.getOwnPropertySymbols(value).length;
    if (others > 1 || (others === 1 && !hasJson(value))) this.rejectOtherKeys();
    return this.properties(value, keys);
  }

  protected properties(value: Properties, keys: readonly string[]): string {
    let text = "{";
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i];
      const part = this.read(value, key);
      if (key === "then" && typeof part === "function") this.rejectThenable();
      text += `${i === 0 ? "" : ","}${quote(key)}:${this.part(part, key)}`;
    }
    return text + "}";
  }

  private list(value: readonly unknown[]): string {
    if (!Array.isArray(value)) return this.unregistered(value);
    const { length } = value;
    const more = Reflect.ownKeys(value).length - length - 1;
    if (more !== 0 && !(more === 1 && hasJson(value))) return this.sparse(value);
    let text = "[[";
    for (let i = 0; i < length; i++) {
      const part = this.read(value, i);
      if (part === undefined && !Object.hasOwn(value, i)) return this.sparse(value);
      text += i === 0 ? this.part(part, i) : "," + this.part(part, i);
    }
    return text + "]]";
  }

  /** An array with holes or additional properties. */
  private sparse(value: readonly unknown[]): string {
    const keys = Object.keys(value);
    this.requireNoOtherKeys(value, keys.length + 1);
    return `["Sparse",${value.length},${this.properties(value as unknown as Properties, keys)}]`;
  }

  private map(value: ReadonlyMap<unknown, unknown>): string {
    let text = '["Map"';
    Map.prototype.forEach.call(value, (item, key) => {
      const step = [key] as const;
      text += `,${this.part(key, step)},${this.part(item, step)}`;
    });
    this.requireNoOtherKeys(value, 0);
    return text + "]";
  }

  private set(value: ReadonlySet<unknown>): string {
    let text = '["Set"';
    let i = 0;
    Set.prototype.forEach.call(value, (item) => (text += "," + this.part(item, i++)));
    this.requireNoOtherKeys(value, 0);
    return text + "]";
  }

  /** Views on a whole buffer still share it after reading. Of a view on a part, only that part is written. */
  private view(value: ArrayBufferView, kind: string): string {
    if (!isBareView(value, { isSubclass: false })) this.rejectOtherKeys();
    const isWhole = value.byteLength === value.buffer.byteLength;
    return `["${kind}",${isWhole ? this.reference(value.buffer, "buffer") : `"${base64(value)}"`}]`;
  }

  /** @param kind - the name of a known error class @param own - the registered class, if it has one */
  private error(value: Error, kind: string, own?: StoredClass): string {
    const hidden = Object.create(null) as Properties;
    const enumerable = Object.create(null) as Properties;
    for (const key of ownKeysOf(value)) {
      if (isTransient(kind, key)) continue;
      // May throw: a stack is formatted on access, from whatever the error's properties return.
      const inspect = () => Object.getOwnPropertyDescriptor(value, key);
      const property = this.describes ? tryOr(inspect, undefined) : inspect();
      if (property === undefined) continue;
      const isEnumerable = property.enumerable === true;
      if (!isEnumerable && HIDDEN.includes(key as string)) {
        hidden[key as string] = this.read(value, key as string);
      } else if (typeof key === "string" && "value" in property) {
        if (!this.describes || this.isKnown(property.value)) (isEnumerable ? enumerable : hidden)[key] = property.value;
      } else {
        this.rejectOtherKeys();
      }
    }
    if (this.describes) this.addInherited(hidden, enumerable, value, kind);
    const parts = [hidden, enumerable].map((properties) => this.properties(properties, Object.keys(properties)));
    return `["Error",${[quote(kind), ...parts, ...(own === undefined ? [] : [quote(own.name)])].join(",")}]`;
  }

  /** Adds the name and message that an error inherits from a class that is not restored. */
  private addInherited(hidden: Properties, enumerable: Properties, value: Error, kind: string): void {
    for (const key of ["name", "message"]) {
      const text = key in enumerable ? undefined : this.read(value, key);
      if (text === undefined || text === (key === "name" ? kind : "")) continue;
      hidden[key] = typeof text === "string" ? text : describe(text);
    }
  }

  private instance(value: object, own: StoredClass): string {
    const subject = `it is an instance of ${own.type.name}, which`;
    if (own.obstacle !== undefined) throw new Unstorable(`${subject} ${own.obstacle}`, ADD_CUSTOM_TYPE);
    if (own.error !== undefined) return this.error(value as Error, own.error, own);
    const keys = ownKeysOf(value);
    if (keys.length === 0 && own.hasGetters) {
      throw new Unstorable(`${subject} has getters but no own properties`, ADD_CUSTOM_TYPE);
    }
    for (const key of keys) {
      const property = Object.getOwnPropertyDescriptor(value, key);
      if (typeof key === "string" && property?.enumerable === true && "value" in property) continue;
      const reason = `${subject} has a property "${String(key)}" that is non-enumerable, a getter or a symbol`;
      throw new Unstorable(reason, ADD_CUSTOM_TYPE);
    }
    return `["class",${quote(own.name)},${this.properties(value as Properties, keys as string[])}]`;
  }

  /** Writes the data that `encode` returns as a complete value, so that `decode` receives it complete. */
  private custom(value: unknown, { name, encode }: NamedCustomType): string {
    if (isThenable(value)) this.rejectThenable();
    const subject = `"encode" of type "${name}"`;
    if (this.within.includes(value)) {
      throw new Unstorable(`${subject} returned data that contains the value itself`, "Return plain data.");
    }
    if (this.within.length === MAX_CUSTOM_DEPTH) throw new Unstorable("it is too deeply nested", FLATTEN);
    const data = encoded(value, encode, subject);
    const writer = this.writerWithin([...this.within, value]);
    try {
      return `["coded",${quote(name)},${writer.write(data)}]`;
    } catch (error) {
      if (!isUnstorable(error)) throw error;
      throw new Unstorable(error.reason, error.remedy, joinPaths(this.path(), error.path ?? ""));
    }
  }

  protected writerWithin(within: readonly unknown[]): ValueWriter {
    return new ValueWriter(this.types, this.onUnstorable, within);
  }

  /** An instance of an unregistered class. */
  private unregistered(value: object): string {
    const prototype = Object.getPrototypeOf(value) as object;
    const error = knownError(prototype);
    if (error !== undefined && this.describes) return this.error(value as Error, error);
    if (tryOr(() => isThenable(value), false))
      throw new Unstorable("it is a promise", "Await it, and store its value.");
    const Class = Object.getOwnPropertyDescriptor(prototype, "constructor")?.value as { name?: unknown } | undefined;
    const name = typeof Class?.name === "string" && Class.name !== "" ? Class.name : "a class";
    const own = this.types.baseClassOf(prototype);
    const note = own === undefined ? "" : `, a subclass of the registered class "${own.name}"`;
    throw new Unstorable(`it is an instance of ${name}${note}`, REGISTER_CLASS);
  }

  private isKnown(value: unknown): boolean {
    if (this.hasCustomTypes && tryOr(() => this.types.customTypeOf(value), undefined) !== undefined) return true;
    if (typeof value !== "object" || value === null) return typeof value !== "function" && typeof value !== "symbol";
    return tryOr(() => kindOf(value, this.types) ?? knownError(value), undefined) !== undefined;
  }

  private read(value: object, key: string | number): unknown {
    try {
      return (value as Properties)[key];
    } catch (error) {
      if (this.describes) return UNREADABLE;
      throw new Unstorable(`reading it fails: ${messageOf(error)}`, USE_PLAIN_DATA, this.path(key));
    }
  }

  private requireNoOtherKeys(value: object, count: number): void {
    if (!isBare(value, count)) this.rejectOtherKeys();
  }

  private rejectOtherKeys(): void {
    if (this.describes) return;
    const reason = "it has additional properties, or properties that are non-enumerable, getters or symbols";
    throw new Unstorable(reason, 'Remove them, or add { is, encode, decode } for it to the store option "types".');
  }

  private rejectThenable(): void {
    throw new Unstorable('it has a method "then", which await would call', "Remove the method.");
  }

  private path(step?: Step): string {
    return pathOf(this.current, step);
  }
}

/** Calls `encode`. @throws {Unstorable} when it throws or returns a promise */
function encoded(value: unknown, encode: NamedCustomType["encode"], subject: string): unknown {
  let data: unknown;
  let pending: Promise<unknown> | undefined;
  try {
    data = encode(value);
    pending = pendingOf(data);
  } catch (error) {
    throw new Unstorable(`${subject} failed: ${messageOf(error)}`, "Fix it.");
  }
  if (pending === undefined) return data;
  abandon(pending);
  throw new Unstorable(`${subject} returned a promise`, "Return a value: the store does not await it.");
}

/** The registered class or the known kind of an object; undefined for instances of other classes. */
function kindOf(value: object, types: StoredTypes): StoredClass | string | undefined {
  const prototype = Object.getPrototypeOf(value) as object | null;
  if (prototype === Object.prototype) return "Object";
  if (prototype === Array.prototype) return "Array";
  if (prototype === null) return "null";
  const own = types.classOf(prototype) ?? knownName(prototype);
  if (own !== undefined) return own;
  // An object with an empty prototype, as Node makes for records with arbitrary keys.
  return Object.getPrototypeOf(prototype) === null && Reflect.ownKeys(prototype).length === 0 ? "null" : undefined;
}

/** The own keys that are part of an object's value. */
function ownKeysOf(value: object): PropertyKey[] {
  const keys = Reflect.ownKeys(value);
  return hasJson(value) ? keys.filter((key) => key !== "toJSON") : keys;
}
