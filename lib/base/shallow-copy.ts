/** The first step of a deep copy: a shallow copy by kind of object, and the function that then fills it. */
import { hasJson } from "./json.js";
import { classOf, hasGetters, type Class } from "./class-state.js";
import { kindOf, type Kind } from "./kinds.js";
import { LEAVES, NATIVE_ERRORS, VIEWS, type ErrorClass } from "./natives.js";
import { define, isObject } from "./objects.js";
import { UnsupportedValue } from "./unsupported-value.js";
import { isBare, isBareList, isBareView, keysOf } from "./own-properties.js";

type Properties = Record<PropertyKey, unknown>;
type Copy = (value: unknown) => unknown;

/** Fills a shallow copy with copies of the objects that the original holds. */
export type Fill = (from: any, to: any, copy: Copy) => void;

export interface ShallowCopy {
  readonly to: object;
  /** Undefined when the copy is complete. */
  readonly fill: Fill | undefined;
}

/**
 * @throws {UnsupportedValue} | {TypeError} for an object that may hold data that can't be read, or only pretends to be
 * native
 */
export function shallowCopyOf(value: object, copy: Copy): ShallowCopy {
  const prototype = Object.getPrototypeOf(value) as object | null;
  if (prototype === Object.prototype || prototype === null) return copyRecord(value, prototype);
  if (prototype === Array.prototype) return copyList(value);
  const kind = kindOf(prototype);
  if (kind.unsupported !== undefined) throw new UnsupportedValue(kind.unsupported);
  if (kind.native === "Object" || kind.native === "null") return copyInstance(value, prototype, kind);
  const shallow = copyNative(value, kind, copy);
  if (Object.getPrototypeOf(shallow.to) !== prototype) Object.setPrototypeOf(shallow.to, prototype);
  return shallow;
}

function copyNative(value: object, { native, className }: Kind, copy: Copy): ShallowCopy {
  switch (native) {
    case "Array":
      return copyLooseList(value);
    case "Map":
      return { to: new Map(), fill: fillMap };
    case "Set":
      return { to: new Set(), fill: fillSet };
    case "ArrayBuffer":
      return { to: sliceOf(value as ArrayBuffer), fill: isBare(value, 0) ? undefined : fillAll };
  }
  const leaf = LEAVES.get(native);
  if (leaf !== undefined) {
    return { to: leaf.from(...leaf.parts(value)), fill: isBare(value, leaf.keys(value)) ? undefined : fillAll };
  }
  if (!VIEWS.has(native)) return { to: bareError(native), fill: fillError };
  const to = viewOf(value as ArrayBufferView, native, copy);
  return {
    to,
    fill: isBareView(value as ArrayBufferView, { isSubclass: className !== undefined }) ? undefined : fillAll,
  };
}

function copyRecord(value: object, prototype: object | null): ShallowCopy {
  const keys = keysOf(value);
  if (keys === undefined) return { to: Object.create(prototype) as object, fill: fillAll };
  const to =
    prototype === Object.prototype ? { ...value } : withMembers(Object.create(prototype) as Properties, value, keys);
  return { to, fill: keys.some((key) => isObject((value as Properties)[key])) ? fillMembers : undefined };
}

function withMembers(to: Properties, from: object, keys: readonly string[]): Properties {
  for (const key of keys) {
    // The class may have a setter with that name.
    if (key in to) define(to, key, (from as Properties)[key]);
    else to[key] = (from as Properties)[key];
  }
  return to;
}

function copyInstance(value: object, prototype: object, { className }: Kind): ShallowCopy {
  if (className !== undefined && isBare(value, 0) && hasGetters(classOf(prototype) as Class)) {
    throw new UnsupportedValue(
      `is an instance of ${className}, which has getters but no properties that hold their data`,
    );
  }
  return copyRecord(value, prototype);
}

function copyList(value: object): ShallowCopy {
  if (!Array.isArray(value)) throw new TypeError("it is not an array");
  let holdsObjects = false;
  for (let i = 0; i < value.length; i++) {
    const item = value[i] as unknown;
    if (isObject(item)) holdsObjects = true;
    else if (item === undefined && !Object.hasOwn(value, i)) return copyLooseList(value);
  }
  return isBareList(value) ? { to: value.slice(), fill: holdsObjects ? fillItems : undefined } : copyLooseList(value);
}

/** Copies a list with holes, with properties besides its items, or of a subclass. */
function copyLooseList(value: object): ShallowCopy {
  if (!Array.isArray(value)) throw new TypeError("it is not an array");
  return { to: [], fill: fillAll };
}

function sliceOf(value: ArrayBuffer & { readonly resizable?: boolean }): ArrayBuffer {
  if (value.resizable === true) throw new UnsupportedValue("is a resizable buffer");
  return value.slice(0);
}

/** Views of an entire buffer share its copy. A view of part of one gets a buffer of its own, with that part only. */
function viewOf({ buffer, byteOffset, byteLength }: ArrayBufferView, native: string, copy: Copy): object {
  if (Object.prototype.toString.call(buffer) !== "[object ArrayBuffer]")
    throw new UnsupportedValue("is a view of shared memory");
  const isWhole = byteLength === buffer.byteLength;
  const bytes = isWhole ? copy(buffer) : buffer.slice(byteOffset, byteOffset + byteLength);
  return (VIEWS.get(native) as (bytes: unknown) => object)(bytes);
}

function bareError(native: string): Error {
  const Base = NATIVE_ERRORS.find(({ name }) => name === native) as ErrorClass;
  const error = Reflect.construct(Base, Base === AggregateError ? [[]] : []) as Error;
  for (const key of Reflect.ownKeys(error)) Reflect.deleteProperty(error, key);
  return error;
}

const fillItems: Fill = (_, to: unknown[], copy) => {
  for (let i = 0; i < to.length; i++) if (isObject(to[i])) to[i] = copy(to[i]);
};

const fillMembers: Fill = (_, to: Properties, copy) => {
  for (const key of Object.keys(to)) if (isObject(to[key])) to[key] = copy(to[key]);
};

const fillMap: Fill = (from: Map<unknown, unknown>, to: Map<unknown, unknown>, copy) => {
  Map.prototype.forEach.call(from, (value, key) => Map.prototype.set.call(to, copy(key), copy(value)));
  fillAll(from, to, copy);
};

const fillSet: Fill = (from: Set<unknown>, to: Set<unknown>, copy) => {
  Set.prototype.forEach.call(from, (item) => Set.prototype.add.call(to, copy(item)));
  fillAll(from, to, copy);
};

/**
 * Stacks are computed when they are read. Hidden symbols and methods, which Node adds to its errors, are kept as they
 * are.
 */
const fillError: Fill = (from: Error, to: Error, copy) => {
  for (const key of Reflect.ownKeys(from)) {
    const property = Object.getOwnPropertyDescriptor(from, key) as PropertyDescriptor;
    const isInternal = typeof key === "symbol" || typeof property.value === "function";
    if (key === "stack") define(to, key, from.stack, { enumerable: false });
    else if (isInternal && property.enumerable === false) Object.defineProperty(to, key, property);
    else fillProperty(from, to, key, property, copy);
  }
};

const fillAll: Fill = (from: object, to: object, copy) => {
  for (const key of Reflect.ownKeys(from)) {
    if (key === "toJSON" && hasJson(from)) continue;
    fillProperty(from, to, key, Object.getOwnPropertyDescriptor(from, key) as PropertyDescriptor, copy);
  }
};

function fillProperty(from: object, to: object, key: PropertyKey, property: PropertyDescriptor, copy: Copy): void {
  const isShown = property.enumerable === true;
  if (!("value" in property) && !isShown) throw new UnsupportedValue(`has a hidden getter "${String(key)}"`);
  const own = Object.getOwnPropertyDescriptor(to, key);
  // For instance the length of an array.
  if (own?.configurable === false) return void Reflect.set(to, key, property.value);
  define(to, key, copy((from as Properties)[key]), { enumerable: isShown });
}
