import { checkName, checkNumber, checkOptions, type Rules, timeOf } from "../base/check.js";
import { cronTimes } from "./cron.js";
import { checkTimezone } from "./timezone.js";

/** The options of {@link nextRuns}. */
export interface NextRunsOptions {
  /** The IANA name of the time zone in which the expression counts. @defaultValue "UTC" */
  timezone?: string | undefined;
  /** Runs after this time. @defaultValue now */
  from?: Date | number | undefined;
  /** How many, at most 1000. @defaultValue 5 */
  count?: number | undefined;
}

const MAX_COUNT = 1000;

const RULES: Rules<NextRunsOptions> = {
  timezone: checkTimezone,
  from: (option, value) => void timeOf(option, value),
  count: (option, value) => checkNumber(option, value, { min: 1, max: MAX_COUNT, integer: true }),
};

/**
 * The next times of a cron expression, as a schedule has them: fewer than `count` if the expression names years, and
 * these end.
 * @param expression - five fields, six with seconds, or seven with years: `0 3 * * *`, `0 0 9 L * *`, `@daily`
 * @throws {TypeError} | {RangeError} naming what is wrong, and in which field
 */
export function nextRuns(expression: string, options: NextRunsOptions = {}): Date[] {
  checkName("expression", expression);
  checkOptions(options, RULES, "nextRuns");
  const { timezone = "UTC", from = Date.now(), count = 5 } = options;
  const times = cronTimes("expression", expression, timezone);
  const runs: Date[] = [];
  let time = times.after(timeOf("from", from));
  while (time !== undefined && runs.length < count) {
    runs.push(new Date(time));
    time = times.after(time);
  }
  return runs;
}
