import { hasMember, isObject } from "../base/objects.js";

/** Own properties and those of the value's class are outputs; those of every object are not. */
export function hasOutput(value: unknown, output: string): boolean {
  if (typeof value === "string") return Object.hasOwn(Object(value) as object, output);
  return isObject(value) && hasMember(value, output);
}
