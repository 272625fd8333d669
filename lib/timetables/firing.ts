import { dueTimeOf } from "./due-time.js";
import type { ScheduleDefinition } from "./schedule-definition.js";
import { lastTimes, type Timetable } from "./timetable.js";

/** The most runs that a schedule makes up for at once. */
export const MAX_CAUGHT_UP = 100;

/** How late a run may be to count as on time, in ms: a service that starts just then must not take it for missed. */
const PUNCTUAL = 1000;

/** Where a schedule stands. */
export interface ScheduleState {
  readonly name: string;
  readonly definition: ScheduleDefinition;
  readonly timetable: Timetable;
  /** The first nominal time that is not decided yet. */
  readonly next: number;
  /** Whether a run of it is unfinished. */
  readonly isBusy: boolean;
}

/** What a schedule does now. */
export interface Firing {
  /** The nominal times to submit runs for, in their order. */
  readonly times: readonly number[];
  /** The first nominal time after those that are decided; undefined when there is none. */
  readonly next: number | undefined;
  /** When it is due, with its jitter: later than now. */
  readonly dueAt: number | undefined;
}

/**
 * Decides which times of a schedule have come. Pure: the clock and the schedule's state are arguments.
 *
 * Every nominal time is decided once, in order, and never before it is due. Of several that have come since the last decision, all but the last were missed; the
 * last one was, too, if no service ran when it was due.
 * @param watchedSince - since when a service has run, by the same clock as `now`
 */
export function firingAt(now: number, state: ScheduleState, watchedSince: number): Firing {
  const undecided = firstUndecided(now, state);
  const { definition, timetable, next } = state;
  const count = definition.catchUp === "all" ? MAX_CAUGHT_UP : 1;
  // None that is decided is later than now, near which the last ones are found soon.
  const due = lastTimes(timetable, next, Math.min(undecided?.time ?? Infinity, now + 1), count);
  const isWanted = due.length > 0 && areWanted(due, now, state, watchedSince);
  return { times: isWanted ? due : [], next: undecided?.time, dueAt: undecided?.dueAt };
}

function areWanted(due: readonly number[], now: number, state: ScheduleState, watchedSince: number): boolean {
  const { overlap, catchUp } = state.definition;
  const isPunctual = dueTime(state, due[due.length - 1]) >= Math.min(watchedSince, now - PUNCTUAL);
  if (catchUp === "none" && !isPunctual) return false;
  const makesUp = catchUp === "all" && (due.length > 1 || !isPunctual);
  return overlap !== "skip" || !state.isBusy || makesUp;
}

/** The first nominal time that is not due yet: the last one that has come, or the one after that. */
function firstUndecided(now: number, state: ScheduleState): { time: number; dueAt: number } | undefined {
  const { timetable, next } = state;
  const [last = next] = lastTimes(timetable, next, now + 1, 1);
  const time = dueTime(state, last) > now ? last : timetable.after(last);
  return time === undefined ? undefined : { time, dueAt: dueTime(state, time) };
}

function dueTime({ name, definition, timetable }: ScheduleState, time: number): number {
  return dueTimeOf(name, timetable, time, definition.jitter);
}
