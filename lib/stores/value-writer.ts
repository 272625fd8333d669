import { unlessHostile } from "../base/hostile.js";
import { messageOf } from "../base/message.js";
import { abandon, isThenable, pendingOf } from "../base/coroutine.js";
import { hasJson } from "../base/json.js";
import { base64, LEAVES } from "../base/natives.js";
import { isBare, isBareView } from "../base/own-properties.js";
import { ERRORS, knownError, knownName } from "./known-errors.js";
import { describe, isUnstorable, isTooLong, Unstorable, UNREADABLE } from "./unstorable.js";
import { StoredClass, type NamedCustomType, type StoredTypes } from "./stored-types.js";
import { joinPaths, MAX_DEPTH, pathOf, quote, type Place, type Step } from "./value-path.js";

/** Values within the data of values with `encode`: these do call themselves. */
const MAX_CUSTOM_DEPTH = 100;
/** Texts longer than this are written once, however often they occur. */
const MAX_INLINE_LENGTH = 100;

const PLAIN = "Keep plain data in its place.";
const FLAT = "Keep it in a flatter form, such as a list.";
const CLASS = 'Keep plain data, or name its class in the store option "types".';
const CODING = 'Give { is, encode, decode } for it in the store option "types".';

/** What errors hide from enumeration without anybody's doing; where it is computed, it is what it gives. */
const HIDDEN: readonly string[] = ["name", "message", "stack", "cause", "errors"];

type Properties = Record<string, unknown>;

/**
 * Writes one value as a JSON array: first the value, then each object in it, numbered from 1 on.
 *
 * Where a value stands, what JSON has is itself, `[3]` is the third object, and `["undefined"]`, `["NaN"]`, `["5n"]` are what
 * JSON does not have. An object is `{…}` for a record, `[[…]]` for a list, or begins with its kind, as `["Map", …]`. Long texts
 * are kept like objects.
 *
 * Cost: linear, without recursion: objects are written in the order in which they are found.
 */
export class ValueWriter {
  private readonly numbers = new Map<unknown, number>();
  private readonly places: Place[] = [];
  private current: Place | undefined;
  private readonly hasCodings: boolean;

  /**
   * @param describes - what can't be kept is described instead of refused
   * @param within - the values in whose data this one is
   */
  constructor(
    private readonly types: StoredTypes,
    private readonly describes: boolean,
    private readonly within: readonly unknown[] = [],
  ) {
    this.hasCodings = types.customTypes.length > 0;
  }

  /** @throws {Unstorable} naming what can't be kept; {RangeError} when the text is too long for any string */
  text(value: unknown): string {
    const texts = [this.part(value, "")];
    for (let at = 0; at < this.places.length; at++) {
      this.current = this.places[at];
      texts.push(this.entryOf(this.current.value));
    }
    return `[${texts.join(",")}]`;
  }

  private entryOf(value: unknown): string {
    try {
      return this.entry(value);
    } catch (error) {
      if (isTooLong(error)) throw error;
      if (this.describes) return quote(describe(value));
      if (!isUnstorable(error)) throw new Unstorable(messageOf(error), PLAIN, this.path());
      throw error.path === undefined ? new Unstorable(error.reason, error.remedy, this.path()) : error;
    }
  }

  /** A value where it stands. */
  private part(value: unknown, step: Step): string {
    if (this.hasCodings && typeof value !== "object" && this.types.customTypeOf(value) !== undefined) {
      return this.reference(value, step);
    }
    switch (typeof value) {
      case "string":
        return value.length > MAX_INLINE_LENGTH ? this.reference(value, step) : quote(value);
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
        throw new Unstorable(`it is a ${typeof value}`, PLAIN, this.path(step));
    }
  }

  private reference(value: unknown, step: Step): string {
    const known = this.numbers.get(value);
    if (known !== undefined) return `[${known}]`;
    const { current } = this;
    const level = current === undefined ? 0 : current.level + 1;
    if (level > MAX_DEPTH) {
      if (this.describes) return '"[too deeply nested]"';
      throw new Unstorable("it is too deeply nested", FLAT, this.path(step));
    }
    const number = this.places.push({ value, parent: current, step, level });
    this.numbers.set(value, number);
    return `[${number}]`;
  }

  /** What stands for an object, or a long text, under its number. */
  private entry(value: unknown): string {
    const kind = typeof value === "object" ? kindOf(value as object, this.types) : undefined;
    if (kind instanceof StoredClass) return this.instance(value as object, kind);
    const coding = this.hasCodings ? this.types.customTypeOf(value) : undefined;
    if (coding !== undefined) return this.coded(value, coding);
    return typeof value === "string" ? quote(value) : this.native(value as object, kind);
  }

  private native(value: object, kind: string | undefined): string {
    switch (kind) {
      case undefined:
        return this.stranger(value);
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
    this.requireNoOthers(value, leaf.keys(value));
    return JSON.stringify([kind, ...parts]);
  }

  private record(value: Properties): string {
    const keys = Object.keys(value);
    // Quicker than Reflect.ownKeys, by far.
    const others = Object.getOwnPropertyNames(value).length - keys.length + Object.getOwnPropertySymbols(value).length;
    if (others > 1 || (others === 1 && !hasJson(value))) this.refuseOthers();
    return this.properties(value, keys);
  }

  private properties(value: Properties, keys: readonly string[]): string {
    let text = "{";
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i];
      const part = this.read(value, key);
      if (key === "then" && typeof part === "function") this.refuseThenable();
      text += `${i === 0 ? "" : ","}${quote(key)}:${this.part(part, key)}`;
    }
    return text + "}";
  }

  private list(value: readonly unknown[]): string {
    if (!Array.isArray(value)) return this.stranger(value);
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

  /** An array with holes, or with other properties than elements. */
  private sparse(value: readonly unknown[]): string {
    const keys = Object.keys(value);
    this.requireNoOthers(value, keys.length + 1);
    return `["Sparse",${value.length},${this.properties(value as unknown as Properties, keys)}]`;
  }

  private map(value: ReadonlyMap<unknown, unknown>): string {
    let text = '["Map"';
    Map.prototype.forEach.call(value, (item, key) => {
      const step = [key] as const;
      text += `,${this.part(key, step)},${this.part(item, step)}`;
    });
    this.requireNoOthers(value, 0);
    return text + "]";
  }

  private set(value: ReadonlySet<unknown>): string {
    let text = '["Set"';
    let i = 0;
    Set.prototype.forEach.call(value, (item) => (text += "," + this.part(item, i++)));
    this.requireNoOthers(value, 0);
    return text + "]";
  }

  /** Views of all of a buffer share it when they are read. Of other ones, the rest of the buffer is none of the store's business. */
  private view(value: ArrayBufferView, kind: string): string {
    if (!isBareView(value, true)) this.refuseOthers();
    const isWhole = value.byteLength === value.buffer.byteLength;
    return `["${kind}",${isWhole ? this.reference(value.buffer, "buffer") : `"${base64(value)}"`}]`;
  }

  /** @param kind - of the native error that it is @param own - the class it has besides */
  private error(value: Error, kind: string, own?: StoredClass): string {
    const hidden = Object.create(null) as Properties;
    const shown = Object.create(null) as Properties;
    for (const key of ownKeysOf(value)) {
      // Stacks are made when they are looked at, out of whatever the error says.
      const look = () => Object.getOwnPropertyDescriptor(value, key);
      const property = this.describes ? unlessHostile(look, undefined) : look();
      if (property === undefined) continue;
      const isShown = property.enumerable === true;
      if (!isShown && HIDDEN.includes(key as string)) {
        hidden[key as string] = this.read(value, key as string);
      } else if (typeof key === "string" && "value" in property) {
        if (!this.describes || this.isKept(property.value)) (isShown ? shown : hidden)[key] = property.value;
      } else {
        this.refuseOthers();
      }
    }
    if (this.describes) this.complete(hidden, shown, value, kind);
    const parts = [hidden, shown].map((properties) => this.properties(properties, Object.keys(properties)));
    return `["Error",${[quote(kind), ...parts, ...(own === undefined ? [] : [quote(own.name)])].join(",")}]`;
  }

  /** Adds what an error has from a class that will not come back. */
  private complete(hidden: Properties, shown: Properties, value: Error, kind: string): void {
    for (const key of ["name", "message"]) {
      const text = key in shown ? undefined : this.read(value, key);
      if (text === undefined || text === (key === "name" ? kind : "")) continue;
      hidden[key] = typeof text === "string" ? text : describe(text);
    }
  }

  private instance(value: object, own: StoredClass): string {
    const what = `it is an instance of ${own.type.name}, which`;
    if (own.obstacle !== undefined) throw new Unstorable(`${what} ${own.obstacle}`, CODING);
    if (own.error !== undefined) return this.error(value as Error, own.error, own);
    const keys = ownKeysOf(value);
    if (keys.length === 0 && own.hasGetters) {
      throw new Unstorable(`${what} has getters, but keeps in no property what they give`, CODING);
    }
    for (const key of keys) {
      const property = Object.getOwnPropertyDescriptor(value, key);
      if (typeof key === "string" && property?.enumerable === true && "value" in property) continue;
      const reason = `${what} keeps "${String(key)}" in a getter, hidden or under a symbol`;
      throw new Unstorable(reason, CODING);
    }
    return `["class",${quote(own.name)},${this.properties(value as Properties, keys as string[])}]`;
  }

  /** What `encode` gives is a value by itself, so that `decode` gets it whole. */
  private coded(value: unknown, { name, encode }: NamedCustomType): string {
    if (isThenable(value)) this.refuseThenable();
    const what = `"encode" of type "${name}"`;
    if (this.within.includes(value)) {
      throw new Unstorable(`${what} gives what contains the value itself`, "Let it give plain data.");
    }
    if (this.within.length === MAX_CUSTOM_DEPTH) throw new Unstorable("it is too deeply nested", FLAT);
    const data = encoded(value, encode, what);
    const writer = new ValueWriter(this.types, this.describes, [...this.within, value]);
    try {
      return `["coded",${quote(name)},${writer.text(data)}]`;
    } catch (error) {
      if (!isUnstorable(error)) throw error;
      throw new Unstorable(error.reason, error.remedy, joinPaths(this.path(), error.path ?? ""));
    }
  }

  /** An instance of a class that nobody has told of. */
  private stranger(value: object): string {
    const prototype = Object.getPrototypeOf(value) as object;
    const error = knownError(prototype);
    if (error !== undefined && this.describes) return this.error(value as Error, error);
    if (unlessHostile(() => isThenable(value), false))
      throw new Unstorable("it is a promise", "Await it, and keep what it gives.");
    const Class = Object.getOwnPropertyDescriptor(prototype, "constructor")?.value as { name?: unknown } | undefined;
    const name = typeof Class?.name === "string" && Class.name !== "" ? Class.name : "a class";
    const own = this.types.baseClassOf(prototype);
    const base = own === undefined ? "" : `, and not of "${own.name}" itself`;
    throw new Unstorable(`it is an instance of ${name}${base}`, CLASS);
  }

  private isKept(value: unknown): boolean {
    if (this.hasCodings && unlessHostile(() => this.types.customTypeOf(value), undefined) !== undefined) return true;
    if (typeof value !== "object" || value === null) return typeof value !== "function" && typeof value !== "symbol";
    return unlessHostile(() => kindOf(value, this.types) ?? knownError(value), undefined) !== undefined;
  }

  private read(value: object, key: string | number): unknown {
    try {
      return (value as Properties)[key];
    } catch (error) {
      if (this.describes) return UNREADABLE;
      throw new Unstorable(`reading it fails: ${messageOf(error)}`, PLAIN, this.path(key));
    }
  }

  private requireNoOthers(value: object, count: number): void {
    if (!isBare(value, count)) this.refuseOthers();
  }

  private refuseOthers(): void {
    if (this.describes) return;
    const reason = "it has properties that are hidden, named by symbols, or out of place";
    throw new Unstorable(reason, 'Leave them out, or give { is, encode, decode } for it in the store option "types".');
  }

  private refuseThenable(): void {
    throw new Unstorable("it has a method then, so that await would call it", "Leave that out.");
  }

  private path(step?: Step): string {
    return pathOf(this.current, step);
  }
}

/** What `encode` gives for a value. @throws {Unstorable} when it fails, or would have to be waited for */
function encoded(value: unknown, encode: NamedCustomType["encode"], what: string): unknown {
  let data: unknown;
  let pending: Promise<unknown> | undefined;
  try {
    data = encode(value);
    pending = pendingOf(data);
  } catch (error) {
    throw new Unstorable(`${what} failed: ${messageOf(error)}`, "Correct it.");
  }
  if (pending === undefined) return data;
  abandon(pending);
  throw new Unstorable(`${what} gives a promise`, "Let it return a value: the store does not wait.");
}

/** The class of an object, of those a store is told of, or its native kind; undefined for instances of other classes. */
function kindOf(value: object, types: StoredTypes): StoredClass | string | undefined {
  const prototype = Object.getPrototypeOf(value) as object | null;
  if (prototype === Object.prototype) return "Object";
  if (prototype === Array.prototype) return "Array";
  if (prototype === null) return "null";
  const own = types.classOf(prototype) ?? knownName(prototype);
  if (own !== undefined) return own;
  // Node makes such objects, to have no properties but the keys.
  return Object.getPrototypeOf(prototype) === null && Reflect.ownKeys(prototype).length === 0 ? "null" : undefined;
}

/** Those that are part of an object's value. */
function ownKeysOf(value: object): PropertyKey[] {
  const keys = Reflect.ownKeys(value);
  return hasJson(value) ? keys.filter((key) => key !== "toJSON") : keys;
}
