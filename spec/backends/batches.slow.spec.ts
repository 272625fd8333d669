import { existsSync, mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MessagePort } from "node:worker_threads";
import { afterAll, afterEach, describe, expect, it, vi } from "vitest";
import { Dag, ThreadPool, type RunEvent } from "dagwright";
import { sqliteStore } from "dagwright/store";
import { acting, adaptive, alone, batched, threads, together, two } from "../support/batched.js";
import { failure, until } from "../support/waiting.js";

const pool = new ThreadPool({ maxWorkers: 2 });
const parallel = { mode: "parallel", pool } as const;
afterAll(() => pool.close());
afterEach(() => void vi.restoreAllMocks());

const folder = mkdtempSync(join(tmpdir(), "dagwright-"));
let files = 0;

/** Runs items that do these things. Returns the run, and how often each item was called. */
async function act(acts: string[], options = {}) {
  const calls = join(folder, `calls ${files++}`);
  const run = await acting.run({ ...parallel, inputs: { acts, calls }, ...options });
  const lines = readFileSync(calls, "utf8").split("\n").slice(0, -1).map(Number);
  const times = acts.map((_, i) => lines.filter((line) => line === i).length);
  return { run, times };
}

/** How many messages with calls are sent while `work` runs. */
async function messages(work: () => Promise<unknown>): Promise<number> {
  const post = vi.spyOn(MessagePort.prototype, "postMessage");
  await work();
  const tasks = post.mock.calls.map(([message]) => (message as { readonly task?: object }).task);
  post.mockRestore();
  // Others start threads, look for nodes, or carry what is printed.
  return tasks.filter((task) => task !== undefined && (Array.isArray(task) || "calls" in task)).length;
}

const isCalled = (calls: string) => existsSync(calls) && readFileSync(calls, "utf8") !== "";

const settled = (run: any) => run.get("out").map((each: any) => each.value ?? each.reason.code);

describe("Items that go to threads several at a time", () => {
  it("give the results of items that go alone, with fewer messages", async () => {
    const inputs = { size: 1000 };
    const expected = Array.from({ length: 1000 }, (_, i) => 2 * i);
    await alone.run({ ...parallel, inputs });
    const counts: number[] = [];
    for (const dag of [alone, together, adaptive, two]) {
      counts.push(
        await messages(async () => expect((await dag.run({ ...parallel, inputs })).get("out")).toEqual(expected)),
      );
    }
    expect(counts[0]).toBe(1000);
    for (const count of counts.slice(1)) expect(count).toBeLessThan(400);
    expect(counts[1]).toBeLessThan(40);
    for (const options of [{ maxWorkers: 1 }, { concurrency: 1 }, { mode: "sequential" }, { mode: "async" }] as const) {
      expect((await together.run({ ...parallel, inputs: { size: 50 }, ...options })).get("out")).toHaveLength(50);
    }
    for (const size of [0, 1, 2, 3]) {
      expect((await together.run({ ...parallel, inputs: { size } })).get("out")).toHaveLength(size);
    }
    expect((await batched.run(parallel)).get("out")).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });

  it("keep all threads busy", async () => {
    const ids = (await threads.run(parallel)).get("out") as number[];
    const counts = Array.from(new Set(ids), (id) => ids.filter((each) => each === id).length);
    expect(counts).toHaveLength(2);
    for (const count of counts) expect(count).toBeGreaterThan(50);
  });

  it("fail on their own, and are retried on their own", async () => {
    const acts = Array.from({ length: 30 }, (_, i) =>
      i === 3 ? "throw" : i === 7 ? "throw once" : i === 11 ? "fn" : i === 20 ? "buffer" : "ok",
    );
    const { run, times } = await act(acts);
    expect(times).toEqual(acts.map((_, i) => ([3, 7, 11].includes(i) ? 2 : 1)));
    const expected = acts.map((each, i) => `${each} ${i}`);
    const found = settled(run);
    expect(found[20]).toEqual(new Float64Array(20_000).fill(20));
    expect(found.with(20, "buffer 20")).toEqual(expected.with(3, "RETRY_EXHAUSTED").with(11, "RETRY_EXHAUSTED"));
    expect(run.metrics.custom).toMatchObject({ "item 7": 2, "item 8": 1, "item 29": 1 });
  });

  it("end alone when their worker exits or their time is up; the others go elsewhere, and none that ended is called again", async () => {
    const acts = Array.from({ length: 40 }, (_, i) =>
      i === 5 ? "exit" : i === 12 ? "exit once" : i === 30 ? "spin" : "ok",
    );
    const { run, times } = await act(acts);
    expect(times).toEqual(acts.map((_, i) => ([5, 12, 30].includes(i) ? 2 : 1)));
    const expected = acts.map((each, i) => `${each} ${i}`);
    expect(settled(run)).toEqual(expected.with(5, "RETRY_EXHAUSTED").with(30, "RETRY_EXHAUSTED"));
    const reasons = (run.get("out") as any[]).flatMap(
      ({ reason }) => reason?.errors.map((error: any) => error.code) ?? [],
    );
    expect(reasons).toEqual(["BACKEND", "BACKEND", "NODE_TIMEOUT", "NODE_TIMEOUT"]);
  });

  it("are told, recorded, and continued on their own", async () => {
    const store = sqliteStore(":memory:");
    const events: RunEvent[] = [];
    const acts = Array.from({ length: 25 }, (_, i) => (i === 9 ? "pause" : "ok"));
    const { run } = await act(acts, { store, runId: "r", observers: [(event: RunEvent) => events.push(event)] });
    expect(run.pauses.map(({ node }) => node)).toEqual(["out[9]"]);
    const completed = events.flatMap((event) => (event.type === "item.completed" ? event.index : []));
    expect(completed.length).toBe(run.nodes.get("out")?.items?.completed);
    const { attempts } = (await store.getRun("r"))!;
    const recorded = attempts.filter(({ node, status }) => node.startsWith("out[") && status === "completed");
    expect(recorded).toHaveLength(completed.length);
    const resumed = await acting.resume("r", { store, ...parallel, provide: { "out[9]": "given" } as never });
    expect(settled(resumed)).toEqual(acts.map((each, i) => (i === 9 ? "given" : `${each} ${i}`)));
    await store.close();
  });

  it("are all aborted with their run, and their pool is free again", async () => {
    const abort = new AbortController();
    const calls = join(folder, `calls ${files++}`);
    const running = acting.run({
      ...parallel,
      signal: abort.signal,
      inputs: { acts: Array.from({ length: 100 }, () => "wait"), calls },
    });
    await until(() => isCalled(calls));
    abort.abort();
    expect((await failure(running)).code).toBe("CANCELLED");
    expect((await together.run({ ...parallel, inputs: { size: 10 } })).get("out")).toHaveLength(10);
    expect(readFileSync(calls, "utf8").split("\n").length).toBeLessThan(10);
  });

  it("fail when their pool closes", async () => {
    const own = new ThreadPool({ maxWorkers: 1 });
    const calls = join(folder, `calls ${files++}`);
    const running = acting.run({
      mode: "parallel",
      pool: own,
      inputs: { acts: Array.from({ length: 50 }, () => "wait"), calls },
    });
    await until(() => isCalled(calls));
    await own.close();
    const codes = new Set(settled(await running).filter((each: string) => !each.startsWith("wait")));
    expect(Array.from(codes)).toEqual(["RETRY_EXHAUSTED"]);
  });

  it("take a positive number as the size", () => {
    for (const batch of [0, -1, 1.5, NaN]) {
      expect(() => new Dag<any>("d").map("m", { needs: ["l"], batch }, (x: unknown) => x)).toThrow(
        /"batch" of map "m" must be a whole number, at least 1; received/u,
      );
    }
    expect(() => new Dag<any>("d").map("m", { needs: ["l"], batch: "2" as never }, (x: unknown) => x)).toThrow(
      TypeError,
    );
  });
});
