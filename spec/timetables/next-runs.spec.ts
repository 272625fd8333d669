import { describe, expect, it } from "vitest";
import { nextRuns } from "../../lib/timetables/next-runs.js";

function runs(expression: string, timezone: string, from: string, count = 3): string[] {
  const found = nextRuns(expression, { timezone, from: new Date(from), count });
  return found.map((run) => run.toISOString().slice(0, 19));
}

describe("A time of day that the clocks skip", () => {
  it.each([
    ["Europe/Berlin", "30 2 * * *", "2026-03-28T12:00Z", ["2026-03-29T01:00:00", "2026-03-30T00:30:00"]],
    ["America/New_York", "30 2 * * *", "2026-03-07T12:00Z", ["2026-03-08T07:00:00", "2026-03-09T06:30:00"]],
    ["America/St_Johns", "30 2 * * *", "2026-03-07T12:00Z", ["2026-03-08T05:30:00", "2026-03-09T05:00:00"]],
    ["Australia/Lord_Howe", "15 2 * * *", "2026-10-03T00:00Z", ["2026-10-03T15:30:00", "2026-10-04T15:15:00"]],
    ["Africa/Casablanca", "30 2 * * *", "2026-03-21T12:00Z", ["2026-03-22T02:00:00", "2026-03-23T01:30:00"]],
    ["Africa/Cairo", "0 0 * * *", "2026-04-23T12:00Z", ["2026-04-23T22:00:00", "2026-04-24T21:00:00"]],
  ])("comes once in %s, at the first instant after the gap", (timezone, expression, from, expected) => {
    expect(runs(expression, timezone, from, 2)).toEqual(expected);
  });

  it("comes at midnight where the gap ends then", () => {
    expect(runs("30 23 * * *", "America/Nuuk", "2026-03-28T12:00Z", 2)).toEqual([
      "2026-03-29T01:00:00",
      "2026-03-30T00:30:00",
    ]);
  });

  it("comes at the end of a day that is skipped as a whole", () => {
    expect(runs("0 9 * * *", "Pacific/Apia", "2011-12-29T12:00Z")).toEqual([
      "2011-12-29T19:00:00",
      "2011-12-30T10:00:00",
      "2011-12-30T19:00:00",
    ]);
  });

  it("comes once with others of the same gap, and with the one at its end", () => {
    expect(runs("0,15,30 2,3 * * *", "Europe/Berlin", "2026-03-28T12:00Z", 4)).toEqual([
      "2026-03-29T01:00:00",
      "2026-03-29T01:15:00",
      "2026-03-29T01:30:00",
      "2026-03-30T00:00:00",
    ]);
  });

  it("comes on the day that the expression names", () => {
    expect(runs("30 2 * * SUN", "Europe/Berlin", "2026-03-23T12:00Z", 2)).toEqual([
      "2026-03-29T01:00:00",
      "2026-04-05T00:30:00",
    ]);
  });
});

describe("A time of day that the clocks show twice", () => {
  it.each([
    ["Europe/Berlin", "30 2 * * *", "2026-10-24T12:00Z", ["2026-10-25T00:30:00", "2026-10-26T01:30:00"]],
    ["America/New_York", "30 1 * * *", "2026-10-31T12:00Z", ["2026-11-01T05:30:00", "2026-11-02T06:30:00"]],
    ["America/St_Johns", "15 1 * * *", "2026-10-31T12:00Z", ["2026-11-01T03:45:00", "2026-11-02T04:45:00"]],
    ["Australia/Lord_Howe", "45 1 * * *", "2026-04-04T00:00Z", ["2026-04-04T14:45:00", "2026-04-05T15:15:00"]],
    ["Africa/Casablanca", "30 2 * * *", "2026-02-14T12:00Z", ["2026-02-15T01:30:00", "2026-02-16T02:30:00"]],
  ])("comes the first time in %s", (timezone, expression, from, expected) => {
    expect(runs(expression, timezone, from, 2)).toEqual(expected);
  });

  it.each(["0,30 2 * * *", "*/30 2 * * *", "0-30/30 2-2 * * *"])(
    "comes the first time however the minutes are written: %s",
    (expression) => {
      expect(runs(expression, "Europe/Berlin", "2026-10-24T12:00Z")).toEqual([
        "2026-10-25T00:00:00",
        "2026-10-25T00:30:00",
        "2026-10-26T01:00:00",
      ]);
    },
  );

  it("does not come again for someone who asks while they show it the second time", () => {
    expect(runs("30 2 * * *", "Europe/Berlin", "2026-10-25T01:00Z", 1)).toEqual(["2026-10-26T01:30:00"]);
  });
});

describe("An expression of every hour or minute", () => {
  it("follows real time when the clocks go forward", () => {
    expect(runs("30 * * * *", "Europe/Berlin", "2026-03-29T00:00Z")).toEqual([
      "2026-03-29T00:30:00",
      "2026-03-29T01:30:00",
      "2026-03-29T02:30:00",
    ]);
    expect(runs("* * * * *", "Europe/Berlin", "2026-03-29T00:58:30Z")).toEqual([
      "2026-03-29T00:59:00",
      "2026-03-29T01:00:00",
      "2026-03-29T01:01:00",
    ]);
  });

  it("follows real time when they go back", () => {
    expect(runs("30 * * * *", "Europe/Berlin", "2026-10-25T00:00Z")).toEqual([
      "2026-10-25T00:30:00",
      "2026-10-25T01:30:00",
      "2026-10-25T02:30:00",
    ]);
    expect(runs("*/30 * * * *", "Australia/Lord_Howe", "2026-04-04T14:15Z", 4)).toEqual([
      "2026-04-04T14:30:00",
      "2026-04-04T15:00:00",
      "2026-04-04T15:30:00",
      "2026-04-04T16:00:00",
    ]);
  });

  it("goes by the minutes that the clocks show", () => {
    expect(runs("0 * * * *", "Asia/Kathmandu", "2026-01-01T00:00Z", 2)).toEqual([
      "2026-01-01T00:15:00",
      "2026-01-01T01:15:00",
    ]);
  });
});

describe("The fields of an expression", () => {
  it.each([
    ["seconds", "*/20 * * * * *", "2026-01-30T00:00:01Z", ["2026-01-30T00:00:20", "2026-01-30T00:00:40"]],
    ["names", "0 9 * JAN-MAR mon-fri", "2026-01-30T09:00Z", ["2026-02-02T09:00:00", "2026-02-03T09:00:00"]],
    ["7 as Sunday", "0 0 * * 7", "2026-01-30T09:00Z", ["2026-02-01T00:00:00", "2026-02-08T00:00:00"]],
    ["the last day of a month", "0 0 L * *", "2026-01-30T09:00Z", ["2026-01-31T00:00:00", "2026-02-28T00:00:00"]],
    ["the last Friday", "0 0 * * FRIL", "2026-01-30T09:00Z", ["2026-02-27T00:00:00", "2026-03-27T00:00:00"]],
    ["the second Friday", "0 0 * * FRI#2", "2026-01-30T09:00Z", ["2026-02-13T00:00:00", "2026-03-13T00:00:00"]],
    ["leap days", "0 0 29 2 *", "2026-01-30T09:00Z", ["2028-02-29T00:00:00", "2032-02-29T00:00:00"]],
    [
      "day of the month or of the week",
      "0 0 13 * FRI",
      "2026-02-07T00:00Z",
      ["2026-02-13T00:00:00", "2026-02-20T00:00:00"],
    ],
    ["shorthands", "@daily", "2026-01-30T09:00Z", ["2026-01-31T00:00:00", "2026-02-01T00:00:00"]],
  ])("can be %s", (_, expression, from, expected) => {
    expect(runs(expression, "UTC", from, 2)).toEqual(expected);
  });

  it("can be years, which end", () => {
    expect(runs("0 0 0 1 1 * 2027", "UTC", "2026-01-30T00:00Z", 2)).toEqual(["2027-01-01T00:00:00"]);
    expect(runs("0 0 0 1 1 * 2020", "UTC", "2026-01-30T00:00Z", 2)).toEqual([]);
  });
});

describe("nextRuns", () => {
  it("begins after its time, in whole seconds", () => {
    expect(runs("* * * * * *", "UTC", "2026-01-30T00:00:00.500Z", 1)).toEqual(["2026-01-30T00:00:01"]);
    expect(runs("* * * * * *", "UTC", "2026-01-30T00:00:01.000Z", 1)).toEqual(["2026-01-30T00:00:02"]);
  });

  it("counts in UTC and from now unless told otherwise", () => {
    const before = Date.now();
    const found = nextRuns("0 0 * * *");
    expect(found).toHaveLength(5);
    expect(found[0].getTime()).toBeGreaterThan(before);
    expect(found.every((run) => run.getTime() % 86_400_000 === 0)).toBe(true);
  });

  it.each([
    ["0 25 * * *", /"expression" must be a cron expression\. Its hour, "25" in field 2, can't be read.*0 to 23/u],
    ["60 * * * * *", /Its second, "60" in field 1,/u],
    ["0 0 0 * *", /Its day of the month, "0" in field 3,.*1 to 31/u],
    ["0 0 * FOO *", /Its month, "FOO" in field 4,.*JAN to DEC/u],
    ["0 5-1 * * *", /Its hour, "5-1" in field 2,/u],
    ["*/0 * * * *", /Its minute, "\*\/0" in field 1,/u],
    ["1,,2 * * * *", /Its minute, "1,,2" in field 1,/u],
    ["0 1 * *", /5 to 7 fields \(minute, hour, .*\), and has 4; received "0 1 \* \*"/u],
    ["", /and has 0/u],
    ["2026-01-01T00:00:00", /and has 1/u],
    ["@never", /@daily or @hourly/u],
    ["0 0 30 2 *", /a date that exists; received "0 0 30 2 \*"/u],
  ])("refuses %j, saying what is wrong and where", (expression, message) => {
    expect(() => nextRuns(expression)).toThrow(RangeError);
    expect(() => nextRuns(expression)).toThrow(message);
  });

  it("refuses other options", () => {
    const next = nextRuns as (expression: unknown, options?: unknown) => Date[];
    expect(() => next(5)).toThrow(/"expression" must be a string; received 5/u);
    expect(() => next("* * * * *", { timezone: "Mars/Phobos" })).toThrow(/"timezone" must be the name of a time zone/u);
    expect(() => next("* * * * *", { timezone: "+02:00" })).toThrow(/"timezone" must be the name of a time zone/u);
    expect(() => next("* * * * *", { count: 0 })).toThrow(
      /"count" must be a whole number, from 1 to 1000; received 0/u,
    );
    expect(() => next("* * * * *", { count: 1.5 })).toThrow(/"count" must be a whole number/u);
    expect(() => next("* * * * *", { from: new Date(NaN) })).toThrow(/"from" must be a date/u);
    expect(() => next("* * * * *", { zone: "UTC" })).toThrow(/Unknown option "zone"/u);
  });
});
