import jsTokens from "js-tokens";
import { nativeName } from "./natives.js";

export type Class = abstract new (...args: any[]) => object;

/** What compilers make of private members for older targets: TypeScript, Babel, esbuild and swc. */
const COMPILED = /\b_{1,2}(?:classPrivate|class_private_|private(?:Add|Get|Set|Method|In|Wrapper)\b)/u;
const NATIVE = /\[native code\]\s*\}$/u;
const MODIFIERS = new Set(["static", "async", "get", "set", "accessor", "*"]);

/**
 * Why instances of a class can't be made again from what they show of themselves; undefined as far as nothing speaks
 * against it. What is kept in closures and weak maps can't be seen.
 */
export function obstacleOf(type: Class): string | undefined {
  for (let at: object | null = type.prototype; at !== null; at = Object.getPrototypeOf(at) as object | null) {
    const native = nativeName(at);
    if (native !== undefined) {
      if (native === "Object" || native.endsWith("Error")) break;
      return `is built on ${native}, whose data is no property of an instance`;
    }
    const Class = Object.getOwnPropertyDescriptor(at, "constructor")?.value as unknown;
    if (typeof Class !== "function") continue;
    const source = Function.prototype.toString.call(Class);
    if (NATIVE.test(source)) return `is built on ${Class.name}, whose data may be hidden`;
    if (hasPrivateMembers(source)) return `has private members${at === type.prototype ? "" : ` in ${Class.name}`}`;
  }
  if ("then" in type.prototype) return "has a member then, so that await would call it";
  return undefined;
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
