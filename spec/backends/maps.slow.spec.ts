import { afterAll, describe, expect, it } from "vitest";
import { ThreadPool } from "dagwright";
import { failing, numbers, rows } from "../support/threaded-maps.js";

const pool = new ThreadPool({ maxWorkers: 2 });
const parallel = { mode: "parallel", pool } as const;
afterAll(() => pool.close());

describe("The items of a map, on worker threads,", () => {
  it("know which item they are, and are retried on their own", async () => {
    for (const options of [{}, { maxWorkers: 1 }, { retain: "outputs" }] as const) {
      const run = await rows.run({ ...parallel, ...options });
      expect(run.nodes.get("sum")?.backend).toBe("thread");
      const expected = Array.from({ length: 12 }, (_, i) => [3 * i, 12, false]);
      expect(run.get("last")).toEqual(expected);
      if (!("retain" in options)) {
        expect(run.get("sum")).toEqual(expected.map(([sum], i) => [sum, i, `sum[${i}]`, false]));
      }
    }
  });

  it("fail on their own: by a throw, a value that can't be cloned, or a timeout", async () => {
    const run = await failing.run(parallel);
    expect(run.get("out")).toEqual([1]);
    const errors = run.nodes.get("out")?.errors ?? [];
    const byItem = Object.fromEntries(errors.map(({ item, code }) => [item, code]));
    expect(byItem).toEqual({ "out[1]": "EXECUTION", "out[2]": "NOT_CLONEABLE", "out[3]": "NODE_TIMEOUT" });
  });

  it("give their results in order", async () => {
    const run = await numbers.run(parallel);
    expect(run.get("out")).toEqual(Array.from({ length: 500 }, (_, i) => [i, false]));
  });
});
