import { Cron } from "croner";
import { label, type OptionName, show } from "../base/check.js";
import { parseCron } from "./cron-fields.js";
import type { Timetable } from "./timetable.js";
import { WallClock } from "./wall-clock.js";

/** The timetables in use: a service asks for that of a schedule whenever it fires. */
const known = new Map<string, Timetable>();
const MOST_KNOWN = 1000;

/** When the search begins for an expression that never comes. */
const SOME_TIME = Date.UTC(2000, 0);

/**
 * The times of a cron expression in a time zone.
 *
 * An expression that names its minutes and hours means times of day. One that the clocks skip comes at the first instant
 * after the gap; one that they show twice comes the first time. An expression of every hour, or of every minute, follows
 * real time: it comes whenever the clocks show it.
 *
 * Croner says which readings of a clock an expression means. Where it also knows when these are, it is asked that; but
 * it misses times of day in a gap that ends at midnight, or lasts a whole day.
 * @throws {RangeError} naming the option, the field that is wrong, and what it may contain
 */
export function cronTimes(option: string | OptionName, expression: string, timezone: string): Timetable {
  const key = `${timezone} ${expression}`;
  let times = known.get(key);
  if (times === undefined) {
    times = remembering(readCron(option, expression, timezone));
    if (known.size >= MOST_KNOWN) known.clear();
    known.set(key, times);
  }
  return times;
}

function readCron(option: string | OptionName, expression: string, timezone: string): Timetable {
  const { hour, minute, starYear } = parseCron(option, expression);
  const readings = timesOf(new Cron(expression, { utcOffset: 0 }));
  if (starYear && readings.after(SOME_TIME) === undefined) {
    throw new RangeError(
      `${label(option)} must be a cron expression of a date that exists; received ${show(expression)}.`,
    );
  }
  if (timezone === "UTC") return readings;
  const followsRealTime = hour.every(Boolean) || minute.every(Boolean);
  if (followsRealTime) return timesOf(new Cron(expression, { timezone }));
  return timesOfDay(readings, WallClock.in(timezone));
}

/** Keeps the latest answers: from one time until the next, they are the same. */
function remembering(timetable: Timetable): Timetable {
  let gaps: readonly { readonly from: number; readonly next: number | undefined }[] = [];
  return {
    after(time) {
      const known = gaps.find(({ from, next = Infinity }) => from <= time && time < next);
      if (known !== undefined) return known.next;
      const next = timetable.after(time);
      gaps = [{ from: time, next }, ...gaps.slice(0, 1)];
      return next;
    },
  };
}

function timesOf(cron: Cron): Timetable {
  return { after: (time) => cron.nextRun(new Date(time))?.getTime() };
}

function timesOfDay(readings: Timetable, clock: WallClock): Timetable {
  return {
    after(time) {
      let reading: number | undefined = clock.reading(time);
      while ((reading = readings.after(reading)) !== undefined) {
        const next = clock.firstTime(reading);
        // Not after it while clocks show the same hours again, or for those that they have just skipped.
        if (next > time) return next;
      }
      return undefined;
    },
  };
}
