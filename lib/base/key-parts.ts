import { kindOf, type Kind } from "./kinds.js";
import { LEAVES, VIEWS, type Leaf } from "./natives.js";
import { UnsupportedValue } from "./unsupported-value.js";
import { isBareList, isBareView, keysOf } from "./own-properties.js";

/** Part of the key of an object: text, or another object, which has a key of its own. */
export type KeyPart = string | object;

const UNREADABLE = "has non-enumerable or symbol properties";

type Properties = Readonly<Record<string, unknown>>;

/**
 * The part for a value: text for a primitive, the object itself for an object. Strings begin with their length, so that
 * their content can't be mistaken for other parts.
 * @throws {UnsupportedValue} for functions and symbols
 */
export function keyPartOf(value: unknown): KeyPart {
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
      throw new UnsupportedValue(`is function ${value.name || "(anonymous)"}, which has no value to compare`, value);
    case "symbol":
      throw new UnsupportedValue(`is ${String(value)}, which has no value to compare`, value);
  }
}

function textOf(text: string): string {
  return `"${text.length}:${text}`;
}

/**
 * The parts of an object, in an order that depends only on its structure. The stacks of errors are ignored.
 * @param json - the prototypes of classes whose instances are compared by their `toJSON`
 * @throws {UnsupportedValue} | {TypeError} for an object that may hold data that can't be read, or only pretends to be
 * native
 */
export function keyPartsOf(value: object, json: ReadonlySet<object>): KeyPart[] {
  const prototype = Object.getPrototypeOf(value) as object | null;
  if (prototype === Object.prototype) return withProperties(["{"], value);
  if (prototype === Array.prototype) return listParts("[", value as unknown[]);
  if (prototype === null) return withProperties(["null{"], value);
  const kind = kindOf(prototype);
  if (json.has(prototype)) return [headOf("json", kind), keyPartOf((value as { toJSON(): unknown }).toJSON())];
  const { native, className, unsupported } = kind;
  if (unsupported !== undefined) throw new UnsupportedValue(unsupported);
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

function instanceParts(kind: Kind, value: object): KeyPart[] {
  const parts = withProperties([headOf(kind.native, kind)], value);
  if (parts.length > 1) return parts;
  throw new UnsupportedValue(`is an instance of ${kind.className}, which has no readable data`);
}

function listParts(head: string, value: readonly unknown[]): KeyPart[] {
  if (!Array.isArray(value)) throw new TypeError("it is not an array");
  const parts: KeyPart[] = [head];
  for (let i = 0; i < value.length; i++) {
    const item = value[i] as unknown;
    if (item === undefined && !Object.hasOwn(value, i)) return looseParts(head, value);
    parts.push(keyPartOf(item));
  }
  return isBareList(value) ? parts : looseParts(head, value);
}

/** The parts of a list with holes, or with properties besides its items. */
function looseParts(head: string, value: readonly unknown[]): KeyPart[] {
  return withProperties([`${head}...`, String(value.length)], value, shownKeys(value, 1));
}

function collectionParts(kind: Kind, value: object): KeyPart[] {
  const parts: KeyPart[] = [headOf(kind.native, kind)];
  if (kind.native === "Set") Set.prototype.forEach.call(value, (item: unknown) => parts.push(keyPartOf(item)));
  else Map.prototype.forEach.call(value, (item: unknown, key: unknown) => parts.push(keyPartOf(key), keyPartOf(item)));
  parts.push("|");
  return withProperties(parts, value);
}

function leafParts(kind: Kind, leaf: Leaf, value: object): KeyPart[] {
  const parts = [headOf(kind.native, kind), ...leaf.parts(value).map(keyPartOf), "|"];
  // The characters of a String object are enumerable properties.
  return withProperties(parts, value, shownKeys(value, kind.native === "String" ? 1 : leaf.keys(value)));
}

function viewParts(kind: Kind, value: ArrayBufferView): KeyPart[] {
  const { buffer, byteOffset, byteLength } = value;
  const memory = Object.prototype.toString.call(buffer) === "[object ArrayBuffer]" ? "" : "shared ";
  const bytes = Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength).toString("base64");
  const parts = [headOf(kind.native, kind), memory + bytes];
  return isBareView(value, { isSubclass: kind.className !== undefined }) ? parts : withProperties(parts, value);
}

function errorParts(kind: Kind, value: Error): KeyPart[] {
  const isShown = (key: PropertyKey) => Object.prototype.propertyIsEnumerable.call(value, key);
  if (Object.getOwnPropertySymbols(value).some(isShown)) throw new UnsupportedValue(UNREADABLE);
  // Node adds hidden methods to its errors.
  const isMethod = (key: string) => !isShown(key) && typeof (value as unknown as Properties)[key] === "function";
  const keys = Object.getOwnPropertyNames(value).filter((key) => key !== "stack" && !isMethod(key));
  const parts = [headOf(kind.native, kind), keyPartOf(value.name), keyPartOf(value.message)];
  return withProperties(parts, value, keys);
}

/** The names of an object's own properties. @param hidden - how many non-enumerable ones are built in */
function shownKeys(value: object, hidden?: number): string[] {
  const keys = keysOf(value, hidden);
  if (keys === undefined) throw new UnsupportedValue(UNREADABLE);
  return keys;
}

/** Adds properties in the order of their names. */
function withProperties(parts: KeyPart[], value: object, keys = shownKeys(value)): KeyPart[] {
  if (!isSorted(keys)) keys.sort();
  for (const key of keys) parts.push(textOf(key), keyPartOf((value as Properties)[key]));
  return parts;
}

function isSorted(keys: readonly string[]): boolean {
  for (let i = 1; i < keys.length; i++) if (keys[i - 1] > keys[i]) return false;
  return true;
}
