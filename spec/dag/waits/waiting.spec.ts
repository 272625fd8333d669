import { describe, expect, it, vi } from "vitest";
import { Dag, type RunEvent, type RunResult } from "dagwright";
import { pass, useFakeTime } from "../../support/fake-time.js";
import { failure } from "../../support/waiting.js";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** The statuses of all nodes, by name. */
const statuses = (run: RunResult<any>) =>
  Object.fromEntries(Array.from(run.nodes, ([name, { status }]) => [name, status]));

describe("A node with a delay", () => {
  useFakeTime();

  it.each(["sequential", "async"] as const)("starts that long after its inputs are there, in mode %s", async (mode) => {
    const dag = new Dag("delays");
    const began = Date.now();
    const first = dag.node("first", () => new Promise((done) => setTimeout(() => done("x"), 50)));
    dag.node("later", { needs: [first], delay: 100 }, (x) => [x, Date.now() - began]);
    dag.node("atOnce", { needs: [first], delay: 0 }, () => Date.now() - began);
    const result = dag.run({ mode });
    await pass(149);
    await pass(1);
    const run = await result;
    expect(run.get("later")).toEqual(["x", 150]);
    expect(run.get("atOnce")).toBe(50);
  });

  it("waits until a date, or for what a function of its inputs says", async () => {
    const dag = new Dag("dates");
    const began = Date.now();
    const base = dag.node("base", () => 1000);
    dag.node("at", { delay: new Date(began + 500) }, () => Date.now() - began);
    dag.node("past", { delay: new Date(began - 500) }, () => Date.now() - began);
    dag.node("computed", { needs: [base], delay: (ms: number) => ms * 2 }, (base: number) => [
      base,
      Date.now() - began,
    ]);
    const result = dag.run();
    await pass(2000);
    const run = await result;
    expect([run.get("at"), run.get("past"), run.get("computed")]).toEqual([500, 0, [1000, 2000]]);
  });

  it("may wait longer than timers can", { tags: "slow" }, async () => {
    const dag = new Dag("long");
    dag.node("late", { delay: 100 * DAY }, () => "late");
    let value: unknown;
    void dag.run().then((run) => (value = run.value));
    await pass(99 * DAY);
    expect(value).toBeUndefined();
    await pass(DAY);
    expect(value).toBe("late");
  });

  it("goes by the wall clock: after a jump it starts once, within a minute", async () => {
    const dag = new Dag("jump");
    const late = vi.fn(() => "late");
    dag.node("late", { delay: DAY }, late);
    const result = dag.run();
    await pass(HOUR);
    vi.setSystemTime(Date.now() + 2 * DAY);
    expect(late).not.toHaveBeenCalled();
    await pass(60_001);
    expect((await result).value).toBe("late");
    await pass(3 * DAY);
    expect(late).toHaveBeenCalledOnce();
  });

  it("holds no slot, in any mode, and others run meanwhile", async () => {
    for (const options of [{}, { mode: "async", concurrency: 1 }] as const) {
      const dag = new Dag("slots");
      const order: string[] = [];
      dag.node("waits", { delay: 100 }, () => void order.push("waits"));
      const a = dag.node("a", () => void order.push("a"));
      dag.node("b", { needs: [a] }, () => void order.push("b"));
      const result = dag.run(options);
      await pass(100);
      await result;
      expect(order).toEqual(["a", "b", "waits"]);
    }
  });

  it("is waiting meanwhile, which it tells, and its timeout does not count that", async () => {
    const dag = new Dag("told");
    const time = Date.now();
    dag.node("late", { delay: 1000, timeout: 50 }, () => new Promise((done) => setTimeout(done, 40)));
    const events: RunEvent[] = [];
    const handle = dag.start({ observers: [(event) => void events.push(event)] });
    await pass(500);
    const cancelled = handle.cancel();
    expect((await cancelled).nodes.get("late")).toMatchObject({ status: "cancelled", attempts: 0 });
    expect(events.find(({ type }) => type === "node.waiting")).toMatchObject({
      node: "late",
      waitingFor: { until: time + 1000 },
    });
    const again = dag.run();
    await pass(1040);
    expect((await again).nodes.get("late")).toMatchObject({ status: "completed", waitingFor: undefined });
  });

  it("fails when its function throws, or returns no delay", async () => {
    for (const [delay, message] of [
      [
        () => {
          throw new Error("no");
        },
        /^The delay of node "a" failed: no\./u,
      ],
      [() => NaN, /"delay" must be a number of milliseconds.* received NaN/u],
      [() => "soon", /"delay" must be milliseconds, or a date; received "soon"/u],
      [async () => 1, /returned a promise/u],
    ] as const) {
      const dag = new Dag("bad");
      dag.node("a", { delay: delay as never }, () => 1);
      const error = await failure(dag.run());
      expect(error).toMatchObject({ name: "ExecutionError", node: "a", attempt: 0 });
      expect(error.message).toMatch(message);
    }
  });

  it("is refused when its delay is none", () => {
    for (const delay of [NaN, -1, Infinity, new Date(NaN), "1s", null]) {
      const define = () => new Dag("bad").node("a", { delay: delay as never }, () => 1);
      expect(define, String(delay)).toThrow(/"delay" of node "a" must be/u);
    }
  });

  it("may be of any kind", async () => {
    const child = new Dag("child");
    child.node("inner", { delay: 10 }, () => 1);
    const dag = new Dag("kinds");
    const list = dag.node("list", () => [1, 2]);
    dag.map("map", { needs: [list], delay: 20 }, (n: number) => n * 2);
    dag.node("workflow", { delay: 30 }, child);
    dag.condition("condition", { needs: [list], delay: 40 }, () => true);
    dag.any("any", { needs: [list], delay: 50 }, (l: number[]) => l);
    dag.all("all", { needs: [list], delay: 50 }, (l: number[]) => l);
    const result = dag.run();
    await pass(60);
    const run = await result;
    expect(run.get("map")).toEqual([2, 4]);
    expect(run.get("workflow")).toBe(1);
    expect(Object.values(statuses(run)).every((status) => status === "completed")).toBe(true);
  });

  it("blocks the thread in runSync", () => {
    vi.useRealTimers();
    const dag = new Dag("sync");
    const order: string[] = [];
    const a = dag.node("a", { delay: 20 }, () => void order.push("a"));
    dag.node("b", { needs: [a], delay: 10 }, () => void order.push("b"));
    dag.node("c", () => void order.push("c"));
    const began = performance.now();
    dag.runSync();
    expect(performance.now() - began).toBeGreaterThan(25);
    expect(order).toEqual(["c", "a", "b"]);
  });
});

describe("A run with nodes that wait", () => {
  useFakeTime();

  const waiting = () => {
    const dag = new Dag("waiting");
    dag.node("a", () => "a");
    dag.node("late", { delay: DAY }, () => "late");
    return dag;
  };

  it("ends when it is aborted, times out, or fails fast", async () => {
    const controller = new AbortController();
    const aborted = failure(waiting().run({ signal: controller.signal }));
    controller.abort();
    expect(await aborted).toMatchObject({ name: "CancelledError" });
    const late = failure(waiting().run({ timeout: 1000 }));
    await pass(1000);
    expect(await late).toMatchObject({ name: "RunTimeoutError" });
    const dag = waiting();
    dag.node("fails", { delay: 10 }, () => {
      throw new Error("no");
    });
    const failed = failure(dag.run());
    await pass(10);
    expect(await failed).toMatchObject({ node: "fails" });
    expect(statuses((await failed).run)).toEqual({ a: "completed", late: "cancelled", fails: "failed" });
    expect(vi.getTimerCount()).toBe(0);
  });

  it("pauses at once", async () => {
    const handle = waiting().start();
    await pass(1);
    const run = await handle.pause();
    expect(run.status).toBe("paused");
    expect(run.nodes.get("late")).toMatchObject({ status: "waiting" });
    expect(vi.getTimerCount()).toBe(0);
  });

  it("is stepped through: a step ends with its node, and the next one waits", async () => {
    const dag = waiting();
    const first = await dag.step();
    expect(first).toMatchObject({ node: "a", done: false });
    const second = dag.step(first.state);
    await pass(DAY);
    expect(await second).toMatchObject({ node: "late", result: "late" });
  });
});
