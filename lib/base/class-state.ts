import jsTokens from "js-tokens";
import { nativeName } from "./natives.js";

/** A class with any constructor parameters. */
export type Class = abstract new (...args: any[]) => object;

/** Helpers that TypeScript, Babel, esbuild and swc emit for private members on older targets. */
const PRIVATE_HELPERS = /\b_{1,2}(?:classPrivate|class_private_|private(?:Add|Get|Set|Method|In|Wrapper)\b)/u;
/** Access to a map of instance data, such as `names.get(this)`. */
const MAP_OF_INSTANCES = /\.(?:get|set|has)\(\s*this\s*[,)]/u;
const NATIVE_CODE = /\[native code\]\s*\}$/u;
const MODIFIERS = new Set(["static", "async", "get", "set", "accessor", "*"]);

/** Facts about an object's data, from its prototype chain. */
export interface Ancestry {
  /** The prototypes of user-defined classes, from the object up. */
  readonly prototypes: readonly object[];
  /** The native class that they extend, if any. */
  readonly native: string | undefined;
  /** How one of the classes hides data, if its source shows it; data in closures can't be detected. */
  readonly hiding: string | undefined;
}

export function ancestryOf(prototype: object): Ancestry {
  const prototypes: object[] = [];
  let hiding: string | undefined;
  for (let at: object | null = prototype; at !== null; at = Object.getPrototypeOf(at) as object | null) {
    const native = nativeName(at);
    if (native !== undefined) return { prototypes, native, hiding };
    hiding ??= hidingIn(at, prototypes.length > 0 ? "inherited" : "own");
    prototypes.push(at);
  }
  return { prototypes, native: undefined, hiding };
}

function hidingIn(prototype: object, level: "own" | "inherited"): string | undefined {
  const Class = classOf(prototype);
  if (Class === undefined) return undefined;
  const source = Function.prototype.toString.call(Class);
  if (NATIVE_CODE.test(source))
    return level === "own" ? "may hide its data" : `extends ${Class.name}, which may hide its data`;
  const where = level === "own" ? "" : ` in ${Class.name}`;
  if (hasPrivateMembers(source)) return `has private members${where}`;
  return MAP_OF_INSTANCES.test(source) ? `keeps its data in a separate map${where}` : undefined;
}

/** The class that a prototype belongs to; undefined when it is an ordinary object. */
export function classOf(prototype: object): Class | undefined {
  const Class = Object.getOwnPropertyDescriptor(prototype, "constructor")?.value as unknown;
  return typeof Class === "function" ? (Class as Class) : undefined;
}

/** Why instances of a class can't be restored from their properties; undefined if nothing in the class prevents it. */
export function whyUnsupported(type: Class): string | undefined {
  const { native, hiding } = ancestryOf(type.prototype);
  if (hiding !== undefined) return hiding;
  if (native !== undefined && native !== "Object" && !native.endsWith("Error")) {
    return `extends ${native}, whose data is not kept in properties`;
  }
  return "then" in type.prototype ? 'has a member "then", which await would call' : undefined;
}

/** Whether instances of a class have private members. Static ones do not count. */
function hasPrivateMembers(source: string): boolean {
  if (PRIVATE_HELPERS.test(source)) return true;
  if (!source.includes("#")) return false;
  const ofClass = new Set<string>();
  const found = new Set<string>();
  let isStatic = false;
  for (const { type, value } of jsTokens(source)) {
    if (type === "WhiteSpace" || type === "LineTerminatorSequence" || type.endsWith("Comment")) continue;
    if (type === "PrivateIdentifier") (isStatic ? ofClass : found).add(value);
    isStatic = value === "static" || (isStatic && MODIFIERS.has(value));
  }
  return Array.from(found).some((name) => !ofClass.has(name));
}

/** Whether a class, or one it extends, has getters: their values may come from hidden data. */
export function hasGetters(type: Class): boolean {
  for (let at: object | null = type.prototype; at !== null; at = Object.getPrototypeOf(at) as object | null) {
    if (nativeName(at) !== undefined) return false;
    if (Object.values(Object.getOwnPropertyDescriptors(at)).some((property) => property.get !== undefined)) return true;
  }
  return false;
}
