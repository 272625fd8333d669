import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { nextRuns } from "../../lib/timetables/next-runs.js";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Days on which clocks change, in all ways that there are: by an hour, half an hour, a day, at midnight. */
const CHANGES = [
  ["Europe/Berlin", "2026-03-29"],
  ["Europe/Berlin", "2026-10-25"],
  ["America/New_York", "2026-03-08"],
  ["America/New_York", "2026-11-01"],
  ["America/St_Johns", "2026-03-08"],
  ["America/St_Johns", "2026-11-01"],
  ["Australia/Lord_Howe", "2026-04-04"],
  ["Australia/Lord_Howe", "2026-10-03"],
  ["Africa/Casablanca", "2026-02-15"],
  ["Africa/Casablanca", "2026-03-22"],
  ["Africa/Cairo", "2026-04-23"],
  ["Africa/Cairo", "2026-10-29"],
  ["America/Havana", "2026-03-08"],
  ["America/Nuuk", "2026-03-29"],
  ["America/Nuuk", "2026-10-25"],
  ["Antarctica/Troll", "2026-03-29"],
  ["Pacific/Apia", "2011-12-30"],
  ["Pacific/Kwajalein", "1993-08-21"],
  ["Asia/Kathmandu", "2026-03-29"],
] as const;

/** What the clocks of a zone show at each minute of some days, read minute by minute. */
function readings(timezone: string, from: number, to: number): (readonly [time: number, reading: number])[] {
  const format = new Intl.DateTimeFormat("sv-SE", { timeZone: timezone, dateStyle: "short", timeStyle: "short" });
  const list: [number, number][] = [];
  for (let time = from; time < to; time += MINUTE) list.push([time, Date.parse(`${format.format(time)}Z`)]);
  return list;
}

const days = CHANGES.map(([timezone, day]) => {
  const noon = Date.parse(`${day}T12:00Z`);
  return { timezone, noon, readings: readings(timezone, noon - 3 * DAY, noon + 3 * DAY) };
});

type Readings = (typeof days)[number]["readings"];

const range = (length: number) => Array.from({ length }, (_, index) => index);
const minutes: fc.Arbitrary<readonly number[]> = fc.oneof(
  fc.constant(range(60)),
  fc.constantFrom([0], [15], [30], [0, 30], [45, 59], [0, 20, 40]),
);
const hours: fc.Arbitrary<readonly number[]> = fc.oneof(
  fc.constant(range(24)),
  fc.constantFrom([0], [1], [2], [3], [9], [23], [0, 23], [1, 2, 3], [0, 6, 12, 18], range(23)),
);
const written = (values: readonly number[], all: number) => (values.length === all ? "*" : values.join(","));

describe("nextRuns around the days on which clocks change", () => {
  it("agrees with clocks that are read minute by minute", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...days),
        minutes,
        hours,
        fc.integer({ min: -36 * 60, max: 24 * 60 }),
        (day, m, h, offset) => {
          const [from, to] = [day.noon + offset * MINUTE, day.noon + 30 * HOUR];
          const isMeant = (reading: number) =>
            m.includes((reading / MINUTE) % 60) && h.includes(((reading / HOUR) % 24) | 0);
          const found = nextRuns(`${written(m, 60)} ${written(h, 24)} * * *`, {
            timezone: day.timezone,
            from,
            count: 200,
          });
          const expected =
            m.length === 60 || h.length === 24 ? shown(day.readings, isMeant) : reached(day.readings, isMeant);
          const within = (times: Iterable<number>) => Array.from(times).filter((time) => time > from && time < to);
          expect(within(found.map(Number))).toEqual(within(expected).slice(0, 200));
        },
      ),
      { numRuns: 150 },
    );
  });
});

/** Every time at which the clocks show what is meant. */
function shown(list: Readings, isMeant: (reading: number) => boolean): number[] {
  return list.filter(([, reading]) => isMeant(reading)).map(([time]) => time);
}

/** The times at which the clocks have first reached, or passed, each reading that is meant. */
function reached(list: Readings, isMeant: (reading: number) => boolean): Set<number> {
  const times = new Set<number>();
  let latest = list[0][1];
  for (const [time, reading] of list) {
    for (; latest < reading; latest += MINUTE) if (isMeant(latest + MINUTE)) times.add(time);
  }
  return times;
}
