import { describe, expect, it } from "vitest";

import { streamed } from "../support/streamed-threads.js";

describe("A map in a stream", () => {
  it.each([
    ["async", 1],
    ["async", undefined],
    ["parallel", 1],
    ["parallel", undefined],
  ] as const)("runs its items on threads, in mode %s with concurrency %s", async (mode, concurrency) => {
    const run = await streamed.run({ mode, concurrency, maxWorkers: 1, timeout: 30_000 });
    expect(run.get("sum")).toEqual([20_540, true]);
    expect(run.nodes.get("nums")?.backend).toBe("inline");
  });
});
