/** The errors that a store knows without being told: those of the language, and this library's, which fallbacks and error states get. */
import * as definitionErrors from "../base/errors.js";
import type { Class } from "../base/class-state.js";
import { NATIVE_ERRORS, nativeName, type ErrorClass } from "../base/natives.js";
import * as runErrors from "../run/errors.js";

const OWN_ERRORS: readonly ErrorClass[] = Object.values<unknown>({ ...definitionErrors, ...runErrors }).filter(
  (member): member is ErrorClass => typeof member === "function" && member.prototype instanceof Error,
);
const OWN_NAMES: ReadonlyMap<object, string> = new Map(OWN_ERRORS.map(({ prototype, name }) => [prototype, name]));

/** By name, what makes an error, or one of a class derived from it, that has nothing but its class. */
export const ERRORS: ReadonlyMap<string, (type?: Class) => Error> = new Map([
  ...NATIVE_ERRORS.map((Class) => [Class.name, maker(Class, Class)] as const),
  ...OWN_ERRORS.map((Class) => [Class.name, maker(Error, Class)] as const),
]);

function maker(base: ErrorClass, own: ErrorClass): (type?: Class) => Error {
  const args = base === AggregateError ? [[]] : [];
  return (type = own) => Reflect.construct(base, args, type) as Error;
}

/** The name of the class whose prototype this is, if it is native or one of these errors. */
export function knownName(prototype: object): string | undefined {
  return OWN_NAMES.get(prototype) ?? nativeName(prototype);
}

/** The known error that instances of a class of errors are; undefined where they are none. */
export function knownError(prototype: object | null): string | undefined {
  for (let of = prototype; of !== null; of = Object.getPrototypeOf(of) as object | null) {
    const name = knownName(of);
    if (name !== undefined) return ERRORS.has(name) ? name : undefined;
  }
  return undefined;
}
