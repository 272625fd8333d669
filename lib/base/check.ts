import { suggestion } from "./nearest.js";

/** The longest text, in characters, that a message quotes in full. */
const MAX_QUOTED = 200;

/** Formats any value for a message, in a short form. Never throws. */
export function show(value: unknown): string {
  try {
    return shown(value);
  } catch {
    return `${typeof value === "function" ? "a function" : "an object"} that can't be inspected`;
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
  return text.length > MAX_QUOTED ? `${text.slice(0, MAX_QUOTED)}…` : text;
}

/** The parts of an option's name in messages: `"timeout"`, or with its owner, `"retry.delay" of node "x"`. */
export interface OptionName {
  /** Empty for the owner itself. */
  readonly path: string;
  readonly owner?: string | undefined;
}

/** An option's name in quotes, followed by its owner. */
export function label(option: string | OptionName): string {
  if (typeof option === "string") return `"${option}"`;
  const { path, owner } = option;
  if (owner === undefined) return `"${path}"`;
  return path === "" ? owner : `"${path}" of ${owner}`;
}

/** The name of an option within another one, or of an owner. */
export function nested({ path, owner }: OptionName, name: string): OptionName {
  return { path: path === "" ? name : `${path}.${name}`, owner };
}

type TypeName = "string" | "boolean" | "function" | "object";

/** The type of an option, or a function that throws unless its value is valid. */
export type Rule<V = any> = TypeName | "any" | ((option: OptionName, value: V) => void);

/** One rule for each option of `O`. */
export type Rules<O> = { readonly [K in keyof O]-?: Rule<Exclude<O[K], undefined>> };

/** Wrong names, each with the name to use instead. */
export type OtherNames = Readonly<Record<string, string>>;

/** Advice on unknown options: the names to use instead, or a function that returns a sentence. */
export type Advice = OtherNames | ((option: string) => string | undefined);

/**
 * Checks each option against the rule for its name. Undefined options count as missing.
 * @param owner - the owner of the options, such as `a run`; messages about an option include an {@link OptionName}
 * @throws {TypeError} when `options` is not an object, or has an option without a rule
 * @throws {TypeError} | {RangeError} naming the option, its rule and the value received
 */
export function checkOptions(
  options: unknown,
  rules: Rules<any>,
  owner: string | OptionName,
  advice?: Advice,
): asserts options is object {
  checkObject(options, owner);
  for (const name in options) {
    if (!Object.hasOwn(rules, name)) throw unknownOption(name, rules, owner, advice);
    const value: unknown = options[name as never];
    if (value === undefined) continue;
    checkRule(nameIn(owner, name), value, rules[name]);
  }
}

/** @throws {TypeError} when an option has no rule; the values are not checked */
export function checkOptionNames(options: object, rules: Rules<any>, owner: string, advice?: Advice): void {
  for (const name in options) if (!Object.hasOwn(rules, name)) throw unknownOption(name, rules, owner, advice);
}

/**
 * Checks that options are present, after {@link checkOptions} has checked the given ones.
 * @throws {TypeError} | {RangeError} as if a missing option were given as undefined
 */
export function requireOptions<O extends object>(
  options: O,
  required: readonly (keyof O & string)[],
  rules: Rules<any>,
  owner?: OptionName,
): void {
  for (const name of required) {
    if (options[name] === undefined) checkRule(nameIn(owner, name), undefined, rules[name]);
  }
}

/** @throws {TypeError} unless `options` is an object with names. Arrays and maps are not, nor is anything else without. */
export function checkObject(options: unknown, owner: string | OptionName): asserts options is object {
  if (typeof options === "object" && options !== null && !Array.isArray(options) && hasNames(options)) return;
  throw new TypeError(`The options of ${ownerText(owner)} must be an object; received ${show(options)}.`);
}

/** Whether an object has enumerable properties, or could have, as an empty plain one. */
function hasNames(object: object): boolean {
  if (isPlain(object)) return true;
  for (const _ in object) return true;
  return false;
}

function isPlain(object: object): boolean {
  const parent: unknown = Object.getPrototypeOf(object);
  return parent === null || Object.getPrototypeOf(parent) === null;
}

/** The owner is part of the name only if it is an {@link OptionName}. */
function nameIn(owner: string | OptionName | undefined, name: string): OptionName {
  return typeof owner === "object" ? nested(owner, name) : { path: name };
}

/** @throws {TypeError} | {RangeError} unless a value follows the rule */
export function checkRule(option: OptionName, value: unknown, rule: Rule): void {
  if (typeof rule === "function") rule(option, value);
  else if (rule !== "any") checkType(option, value, rule);
}

function unknownOption(name: string, rules: Rules<any>, owner: string | OptionName, advice: Advice = {}): TypeError {
  const known = Object.keys(rules);
  const other = typeof advice === "function" ? advice(name) : otherName(name, advice);
  const nearest = suggestion(name, known) || ` Known options: ${known.join(", ")}.`;
  return new TypeError(
    `Unknown option "${name}" of ${ownerText(owner)}.${other === undefined ? nearest : ` ${other}`}`,
  );
}

function ownerText(owner: string | OptionName): string {
  return typeof owner === "string" ? owner : label(owner);
}

function otherName(name: string, others: OtherNames): string | undefined {
  return Object.hasOwn(others, name) ? `Use ${others[name]} instead.` : undefined;
}

/** The inclusive bounds of a number. By default `max` is Infinity, and `integer` false. */
export interface Bounds {
  readonly min: number;
  readonly max?: number;
  readonly integer?: boolean;
  readonly unit?: string;
}

/** @throws {TypeError} | {RangeError} unless `value` is a number within the bounds */
export function checkNumber(option: string | OptionName, value: unknown, bounds: Bounds): void {
  const { min, max = Infinity, integer = false, unit } = bounds;
  const kind = `${integer ? "a whole number" : "a number"}${unit === undefined ? "" : ` of ${unit}`}`;
  if (typeof value !== "number") throw new TypeError(`${label(option)} must be ${kind}; received ${show(value)}.`);
  if (Number.isNaN(value) || value < min || value > max || (integer && !isWhole(value))) {
    const range = max === Infinity ? `at least ${min}` : `from ${min} to ${max}`;
    throw new RangeError(`${label(option)} must be ${kind}, ${range}; received ${value}.`);
  }
}

function isWhole(value: number): boolean {
  return Number.isInteger(value) || value === Infinity;
}

/** A rule that requires a number within the bounds. */
export function number(bounds: Bounds): Rule<unknown> {
  return (option, value) => checkNumber(option, value, bounds);
}

/** A rule that requires a whole number of at least `min`, or Infinity. */
export function integer(min: number): Rule<unknown> {
  return number({ min, integer: true });
}

/** A hundred years, in ms: the current time plus this is still a valid date. */
const CENTURY = 36_525 * 86_400_000;

/** @throws {TypeError} | {RangeError} unless `value` is a time in ms */
export function checkDuration(option: string | OptionName, value: unknown, min = 0, max = CENTURY): void {
  checkNumber(option, value, { min, max, unit: "milliseconds" });
}

/** The latest time that a `Date` can hold, in ms since 1970; the earliest is its negative. */
export const MAX_TIME = 8.64e15;

/** Whether `value` is a time that a `Date` can hold, in ms since 1970. */
export function isTime(value: unknown): value is number {
  return typeof value === "number" && Math.abs(value) <= MAX_TIME;
}

/**
 * Converts a date, or a time in ms since 1970, to whole ms.
 * @throws {TypeError} | {RangeError} unless `value` is either
 */
export function timeOf(option: string | OptionName, value: unknown): number {
  const time: unknown = value instanceof Date ? value.getTime() : value;
  const rule = `${label(option)} must be a date, or a number of milliseconds since 1970`;
  if (typeof time !== "number") throw new TypeError(`${rule}; received ${show(value)}.`);
  if (!isTime(time)) throw new RangeError(`${rule}; received ${time === value ? time : "an invalid date"}.`);
  return Math.floor(time);
}

/** @throws {TypeError} | {RangeError} unless `value` is one of `allowed` */
export function checkOneOf(
  option: string | OptionName,
  value: unknown,
  allowed: readonly string[],
  others: OtherNames = {},
): void {
  if (allowed.includes(value as string)) return;
  const rule = `${label(option)} must be one of ${allowed.map((name) => `"${name}"`).join(", ")}`;
  if (typeof value !== "string") throw new TypeError(`${rule}; received ${show(value)}.`);
  const other = otherName(value, others);
  const hint = other === undefined ? suggestion(value, allowed) : ` ${other}`;
  throw new RangeError(`${rule}; received "${value}".${hint}`);
}

/** A rule that requires one of `allowed`. */
export function oneOf(allowed: readonly string[], others?: OtherNames): Rule<unknown> {
  return (option, value) => checkOneOf(option, value, allowed, others);
}

/** @throws {TypeError} unless `value` is of the JavaScript type `type`, and not null */
export function checkType(option: string | OptionName, value: unknown, type: TypeName): void {
  if (typeof value === type && value !== null) return;
  throw new TypeError(`${label(option)} must be ${type === "object" ? "an" : "a"} ${type}; received ${show(value)}.`);
}

/** @throws {TypeError} unless `value` is a string */
export function checkName(option: string | OptionName, value: unknown): asserts value is string {
  checkType(option, value, "string");
}

/** @throws {TypeError} | {RangeError} unless `value` is a string with at least one character */
export function checkNonEmptyString(option: string | OptionName, value: unknown): asserts value is string {
  const rule = `${label(option)} must be a non-empty string`;
  if (typeof value !== "string") throw new TypeError(`${rule}; received ${show(value)}.`);
  if (value === "") throw new RangeError(`${rule}; received "".`);
}

/** @throws {TypeError} unless `value` is an array */
export function checkArray(option: string | OptionName, value: unknown): asserts value is unknown[] {
  if (!Array.isArray(value)) throw new TypeError(`${label(option)} must be an array; received ${show(value)}.`);
}

/**
 * @throws {TypeError} unless `value` is a record: an object with enumerable string keys of its own, or an empty plain
 * one. Arrays, maps, and objects with only symbol or inherited properties are not records.
 */
export function checkRecord(option: string | OptionName, value: unknown): void {
  checkType(option, value, "object");
  if (Array.isArray(value)) throw notRecord(option, show(value));
  let isEmpty = true;
  for (const name in value as object) {
    if (Object.hasOwn(value as object, name)) return;
    isEmpty = false;
  }
  if (isEmpty && isPlain(value as object) && Object.getOwnPropertySymbols(value).length === 0) return;
  throw notRecord(option, `${show(value)} that has none`);
}

function notRecord(option: string | OptionName, received: string): TypeError {
  return new TypeError(
    `${label(option)} must be an object with names of its own, as { name: value }; received ${received}.`,
  );
}
