/** Whether a result can have outputs. */
export function isObject(value: unknown): value is object {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}

/** Own properties and those of the value's class are outputs; those that every object has are not. */
export function hasOutput(value: unknown, output: string): boolean {
  if (typeof value === "string") return Object.hasOwn(Object(value) as object, output);
  return isObject(value) && (Object.hasOwn(value, output) || (output in value && !(output in Object.prototype)));
}
