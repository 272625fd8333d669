import { hasJson } from "./json.js";

/** From this many items on, inspecting an array without its items is faster than listing its keys. */
const MANY_ITEMS = 100;
/** Makes `inspect` show everything but the items. */
const WITHOUT_ITEMS = { showHidden: true, maxArrayLength: 0, customInspect: false, depth: 0 } as const;

/**
 * The names of an object's own properties; undefined if it also has non-enumerable or symbol properties.
 * @param hidden - how many non-enumerable ones are built in, and ignored
 */
export function keysOf(value: object, hidden = 0): string[] | undefined {
  const keys = Object.keys(value);
  // Much faster than Reflect.ownKeys.
  const others = Object.getOwnPropertyNames(value).length - keys.length + Object.getOwnPropertySymbols(value).length;
  return others === hidden || (others === hidden + 1 && hasExtra(value)) ? keys : undefined;
}

/** Whether an object has no own properties besides the `count` built-in ones. */
export function isBare(value: object, count: number): boolean {
  const keys = Reflect.ownKeys(value).length;
  return keys === count || (keys === count + 1 && hasExtra(value));
}

/**
 * Whether an object has a hidden property that is not part of its value: a `constructor` from fake timers, or our
 * `toJSON`.
 */
function hasExtra(value: object): boolean {
  return value instanceof Date
    ? Object.getOwnPropertyDescriptor(value, "constructor")?.enumerable === false
    : hasJson(value);
}

/** Whether an array without holes has no properties besides its items. */
export function isBareList(value: readonly unknown[]): boolean {
  const { length } = value;
  if (length > MANY_ITEMS && withoutItems(value) === withoutItems(new Array(length))) return true;
  return isBare(value, length + 1);
}

/** Whether a view has no properties besides its items. */
export function isBareView(value: ArrayBufferView, { isSubclass }: { readonly isSubclass: boolean }): boolean {
  const { length = 0 } = value as Uint8Array;
  const bare = () => Uint8Array.prototype.subarray.call(value);
  if (!isSubclass && length > MANY_ITEMS && withoutItems(value) === withoutItems(bare())) return true;
  return isBare(value, length);
}

function withoutItems(value: unknown): string {
  return process.getBuiltinModule("node:util").inspect(value, WITHOUT_ITEMS);
}
