import { afterEach, describe, expect, it, vi } from "vitest";
import { Dag, node, PauseRun, Scheduler, type Context, type DagOptions, type NodeOptions, workflow } from "dagwright";
import { never, sleep, turns, until } from "../../support/waiting.js";

/** A dag of one node with options. */
function one(options: NodeOptions, fn: (n: number, ctx: Context) => unknown, dagOptions?: DagOptions) {
  const dag = new Dag("one", dagOptions);
  dag.node("a", { params: ["n"], ...options }, fn);
  return dag;
}

afterEach(() => void vi.useRealTimers());

describe("In a live dag", () => {
  it("retries, timeouts and fallbacks work", async () => {
    const attempts: number[] = [];
    const dag = one({ retry: { retries: 2, delay: 1 }, timeout: 20, fallback: "none" }, async (n, ctx) => {
      attempts.push(ctx.attempt);
      if (n === 2) return never();
      if (ctx.attempt < 3) throw new Error("not yet");
      return n;
    });
    await using live = dag.live({ inputs: { n: 1 } });
    await live.settled();
    expect([live.get("a"), attempts]).toEqual([1, [1, 2, 3]]);
    live.set("n", 2);
    await live.settled();
    expect([live.get("a"), live.status("a"), live.errors]).toEqual(["none", "completed", []]);
  });

  it("results are cached", async () => {
    let calls = 0;
    const dag = one({ cache: {} }, (n) => {
      calls++;
      return n * 2;
    });
    await using live = dag.live({ inputs: { n: 1 } });
    await live.settled();
    for (const n of [2, 1, 2, 1]) {
      live.set("n", n);
      await live.settled();
      expect(live.get("a")).toBe(n * 2);
    }
    expect(calls).toBe(2);
    expect((await dag.run({ inputs: { n: 2 } })).nodes.get("a")?.cached).toBe(true);
  });

  it("an overtaken node ends its retries and its waits, and lets go of its key", async () => {
    const begun: number[] = [];
    const options = { retry: { retries: 5, delay: 600_000, maxDelay: 600_000 }, concurrencyKey: { key: "live-spec" } };
    const dag = one(options, async (n) => {
      begun.push(n);
      if (n === 1) throw new Error("once");
      if (n === 2) return never();
      return n;
    });
    await using live = dag.live({ inputs: { n: 1 }, mode: "sequential" });
    await until(() => begun.length === 1);
    await turns(10);
    live.set("n", 2);
    await until(() => begun.length === 2);
    live.set("n", 3);
    await live.settled();
    expect([live.get("a"), begun]).toEqual([3, [1, 2, 3]]);
    expect((await dag.run({ inputs: { n: 4 } })).value).toBe(4);
  });

  it.each([{ mode: "sequential" }, { concurrency: 2 }] as const)(
    "%o bounds what is computed at once",
    async (options) => {
      const dag = new Dag("d");
      let inFlight = 0;
      let most = 0;
      for (let i = 0; i < 6; i++) {
        dag.node(`n${i}`, { params: ["n"], retry: i % 2 }, async (n: number, ctx: Context) => {
          most = Math.max(most, ++inFlight);
          await turns(3);
          if (!ctx.signal.aborted) inFlight--;
          return n;
        });
      }
      await using live = dag.live({ inputs: { n: 1 }, ...options });
      await live.settled();
      expect(most).toBe("mode" in options ? 1 : 2);
      // Overtaken nodes don't count, and their slots are free.
      for (let n = 2; n < 9; n++) {
        live.set("n", n);
        await turns(2);
        inFlight = 0;
      }
      await live.settled();
      expect(live.get("n5")).toBe(8);
      expect(most).toBe("mode" in options ? 1 : 2);
    },
  );

  it("sequential mode goes in the order of execution", async () => {
    const dag = new Dag("d");
    const order: string[] = [];
    const add = (name: string, needs: string[], priority = 50) =>
      dag.node(name, { needs, params: needs.length > 0 ? ["p"] : ["n"], priority }, async (n: number) => {
        order.push(name);
        await turns(2);
        return n;
      });
    add("a", []);
    add("b", ["a"]);
    add("c", []);
    add("d", ["c"], 90);
    await using live = dag.live({ inputs: { n: 1 }, mode: "sequential" });
    await live.settled();
    expect(order).toEqual(dag.executionOrder);
    order.length = 0;
    live.set("n", 2);
    await live.settled();
    expect(order).toEqual(dag.executionOrder);
  });

  it("hooks run, and see inputs by name", async () => {
    const seen: unknown[] = [];
    const dag = one({ hooks: { postExecute: (_node, _inputs, result) => (result as number) + 1 } }, (n) => n);
    dag.setDefaultHooks({ preExecute: (_node, inputs) => void seen.push(["default", inputs]) });
    const hooks = { cleanup: () => void seen.push("run") };
    await using live = dag.live({ inputs: { n: 1 }, hooks });
    await live.settled();
    expect(live.get("a")).toBe(2);
    expect(seen).toEqual([["default", { n: 1 }], "run"]);
  });

  it("metadata is shared, and defaults of the dag apply", async () => {
    const dag = one({}, (n, ctx) => [n, ctx.metadata.who], {
      runOptions: { inputs: { n: 5 }, metadata: { who: "x" } },
    });
    await using live = dag.live();
    await live.settled();
    expect(live.get("a")).toEqual([5, "x"]);
  });

  it("nodes wait for a scheduler, which waits for the live dag", async () => {
    const scheduler = new Scheduler({ maxConcurrency: 1 });
    const dag = one({}, async (n) => {
      await sleep(1);
      return n;
    });
    const live = dag.live({ inputs: { n: 1 }, scheduler });
    await Promise.all([live.settled(), dag.run({ inputs: { n: 2 }, scheduler })]);
    expect(live.get("a")).toBe(1);
    expect((await scheduler.close({ timeout: 1 })).runs).toBe(1);
    await live.close();
    expect((await scheduler.close()).runs).toBe(0);
  });

  it("a circuit opens and closes over changes", async () => {
    vi.useFakeTimers();
    const dag = one({ circuitBreaker: { key: "live-circuit", failureThreshold: 2, resetAfter: 1000 } }, (n) => {
      if (n < 3) throw new Error("down");
      return n;
    });
    await using live = dag.live({ inputs: { n: 1 } });
    await live.settled();
    live.set("n", 2);
    await live.settled();
    live.set("n", 2.5);
    await live.settled();
    expect(live.errors[0].code).toBe("CIRCUIT_OPEN");
    vi.advanceTimersByTime(1000);
    live.set("n", 3);
    await live.settled();
    expect(live.get("a")).toBe(3);
  });

  it("continueNone gives dependents null, and a pause fails its node", async () => {
    const dag = one({ errorStrategy: "continueNone" }, (n) => {
      if (n === 1) throw new Error("bad");
      throw new PauseRun("ask");
    });
    dag.node("b", { needs: ["a"] }, (a: unknown) => [a]);
    await using live = dag.live({ inputs: { n: 1 } });
    await live.settled();
    expect([live.get("a"), live.get("b"), live.status("a")]).toEqual([null, [null], "failed"]);
    live.set("n", 2);
    await live.settled();
    expect(live.errors[0].message).toContain('Node "a" paused, which is impossible in a live dag.');
  });

  it("to fail under continueNone after a result of null is a change for outputs alone, and so is the way back", async () => {
    const dag = new Dag<any>("nulls");
    const a = dag.node("a", { params: ["n"], errorStrategy: "continueNone" }, (n: number) => {
      if (n % 2 === 0) throw new Error("even");
      return null;
    });
    dag.node("b", { needs: ["a.x"] }, (x: unknown) => [x]);
    await using live = dag.live({ inputs: { n: 1 } });
    const heard: unknown[] = [];
    live.subscribe(a, (value) => heard.push(value));
    const seen: unknown[] = [];
    for (const n of [1, 2, 4, 3]) {
      live.set("n", n);
      await live.settled();
      seen.push([live.status("a"), live.get("a"), live.status("b"), live.get("b")]);
    }
    expect(seen).toEqual([
      ["completed", null, "failed", undefined],
      ["failed", null, "completed", [null]],
      ["failed", null, "completed", [null]],
      ["completed", null, "failed", undefined],
    ]);
    expect(heard).toEqual([null]);
  });

  it("branches are taken and left", async () => {
    const dag = new Dag("d");
    const big = dag.condition("big", (n: number) => n > 9);
    const yes = dag.node("yes", { needs: [big.onTrue] }, (n: unknown) => `${n} is big`);
    const no = dag.node("no", { needs: [big.onFalse] }, (n: unknown) => `${n} is small`);
    dag.any("text", { needs: [yes, no] }, (text: string, ctx: Context) => `${text} (${ctx.trigger})`);
    await using live = dag.live({ inputs: { n: 1 } });
    await live.settled();
    expect([live.get("text"), live.status("yes"), live.has("yes")]).toEqual(["1 is small (no)", "skipped", false]);
    live.set("n", 10);
    await live.settled();
    expect([live.get("text"), live.status("no"), live.has("no")]).toEqual(["10 is big (yes)", "skipped", false]);
  });

  it("a broken scheduler closes it, with an error that says so", async () => {
    const scheduler = new Scheduler();
    scheduler.begin = () => {
      throw new Error("broken");
    };
    const live = one({}, (n) => n).live({ inputs: { n: 1 }, scheduler });
    await live.settled();
    expect(live.errors[0]).toMatchObject({ code: "INTERNAL", cause: new Error("broken") });
    expect(live.status("a")).toBe("cancelled");
  });
});

it("A class may be a live dag", async () => {
  @workflow({ name: "areas" })
  class Areas {
    factor = 2;
    @node area(width: number, height: number): number {
      return width * height * this.factor;
    }
    @node("area") text(area: number): string {
      return `${area} m²`;
    }
  }
  await using live = Dag.from(Areas).live({ inputs: { width: 2, height: 3 } });
  const heard: string[] = [];
  live.subscribe("text", (text) => heard.push(text ?? "none"));
  await live.settled();
  live.set("width", 3);
  await live.settled();
  expect(heard).toEqual(["12 m²", "18 m²"]);
});
