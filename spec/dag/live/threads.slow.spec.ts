import { afterAll, describe, expect, it } from "vitest";
import { ThreadPool, type RunOptions } from "dagwright";
import { plain } from "../../support/threaded.js";
import { liveSpin } from "../../support/live-threads.js";
import { until } from "../../support/waiting.js";

const pool = new ThreadPool({ maxWorkers: 2 });
afterAll(() => pool.close());

describe("On threads, a live dag", () => {
  it("computes what a run computes, and what depends on a change", async () => {
    await using live = plain.live({ mode: "parallel", pool });
    for (const size of [undefined, 4, 2]) {
      live.set("size", size);
      await live.settled();
      const options: RunOptions = { inputs: { size }, mode: "parallel", pool };
      const run = await plain.run(options);
      for (const name of ["source", "sum", "either", "both"]) expect(live.get(name)).toEqual(run.get(name));
      expect((live.get("where") as { isMainThread: boolean }).isMainThread).toBe(false);
      expect((live.get("kept") as { isMainThread: boolean }).isMainThread).toBe(true);
    }
    expect(live.errors).toEqual([]);
  });

  it("ends the thread of a computation that is overtaken", async () => {
    const gauge = new Int32Array(new SharedArrayBuffer(8));
    await using live = liveSpin.live({ inputs: { n: 1, gauge }, mode: "parallel", pool });
    await until(() => Atomics.load(gauge, 0) === 1);
    live.set("n", 2);
    await live.settled();
    expect([live.get("spin"), live.get("after")]).toEqual([2, 3]);
  });

  it("is changed and closed while a worker is asked where nodes run", async () => {
    await using fresh = new ThreadPool({ maxWorkers: 1 });
    await using live = plain.clone().live({ mode: "parallel", pool: fresh });
    live.set("size", 4);
    await live.settled();
    expect(live.get("sum")).toBe(60);
    const other = plain.clone().live({ mode: "parallel", pool: fresh });
    await Promise.all([other.close(), other.settled()]);
    expect(other.status("sum")).toBe("cancelled");
    expect(other.errors).toEqual([]);
  });
});
