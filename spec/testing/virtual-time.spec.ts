import { readFile } from "node:fs/promises";
import { scheduler, setInterval as ticks, setTimeout as sleepFor } from "node:timers/promises";
import { promisify } from "node:util";
import { Dag } from "dagwright";
import { virtualTime } from "dagwright/testing";
import { describe, expect, it } from "vitest";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

describe("virtual time", () => {
  it("stands still until it is moved, and then moves exactly so far", async () => {
    await using time = virtualTime({ now: new Date("2026-03-01T00:00:00Z") });
    await new Promise((resolve) => setImmediate(resolve));
    expect(new Date().toISOString()).toBe("2026-03-01T00:00:00.000Z");
    const [began, high] = [performance.now(), process.hrtime.bigint()];
    await time.advance(1500.5);
    expect([Date.now(), time.now()]).toEqual([Date.UTC(2026, 2, 1) + 1500, Date.UTC(2026, 2, 1) + 1500.5]);
    expect(performance.now() - began).toBeCloseTo(1500.5, 3);
    expect(Number(process.hrtime.bigint() - high)).toBeCloseTo(1500.5e6, -3);
    expect(Date().slice(0, 15)).toBe("Sun Mar 01 2026");
    expect([new Date() instanceof Date, new Date(0).getTime(), Date.UTC(1970, 0)]).toEqual([true, 0, 0]);
  });

  it("moves all timers of Node, in the order in which they are due", async () => {
    const before = Date.now();
    await using time = virtualTime();
    const log: unknown[] = [];
    const note = (what: unknown) => log.push([what, Math.round((time.now() - start) / HOUR)]);
    const start = time.now();
    setTimeout(note, 3 * HOUR, "timeout");
    const interval = setInterval(() => note("interval"), 2 * HOUR);
    void sleepFor(HOUR, "promised").then(note);
    void promisify(setTimeout)(4 * HOUR).then(() => note("promisified"));
    void scheduler.wait(5 * HOUR).then(() => note("scheduler"));
    AbortSignal.timeout(6 * HOUR).addEventListener("abort", ({ target }) =>
      note(((target as AbortSignal).reason as Error).name),
    );
    const refreshed = setTimeout(() => note("refreshed"), 2.5 * HOUR);
    const cleared = [setTimeout(() => note("cleared"), HOUR), setTimeout(() => note("by number"), HOUR)];
    clearTimeout(cleared[0]);
    clearTimeout(+cleared[1]);
    await time.advance(2 * HOUR);
    refreshed.refresh();
    await time.advance(3.5 * HOUR);
    clearInterval(interval);
    await time.advance(DAY);
    expect(log).toEqual([
      ["promised", 1],
      ["interval", 2],
      ["timeout", 3],
      ["interval", 4],
      ["promisified", 4],
      ["refreshed", 5],
      ["scheduler", 5],
      ["TimeoutError", 6],
    ]);
    expect(time.now() - before).toBeGreaterThan(29 * HOUR);
  });

  it("lets each timer do its work before the next one", async () => {
    await using time = virtualTime();
    const log: string[] = [];
    const work = async (name: string) => {
      log.push(`${name} begins`);
      await new Promise((resolve) => setImmediate(resolve));
      await readFile(import.meta.filename);
      log.push(`${name} ends`);
    };
    setTimeout(() => void work("first"), 1000);
    setTimeout(() => void work("second"), 1000);
    await time.advance(1000);
    expect(log).toEqual(["first begins", "first ends", "second begins", "second ends"]);
  });

  it("aborts promised timers by their signal, and goes through ticks", async () => {
    await using time = virtualTime();
    const controller = new AbortController();
    const sleeping = sleepFor(DAY, undefined, { signal: controller.signal });
    controller.abort("enough");
    await expect(sleeping).rejects.toMatchObject({ name: "AbortError", code: "ABORT_ERR", cause: "enough" });
    await expect(sleepFor(1, undefined, { signal: controller.signal })).rejects.toThrow("aborted");
    const seen: number[] = [];
    const counting = (async () => {
      for await (const value of ticks(HOUR, 7)) if (seen.push(value) === 3) return;
    })();
    await time.until(counting);
    expect(seen).toEqual([7, 7, 7]);
  });

  it("passes hours of retries, delays and timeouts of a run", async () => {
    await using time = virtualTime();
    const start = Date.now();
    const dag = new Dag("slow");
    let calls = 0;
    const flaky = dag.node("flaky", { retry: { retries: 3, delay: HOUR, backoff: "fixed" } as never }, () => {
      if (++calls < 4) throw new Error("not yet");
      return Date.now() - start;
    });
    const later = dag.node("later", { needs: [flaky], delay: 2 * HOUR }, (passed: unknown) => [
      passed,
      Date.now() - start,
    ]);
    dag.node("stuck", { after: [later], timeout: DAY, fallback: () => "late" }, () => new Promise(() => {}));
    const run = await time.until(dag.run({ mode: "async" }));
    expect(run.results).toEqual({ flaky: 3 * HOUR, later: [3 * HOUR, 5 * HOUR], stuck: "late" });
    expect(time.now() - start).toBe(5 * HOUR + DAY);
  });

  it("is over when it is disposed of, and everything is as before", async () => {
    const keys = [
      "setTimeout",
      "setInterval",
      "clearTimeout",
      "clearInterval",
      "setImmediate",
      "Date",
      "queueMicrotask",
    ] as const;
    const before = keys.map((key) => globalThis[key]);
    const owner = process as object as Record<string, unknown>;
    const [hrtime, nextTick] = [owner.hrtime, owner.nextTick];
    const time = virtualTime();
    expect(keys.filter((key, i) => globalThis[key] !== before[i])).toEqual([
      "setTimeout",
      "setInterval",
      "clearTimeout",
      "clearInterval",
      "Date",
    ]);
    await time[Symbol.asyncDispose]();
    await time[Symbol.asyncDispose]();
    expect(keys.map((key) => globalThis[key])).toEqual(before);
    expect([owner.hrtime, owner.nextTick, Object.hasOwn(performance, "now")]).toEqual([hrtime, nextTick, false]);
    await sleepFor(1);
    await expect(time.advance(1)).rejects.toThrow("This virtual time is over. Call virtualTime() for another one.");
  });

  it("leaves timers of the time before alone, which can be cleared", async () => {
    let fired = 0;
    const earlier = setTimeout(() => fired++, 0);
    const other = setTimeout(() => fired++, 0);
    await using time = virtualTime();
    clearTimeout(earlier);
    clearInterval(undefined);
    clearTimeout({} as never);
    while (fired === 0) await new Promise((resolve) => setImmediate(resolve));
    clearTimeout(other);
    expect([fired, time.now()]).toEqual([1, Date.now()]);
  });

  it("is there once, and refuses what it can't do", async () => {
    await using time = virtualTime();
    expect(() => virtualTime()).toThrow("The time is virtual already. Dispose of the first virtualTime()");
    expect(() => virtualTime({ now: "today" as never })).toThrow(
      '"now" must be a valid Date, or ms since 1970; received "today".',
    );
    expect(() => virtualTime({ now: new Date(NaN) })).toThrow('"now" must be a valid Date');
    expect(() => virtualTime({ start: 0 } as never)).toThrow('Unknown option "start" of virtualTime');
    expect(() => time.advance(-1)).toThrow('"ms"');
    expect(() => time.advance("1h" as never)).toThrow('"ms"');
    await expect(time.until(Promise.reject(new Error("mine")))).rejects.toThrow("mine");
  });
});
