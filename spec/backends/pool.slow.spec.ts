import { createRequire } from "node:module";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { BackendError, CancelledError, NodeTimeoutError, ThreadPool, type RunEvent } from "dagwright";
import { closing, HOSTILE, lasting, marked, newCounts, patching, posting, changing } from "../support/pooled.js";
import { sleep } from "../support/waiting.js";

const two = new ThreadPool({ maxWorkers: 2 });
afterAll(() => two.close());

/** How long the first node of a pool takes, its thread's start included, in ms: specs interrupt it at fractions of that. */
let cold: number;
beforeAll(async () => {
  const began = performance.now();
  await lasting.run({ mode: "parallel", pool: two, inputs: { ms: 0 } });
  cold = performance.now() - began;
});

describe("A pool with a thread that could not start", () => {
  it("starts another one after a while, even if its first one is still busy", async () => {
    const threads = createRequire(import.meta.url)("node:worker_threads") as { readonly Worker: unknown };
    const { Worker } = threads;
    const pool = new ThreadPool({ maxWorkers: 2 });
    const options = { pool, mode: "parallel" } as const;
    const controller = new AbortController();
    const warned = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
    try {
      const long = lasting.run({ ...options, inputs: { ms: 60_000 }, signal: controller.signal });
      const ended = long.catch((error: unknown) => error);
      while (!pool.isUp) await sleep(5);
      Reflect.set(threads, "Worker", function () {
        Reflect.set(threads, "Worker", Worker);
        throw new Error("no thread is left");
      });
      expect((await lasting.run({ ...options, inputs: { ms: 1 } })).value).toBe(false);
      controller.abort();
      expect(await ended).toBeInstanceOf(CancelledError);
      const warning = "A worker thread could not start; its pool goes on with the others: no thread is left";
      expect(warned.mock.calls).toEqual([[warning, "DagwrightWorkerWarning"]]);
    } finally {
      warned.mockRestore();
      Reflect.set(threads, "Worker", Worker);
      await pool.close();
    }
  });
});

describe("A pool of one", () => {
  it("executes one node at a time in every mode, also in its first run, and none on this thread", async () => {
    for (const mode of ["async", "sequential", "parallel"] as const) {
      const pool = new ThreadPool({ maxWorkers: 1 });
      const counts = newCounts();
      const run = await marked.run({ mode, pool, inputs: { counts, ms: 10 } });
      expect({ ...run.results }).toEqual({ a: false, b: false, c: false, d: false });
      expect(Array.from(counts)).toEqual([0, 1, 0]);
      await pool.close();
    }
  });

  it("is shared by runs that start at once, before it has a thread", async () => {
    const pool = new ThreadPool({ maxWorkers: 1 });
    const counts = newCounts();
    const inputs = { counts, ms: 5 };
    const runs = (["async", "parallel", "sequential", "async"] as const).map((mode) =>
      marked.run({ mode, pool, inputs }),
    );
    for (const run of await Promise.all(runs)) expect(run.status).toBe("completed");
    expect(Array.from(counts)).toEqual([0, 1, 0]);
    await pool.close();
  });

  it("goes on to the next node when runs are aborted while their thread starts, waits or works", async () => {
    const pool = new ThreadPool({ maxWorkers: 1, idleTimeout: 5 });
    const counts = newCounts();
    for (const part of [0, 0.1, 0.4, 0.8, 1.2]) {
      const controller = new AbortController();
      const options = { mode: "async", pool, signal: controller.signal } as const;
      const runs = [1, 2].map(() => lasting.run({ ...options, mode: "parallel", inputs: { ms: 60_000 } }));
      setTimeout(() => controller.abort(), part * cold);
      for (const run of runs) await expect(run).rejects.toBeInstanceOf(CancelledError);
      const next = await marked.run({ mode: "async", pool, inputs: { counts, ms: 1 } });
      expect(next.get("a")).toBe(false);
    }
    expect(Array.from(counts)).toEqual([0, 1, 0]);
    await pool.close();
  });
});

describe("A pool that is closed", () => {
  it("fails executing and waiting nodes, at any moment, and can be closed twice", async () => {
    for (const part of [0, 0.2, 0.8, 1.5]) {
      const pool = new ThreadPool({ maxWorkers: 1 });
      const runs = [1, 2, 3].map(() =>
        lasting.run({ mode: "parallel", pool, inputs: { ms: 60_000 }, errorStrategy: "continue" }),
      );
      await sleep(part * cold);
      await Promise.all([pool.close(), pool.close()]);
      for (const run of await Promise.all(runs)) {
        expect(run.status).toBe("failed");
        expect(run.nodes.get("wait")?.error).toBeInstanceOf(BackendError);
        expect(run.nodes.get("wait")?.error?.message).toContain("its pool was closed");
      }
      await pool.close();
    }
  });
});

describe("The options of a pool", () => {
  it("refuse limits that Node would ignore, or end the process because of", () => {
    const make = (resourceLimits: object) => () => new ThreadPool({ resourceLimits });
    expect(make({ stackSizeMb: 0.1 })).toThrow(/"resourceLimits.stackSizeMb" must be a number, at least 1/u);
    expect(make({ maxOldGenerationSizeMb: "64" })).toThrow(TypeError);
    expect(make({ maxOldGenerationSizeMB: 64 })).toThrow(/Unknown option "maxOldGenerationSizeMB"/u);
    expect(make({ maxOldGenerationSizeMb: 64 })).not.toThrow();
  });
});

describe("A message from a thread", () => {
  const uncaught: unknown[] = [];
  const note = (error: unknown) => uncaught.push(error);
  beforeEach(() => void process.on("uncaughtException", note));
  afterEach(() => {
    process.off("uncaughtException", note);
    expect(uncaught).toEqual([]);
  });

  it("that a node posts to its parent is ignored, and never taken for another node's", async () => {
    const told: (string | undefined)[] = [];
    const observers = [(event: RunEvent) => event.type === "node.progress" && told.push(event.node, event.message)];
    const run = await posting.run({ mode: "parallel", pool: two, observers });
    expect({ ...run.results }).toEqual({ posts: "posted", tells: "told" });
    expect(told).toEqual(Array.from({ length: 5 }, () => ["tells", "own"]).flat());
  });

  it("that replaces an answer fails its node, and no other on that thread", async () => {
    const options = { mode: "parallel", pool: two, errorStrategy: "continue" } as const;
    const runs = HOSTILE.map((_, message) => patching.run({ ...options, inputs: { message } }));
    for (const run of await Promise.all(runs)) {
      expect(run.nodes.get("patches")?.error).toBeInstanceOf(BackendError);
      expect(run.nodes.get("patches")?.error?.message).toContain("it sent a malformed message");
      expect(run.get("next")).toBe("fine");
    }
  });

  it("that can't be cloned fails its node, also where uncaught errors are swallowed", async () => {
    for (const isSilent of [false, true]) {
      const run = await changing.run({ mode: "parallel", pool: two, inputs: { isSilent }, errorStrategy: "continue" });
      expect(run.nodes.get("change")?.error).toBeInstanceOf(BackendError);
      expect(run.nodes.get("change")?.error?.message).toContain("its answer can't be sent: ()");
      expect(run.get("next")).toBe("fine");
    }
  });

  it("is received although an earlier node closed the port to the parent: starts, progress", async () => {
    const pool = new ThreadPool({ maxWorkers: 1 });
    const told: (string | undefined)[] = [];
    const observers = [(event: RunEvent) => event.type === "node.log" && told.push(event.message)];
    const run = await closing.run({ mode: "parallel", pool, observers, errorStrategy: "continue" });
    expect(run.nodes.get("hangs")?.error).toBeInstanceOf(NodeTimeoutError);
    expect(told).toEqual(["still received"]);
    await pool.close();
  });
});
