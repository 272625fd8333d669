import { afterAll, describe, expect, it, vi } from "vitest";
import {
  BackendError,
  Dag,
  NotCloneableError,
  Scheduler,
  ThreadPool,
  type RunEvent,
  type RunOptions,
  type RunResult,
} from "dagwright";
import {
  closures,
  growing,
  keyed,
  marked,
  numbered,
  outer,
  plain,
  policed,
  refreshed,
  stateful,
  twins,
} from "../support/threaded.js";
import { failure, until } from "../support/waiting.js";

const pool = new ThreadPool({ maxWorkers: 2 });
const parallel = { mode: "parallel", pool } as const;
afterAll(() => pool.close());

describe("Mode parallel", () => {
  it("gives what the other modes give", async () => {
    const run = await plain.run(parallel);
    const inline = await plain.run();
    for (const name of ["source", "sum", "big", "either", "both"]) expect(run.get(name)).toEqual(inline.get(name));
    expect(run.get("both")).toEqual({ sum: 30, source: [0, 10, 20] });
    expect(run.nodes.get("small")).toMatchObject({ status: "skipped", skippedBy: "isBig.false" });
    const small = await plain.run({ ...parallel, inputs: { size: 2 } });
    expect(small.get("either")).toBe("SMALL 10");
  });

  it("runs plain nodes on threads, forks and nodes marked inline on this one, and says so", async () => {
    const run = await plain.run(parallel);
    expect(run.get("where")).toMatchObject({ isMainThread: false });
    expect(run.get("kept")).toMatchObject({ isMainThread: true });
    expect(run.get("isBig")).toEqual([30, { isMainThread: true, threadId: 0 }]);
    expect(run.nodes.get("sum")).toMatchObject({ backend: "thread", backendReason: undefined });
    expect(run.nodes.get("kept")).toMatchObject({ backend: "inline", backendReason: undefined });
    expect(run.nodes.get("isBig")?.backendReason).toMatch(/conditions and selects run inline/u);
    const dry = plain.dryRun({ mode: "parallel" });
    expect(dry.nodes.map(({ name, backend, reason }) => [name, backend, reason])).toEqual(
      dry.nodes.map(({ name }) => [name, run.nodes.get(name)?.backend, run.nodes.get(name)?.backendReason]),
    );
  });

  it("puts a node on a thread in every mode when the node says so", async () => {
    expect((await plain.run({ mode: "async" })).get("where")).toMatchObject({ isMainThread: true });
    for (const mode of ["sequential", "async"] as const) {
      const run = await marked.run({ mode, pool });
      expect(run.nodes.get("where")).toMatchObject({ backend: "thread" });
      expect(run.get("where")).toMatchObject({ isMainThread: false });
      expect(run.get("here")).toMatchObject({ isMainThread: true });
    }
    expect(() => marked.runSync()).toThrow(/runSync can't wait for worker threads/u);
  });

  it("lets no more nodes onto threads at once than maxWorkers, and inline nodes besides", async () => {
    const events: RunEvent[] = [];
    await plain.run({ ...parallel, maxWorkers: 1, observers: [(event) => events.push(event)] });
    let running = 0;
    let most = 0;
    for (const event of events) {
      const threaded = "node" in event && !["kept", "isBig"].includes(event.node);
      if (threaded && event.type === "attempt.started") most = Math.max(most, ++running);
      if (threaded && event.type === "node.completed") running--;
    }
    expect(most).toBe(1);
    for (const maxWorkers of [0, -1, 1.5, Infinity]) {
      await expect(plain.run({ mode: "parallel", maxWorkers })).rejects.toThrow(RangeError);
    }
  });

  it("wires parameters whose names a compiler numbered, and those that only look like one's", async () => {
    expect(String(numbered.nodes.get("tell")?.fn)).toMatch(/^\(label\d, ctx\d\)/u);
    const run = await numbered.run(parallel);
    expect(run.outputs).toEqual({ tell: "inner, not outer or other, in tell false", see: ["red", false] });
  });

  it("executes a workflow that a node runs", async () => {
    expect((await outer.run(parallel)).value).toEqual([false, false]);
  });
});

describe("Placement", () => {
  it("keeps on this thread, and says why, what no import defines", async () => {
    const dag = closures();
    const run = await dag.run(parallel);
    expect(run.value).toBe(true);
    expect(run.nodes.get("local")).toMatchObject({
      backend: "inline",
      backendReason: expect.stringContaining("its module, when imported, does not define it"),
    });
    expect(dag.dryRun({ mode: "parallel" }).nodes[0]).toMatchObject({ backend: "inline", reason: expect.any(String) });
  });

  it("never takes one workflow for another of the same name", async () => {
    for (const [i, twin] of twins.entries()) {
      const run = await twin.run(parallel);
      expect(run.value).toBe(i + 1);
      expect(run.nodes.get("n")).toMatchObject({ backend: "inline", backendReason: expect.stringContaining('"twin"') });
    }
  });

  it("is an error before anything runs under parallel: { strict: true }", async () => {
    let ran = false;
    const dag = closures();
    dag.node("other", () => (ran = true));
    const error = await failure(dag.run({ ...parallel, parallel: { strict: true } }));
    expect(error).toBeInstanceOf(BackendError);
    expect(error.message).toMatch(/"local": .*"other": /u);
    expect(ran).toBe(false);
    expect(() => dag.dryRun({ mode: "parallel", parallel: { strict: true } })).toThrow(BackendError);
    expect((await plain.run({ ...parallel, parallel: { strict: true } })).status).toBe("completed");
  });

  it("is found out anew for a dag that grew while a worker was asked", async () => {
    const first = growing.run(parallel);
    growing.node("b", () => "here");
    expect((await first).value).toBe(false);
    const run = await growing.run(parallel);
    expect({ ...run.results }).toEqual({ a: false, b: "here" });
    expect(run.nodes.get("b")).toMatchObject({
      backend: "inline",
      backendReason: expect.stringContaining("this node"),
    });
  });

  it("says so when a worker can't import the module", async () => {
    const dag = new Dag("lost", { module: new URL("./nowhere.mjs", import.meta.url).href });
    dag.node("a", () => 1);
    const run = await dag.run(parallel);
    expect(run.nodes.get("a")?.backendReason).toMatch(/a worker can't import its module: Cannot find module/u);
  });
});

describe("ThreadPool", () => {
  it("keeps its threads between runs, is refused when closed, and checks its options", async () => {
    const own = new ThreadPool({ maxWorkers: 1 });
    const counts = [];
    for (let i = 0; i < 3; i++) counts.push((await stateful.run({ mode: "parallel", pool: own })).value);
    expect(counts).toEqual([1, 2, 3]);
    await own.close();
    await expect(stateful.run({ mode: "parallel", pool: own })).rejects.toThrow(/"pool" is closed/u);
    expect(() => new ThreadPool({ maxWorkers: 0 })).toThrow(RangeError);
    expect(() => new ThreadPool({ idle: 1 } as never)).toThrow(/Unknown option "idle"/u);
    await expect(plain.run({ mode: "parallel", pool: {} as never })).rejects.toThrow(/must be a ThreadPool/u);
  });

  it("keeps to policies: fallbacks and retries see their inputs, limits and schedulers hold", async () => {
    const scheduler = new Scheduler({ maxConcurrency: 1 });
    for (const options of [{}, { retain: "outputs" }, { scheduler }] as RunOptions[]) {
      const run = await policed.run({ ...parallel, ...options });
      expect(run.outputs).toMatchObject({ risky: 100_000, flaky: 100_000, where: { isMainThread: false } });
      expect(run.nodes.get("flaky")).toMatchObject({ attempts: 3, backend: "thread" });
    }
    expect(scheduler.stats()).toMatchObject({ running: 0, queued: 0, completed: 6 });
  });

  it("refreshes cached results on a thread, though the run is over", async () => {
    const random = vi.spyOn(Math, "random").mockReturnValue(0);
    const ask = async (n: number) => (await refreshed.run({ ...parallel, inputs: { n } })).get("value") as unknown[];
    const first = await ask(1);
    expect(first[1]).not.toBe(0);
    await new Promise((resolve) => setTimeout(resolve, 5));
    const entry = await ask(1);
    expect(entry).toEqual(first);
    random.mockReturnValue(1);
    await until(async () => (await ask(1))[3] !== first[3]);
    const later = await ask(1);
    expect(later).toEqual([1, expect.any(Number), 1, expect.any(String)]);
    expect(later[1]).not.toBe(0);
    random.mockRestore();
  });

  it("that can't have a cached node's inputs lets a run that waits for its result compute that inline", async () => {
    const inputs = { n: 1, hint: () => "can't cross" };
    let waiting: Promise<RunResult<any>> | undefined;
    const observers = [
      ({ type }: RunEvent) => {
        if (type === "attempt.started") waiting = keyed.run({ mode: "async", inputs });
      },
    ];
    const error = await failure(keyed.run({ ...parallel, inputs, observers }));
    expect(error).toBeInstanceOf(NotCloneableError);
    expect((await waiting)?.value).toBe(2);
  });

  it("serves overlapping runs, more of them than it has threads", async () => {
    const runs = await Promise.all(Array.from({ length: 20 }, () => plain.run(parallel)));
    expect(runs.every((run) => run.get("sum") === 30)).toBe(true);
  });
});
