import jsTokens from "js-tokens";
import { nativeName } from "./natives.js";

export type Class = abstract new (...args: any[]) => object;

/** What compilers make of private members for older targets: TypeScript, Babel, esbuild and swc. */
const COMPILED = /\b_{1,2}(?:classPrivate|class_private_|private(?:Add|Get|Set|Method|In|Wrapper)\b)/u;
/** A map of the instances' data, beside them. */
const ASIDE = /\.(?:get|set|has)\(\s*this\s*[,)]/u;
const NATIVE = /\[native code\]\s*\}$/u;
const MODIFIERS = new Set(["static", "async", "get", "set", "accessor", "*"]);

/** What the prototypes of an object say of its data. */
export interface Ancestry {
  /** Those of classes of somebody's, from the object on. */
  readonly prototypes: readonly object[];
  /** The native class that they are built on; undefined when there is none. */
  readonly native: string | undefined;
  /** How one of the classes hides data, as far as its text shows. What is kept in closures can't be seen. */
  readonly hiding: string | undefined;
}

export function ancestryOf(prototype: object): Ancestry {
  const prototypes: object[] = [];
  let hiding: string | undefined;
  for (let at: object | null = prototype; at !== null; at = Object.getPrototypeOf(at) as object | null) {
    const native = nativeName(at);
    if (native !== undefined) return { prototypes, native, hiding };
    hiding ??= hidingIn(at, prototypes.length === 0);
    prototypes.push(at);
  }
  return { prototypes, native: undefined, hiding };
}

function hidingIn(prototype: object, isOwn: boolean): string | undefined {
  const Class = classOf(prototype);
  if (Class === undefined) return undefined;
  const source = Function.prototype.toString.call(Class);
  if (NATIVE.test(source)) return isOwn ? "may hide its data" : `is built on ${Class.name}, which may hide its data`;
  const where = isOwn ? "" : ` in ${Class.name}`;
  if (hasPrivateMembers(source)) return `has private members${where}`;
  return ASIDE.test(source) ? `keeps data in a map beside it${where}` : undefined;
}

/** The class that a prototype belongs to; undefined when it is an object like any other. */
export function classOf(prototype: object): Class | undefined {
  const Class = Object.getOwnPropertyDescriptor(prototype, "constructor")?.value as unknown;
  return typeof Class === "function" ? (Class as Class) : undefined;
}

/**
 * Why instances of a class can't be made again from what they show of themselves; undefined as far as nothing speaks
 * against it.
 */
export function obstacleOf(type: Class): string | undefined {
  const { native, hiding } = ancestryOf(type.prototype);
  if (hiding !== undefined) return hiding;
  if (native !== undefined && native !== "Object" && !native.endsWith("Error")) {
    return `is built on ${native}, whose data is no property of an instance`;
  }
  return "then" in type.prototype ? "has a member then, so that await would call it" : undefined;
}

/** Whether instances of a class have private members; static ones are the class' own. */
function hasPrivateMembers(source: string): boolean {
  if (COMPILED.test(source)) return true;
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

/** Whether a class, or one it is built on, has getters: what they give may come from where nobody can look. */
export function hasGetters(type: Class): boolean {
  for (let at: object | null = type.prototype; at !== null; at = Object.getPrototypeOf(at) as object | null) {
    if (nativeName(at) !== undefined) return false;
    if (Object.values(Object.getOwnPropertyDescriptors(at)).some((property) => property.get !== undefined)) return true;
  }
  return false;
}
