import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Firing, firingAt, MAX_CAUGHT_UP } from "../../lib/timetables/firing.js";
import { dueTimeOf } from "../../lib/timetables/due-time.js";
import { jitterOf } from "../../lib/timetables/jitter.js";
import { firstTime, type ScheduleDefinition, timetableOf } from "../../lib/timetables/schedule-definition.js";

const START = Date.UTC(2026, 2, 28);
const DEFAULTS = { overlap: "allow", catchUp: "latest", jitter: 0 } as const;

/** A schedule from when it was first scheduled, which is asked at any time. */
class Scheduled {
  readonly fired: { readonly time: number; readonly at: number }[] = [];
  isBusy = false;
  private next: number | undefined;
  private readonly timetable;

  constructor(readonly definition: ScheduleDefinition) {
    this.timetable = timetableOf(definition, START);
    this.next = firstTime(definition, START, START);
  }

  ask(now: number, watchedSince = now): Firing {
    const { definition, timetable, isBusy, next } = this;
    if (next === undefined || next > now) return { times: [], next, dueAt: next };
    const firing = firingAt(now, { name: "job", definition, timetable, isBusy, next }, watchedSince);
    this.next = firing.next;
    this.fired.push(...firing.times.map((time) => ({ time, at: now })));
    return firing;
  }

  dueTime(time: number): number {
    return dueTimeOf("job", this.timetable, time, this.definition.jitter);
  }

  get times(): number[] {
    return this.fired.map(({ time }) => time);
  }
}

const timings = fc.constantFrom(
  { every: 1000 },
  { every: 7777 },
  { every: 60_000 },
  { cron: "*/5 * * * * *", timezone: "UTC" },
  { cron: "30 * * * *", timezone: "Europe/Berlin" },
  { cron: "30 2 * * *", timezone: "Europe/Berlin" },
  { at: START + 5000 },
);
const steps = fc.array(
  fc.oneof(
    fc.integer({ min: 0, max: 3000 }),
    fc.integer({ min: 0, max: 100_000 }),
    fc.integer({ min: 0, max: 7_200_000 }),
  ),
  { maxLength: 12 },
);
const jitters = fc.constantFrom(0, 1, 500, 5000, 90_000);

/** Asks at times that the steps lead to; returns the last one. */
function askAll(scheduled: Scheduled, between: readonly number[]): number {
  let now = START;
  for (const step of between) scheduled.ask((now += step));
  return now;
}

function nominalTimes(definition: ScheduleDefinition, to: number): number[] {
  const times: number[] = [];
  const timetable = timetableOf(definition, START);
  for (let time = firstTime(definition, START, START); time !== undefined && time <= to; time = timetable.after(time)) {
    times.push(time);
  }
  return times;
}

describe("The firing of a schedule", () => {
  it(
    "is never early, and fires each nominal time at most once and in order, whatever the outages",
    { tags: "slow" },
    () => {
      fc.assert(
        fc.property(
          timings,
          steps,
          jitters,
          fc.constantFrom("none", "latest", "all"),
          (timing, between, jitter, catchUp) => {
            const scheduled = new Scheduled({ ...DEFAULTS, ...timing, jitter, catchUp });
            const now = askAll(scheduled, between);
            const { times } = scheduled;
            expect(times).toEqual(Array.from(new Set(times)).sort((a, b) => a - b));
            for (const { time, at } of scheduled.fired) expect(at).toBeGreaterThanOrEqual(scheduled.dueTime(time));
            const nominal = new Set(nominalTimes(scheduled.definition, now));
            expect(times.filter((time) => !nominal.has(time))).toEqual([]);
          },
        ),
      );
    },
  );

  it("misses nothing under all, as long as no more than the limit came since it was asked", () => {
    const short = fc.array(fc.integer({ min: 0, max: MAX_CAUGHT_UP * 1000 - 2000 }), { maxLength: 25 });
    fc.assert(
      fc.property(timings, short, jitters, (timing, between, jitter) => {
        const scheduled = new Scheduled({ ...DEFAULTS, ...timing, jitter: Math.min(jitter, 1000), catchUp: "all" });
        const now = askAll(scheduled, between);
        scheduled.ask(now + 1000);
        const came = nominalTimes(scheduled.definition, now);
        expect(scheduled.times.filter((time) => time <= now)).toEqual(came);
      }),
    );
  });

  it("fires under all the same times, however often it is asked", () => {
    fc.assert(
      fc.property(timings, steps, jitters, (timing, between, jitter) => {
        const definition = { ...DEFAULTS, ...timing, jitter, catchUp: "all" } as const;
        const [often, once] = [new Scheduled(definition), new Scheduled(definition)];
        const now = askAll(often, between);
        once.ask(now);
        expect(often.times.slice(-MAX_CAUGHT_UP)).toEqual(expect.arrayContaining(once.times));
      }),
    );
  });

  it("fires under latest the last time that came, and that one only", () => {
    fc.assert(
      fc.property(timings, steps, (timing, between) => {
        const scheduled = new Scheduled({ ...DEFAULTS, ...timing });
        let now = START;
        for (const step of between) {
          const fresh = nominalTimes(scheduled.definition, now + step).filter((time) => time > now);
          expect(scheduled.ask((now += step)).times).toEqual(fresh.slice(-1));
        }
      }),
    );
  });

  it("fires under none what comes while a service runs, and a time that one which starts just then finds", () => {
    const missed = new Scheduled({ ...DEFAULTS, every: 60_000, catchUp: "none" });
    expect(missed.ask(START + 150_000).times).toEqual([]);
    expect(missed.ask(START + 180_000).times).toEqual([START + 180_000]);
    expect(missed.ask(START + 240_900).times).toEqual([START + 240_000]);
    expect(missed.ask(START + 330_000, START + 299_000).times).toEqual([START + 300_000]);
  });

  it("makes up for the last hundred at most", () => {
    const scheduled = new Scheduled({ ...DEFAULTS, every: 1000, catchUp: "all" });
    const { times } = scheduled.ask(START + 86_400_000);
    expect(times).toHaveLength(MAX_CAUGHT_UP);
    expect(times.at(-1)).toBe(START + 86_400_000);
    expect(times[0]).toBe(START + 86_400_000 - 99_000);
  });

  it("skips under skip what comes while a run is unfinished, except what all makes up for", () => {
    for (const catchUp of ["latest", "all"] as const) {
      const scheduled = new Scheduled({ ...DEFAULTS, every: 60_000, overlap: "skip", catchUp });
      scheduled.isBusy = true;
      expect(scheduled.ask(START + 60_000).times).toEqual([]);
      expect(scheduled.ask(START + 190_000).times).toHaveLength(catchUp === "all" ? 2 : 0);
      scheduled.isBusy = false;
      expect(scheduled.ask(START + 240_000).times).toEqual([START + 240_000]);
    }
  });

  it("counts an interval from when it was first scheduled", () => {
    const scheduled = new Scheduled({ ...DEFAULTS, every: 1000 });
    expect(scheduled.ask(START).times).toEqual([]);
    expect(scheduled.ask(START + 999).times).toEqual([]);
    expect(scheduled.ask(START + 1000).times).toEqual([START + 1000]);
    expect(scheduled.ask(START + 5300)).toEqual({ times: [START + 5000], next: START + 6000, dueAt: START + 6000 });
  });

  it("fires a single time once, also one that has passed", () => {
    const scheduled = new Scheduled({ ...DEFAULTS, at: START - 1000 });
    expect(scheduled.ask(START)).toEqual({ times: [START - 1000], next: undefined, dueAt: undefined });
    expect(scheduled.ask(START + 1)).toEqual({ times: [], next: undefined, dueAt: undefined });
  });
});

describe("Jitter", () => {
  it("is the same for the same nominal time, at least nothing, and less than its limit", () => {
    fc.assert(
      fc.property(
        fc.string(),
        fc.integer({ min: 0, max: 4e12 }),
        fc.integer({ min: 1, max: 1e9 }),
        (name, time, jitter) => {
          const delay = jitterOf(name, time, jitter);
          expect(delay).toBe(jitterOf(name, time, jitter));
          expect(Number.isInteger(delay)).toBe(true);
          expect(delay).toBeGreaterThanOrEqual(0);
          expect(delay).toBeLessThan(jitter);
        },
      ),
    );
  });

  it("differs between schedules and between times", () => {
    const delays = [0, 1000, 2000].flatMap((time) => ["a", "b"].map((name) => jitterOf(name, time, 1e6)));
    expect(new Set(delays).size).toBe(6);
  });

  it(
    "loses no time that comes while a service runs, and keeps their order, however long it is",
    { tags: "slow" },
    () => {
      fc.assert(
        fc.property(timings, jitters, fc.constantFrom("none", "latest", "all"), (timing, jitter, catchUp) => {
          const scheduled = new Scheduled({ ...DEFAULTS, ...timing, jitter, catchUp });
          let { dueAt } = scheduled.ask(START);
          for (let asked = 0; dueAt !== undefined && asked < 50; asked++) ({ dueAt } = scheduled.ask(dueAt, START));
          const { times, fired } = scheduled;
          expect(times).toEqual(nominalTimes(scheduled.definition, times.at(-1)!));
          for (const { time, at } of fired) expect(at - time).toBeLessThan(Math.max(1, jitter));
        }),
      );
    },
  );

  it("tells when the next time is due, and puts it off by less than its limit", () => {
    const scheduled = new Scheduled({ ...DEFAULTS, every: 60_000, jitter: 30_000 });
    const { next, dueAt } = scheduled.ask(START + 60_000);
    expect(next).toBe(START + 60_000);
    expect(scheduled.ask(dueAt! - 1).times).toEqual([]);
    expect(scheduled.ask(dueAt!).times).toEqual([START + 60_000]);
    expect(dueAt! - next!).toBeLessThan(30_000);
  });
});

it("What has come is looked for near now, however far away the next time is", () => {
  const definition = { ...DEFAULTS, cron: "0 0 1 1 *", timezone: "UTC" };
  const times = timetableOf(definition, START);
  let asked = 0;
  const timetable = { after: (time: number) => (asked++, times.after(time)) };
  const [now, next] = [Date.UTC(2027, 0), Date.UTC(2028, 0)];
  const firing = firingAt(now, { name: "yearly", definition, timetable, isBusy: false, next: now }, now);
  expect(firing).toEqual({ times: [now], next, dueAt: next });
  expect(asked).toBeLessThanOrEqual(5);
});
