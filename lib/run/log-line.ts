import { checkOneOf, checkRecord } from "../base/check.js";
import { asText } from "../base/message.js";
import type { LogLevel } from "../definition/context.js";
import type { LogLine } from "./events.js";

export const LOG_LEVELS: readonly LogLevel[] = ["debug", "info", "warn", "error"];
const OTHER_LEVELS = { trace: '"debug"', warning: '"warn"', fatal: '"error"' };

const NO_FIELDS = Object.freeze({});

/** The line that the arguments of `ctx.log` stand for. @throws {TypeError} | {RangeError} */
export function logLine(
  message: unknown,
  fields: Readonly<Record<string, unknown>> = NO_FIELDS,
  level: LogLevel = "info",
): LogLine {
  checkRecord("fields", fields);
  checkOneOf("level", level, LOG_LEVELS, OTHER_LEVELS);
  return { message: asText(message), fields, level };
}
