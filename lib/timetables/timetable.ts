/** The nominal times of a schedule, in ms since 1970: a strictly increasing series that may end. */
export interface Timetable {
  /** The first time after `time`; undefined when there is none. */
  after(time: number): number | undefined;
}

/** One time. */
export function once(at: number): Timetable {
  return { after: (time) => (time < at ? at : undefined) };
}

/** Every `interval` ms, the first time one interval after `start`. */
export function regularly(interval: number, start: number): Timetable {
  return { after: (time) => start + (Math.max(0, Math.floor((time - start) / interval)) + 1) * interval };
}

/** How much further back each attempt looks, and how far back the first one does, in ms for each time that is wanted. */
const GROWTH = 4;
const FIRST_STEP = 1000;

/**
 * The last times of a timetable from `from` until before `end`, at most `count`, in their order. It looks back from the
 * end in growing steps, so that a long period costs no more than its last times.
 */
export function lastTimes(timetable: Timetable, from: number, end: number, count: number): number[] {
  for (let period = FIRST_STEP * count; ; period *= GROWTH) {
    const start = Math.max(from, end - period);
    const times = timesBetween(timetable, start, end);
    if (times.length >= count || start === from) return times.slice(-count);
  }
}

function timesBetween(timetable: Timetable, from: number, end: number): number[] {
  const times: number[] = [];
  let time = timetable.after(from - 1);
  while (time !== undefined && time < end) {
    times.push(time);
    time = timetable.after(time);
  }
  return times;
}
