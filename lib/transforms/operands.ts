/** Checks of operands. Their errors name the transform, the operand, and what was received. */
import { show } from "../base/check.js";
import { refusePromise } from "../base/coroutine.js";
import { isPlainRecord } from "../base/objects.js";

/** A plain object, with the usual prototype or without one. */
export type PlainRecord = Readonly<Record<string, unknown>>;

/** The error for an operand of the wrong type. */
export function wrongOperand(operand: string, expected: string, received: unknown): TypeError {
  return new TypeError(`${operand} must be ${expected}; received ${nameOf(received)}.`);
}

function nameOf(value: unknown): string {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return show(value);
  if (isPlainRecord(value)) return "a record";
  const { constructor: of } = Object.getPrototypeOf(value) as { constructor?: { name?: unknown } };
  return typeof of?.name === "string" && of.name !== "" ? `an instance of ${of.name}` : show(value);
}

/** @throws {TypeError} unless `value` is an array */
export function requireList(operand: string, value: unknown): asserts value is readonly unknown[] {
  if (!Array.isArray(value)) throw wrongOperand(operand, "a list", value);
}

/** @throws {TypeError} unless `value` has fields: it is a record, a list, or an instance of a class other than Map and Set */
export function requireFields(operand: string, value: unknown): asserts value is object {
  const hasFields = typeof value === "object" && value !== null && !(value instanceof Map) && !(value instanceof Set);
  if (!hasFields) throw wrongOperand(operand, "a record", value);
}

/** @throws {TypeError} unless `value` is a boolean */
export function requireBoolean(operand: string, value: unknown): asserts value is boolean {
  if (typeof value !== "boolean") throw wrongOperand(operand, "a boolean", value);
}

/** @throws {TypeError} unless all operands are booleans */
export function requireBooleans(transform: string, operands: readonly unknown[]): void {
  const wrong = operands.findIndex((operand) => typeof operand !== "boolean");
  if (wrong >= 0) requireBoolean(`Operand ${wrong + 1} of ${transform}`, operands[wrong]);
}

/** @throws {TypeError} unless `fn` is a function */
export function requireFunction(transform: string, fn: unknown): void {
  if (typeof fn !== "function") throw new TypeError(`${transform} takes a function; received ${show(fn)}.`);
}

/** @throws {TypeError} unless each name is a non-empty string, and there is at least one */
export function requireNames(transform: string, names: readonly unknown[]): void {
  if (names.length === 0) throw new TypeError(`${transform} takes the names of fields; received none.`);
  for (const name of names) {
    if (typeof name !== "string" || name === "")
      throw new TypeError(`${transform} takes the names of fields as non-empty strings; received ${show(name)}.`);
  }
}

/** @throws {TypeError} if a function returned a promise for an item: transforms don't wait */
export function requireSettled(transform: string, index: number, result: unknown): void {
  refusePromise(`What the function of ${transform} returns for item ${index}`, result);
}
