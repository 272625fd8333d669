/** How the copy of an object is begun, by kind, and how what the object holds gets into it. */
import { hasJson } from "./json.js";
import { classOf, hasGetters, type Class } from "./class-state.js";
import { kindOf, type Kind } from "./kinds.js";
import { LEAVES, NATIVE_ERRORS, VIEWS, type ErrorClass } from "./natives.js";
import { Obstacle } from "./obstacle.js";
import { isBare, isBareList, isBareView, keysOf } from "./own-properties.js";

type Properties = Record<PropertyKey, unknown>;
type Copy = (value: unknown) => unknown;

/** Puts copies of what an object holds into its copy. */
export type Fill = (from: any, to: any, copy: Copy) => void;

/** The beginning of a copy: empty, or with what the object itself holds. */
export interface Shell {
  readonly to: object;
  /** Undefined when that is all. */
  readonly fill: Fill | undefined;
}

/** @throws {Obstacle} for what may hold more than it shows, and {TypeError} for what only looks native */
export function shellOf(value: object, copy: Copy): Shell {
  const prototype = Object.getPrototypeOf(value) as object | null;
  if (prototype === Object.prototype || prototype === null) return recordShell(value, prototype);
  if (prototype === Array.prototype) return listShell(value);
  const kind = kindOf(prototype);
  if (kind.obstacle !== undefined) throw new Obstacle(kind.obstacle);
  if (kind.native === "Object" || kind.native === "null") return instanceShell(value, prototype, kind);
  const shell = nativeShell(value, kind, copy);
  if (Object.getPrototypeOf(shell.to) !== prototype) Object.setPrototypeOf(shell.to, prototype);
  return shell;
}

function nativeShell(value: object, { native, className }: Kind, copy: Copy): Shell {
  switch (native) {
    case "Array":
      return looseList(value);
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
  return { to, fill: isBareView(value as ArrayBufferView, className === undefined) ? undefined : fillAll };
}

function recordShell(value: object, prototype: object | null): Shell {
  const keys = keysOf(value);
  if (keys === undefined) return { to: Object.create(prototype) as object, fill: fillAll };
  const to =
    prototype === Object.prototype ? { ...value } : withMembers(Object.create(prototype) as Properties, value, keys);
  return { to, fill: keys.some((key) => isObject((value as Properties)[key])) ? fillMembers : undefined };
}

function withMembers(to: Properties, from: object, keys: readonly string[]): Properties {
  for (const key of keys) {
    // A class may have a setter of that name.
    if (key in to) define(to, key, (from as Properties)[key]);
    else to[key] = (from as Properties)[key];
  }
  return to;
}

function instanceShell(value: object, prototype: object, { className }: Kind): Shell {
  if (className !== undefined && isBare(value, 0) && hasGetters(classOf(prototype) as Class)) {
    throw new Obstacle(`is an instance of ${className}, which has getters, but keeps in no property what they give`);
  }
  return recordShell(value, prototype);
}

function listShell(value: object): Shell {
  if (!Array.isArray(value)) throw new TypeError("it is no list");
  let holdsObjects = false;
  for (let i = 0; i < value.length; i++) {
    const item = value[i] as unknown;
    if (isObject(item)) holdsObjects = true;
    else if (item === undefined && !Object.hasOwn(value, i)) return looseList(value);
  }
  return isBareList(value) ? { to: value.slice(), fill: holdsObjects ? fillItems : undefined } : looseList(value);
}

/** One with holes, with more than its items, or of a class of somebody's. */
function looseList(value: object): Shell {
  if (!Array.isArray(value)) throw new TypeError("it is no list");
  return { to: [], fill: fillAll };
}

function sliceOf(value: ArrayBuffer & { readonly resizable?: boolean }): ArrayBuffer {
  if (value.resizable === true) throw new Obstacle("is a buffer whose size can change");
  return value.slice(0);
}

/** Views of all of a buffer share it in the copy, too. Of other ones, the rest of the buffer is none of theirs. */
function viewOf({ buffer, byteOffset, byteLength }: ArrayBufferView, native: string, copy: Copy): object {
  if (Object.prototype.toString.call(buffer) !== "[object ArrayBuffer]")
    throw new Obstacle("is a view of shared memory");
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

/** Stacks are made when they are looked at. What Node hides in its errors are marks and methods. */
const fillError: Fill = (from: Error, to: Error, copy) => {
  for (const key of Reflect.ownKeys(from)) {
    const property = Object.getOwnPropertyDescriptor(from, key) as PropertyDescriptor;
    const isMark = typeof key === "symbol" || typeof property.value === "function";
    if (key === "stack") define(to, key, from.stack, false);
    else if (isMark && property.enumerable === false) Object.defineProperty(to, key, property);
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
  if (!("value" in property) && !isShown) throw new Obstacle(`hides the getter "${String(key)}"`);
  const own = Object.getOwnPropertyDescriptor(to, key);
  // The length of a list, for instance.
  if (own?.configurable === false) return void Reflect.set(to, key, property.value);
  define(to, key, copy((from as Properties)[key]), isShown);
}

function define(to: object, key: PropertyKey, value: unknown, enumerable = true): void {
  Object.defineProperty(to, key, { value, enumerable, writable: true, configurable: true });
}

function isObject(value: unknown): boolean {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}
