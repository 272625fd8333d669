import { checkNonEmptyString, checkOptions, checkRecord, show, type Rules } from "../base/check.js";
import { StoreError } from "../base/errors.js";
import { withJson } from "../base/json.js";
import { checkPriority, namedPriority, type Priority } from "../definition/specs/node-options.js";
import type { RecordedSchedule } from "../stores/queue/schedules/schedules.js";
import {
  type CatchUp,
  defineSchedule,
  firstTime,
  type Overlap,
  type ScheduleDefinition,
  TIMING_RULES,
  type TimingOptions,
} from "../timetables/schedule-definition.js";

/** The options of `schedule`: one of `cron`, `every` and `at`, and what its runs are. */
export interface ScheduleOptions<I = Readonly<Record<string, any>>> extends TimingOptions {
  /** Values for the parameters of each run, by name. */
  inputs?: I | undefined;
  /** Of the runs that are due, those of a higher priority begin first. @defaultValue "normal" */
  priority?: Priority | undefined;
  /** Values that the nodes of each run share, as `ctx.metadata`. */
  metadata?: Readonly<Record<string, unknown>> | undefined;
}

/**
 * A recorded schedule, with the defaults of what it was not given. It has one of `cron`, `every` and `at`, unless it can't
 * be read. What `store.redact` hides of runs' inputs and metadata is hidden here, too.
 */
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
  readonly overlap?: Overlap;
  readonly catchUp?: CatchUp;
  /** In ms. */
  readonly jitter?: number;
  /** Undefined if they can't be decoded, such as an instance of a class that is not among the store's types. */
  readonly inputs: Readonly<Record<string, unknown>> | undefined;
  /** Undefined as `inputs`. */
  readonly metadata: Readonly<Record<string, unknown>> | undefined;
  readonly priority: Priority;
  /** The nominal time of its next run, without the jitter; undefined if there is none, or while it is paused. */
  readonly next: Date | undefined;
  /** The nominal time of its last run; undefined if it had none. */
  readonly last: Date | undefined;
  readonly paused: boolean;
  /** Why it can't be read, such as a time zone that this process does not know. Then it submits no runs from here. */
  readonly error: StoreError | undefined;
}

const RULES: Rules<ScheduleOptions> = {
  ...TIMING_RULES,
  inputs: checkRecord,
  priority: checkPriority,
  metadata: checkRecord,
};

/** @throws {TypeError} | {RangeError} naming the option, its rule and the value received */
export function checkSchedule<I extends object>(
  name: string,
  options: ScheduleOptions<I>,
): Pick<ScheduleOptions, "priority" | "metadata"> & {
  readonly definition: ScheduleDefinition;
  readonly inputs: Partial<I>;
} {
  checkNonEmptyString("name", name);
  checkOptions(options, RULES, { path: "", owner: `schedule "${name}"` });
  const { inputs = {}, priority, metadata, ...timing } = options;
  const definition = defineSchedule(name, timing);
  requireTimes(name, definition);
  return { definition, inputs, priority, metadata };
}

/** @throws {RangeError} for a cron expression of years that are over */
function requireTimes(name: string, definition: ScheduleDefinition): void {
  const now = Date.now();
  if (firstTime(definition, now, now) !== undefined) return;
  throw new RangeError(
    `"cron" of schedule ${show(name)} must have a time to come; received ${show(definition.cron)}, whose last one is over. Name a later year, or none.`,
  );
}

export function scheduleInfo(schedule: RecordedSchedule): ScheduleInfo {
  const { name, workflow, definition, inputs, metadata, priority, next, last, isPaused } = schedule;
  const error = definition instanceof StoreError ? withJson(definition) : undefined;
  return {
    name,
    workflow,
    ...(definition instanceof StoreError ? {} : timingOf(definition)),
    inputs,
    metadata,
    priority: namedPriority(priority),
    next: dateOf(next),
    last: dateOf(last),
    paused: isPaused,
    error,
  };
}

function timingOf(definition: ScheduleDefinition): Pick<ScheduleInfo, keyof TimingOptions & keyof ScheduleInfo> {
  const { cron, timezone, every, at, overlap, catchUp, jitter } = definition;
  const rest = { overlap, catchUp, jitter };
  if (cron !== undefined) return { cron, timezone, ...rest };
  return at === undefined ? { every, ...rest } : { at: new Date(at), ...rest };
}

function dateOf(time: number | undefined): Date | undefined {
  return time === undefined ? undefined : new Date(time);
}
