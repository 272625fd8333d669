import { CronPattern } from "croner";
import { label, type OptionName, show } from "../base/check.js";

/** The fields of a cron expression with seconds and years, and what each of them may contain. */
const FIELDS = [
  ["second", "0 to 59"],
  ["minute", "0 to 59"],
  ["hour", "0 to 23"],
  ["day of the month", "1 to 31, L for the last one, or 15W for the weekday nearest to the 15th"],
  ["month", "1 to 12, or JAN to DEC"],
  ["day of the week", "0 to 7 or SUN to SAT, where 0 and 7 are Sunday, MON#2 for the second, or FRIL for the last one"],
  ["year", "1 to 9999"],
] as const;

const SHORTHANDS = "@yearly, @monthly, @weekly, @daily or @hourly";

/**
 * Parses a cron expression.
 * @throws {RangeError} naming the option, the field that is wrong, and what it may contain
 */
export function parseCron(option: string | OptionName, expression: string): CronPattern {
  try {
    return new CronPattern(expression);
  } catch (cause) {
    throw new RangeError(`${label(option)} ${problemOf(expression)}; received ${show(expression)}.`, { cause });
  }
}

function problemOf(expression: string): string {
  const fields = expression.match(/\S+/gu) ?? [];
  if (fields[0]?.startsWith("@") === true) return `must be a cron expression, or ${SHORTHANDS}`;
  if (fields.length < 5 || fields.length > 7) {
    const order =
      "minute, hour, day of the month, month and day of the week; seconds may precede them, and years follow";
    return `must be a cron expression of 5 to 7 fields (${order}), and has ${fields.length}`;
  }
  const first = fields.length === 5 ? 1 : 0;
  const wrong = fields.findIndex((field, index) => !isValid(field, first + index));
  if (wrong === -1) return "must be a cron expression";
  const [name, allowed] = FIELDS[first + wrong];
  const forms = "as a list (1,5), a range (1-5), or steps (*/5 or 0-30/5)";
  return `must be a cron expression. Its ${name}, ${show(fields[wrong])} in field ${wrong + 1}, can't be read: it may be * or ${allowed}, ${forms}`;
}

/** Whether a field is valid, with any value in all others. */
function isValid(field: string, position: number): boolean {
  try {
    new CronPattern(FIELDS.map((_, index) => (index === position ? field : "*")).join(" "));
    return true;
  } catch {
    return false;
  }
}
