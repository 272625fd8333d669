/** Objects and their properties, whatever they are called. */

export function isObject(value: unknown): value is object {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}

/** Whether a value that was read from JSON is an object, and not a list. */
export function isJsonObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whether a value is a plain object, of any realm. Lists, maps and instances of classes are not. */
export function isPlainRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype || isRoot(prototype);
}

/** Whether a prototype is the `Object.prototype` of some realm. */
function isRoot(prototype: unknown): boolean {
  return Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype as object, "isPrototypeOf");
}

/** Whether an object has a property, of its own or of its class. Those that every object has don't count. */
export function hasMember(object: object, name: string): boolean {
  return Object.hasOwn(object, name) || (name in object && !(name in Object.prototype));
}

/** The value of an own property: what every object inherits has names that users give, too, such as `constructor`. */
export function ownValue<T>(record: Readonly<Record<string, T>> | undefined, name: string): T | undefined {
  return record !== undefined && Object.hasOwn(record, name) ? record[name] : undefined;
}

/** Sets the properties of an object that have a value. An undefined one would be printed with it. */
export function setGiven<T extends object>(object: T, values: Partial<T>): void {
  for (const [key, value] of Object.entries(values)) if (value !== undefined) object[key as keyof T] = value as never;
}

/** Sets an own property, also where assigning would call a setter, as for `__proto__`. */
export function define(object: object, key: PropertyKey, value: unknown, { enumerable } = { enumerable: true }): void {
  Object.defineProperty(object, key, { value, enumerable, writable: true, configurable: true });
}
