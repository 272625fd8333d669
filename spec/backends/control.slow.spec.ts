import { afterAll, describe, expect, it, vi } from "vitest";
import { BackendError, CancelledError, NodeTimeoutError, RunTimeoutError, ThreadPool } from "dagwright";
import { control, crashing, endless, marked, plain, unhurried } from "../support/threaded.js";
import { newFlag, next } from "../support/stuck.js";
import { failure } from "../support/waiting.js";

const pool = new ThreadPool({ maxWorkers: 2 });
const parallel = { mode: "parallel", pool } as const;
afterAll(() => pool.close());

describe("Control over a worker", () => {
  it("ends a node that spins when its timeout is over, and no other", async () => {
    const run = await control.run({ ...parallel, errorStrategy: "continue" });
    expect(run.nodes.get("spin")?.error).toBeInstanceOf(NodeTimeoutError);
    expect(run.get("slow")).toBe("done");
  });

  it("counts a timeout from the function's call, not from loading the module", async () => {
    const own = new ThreadPool({ maxWorkers: 1 });
    const options = { mode: "parallel", pool: own } as const;
    // It is known by then that workers find the node, but this one has not loaded its module.
    expect((await marked.run(parallel)).nodes.get("where")?.backend).toBe("thread");
    await next.run({ ...options, inputs: { flag: newFlag() } });
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const run = marked.run(options);
    for (let i = 0; i < 10; i++) await Promise.resolve();
    vi.advanceTimersByTime(6000);
    vi.useRealTimers();
    expect((await run).nodes.get("where")?.backend).toBe("thread");
    await own.close();
  });

  it("ends a node that spins when the run is aborted or takes too long", async () => {
    const controller = new AbortController();
    const running = endless.run({ ...parallel, signal: controller.signal });
    setTimeout(() => controller.abort("enough"), 200);
    const error = await failure(running);
    expect(error).toBeInstanceOf(CancelledError);
    expect(error.run.nodes.get("spin")?.status).toBe("cancelled");
    await expect(endless.run({ ...parallel, timeout: 200 })).rejects.toThrow(RunTimeoutError);
    expect((await plain.run(parallel)).status).toBe("completed");
  });

  it("survives workers that exit, throw out of band or run out of memory: only their node fails", async () => {
    const small = new ThreadPool({ maxWorkers: 3, resourceLimits: { maxOldGenerationSizeMb: 64 } });
    const run = await crashing.run({ mode: "parallel", pool: small, errorStrategy: "continue" });
    expect(run.nodes.get("exit")?.error).toMatchObject({ code: "BACKEND", exitCode: 7 });
    expect(run.nodes.get("exit")?.error).toBeInstanceOf(BackendError);
    expect(run.nodes.get("uncaught")?.error).toMatchObject({
      code: "BACKEND",
      exitCode: 1,
      cause: { message: "out of band" },
    });
    expect(run.nodes.get("hungry")?.error).toMatchObject({
      code: "BACKEND",
      cause: { code: "ERR_WORKER_OUT_OF_MEMORY" },
    });
    expect(run.get("retried")).toBe(false);
    expect(run.nodes.get("retried")?.attempts).toBe(2);
    expect(run.get("fine")).toBe("fine");
    expect((await plain.run({ mode: "parallel", pool: small })).status).toBe("completed");
    await small.close();
  });
});

describe("A run on threads that has only just begun", () => {
  it("can be paused, cancelled and stepped like any other", async () => {
    const paused = unhurried.start(parallel);
    expect(await paused.pause()).toMatchObject({ status: "paused" });
    const cancelled = unhurried.start(parallel);
    expect(await cancelled.cancel("why")).toMatchObject({ status: "cancelled" });
    await expect(cancelled.result).rejects.toThrow(CancelledError);
    expect((await unhurried.run(parallel)).value).toBe(2);
    const names: (string | undefined)[] = [];
    for (let step = await marked.step(undefined, { pool }); ; step = await marked.step(step.state)) {
      names.push(step.node);
      if (step.done) break;
    }
    expect(names).toEqual(["where", "here"]);
    expect((await plain.runFrom("sum", { ...parallel, from: await plain.run() })).get("either")).toBe("BIG 30");
    expect((await plain.run({ ...parallel, overrides: { sum: 5 } })).get("either")).toBe("SMALL 5");
  });
});
