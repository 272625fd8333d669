import {
  checkDuration,
  checkName,
  checkNumber,
  checkOptions,
  label,
  nested,
  oneOf,
  type OptionName,
  type Rules,
  show,
  timeOf,
} from "../base/check.js";
import { cronTimes } from "./cron.js";
import { once, regularly, type Timetable } from "./timetable.js";
import { checkTimezone } from "./timezone.js";

/** What becomes of a time that comes while an earlier run of the schedule is unfinished. */
export type Overlap = "skip" | "queue" | "allow" | "cancel";

/** Which of the times that were missed while no service ran are made up for. */
export type CatchUp = "none" | "latest" | "all";

/** When a schedule submits runs: by one of `cron`, `every` and `at`. */
export interface TimingOptions {
  /** A cron expression of five fields, six with seconds, or seven with years: `0 3 * * *`. */
  cron?: string | undefined;
  /** The IANA name of the time zone in which `cron` counts. @defaultValue "UTC" */
  timezone?: string | undefined;
  /** An interval in whole ms, at least 1, counted from when the schedule was first recorded. */
  every?: number | undefined;
  /** A single time. One that has passed comes at once. */
  at?: Date | number | undefined;
  /**
   * What becomes of a time that comes while an earlier run of the schedule is unfinished. `skip` leaves it out; `queue`
   * begins its run when the earlier ones are over; `allow` begins it at once; `cancel` cancels the earlier ones first.
   * @defaultValue "skip"
   */
  overlap?: Overlap | undefined;
  /**
   * Which of the times that were missed, while no service ran, are made up for: none, the latest, or the last hundred.
   * The runs of `all` follow one another, unless their overlap is allowed. @defaultValue "latest"
   */
  catchUp?: CatchUp | undefined;
  /**
   * The longest time by which a run is put off, in ms, so that not all begin at once: each by another part of it, or of
   * the time until the next run, if that is shorter.
   */
  jitter?: number | undefined;
}

/** {@link TimingOptions} that are checked, with their defaults. */
export interface ScheduleDefinition {
  readonly cron?: string;
  /** Belongs to `cron`. */
  readonly timezone?: string;
  readonly every?: number;
  readonly at?: number;
  readonly overlap: Overlap;
  readonly catchUp: CatchUp;
  readonly jitter: number;
}

export const TIMING_RULES: Rules<TimingOptions> = {
  cron: checkName,
  timezone: checkTimezone,
  every: (option, value) =>
    checkNumber(option, value, { min: 1, max: MAX_INTERVAL, integer: true, unit: "milliseconds" }),
  at: (option, value) => void timeOf(option, value),
  overlap: oneOf(["skip", "queue", "allow", "cancel"]),
  catchUp: oneOf(["none", "latest", "all"]),
  jitter: (option, value) => checkDuration(option, value),
};

/** A hundred years, in ms. */
const MAX_INTERVAL = 36_525 * 86_400_000;

/**
 * Checks the timing of a schedule.
 * @throws {TypeError} | {RangeError} naming the option, its rule and the value received
 */
export function defineSchedule(name: string, options: TimingOptions): ScheduleDefinition {
  const owner: OptionName = { path: "", owner: `schedule ${show(name)}` };
  checkOptions(options, TIMING_RULES, owner);
  const { cron, timezone, every, at, overlap = "skip", catchUp = "latest", jitter = 0 } = options;
  const given = [cron, every, at].filter((option) => option !== undefined).length;
  if (given !== 1) {
    const received = given === 0 ? "none of them" : "several";
    throw new TypeError(`${label(owner)} needs one of "cron", "every" and "at", and has ${received}.`);
  }
  const rest = { overlap, catchUp, jitter: Math.floor(jitter) };
  if (cron !== undefined) {
    const zone = timezone ?? "UTC";
    cronTimes(nested(owner, "cron"), cron, zone);
    return { cron, timezone: zone, ...rest };
  }
  if (timezone !== undefined)
    throw new TypeError(`${label(nested(owner, "timezone"))} belongs to "cron". Leave it out.`);
  return at === undefined ? { every: every!, ...rest } : { at: timeOf(nested(owner, "at"), at), ...rest };
}

/** The nominal times of a schedule. @param first - when it was first scheduled */
export function timetableOf({ cron, timezone, every, at }: ScheduleDefinition, first: number): Timetable {
  if (cron !== undefined) return cronTimes("cron", cron, timezone!);
  return at === undefined ? regularly(every!, first) : once(at);
}

/** The first time of a schedule that begins now. A single one that has passed is yet to come. */
export function firstTime(definition: ScheduleDefinition, first: number, now: number): number | undefined {
  return definition.at ?? timetableOf(definition, first).after(now);
}

/** Whether two definitions have the same times. */
export function isSameTimetable(a: ScheduleDefinition, b: ScheduleDefinition): boolean {
  return a.cron === b.cron && a.timezone === b.timezone && a.every === b.every && a.at === b.at;
}
