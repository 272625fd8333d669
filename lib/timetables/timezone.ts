import { checkNonEmptyString, label, type OptionName, show } from "../base/check.js";

/** @throws {TypeError} | {RangeError} unless `value` is the name of a time zone that this process knows */
export function checkTimezone(option: string | OptionName, value: unknown): asserts value is string {
  checkNonEmptyString(option, value);
  if (!value.startsWith("+") && !value.startsWith("-") && isKnown(value)) return;
  const rule = `${label(option)} must be the name of a time zone, such as "UTC" or "Europe/Berlin"`;
  throw new RangeError(`${rule}; received ${show(value)}.`);
}

/** The zones that were found to be known: to find out takes as long as a hundred readings of a clock. */
const known = new Set<string>();

function isKnown(timezone: string): boolean {
  if (known.has(timezone)) return true;
  try {
    new Intl.DateTimeFormat("en-US", { timeZone: timezone });
    known.add(timezone);
    return true;
  } catch {
    return false;
  }
}
