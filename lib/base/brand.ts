import type { Class } from "./class-state.js";

/**
 * Lets all copies of this library in a process, such as an ESM and a CommonJS one, take what one of them made for their own:
 * `instanceof` goes by the name. A class that somebody derives from it is only what it is itself.
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

/** A lighter {@link brand}, for classes that nobody asks about with `instanceof`, since runs ask {@link markOf} at every turn. */
export function mark(type: Class, kind: string): void {
  Object.defineProperty(type.prototype, KIND, { value: kind });
}

/** What a value was marked as; undefined for all others. Total. */
export function markOf(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  try {
    return (value as { [KIND]?: unknown })[KIND];
  } catch {
    return undefined; // A proxy that can't be asked.
  }
}
