import { classOf } from "../../base/class-state.js";
import { inspect } from "../../base/clone.js";
import { kindOf } from "../../base/kinds.js";
import { messageOf, shortPath } from "../../base/message.js";
import { nativeName, VIEWS } from "../../base/natives.js";
import { keysOf } from "../../base/own-properties.js";
import { snapshotOf, type Snapshot } from "../../base/snapshot.js";

/**
 * The current fields of an instance, from which workers recreate it, or why they can't.
 *
 * An instance is recreated exactly or not at all: private members, functions and instances of other classes, at any
 * depth, prevent it.
 */
export function fieldsOf(instance: object): Snapshot | string {
  try {
    return snapshotUnless(instance);
  } catch (error) {
    return `its instance can't be cloned: ${messageOf(error)}`;
  }
}

function snapshotUnless(instance: object): Snapshot | string {
  if (process.getBuiltinModule("node:util").types.isProxy(instance))
    return "its instance is a proxy, which workers can't recreate";
  const prototype = Object.getPrototypeOf(instance) as object;
  const { unsupported, native } = kindOf(prototype);
  if (unsupported !== undefined) return `its instance ${unsupported}, so workers can't recreate it`;
  if (native !== "Object" && native !== "null")
    return `its instance extends ${native}, so workers can't recreate it from its fields`;
  const fields: (readonly [string, unknown])[] = [];
  for (const key of Reflect.ownKeys(instance)) {
    const property = Object.getOwnPropertyDescriptor(instance, key) as PropertyDescriptor;
    if (typeof key === "symbol") return `its instance has a field under ${String(key)}, which can't be sent to workers`;
    if (!("value" in property))
      return `its instance has an accessor in place of the field "${key}", which can't be sent to workers`;
    if (property.enumerable !== true)
      return `its instance has a non-enumerable field "${key}", which can't be sent to workers`;
    fields.push([key, property.value]);
  }
  const { obstacle: path, found } = inspect(Object.fromEntries(fields), changes);
  if (path === undefined) return snapshotOf(fields);
  return `"this${shortPath(path)}" of its ${classOf(prototype)?.name || "instance"} ${whyNot(found)}`;
}

const KEPT: ReadonlySet<string | undefined> = new Set([
  ...["Object", "Array", "Map", "Set", "Date", "RegExp", "Boolean", "Number", "String", "BigInt", "ArrayBuffer"],
  ...Array.from(VIEWS.keys()).filter((name) => name !== "Buffer"),
]);

function keepsItsClass(value: object): boolean {
  const prototype = Object.getPrototypeOf(value) as object | null;
  return prototype !== null && (prototype === SharedArrayBuffer.prototype || KEPT.has(nativeName(prototype)));
}

/** Whether a clone of an object has another class, or lacks some of its properties. */
function changes(value: object): boolean {
  return !keepsItsClass(value) || (Object.getPrototypeOf(value) === Object.prototype && keysOf(value) === undefined);
}

function whyNot(found: unknown): string {
  if (typeof found !== "object" || found === null) return `is a ${typeof found}, which can't be sent to workers`;
  if (keepsItsClass(found)) return "has non-enumerable or symbol properties, which can't be sent to workers";
  const prototype = Object.getPrototypeOf(found) as object | null;
  if (prototype === null) return "has no prototype, but would have one in workers";
  return `is an instance of ${classOf(prototype)?.name || "a class"}, which would arrive in workers as something else`;
}
