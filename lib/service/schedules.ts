import { checkNonEmptyString, checkOptions, checkRecord, show, type Rules } from "../base/check.js";
import { StoreError } from "../base/errors.js";
import type { RecordedSchedule } from "../stores/queue/schedules/schedules.js";
import {
  defineSchedule,
  firstTime,
  type ScheduleDefinition,
  TIMING_RULES,
  type TimingOptions,
} from "../timetables/schedule-definition.js";

/** The options of `schedule`: one of `cron`, `every` and `at`, and what its runs are. */
export interface ScheduleOptions<I = Readonly<Record<string, any>>> extends TimingOptions {
  /** Values for the parameters of each run, by name. */
  inputs?: I | undefined;
}

/** A recorded schedule. It has one of `cron`, `every` and `at`, unless it can't be read. */
export interface ScheduleInfo {
  readonly name: string;
  /** The name of its workflow. */
  readonly workflow: string;
  readonly cron?: string;
  /** The time zone in which `cron` counts. */
  readonly timezone?: string;
  /** In ms. */
  readonly every?: number;
  readonly at?: Date;
  /** The nominal time of its next run, without the jitter; undefined if there is none, or while it is paused. */
  readonly next: Date | undefined;
  /** The nominal time of its last run; undefined if it had none. */
  readonly last: Date | undefined;
  readonly paused: boolean;
  /** Why it can't be read, such as a time zone that this process does not know. Then it submits no runs from here. */
  readonly error: StoreError | undefined;
}

const RULES: Rules<ScheduleOptions> = { ...TIMING_RULES, inputs: checkRecord };

/** @throws {TypeError} | {RangeError} naming the option, its rule and the value received */
export function checkSchedule<I extends object>(
  name: string,
  options: ScheduleOptions<I>,
): { readonly definition: ScheduleDefinition; readonly inputs: Partial<I> } {
  checkNonEmptyString("name", name);
  checkOptions(options, RULES, { path: "", owner: `schedule "${name}"` });
  const { inputs = {}, ...timing } = options;
  const definition = defineSchedule(name, timing);
  requireTimes(name, definition);
  return { definition, inputs };
}

/** @throws {RangeError} for a cron expression of years that are over */
function requireTimes(name: string, definition: ScheduleDefinition): void {
  const now = Date.now();
  if (firstTime(definition, now, now) !== undefined) return;
  throw new RangeError(
    `"cron" of schedule ${show(name)} must have a time to come; received ${show(definition.cron)}, whose last one is over. Name a later year, or none.`,
  );
}

export function scheduleInfo({ name, workflow, definition, next, last, isPaused }: RecordedSchedule): ScheduleInfo {
  const error = definition instanceof StoreError ? definition : undefined;
  return {
    name,
    workflow,
    ...(definition instanceof StoreError ? {} : timingOf(definition)),
    next: dateOf(next),
    last: dateOf(last),
    paused: isPaused,
    error,
  };
}

function timingOf({
  cron,
  timezone,
  every,
  at,
}: ScheduleDefinition): Pick<ScheduleInfo, keyof TimingOptions & keyof ScheduleInfo> {
  if (cron !== undefined) return { cron, timezone };
  return at === undefined ? { every } : { at: new Date(at) };
}

function dateOf(time: number | undefined): Date | undefined {
  return time === undefined ? undefined : new Date(time);
}
