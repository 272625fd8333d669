import { afterEach, describe, expect, it, vi } from "vitest";
import { Dag, Fsm, next, Scheduler, stop, type Context, type Observer, type RunEvent } from "dagwright";
import { sqliteStore } from "dagwright/store";

const fails = () => {
  throw new Error("failed");
};

/** a → b (fails) → c, and a → d (replaced by its fallback) → e (fails). */
function failing(): Dag {
  const dag = new Dag("failing");
  dag.node("a", { params: [] }, () => 1);
  dag.node("b", { needs: ["a"], retry: { retries: 1, delay: 0 } }, async () => fails());
  dag.node("c", { needs: ["b"] }, () => 1);
  dag.node("d", { needs: ["a"], fallback: 2 }, fails);
  dag.node("e", { needs: ["d"] }, fails);
  return dag;
}

/** a → b, which fails → rescue → end. */
function rescued(): Fsm {
  const fsm = new Fsm("rescued", { errorState: "rescue" });
  fsm.state("a", { initial: true, params: [] }, () => next("b", 1));
  fsm.state("b", { params: ["v"] }, async () => fails());
  fsm.state("rescue", { params: ["error"] }, () => next("end", 1));
  fsm.state("end", { params: ["v"] }, () => stop(2));
  return fsm;
}

const EVENTS = [
  "run.started",
  "node.ready",
  "state.entered",
  "attempt.started",
  "attempt.failed",
  "node.completed",
  "node.failed",
  "node.skipped",
  "state.left",
  "run.finished",
] as const;

const on = (type: string, deed: (event: RunEvent) => void) => (event: RunEvent) => {
  if (event.type === type) deed(event);
};

afterEach(() => {
  vi.restoreAllMocks();
});

describe("An observer that ends the run", () => {
  it.each(EVENTS)("at %s keeps no event from the others, which get all in order, once", async (type) => {
    for (const make of [failing, rescued])
      for (const [options, scheduler] of [
        [{}, undefined],
        [{}, new Scheduler()],
        [{ errorStrategy: "continue" }, new Scheduler()],
        [{ errorHandler: async () => "continue" }, new Scheduler()],
      ] as const) {
        const abort = new AbortController();
        const before: RunEvent[] = [];
        const after: RunEvent[] = [];
        const observers = [
          (event: RunEvent) => void before.push(event),
          on(type, () => abort.abort("enough")),
          (event: RunEvent) => void after.push(event),
        ];
        const all = { ...options, observers, scheduler, signal: abort.signal } as object;
        const run = make().run(all);
        await run.catch(() => {});
        expect(after).toEqual(before);
        const types = after.map((event) => event.type);
        expect(types.filter((other) => other === "run.finished")).toHaveLength(1);
        expect(types.at(-1)).toBe("run.finished");
        if (types.includes(type) && type !== "run.finished") {
          await expect(run).rejects.toMatchObject({ code: "CANCELLED" });
          expect(after.at(-1)).toMatchObject({ status: "cancelled" });
        }
        expect(await scheduler?.close()).toEqual(scheduler && { runs: 0, running: 0, queued: 0 });
      }
  });

  it.each(["attempt.failed", "node.failed"])("at %s keeps the errorHandler from being called", async (type) => {
    const fsm = new Fsm("f");
    fsm.state("a", { initial: true, params: [] }, fails);
    for (const workflow of [failing(), fsm]) {
      const abort = new AbortController();
      const errorHandler = vi.fn(() => "continue" as const);
      await expect(
        workflow.run({ observers: [on(type, () => abort.abort())], errorHandler, signal: abort.signal }),
      ).rejects.toMatchObject({ code: "CANCELLED" });
      expect(errorHandler).not.toHaveBeenCalled();
    }
  });

  it("keeps a state from being called that has been announced", async () => {
    for (const type of ["run.started", "state.entered", "attempt.started"])
      for (const options of [{}, { retry: 1 }]) {
        const fsm = new Fsm("f");
        const called = vi.fn();
        fsm.state("a", { initial: true, params: [], ...options }, called);
        const abort = new AbortController();
        const run = fsm.run({ observers: [on(type, () => abort.abort())], signal: abort.signal });
        await expect(run).rejects.toMatchObject({ code: "CANCELLED" });
        expect(called).not.toHaveBeenCalled();
      }
  });
});

describe("An observer that pauses the run", () => {
  it("pauses it when the announced node has completed", async () => {
    const dag = new Dag("d");
    dag.node("a", { params: [] }, async () => 1);
    dag.node("b", { needs: ["a"] }, () => expect.unreachable());
    const types: string[] = [];
    const observers: Observer[] = [
      on("node.completed", () => void handle.pause()),
      ({ type }) => void types.push(type),
    ];
    const handle = dag.start({ mode: "async", observers });
    const run = await handle.result;
    expect(run.status).toBe("paused");
    expect(run.nodes.get("b")!.status).toBe("ready");
    expect(types.slice(-4)).toEqual(["node.completed", "node.ready", "run.paused", "run.finished"]);
  });

  it("makes no state execute again when the run continues", async () => {
    const store = sqliteStore(":memory:");
    let calls = 0;
    const fsm = new Fsm("f");
    fsm.state("a", { initial: true, params: [] }, async () => next("b", ++calls));
    fsm.state("b", { params: ["v"] }, (v: number) => stop(v));
    const handle = fsm.start({ store, runId: "r", observers: [on("node.completed", () => void handle.pause())] });
    expect((await handle.result).status).toBe("paused");
    expect((await fsm.resume("r", { store })).value).toBe(1);
    expect(calls).toBe(1);
    await store.close();
  });
});

describe("An observer harms no run", () => {
  it("by adding itself to the list of observers, or emptying it", async () => {
    const events: string[] = [];
    const observers: Observer[] = [
      () => void observers.push(observers[0]),
      () => void (observers.length = 0),
      ({ type }) => void events.push(type),
    ];
    await failing().run({ observers, errorStrategy: "continue" });
    expect(events.at(-1)).toBe("run.finished");
  });

  it("by throwing when warnings throw, too", async () => {
    vi.spyOn(process, "emitWarning").mockImplementation(() => fails());
    const dag = new Dag("d");
    dag.node("a", { params: [] }, async () => 1);
    expect((await dag.run({ observers: [fails, () => Promise.reject(new Error("late"))] })).value).toBe(1);
  });

  it("by freezing an error, or redefining its properties", async () => {
    // Redefining properties of a frozen error throws.
    vi.spyOn(process, "emitWarning").mockImplementation(() => {});
    const keys = ["message", "stack", "name", "cause", "runId", "attempt", "run"];
    const spoil = (error: Error) => {
      for (const key of keys) Object.defineProperty(error, key, { get: fails, set: fails });
    };
    for (const deed of [Object.freeze, spoil] as ((error: unknown) => void)[])
      for (const type of ["attempt.failed", "node.failed"]) {
        const observers = [on(type, (event) => deed((event as { error?: unknown }).error))];
        await expect(failing().run({ observers })).rejects.toHaveProperty("code", "RETRY_EXHAUSTED");
        const handled = failing().run({ observers, errorHandler: () => "continue" });
        expect((await handled).status).toBe("failed");
        expect((await rescued().run({ observers })).value).toBe(2);
      }
  });

  it("by running other workflows, and its own", async () => {
    const inner: unknown[] = [];
    const observers: Observer[] = [
      on("attempt.failed", () => {
        inner.push(failing().run({ errorStrategy: "continue" }));
        const sync = new Dag("sync");
        sync.node("a", { params: [] }, () => 1);
        inner.push(sync.runSync().value);
      }),
    ];
    const run = await failing().run({ observers, errorStrategy: "continue" });
    expect(run.status).toBe("failed");
    expect(inner.length).toBeGreaterThan(0);
    for (const one of inner) expect(await one).toBeTruthy();
  });
});

describe("The progress of a node or state with policies", () => {
  it("includes that of a fallback", async () => {
    const dag = new Dag("d");
    dag.node("a", { fallback: (_: unknown, ctx: Context) => ctx.progress(0.7, "stand-in") }, fails);
    const fsm = new Fsm("f");
    fsm.state("s", { initial: true, fallback: (_: unknown, ctx: Context) => ctx.progress(0.7, "stand-in") }, fails);
    const told: unknown[] = [];
    for (const workflow of [dag, fsm]) {
      await workflow.run({ observers: [on("node.progress", ({ node, message }: any) => told.push([node, message]))] });
    }
    expect(told).toEqual([
      ["a", "stand-in"],
      ["s", "stand-in"],
    ]);
  });

  it("is emitted until the run is over", async () => {
    const told: unknown[] = [];
    let late = () => {};
    const work = (ctx: Context) => {
      ctx.progress(0.5, "half");
      late = () => ctx.progress(0.9, "late");
    };
    const dag = new Dag("d");
    dag.node("a", { retry: 1 }, (ctx: Context) => work(ctx));
    const fsm = new Fsm("f");
    fsm.state("s", { initial: true, retry: 1 }, (ctx: Context) => work(ctx));
    for (const workflow of [dag, fsm]) {
      const observers = [
        on("node.progress", ({ node, fraction, message }: any) => told.push([node, fraction, message])),
      ];
      await workflow.run({ observers });
      late();
    }
    expect(told).toEqual([
      ["a", 0.5, "half"],
      ["s", 0.5, "half"],
    ]);
  });
});

describe("Leaving an event stream", () => {
  it("unsubscribes before the run continues", async () => {
    const warnings = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
    const dag = new Dag("left");
    const told: string[] = [];
    dag.node("a", () => new Promise((resolve) => setTimeout(resolve, 5)));
    dag.node("b", { after: ["a"] }, (ctx: Context) => ctx.log("after"));
    const handle = dag.start({ mode: "async" });
    for await (const { type } of handle.events()) {
      told.push(type);
      break;
    }
    expect((await handle.result).status).toBe("completed");
    expect(told).toEqual(["run.started"]);
    expect(warnings).not.toHaveBeenCalled();
    warnings.mockRestore();
  });
});

describe("An observer", () => {
  it("can't change the events of others, and may leave an event stream while it is called", async () => {
    const warnings = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
    const dag = new Dag("work");
    dag.node("a", () => 1);
    const changing = (event: { type: string }) => {
      event.type = "run.finished";
    };
    const types: string[] = [];
    for await (const { type } of dag.start({ observers: [changing as Observer] }).events()) types.push(type);
    expect(types).toEqual(["run.started", "node.ready", "attempt.started", "node.completed", "run.finished"]);
    expect(warnings).toHaveBeenCalledTimes(types.length);
    warnings.mockClear();
    const leaving: Observer = ({ type }) => void (type === "node.ready" && events.return?.());
    const handle = dag.start({ observers: [leaving] });
    const events = handle.events();
    await handle.result;
    expect(warnings).not.toHaveBeenCalled();
    warnings.mockRestore();
  });
});
