import { kindOf, type Kind } from "./kinds.js";
import { LEAVES, VIEWS, type Leaf } from "./natives.js";
import { Obstacle } from "./obstacle.js";
import { isBareList, isBareView, keysOf } from "./own-properties.js";

/** A part of an object: text as it stands, or another object. */
export type Part = string | object;

const UNSEEN = "has properties that are hidden, or under symbols";

type Properties = Readonly<Record<string, unknown>>;

/**
 * Text for everything but objects. Strings begin with their length, so that nothing in them can be taken for more.
 * @throws {Obstacle} for functions and symbols
 */
export function partOf(value: unknown): Part {
  switch (typeof value) {
    case "string":
      return textOf(value);
    case "number":
      return Object.is(value, -0) ? "-0" : String(value);
    case "bigint":
      return `${value}n`;
    case "boolean":
    case "undefined":
      return String(value);
    case "object":
      return value ?? "null";
    case "function":
      throw new Obstacle(`is function ${value.name || "(anonymous)"}, which has no value to compare`, value);
    case "symbol":
      throw new Obstacle(`is ${String(value)}, which has no value to compare`, value);
  }
}

function textOf(text: string): string {
  return `"${text.length}:${text}`;
}

/**
 * What an object consists of, in an order that its structure says. Stacks of errors do not count.
 * @param json - the prototypes of classes whose instances are what their `toJSON` gives
 * @throws {Obstacle} for what does not show all of its data, and {TypeError} for what only looks native
 */
export function partsOf(value: object, json: ReadonlySet<object>): Part[] {
  const prototype = Object.getPrototypeOf(value) as object | null;
  if (prototype === Object.prototype) return withProperties(["{"], value);
  if (prototype === Array.prototype) return listParts("[", value as unknown[]);
  if (prototype === null) return withProperties(["null{"], value);
  const kind = kindOf(prototype);
  if (json.has(prototype)) return [headOf("json", kind), partOf((value as { toJSON(): unknown }).toJSON())];
  const { native, className, obstacle } = kind;
  if (obstacle !== undefined) throw new Obstacle(obstacle);
  switch (native) {
    case "Object":
    case "null":
      if (className !== undefined) return instanceParts(kind, value);
      return withProperties([native === "null" ? "null{" : "{"], value);
    case "Array":
      return listParts(headOf("[", kind), value as unknown[]);
    case "Map":
    case "Set":
      return collectionParts(kind, value);
  }
  const leaf = LEAVES.get(native);
  if (leaf !== undefined) return leafParts(kind, leaf, value);
  return VIEWS.has(native) ? viewParts(kind, value as ArrayBufferView) : errorParts(kind, value as Error);
}

function headOf(what: string, { tag }: Kind): string {
  return tag === "" ? what : `${what}:${textOf(tag)}`;
}

function instanceParts(kind: Kind, value: object): Part[] {
  const parts = withProperties([headOf(kind.native, kind)], value);
  if (parts.length > 1) return parts;
  throw new Obstacle(`is an instance of ${kind.className}, which shows no data to compare`);
}

function listParts(head: string, value: readonly unknown[]): Part[] {
  if (!Array.isArray(value)) throw new TypeError("it is no list");
  const parts: Part[] = [head];
  for (let i = 0; i < value.length; i++) {
    const item = value[i] as unknown;
    if (item === undefined && !Object.hasOwn(value, i)) return looseParts(head, value);
    parts.push(partOf(item));
  }
  return isBareList(value) ? parts : looseParts(head, value);
}

/** Those of a list with holes, or with more than its items. */
function looseParts(head: string, value: readonly unknown[]): Part[] {
  return withProperties([`${head}...`, String(value.length)], value, shownKeys(value, 1));
}

function collectionParts(kind: Kind, value: object): Part[] {
  const parts: Part[] = [headOf(kind.native, kind)];
  if (kind.native === "Set") Set.prototype.forEach.call(value, (item: unknown) => parts.push(partOf(item)));
  else Map.prototype.forEach.call(value, (item: unknown, key: unknown) => parts.push(partOf(key), partOf(item)));
  parts.push("|");
  return withProperties(parts, value);
}

function leafParts(kind: Kind, leaf: Leaf, value: object): Part[] {
  const parts = [headOf(kind.native, kind), ...leaf.parts(value).map(partOf), "|"];
  // Strings show their characters, and are the only such kind.
  return withProperties(parts, value, shownKeys(value, kind.native === "String" ? 1 : leaf.keys(value)));
}

function viewParts(kind: Kind, value: ArrayBufferView): Part[] {
  const { buffer, byteOffset, byteLength } = value;
  const memory = Object.prototype.toString.call(buffer) === "[object ArrayBuffer]" ? "" : "shared ";
  const bytes = Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength).toString("base64");
  const parts = [headOf(kind.native, kind), memory + bytes];
  return isBareView(value, kind.className === undefined) ? parts : withProperties(parts, value);
}

function errorParts(kind: Kind, value: Error): Part[] {
  const isShown = (key: PropertyKey) => Object.prototype.propertyIsEnumerable.call(value, key);
  if (Object.getOwnPropertySymbols(value).some(isShown)) throw new Obstacle(UNSEEN);
  // Node hides methods in its errors.
  const isMethod = (key: string) => !isShown(key) && typeof (value as unknown as Properties)[key] === "function";
  const keys = Object.getOwnPropertyNames(value).filter((key) => key !== "stack" && !isMethod(key));
  const parts = [headOf(kind.native, kind), partOf(value.name), partOf(value.message)];
  return withProperties(parts, value, keys);
}

/** The names of an object's own properties. @param hidden - how many it hides without anybody's doing */
function shownKeys(value: object, hidden?: number): string[] {
  const keys = keysOf(value, hidden);
  if (keys === undefined) throw new Obstacle(UNSEEN);
  return keys;
}

/** Adds the properties of these names, whatever their order. */
function withProperties(parts: Part[], value: object, keys = shownKeys(value)): Part[] {
  if (!isSorted(keys)) keys.sort();
  for (const key of keys) parts.push(textOf(key), partOf((value as Properties)[key]));
  return parts;
}

function isSorted(keys: readonly string[]): boolean {
  for (let i = 1; i < keys.length; i++) if (keys[i - 1] > keys[i]) return false;
  return true;
}
