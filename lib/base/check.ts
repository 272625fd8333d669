import { suggestion } from "./nearest.js";

/** The most characters of a received text that become part of a message. */
const LONGEST_TEXT = 200;

/** How a received value is shown in a message. Total: short, and safe for any value. */
export function show(value: unknown): string {
  try {
    return shown(value);
  } catch {
    return `${typeof value === "function" ? "a function" : "an object"} that can't be looked at`;
  }
}

function shown(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(short(value));
  if (typeof value === "function") return `function ${short(value.name) || "(anonymous)"}`;
  if (typeof value === "bigint") return `${short(String(value))}n`;
  if (typeof value !== "object" || value === null) return short(String(value));
  if (Array.isArray(value)) return `an array of ${value.length}`;
  return `an object (${short(Object.prototype.toString.call(value).slice(8, -1))})`;
}

function short(text: string): string {
  return text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT)}…` : text;
}

/** What something is called here that has other names elsewhere. */
export type OtherNames = Readonly<Record<string, string>>;

/** @throws {TypeError} when `value` is not an options object, or has a key that is not in `known` */
export function checkOptions(value: unknown, known: readonly string[], where: string, others: OtherNames = {}): void {
  checkObject(value, where);
  for (const key of Object.keys(value)) if (!known.includes(key)) throw unknownOption(key, known, where, others);
}

/** @throws {TypeError} when `value` can't be an options object */
export function checkObject(value: unknown, where: string): asserts value is object {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return;
  throw new TypeError(`The options of ${where} must be an object; received ${show(value)}.`);
}

/** ` Here that is x.`, or nothing. */
function otherName(name: string, others: OtherNames): string {
  return Object.hasOwn(others, name) ? ` Here that is ${others[name]}.` : "";
}

/** The error for an option that does not exist. */
export function unknownOption(key: string, known: Iterable<string>, where: string, others: OtherNames = {}): TypeError {
  const names = Array.from(known);
  const hint = otherName(key, others) || suggestion(key, names) || ` Known options: ${names.join(", ")}.`;
  return new TypeError(`Unknown option "${key}" of ${where}.${hint}`);
}

/** @throws {TypeError} | {RangeError} unless `value` is undefined or a number within the bounds */
export function checkNumber(
  option: string,
  value: unknown,
  rule: { min: number; max?: number; integer?: boolean; unit?: string },
): void {
  if (value === undefined) return;
  const unit = rule.unit === undefined ? "" : ` of ${rule.unit}`;
  const kind = `${rule.integer === true ? "a whole number" : "a number"}${unit}`;
  if (typeof value !== "number") throw new TypeError(`"${option}" must be ${kind}; received ${show(value)}.`);
  const max = rule.max ?? Infinity;
  if (Number.isNaN(value) || value < rule.min || value > max || (rule.integer === true && !isWhole(value))) {
    const bounds = max === Infinity ? `at least ${rule.min}` : `from ${rule.min} to ${max}`;
    throw new RangeError(`"${option}" must be ${kind}, ${bounds}; received ${value}.`);
  }
}

/** The times of dates reach as far as this, in ms from 1970 on and back. */
export const LATEST = 8.64e15;

/** Whether a value is the time of a date, in ms since 1970. */
export function isTime(value: unknown): value is number {
  return typeof value === "number" && Math.abs(value) <= LATEST;
}

/**
 * A time that is given as a date or in ms since 1970, in whole ms.
 * @throws {TypeError} | {RangeError} unless it is one
 */
export function timeOf(option: string, value: unknown): number {
  const time: unknown = value instanceof Date ? value.getTime() : value;
  const rule = `"${option}" must be a date, or a number of milliseconds since 1970`;
  if (typeof time !== "number") throw new TypeError(`${rule}; received ${show(value)}.`);
  if (!isTime(time)) throw new RangeError(`${rule}; received ${time === value ? time : "an invalid date"}.`);
  return Math.floor(time);
}

/** @throws {TypeError} | {RangeError} unless `value` is undefined or one of `allowed` */
export function checkOneOf(option: string, value: unknown, allowed: readonly string[], others: OtherNames = {}): void {
  if (value === undefined || allowed.includes(value as string)) return;
  const rule = `"${option}" must be one of ${allowed.map((name) => `"${name}"`).join(", ")}`;
  if (typeof value !== "string") throw new TypeError(`${rule}; received ${show(value)}.`);
  throw new RangeError(`${rule}; received "${value}".${otherName(value, others) || suggestion(value, allowed)}`);
}

/** @throws {TypeError} unless `value` is undefined or of the JavaScript type `type` */
export function checkType(option: string, value: unknown, type: "string" | "boolean" | "function" | "object"): void {
  if (value === undefined || (typeof value === type && value !== null)) return;
  throw new TypeError(`"${option}" must be ${type === "object" ? "an" : "a"} ${type}; received ${show(value)}.`);
}

/** What is to be true of options: their types, or what throws unless a value is right. */
export type Rules<O> = { readonly [K in keyof O]-?: "string" | "boolean" | "object" | ((value: O[K]) => void) };

/** Checks options as far as they are given. Those that have no rule are left aside. */
export function checkByRules<O extends object>(options: O, rules: Rules<O>): void {
  for (const option in options) {
    const rule = Object.hasOwn(rules, option) ? rules[option] : undefined;
    if (typeof rule === "function") rule(options[option]);
    else if (rule !== undefined) checkType(option, options[option], rule);
  }
}

/**
 * @throws {TypeError} unless `value` is undefined, or an object that is empty or holds something under names of its own: no list,
 *   no map, and none that has only symbols or what it inherits
 */
export function checkRecord(option: string, value: unknown): void {
  checkType(option, value, "object");
  if (value === undefined) return;
  if (Array.isArray(value)) throw notRecord(option, show(value));
  let isEmpty = true;
  for (const name in value as object) {
    if (Object.hasOwn(value as object, name)) return;
    isEmpty = false;
  }
  const parent: unknown = Object.getPrototypeOf(value);
  const isPlain = parent === null || Object.getPrototypeOf(parent) === null;
  if (isEmpty && isPlain && Object.getOwnPropertySymbols(value).length === 0) return;
  throw notRecord(option, `${show(value)} that has none`);
}

function notRecord(option: string, received: string): TypeError {
  return new TypeError(
    `"${option}" must be an object with names of its own, as { name: value }; received ${received}.`,
  );
}

/** @throws {TypeError} unless `value` is a string */
export function checkName(option: string, value: unknown): asserts value is string {
  if (typeof value !== "string") throw new TypeError(`"${option}" must be a string; received ${show(value)}.`);
}

function isWhole(value: number): boolean {
  return Number.isInteger(value) || value === Infinity;
}

/** A hundred years, in ms: with it, every date that a time leads to is one. */
const CENTURY = 36_525 * 86_400_000;

/** @throws {TypeError} | {RangeError} unless `value` is undefined or a time in ms */
export function checkDuration(option: string, value: unknown, min = 0, max = CENTURY): void {
  checkNumber(option, value, { min, max, unit: "milliseconds" });
}
