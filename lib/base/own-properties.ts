import { hasJson } from "./json.js";

/** From so many items on, a look at all but these is quicker than a list of their names. */
const MANY = 100;
/** Shows what an object has beside items. */
const BESIDE = { showHidden: true, maxArrayLength: 0, customInspect: false, depth: 0 } as const;

/**
 * The names of an object's own properties; undefined when it has others as well: hidden ones, or under symbols.
 * @param hidden - how many it hides without anybody's doing
 */
export function keysOf(value: object, hidden = 0): string[] | undefined {
  const keys = Object.keys(value);
  // Quicker than Reflect.ownKeys, by far.
  const others = Object.getOwnPropertyNames(value).length - keys.length + Object.getOwnPropertySymbols(value).length;
  return others === hidden || (others === hidden + 1 && hidesMore(value)) ? keys : undefined;
}

/** Whether an object has as many own properties as it has without anybody's doing. */
export function isBare(value: object, count: number): boolean {
  const keys = Reflect.ownKeys(value).length;
  return keys === count || (keys === count + 1 && hidesMore(value));
}

/** Whether an object hides what is no part of its value: fake timers hide a constructor in each date, and stores a `toJSON`. */
function hidesMore(value: object): boolean {
  return value instanceof Date
    ? Object.getOwnPropertyDescriptor(value, "constructor")?.enumerable === false
    : hasJson(value);
}

/** Whether a list that has all its items has no other properties. */
export function isBareList(value: readonly unknown[]): boolean {
  const { length } = value;
  if (length > MANY && beside(value) === beside(new Array(length))) return true;
  return isBare(value, length + 1);
}

/** Whether a view has no properties but its items. @param isNative - it is no instance of a class of somebody's */
export function isBareView(value: ArrayBufferView, isNative: boolean): boolean {
  const { length = 0 } = value as Uint8Array;
  const twin = () => Uint8Array.prototype.subarray.call(value);
  if (isNative && length > MANY && beside(value) === beside(twin())) return true;
  return isBare(value, length);
}

function beside(value: unknown): string {
  return process.getBuiltinModule("node:util").inspect(value, BESIDE);
}
