/**
 * The error classes that a store knows: native ones, and those of this library, which fallbacks and error states
 * receive.
 */
import type { Class } from "../../base/class-state.js";
import * as definitionErrors from "../../base/errors.js";
import { type ErrorClass, NATIVE_ERRORS, nativeName } from "../../base/natives.js";
import * as runErrors from "../../run/errors.js";

const OWN_ERRORS: readonly ErrorClass[] = Object.values<unknown>({ ...definitionErrors, ...runErrors }).filter(
  (member): member is ErrorClass => typeof member === "function" && member.prototype instanceof Error,
);
const OWN_NAMES: ReadonlyMap<object, string> = new Map(OWN_ERRORS.map(({ prototype, name }) => [prototype, name]));

/** Factories by class name. Each makes an empty error of the class, or of a given subclass. */
export const ERRORS: ReadonlyMap<string, (type?: Class) => Error> = new Map([
  ...NATIVE_ERRORS.map((Class) => [Class.name, maker(Class, Class)] as const),
  ...OWN_ERRORS.map((Class) => [Class.name, maker(Error, Class)] as const),
]);

function maker(base: ErrorClass, own: ErrorClass): (type?: Class) => Error {
  const args = base === AggregateError ? [[]] : [];
  return (type = own) => Reflect.construct(base, args, type) as Error;
}

/** The name of the native or known class that the prototype belongs to. */
export function knownName(prototype: object): string | undefined {
  return OWN_NAMES.get(prototype) ?? nativeName(prototype);
}

/** Whether a property of an error of a known class is not stored: the result of the run that it ended. */
export function isTransient(kind: string, key: PropertyKey): boolean {
  return key === "run" && OWN_ERRORS.some(({ name }) => name === kind);
}

/** The closest known error class that a prototype belongs to or inherits from. */
export function knownError(prototype: object | null): string | undefined {
  for (let of = prototype; of !== null; of = Object.getPrototypeOf(of) as object | null) {
    const name = knownName(of);
    if (name !== undefined) return ERRORS.has(name) ? name : undefined;
  }
  return undefined;
}
