import { afterAll, describe, expect, it } from "vitest";
import { Dag, ThreadPool } from "dagwright";
import { Outer, refused, stopped } from "../support/nested.js";
import { failure } from "../support/waiting.js";

describe("Workflows in workflows, in parallel mode,", () => {
  const pool = new ThreadPool({ maxWorkers: 1 });
  afterAll(() => pool.close());

  it.each([
    ["with one worker", { maxWorkers: 1 }],
    ["with two workers", { maxWorkers: 2 }],
    ["with one node at a time", { maxWorkers: 1, concurrency: 1 }],
    ["with a pool of one worker", { pool }],
  ])("run their nodes on threads, %s", async (_, options) => {
    const run = await Dag.from(Outer).run({ mode: "parallel", ...options });
    expect(run.get("end")).toEqual([20, 20, false, false]);
    expect(run.get("calls")).toEqual([false, false, false]);
    expect(run.get("left.second")).toBe(20);
    expect(run.child("left")!.nodes.get("first")!.backend).toBe("thread");
    expect(run.nodes.get("left")!.backend).toBe("inline");
  });

  it("refuse ctx.run on a thread", async () => {
    const error = await failure(refused.run({ mode: "parallel", pool }));
    expect(error.message).toMatch(/ctx\.run is not available on a worker thread.*backend: "inline"/u);
  });

  it("are stopped with their threads, whose slots others take", async () => {
    const run = await stopped.run({ mode: "parallel", pool });
    expect(run.value).toBe("STOPPED");
  });
});
