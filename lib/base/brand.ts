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
