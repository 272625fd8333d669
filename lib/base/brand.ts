import type { Class } from "./class-state.js";

/**
 * Makes `instanceof` work across all copies of this library in a process, such as an ESM and a CommonJS one: it
 * compares the class's name instead of its prototype. User-defined subclasses keep the usual `instanceof`.
 */
export function brand(type: Class, name: string): void {
  const mark = Symbol.for(`dagwright:${name}`);
  Object.defineProperty(type.prototype, mark, { value: true });
  Object.defineProperty(type, Symbol.hasInstance, {
    value(this: unknown, value: unknown): boolean {
      if (this !== type) return Function.prototype[Symbol.hasInstance].call(this as Class, value);
      return typeof value === "object" && value !== null && (value as Record<symbol, unknown>)[mark] === true;
    },
  });
}

const KIND = Symbol.for("dagwright:kind");

/**
 * A cheaper {@link brand} for internal classes on the hot path, which are recognized by {@link markOf} instead of
 * `instanceof`.
 */
export function mark(type: Class, kind: string): void {
  Object.defineProperty(type.prototype, KIND, { value: kind });
}

/** The kind that {@link mark} gave the value's class, or undefined. Never throws. */
export function markOf(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  try {
    return (value as { [KIND]?: unknown })[KIND];
  } catch {
    return undefined; // A proxy whose handler throws.
  }
}

/** The classes of {@link markData}, by kind. */
const dataClasses = new Map<unknown, Class>();

/** {@link mark} for a class whose instances are nothing but their properties: other threads can make them again. */
export function markData(type: Class, kind: string): void {
  mark(type, kind);
  dataClasses.set(kind, type);
}

/** Whether a prototype is that of a class of {@link markData}, of any copy of this library. */
export function isDataPrototype(prototype: object): boolean {
  return Object.hasOwn(prototype, KIND) && dataClasses.has(markOf(prototype));
}

/** Instances of classes of {@link markData}, by kind. Cloned, they are records. */
export type DataInstances = readonly (readonly [kind: string, instance: object])[];

/** Makes instances of the records as which they arrived. */
export function restoreInstances(arrived: DataInstances): void {
  for (const [kind, instance] of arrived) {
    const type = dataClasses.get(kind);
    if (type !== undefined) Object.setPrototypeOf(instance, type.prototype as object);
  }
}
