import { describe, expect, it, vi } from "vitest";
import {
  Dag,
  Fsm,
  next,
  node,
  state,
  stop,
  workflow,
  type Context,
  type FsmContext,
  type RunProgress,
} from "dagwright";
import { sqliteStore } from "dagwright/store";

describe("Metadata of a run", () => {
  it("overrides that of an earlier run's context, and neither is changed", async () => {
    const dag = new Dag<any>("d");
    dag.node("a", (ctx: Context) => ({ ...ctx.metadata, written: (ctx.metadata.a = 5) }));
    const metadata = { a: 1, b: 2 };
    const first = await dag.run({ metadata });
    expect(first.value).toEqual({ a: 1, b: 2, written: 5 });
    const second = await dag.run({ context: first.context, metadata: { b: 3 } });
    expect(second.value).toEqual({ a: 5, b: 3, written: 5 });
    expect(metadata).toEqual({ a: 1, b: 2 });
    const fsm = new Fsm("f");
    fsm.state("s", { initial: true }, (ctx: FsmContext) => stop(ctx.metadata.who));
    expect((await fsm.run({ metadata: { who: "me" } })).value).toBe("me");
  });

  it("is recorded, and no option of resume", async () => {
    const store = sqliteStore(":memory:");
    const dag = new Dag<any>("d");
    dag.node("a", (ctx: Context) => ctx.metadata.tenant);
    const { runId } = await dag.run({ store, metadata: { tenant: "t" } });
    expect((await store.getRun(runId))?.metadata).toEqual({ tenant: "t" });
    await expect(dag.resume(runId, { store, metadata: {} } as never)).rejects.toThrow(
      '"metadata" is not an option here: it is recorded with the run.',
    );
    await store.close();
  });
});

describe("The options of a workflow", () => {
  const failing = () => {
    throw new Error("no");
  };

  it("are the defaults of all runs, however started, and overridden by those of a run", async () => {
    const store = sqliteStore(":memory:");
    const dag = new Dag<any>("d", { runOptions: { errorStrategy: "continue", store } });
    dag.node("bad", failing);
    dag.node("ok", () => 1);
    const runs = [await dag.run(), await dag.start().result, await dag.runUntil("ok"), await dag.clone().run()];
    expect(runs.map((run) => run.get("ok"))).toEqual([1, 1, 1, 1]);
    await expect(dag.run({ errorStrategy: "failFast" })).rejects.toThrow(/no/u);
    expect((await store.listRuns()).runs).toHaveLength(5);
    expect((await dag.resume(runs[0].runId, {} as never)).status).toBe("failed");
    await expect(new Dag("d", { runOptions: { mod: "async" } as never }).run()).rejects.toThrow(
      /Unknown option "mod"/u,
    );
    expect(() => new Dag("d", { runOptions: 5 as never })).toThrow('"runOptions" must be an object; received 5.');
    await store.close();
  });

  it("limit the cycles of an fsm, unless those of a run do", async () => {
    const fsm = new Fsm<any>("f", { maxCycles: 10, runOptions: { inputs: { n: 1 } }, metadata: { owner: "ops" } });
    fsm.state("a", { initial: true }, (n: number) => next("a", n + 1));
    await expect(fsm.run()).rejects.toThrow(/needs more than 10 cycles/u);
    await expect(fsm.run({ maxCycles: 20 })).rejects.toThrow(/needs more than 20 cycles/u);
    expect(fsm.metadata).toEqual({ owner: "ops" });
    expect(fsm.clone().metadata).toEqual({ owner: "ops" });
    expect(() => new Fsm("f", { maxCycles: 0 })).toThrow(/"maxCycles" must be a whole number, at least 1/u);
  });

  it("may be given to the class and to from", async () => {
    @workflow({ name: "annotated", metadata: { team: "a" }, runOptions: { errorStrategy: "continue" } })
    class Job {
      @node bad(): number {
        return failing();
      }
      @node ok() {
        return 1;
      }
    }
    const dag = Dag.from(Job);
    expect([dag.name, dag.metadata, (await dag.run()).get("ok")]).toEqual(["annotated", { team: "a" }, 1]);
    const mine = Dag.from(Job, { name: "mine", runOptions: {}, metadata: { team: "b" } });
    expect([mine.name, mine.metadata]).toEqual(["mine", { team: "b" }]);
    await expect(mine.run()).rejects.toThrow(/no/u);
  });
});

describe("An option that is undefined is not given", () => {
  @workflow({ name: "jobs", description: "of the class", maxCycles: 3, runOptions: { errorStrategy: "continue" } })
  class Jobs {
    @node bad(): number {
      throw new Error("no");
    }
    @node ok() {
      return 1;
    }
    @state({ initial: true }) again() {
      return next("again");
    }
  }

  it("where a class has it", async () => {
    const dag = Dag.from(Jobs, { name: undefined, description: undefined, runOptions: undefined });
    expect([dag.name, dag.description, (await dag.run()).get("ok")]).toEqual(["jobs", "of the class", 1]);
    const fsm = Fsm.from(Jobs, { name: undefined, description: undefined, maxCycles: undefined });
    expect([fsm.name, fsm.description]).toEqual(["jobs", "of the class"]);
    await expect(fsm.run({ maxCycles: undefined })).rejects.toThrow(/more than 3 cycles/u);
  });

  it("where a run has a default", async () => {
    const store = sqliteStore(":memory:");
    const dag = Dag.from(Jobs, { runOptions: { errorStrategy: "continue", store, concurrency: 1 } });
    const own = { errorStrategy: undefined, store: undefined, mode: undefined };
    const runs = [await dag.run(own), await dag.start(own).result, await dag.runUntil("ok", own)];
    expect(runs.map((run) => run.get("ok"))).toEqual([1, 1, 1]);
    expect((await store.listRuns()).runs).toHaveLength(3);
    expect((await dag.resume(runs[0].runId, own as never)).get("ok")).toBe(1);
    expect(await dag.recover({ ...own, nodeConcurrency: undefined } as never)).toEqual([]);
    await expect(dag.recover({ store, nodeConcurrency: 0 })).rejects.toThrow(/"nodeConcurrency" must be/u);
    const fsm = Fsm.from(Jobs, { runOptions: { onMaxCycles: "stop", store } });
    const stopped = [await fsm.run({ onMaxCycles: undefined, store: undefined }), fsm.lastRun];
    expect(stopped.map((run) => run?.cycleCount)).toEqual([3, 3]);
    expect((await store.listRuns({ workflow: "jobs" })).runs).toHaveLength(4);
    await store.close();
  });

  it("where a node has it already", async () => {
    const dag = new Dag<any>("d");
    let calls = 0;
    dag.node("flaky", { retry: { retries: 1, delay: 0 }, description: "fails once" }, () => {
      if (++calls === 1) throw new Error("no");
      return calls;
    });
    dag.configureNode("flaky", { retry: undefined, description: undefined, timeout: 1000 });
    expect((await dag.run()).value).toBe(2);
    expect(dag.nodes.get("flaky")?.description).toBe("fails once");
    const cached = dag.cachedNode("cached", { ttl: 1000, cache: { ttl: undefined, version: 2 } }, () => 1);
    expect(dag.nodes.get(cached.name)?.options.cache).toEqual({ ttl: 1000, version: 2 });
  });
});

describe("onProgress", () => {
  it("is called for every node that has settled, in whatever status", async () => {
    const dag = new Dag<any>("d");
    dag.node("a", () => 1);
    dag.node("bad", () => {
      throw new Error("no");
    });
    dag.node("after bad", { needs: ["bad"] }, () => 1);
    dag.node("last", { needs: ["a"] }, () => 2);
    const told: RunProgress[] = [];
    await dag.run({ errorStrategy: "continue", onProgress: (progress) => told.push(progress) });
    expect(told.map(({ completed, total, fraction }) => [completed, total, fraction])).toEqual(
      [1, 2, 3, 4].map((n) => [n, 4, n / 4]),
    );
    expect(told.map(({ node }) => node).sort()).toEqual(["a", "after bad", "bad", "last"]);
  });

  it("counts the nodes of a partial run, and can't harm a run", async () => {
    const dag = new Dag<any>("d");
    dag.node("a", () => 1);
    dag.node("b", { needs: ["a"] }, (x: number) => x);
    dag.node("c", { needs: ["b"] }, (x: number) => x);
    const told: unknown[] = [];
    const warned = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
    const run = await dag.runUntil("b", {
      onProgress: ({ node, total }) => {
        told.push([node, total]);
        throw new Error("mine");
      },
    });
    expect(run.status).toBe("completed");
    expect(told).toEqual([
      ["a", 2],
      ["b", 2],
    ]);
    expect(warned).toHaveBeenCalledTimes(2);
    warned.mockRestore();
  });
});

describe("An option that has another name in other libraries", () => {
  const dag = new Dag<any>("d");
  dag.node("use", (data: number) => data);

  it.each([
    [
      () => dag.run({ data: 1 } as never),
      'Unknown option "data" of a run. Pass inputs as run({ inputs: { data: … } }).',
    ],
    [() => dag.run({ errorStrategy: "stop" as never }), 'received "stop". Use "failFast" instead.'],
    [() => dag.run({ mode: "sync" as never }), 'received "sync". Use "sequential" or runSync instead.'],
    [() => dag.run({ dta: 1 } as never), 'Unknown option "dta" of a run.'],
  ])("is refused with its name in this one", async (run, message) => {
    await expect(run()).rejects.toThrow(message);
  });

  it("is refused when nodes and states are defined", () => {
    expect(() => new Dag("d").node("a", { retryDelay: 5 } as never, () => 1)).toThrow(
      'Unknown option "retryDelay" of node "a". Use retry: { delay } instead.',
    );
    expect(() => new Fsm("f").state("s", { retries: 5 } as never, () => 1)).toThrow(
      'Unknown option "retries" of state "s". Use retry: n or retry: { retries } instead.',
    );
  });
});
