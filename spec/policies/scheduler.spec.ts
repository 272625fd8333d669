import { describe, expect, it, vi } from "vitest";
import { Dag, Fsm, QueueFullError, RetryExhaustedError, Scheduler, type Priority, type RunEvent } from "dagwright";
import { outcome, pass, rejection, sleep, turns, useFakeTime } from "../support/fake-time.js";

useFakeTime();

/** A dag of one node, which adds its name to `order` and takes `ms`. */
function job(name: string, order: string[], priority?: Priority, ms = 10): Dag {
  const dag = new Dag(name);
  dag.node("work", { priority }, async () => {
    order.push(name);
    await sleep(ms);
    return name;
  });
  return dag;
}

describe("A scheduler", () => {
  it("limits the nodes in flight over all runs that share it", async () => {
    const scheduler = new Scheduler({ maxConcurrency: 3 });
    let inFlight = 0;
    let most = 0;
    const make = () => {
      const dag = new Dag("d");
      for (let i = 0; i < 10; i++) {
        dag.node(`n${i}`, async () => {
          most = Math.max(most, ++inFlight);
          await sleep(10);
          inFlight--;
        });
      }
      return dag.run({ mode: "async", scheduler });
    };
    const runs = Promise.all([make(), make(), make()]);
    await pass(5);
    expect(scheduler.stats()).toEqual({
      running: 3,
      queued: 27,
      submitted: 30,
      completed: 0,
      rejected: 0,
      promoted: 0,
    });
    await outcome(runs);
    expect(most).toBe(3);
    expect(scheduler.stats()).toEqual({
      running: 0,
      queued: 0,
      submitted: 30,
      completed: 30,
      rejected: 0,
      promoted: 0,
    });
  });

  it("gives slots by priority, then first in, first out, however long the process has run", async () => {
    await pass(60_000);
    const scheduler = new Scheduler({ maxConcurrency: 1 });
    const order: string[] = [];
    const priorities: Record<string, Priority | undefined> = {
      first: undefined,
      low: "low",
      normal: undefined,
      99: 99,
      background: "background",
      critical: "critical",
      high: "high",
      fifty: 50,
      critical2: 100,
    };
    await outcome(Promise.all(Object.entries(priorities).map(([name, p]) => job(name, order, p).run({ scheduler }))));
    // Integer keys come first in an object.
    expect(order).toEqual(["99", "critical", "critical2", "high", "first", "normal", "fifty", "low", "background"]);
  });

  it("serves nodes that have waited for starvationTimeout first, oldest first", async () => {
    const scheduler = new Scheduler({ maxConcurrency: 1, starvationTimeout: 100 });
    const order: string[] = [];
    const start = (name: string, priority?: Priority) => job(name, order, priority, 30).run({ scheduler });
    const runs = [start("a"), start("low1", "low"), start("low2", 30)];
    for (let i = 0; i < 6; i++) {
      await pass(15);
      runs.push(start(`high${i}`, "high"));
    }
    await outcome(Promise.all(runs));
    // When the slot is released at 120 ms, both low ones have waited for more than 100 ms.
    expect(order).toEqual(["a", "high0", "high1", "high2", "low1", "low2", "high3", "high4", "high5"]);
    expect(scheduler.stats().promoted).toBe(2);
  });

  it("completes a chain under maxConcurrency: 1, since only ready nodes queue", async () => {
    const scheduler = new Scheduler({ maxConcurrency: 1 });
    const dag = new Dag("chain");
    dag.node("n0", () => 0);
    for (let i = 1; i < 20; i++) dag.node(`n${i}`, { needs: [`n${i - 1}`] }, async (x: number) => x + 1);
    const runs = await outcome(Promise.all([1, 2, 3].map(() => dag.run({ mode: "async", scheduler }))));
    expect(runs.map(({ value }) => value)).toEqual([19, 19, 19]);
  });

  it("rejects a node when its queue is full", async () => {
    const scheduler = new Scheduler({ maxConcurrency: 1, maxQueueSize: 1 });
    const order: string[] = [];
    const runs = ["a", "b"].map((name) => job(name, order).run({ scheduler }));
    const failed: unknown[] = [];
    const observers = [(event: RunEvent) => event.type === "attempt.failed" && failed.push(event.error)];
    const error = await job("c", order)
      .run({ scheduler, observers })
      .catch((e: unknown) => e);
    expect(failed).toEqual([error]);
    expect(error).toBeInstanceOf(QueueFullError);
    expect(error).toMatchObject({ code: "QUEUE_FULL", node: "work", attempt: 1 });
    expect((error as Error).message).toMatch(/"work" was rejected. The scheduler's queue is full: 1 /u);
    await outcome(Promise.all(runs));
    expect(order).toEqual(["a", "b"]);
    expect(scheduler.stats()).toMatchObject({ submitted: 3, completed: 2, rejected: 1 });
  });

  it("is asked again by a rejected node with a retry", async () => {
    const scheduler = new Scheduler({ maxConcurrency: 1, maxQueueSize: 1 });
    const order: string[] = [];
    const dag = new Dag("d");
    dag.node("again", { retry: { retries: 3, delay: 15, backoff: "fixed" } }, () => "in");
    dag.node("gives up", { retry: { retries: 1, delay: 1 } }, () => "never");
    const runs = ["a", "b"].map((name) => job(name, order).run({ scheduler }));
    const run = await outcome(dag.run({ mode: "async", scheduler, errorStrategy: "continue" }));
    await Promise.all(runs);
    expect(run.get("again")).toBe("in");
    expect(run.nodes.get("gives up")?.error).toBeInstanceOf(RetryExhaustedError);
    expect((run.nodes.get("gives up")?.error as RetryExhaustedError).errors[0]).toBeInstanceOf(QueueFullError);
  });

  it("drops a cancelled waiter, and releases the slot of a cancelled run", async () => {
    const scheduler = new Scheduler({ maxConcurrency: 1 });
    const order: string[] = [];
    const holding = job("a", order, undefined, 100).start({ scheduler });
    const waiting = job("b", order).start({ scheduler });
    for (const { result } of [holding, waiting]) result.catch(() => {});
    await pass(5);
    expect(scheduler.stats()).toMatchObject({ running: 1, queued: 1 });
    expect((await waiting.cancel()).nodes.get("work")).toMatchObject({ status: "cancelled", attempts: 0 });
    expect(scheduler.stats()).toMatchObject({ running: 1, queued: 0 });
    await holding.cancel();
    expect(scheduler.stats()).toMatchObject({ running: 0, queued: 0 });
    expect((await outcome(job("c", order).run({ scheduler }))).status).toBe("completed");
    expect(order).toEqual(["a", "c"]);
  });

  it("releases the slot of a node cancelled at any moment around its grant", async () => {
    const scheduler = new Scheduler({ maxConcurrency: 1 });
    for (let moment = 0; moment < 20; moment++) {
      const controller = new AbortController();
      const holder = new Dag("holder");
      holder.node("a", async () => {
        await sleep(1);
        void turns(moment).then(() => controller.abort());
      });
      const holding = holder.run({ scheduler });
      const leaving = job("leaves", []).run({ scheduler, signal: controller.signal });
      await outcome(Promise.allSettled([holding, leaving]));
      expect(scheduler.stats()).toMatchObject({ running: 0, queued: 0 });
    }
  });

  it("releases the slot of a node that fails, times out or throws in a hook", async () => {
    const scheduler = new Scheduler({ maxConcurrency: 1 });
    const dag = new Dag("d");
    const boom = () => {
      throw new Error("boom");
    };
    dag.node("throws", boom);
    dag.node("hangs", { timeout: 20 }, () => new Promise(() => {}));
    dag.node("hook", { hooks: { preExecute: boom } }, () => 1);
    dag.node("last", () => "done");
    const run = await outcome(dag.run({ mode: "async", scheduler, errorStrategy: "continue" }));
    expect(run.get("last")).toBe("done");
    expect(scheduler.stats()).toMatchObject({ running: 0, completed: 4 });
  });

  it("works with every executor, with fsms, and together with `concurrency`", async () => {
    const scheduler = new Scheduler({ maxConcurrency: 2 });
    const fsm = new Fsm("f");
    fsm.state("s", { initial: true, terminal: true }, () => sleep(10).then(() => "state"));
    for (const executor of ["workQueue", "level", "reactive"] as const) {
      const dag = new Dag("d");
      for (let i = 0; i < 6; i++) dag.node(`n${i}`, () => sleep(10));
      const [run, machine] = await outcome(
        Promise.all([dag.run({ mode: "async", concurrency: 4, scheduler, executor }), fsm.run({ scheduler })]),
      );
      expect([run.status, machine.value]).toEqual(["completed", "state"]);
    }
    expect(scheduler.stats()).toMatchObject({ running: 0, completed: 21 });
  });

  it("finishes queued nodes and refuses new runs once it is closed", async () => {
    const scheduler = new Scheduler({ maxConcurrency: 1 });
    const order: string[] = [];
    const dag = new Dag("two");
    dag.node("a", () => sleep(10));
    dag.node("b", { needs: ["a"], params: ["x"] }, () => "b");
    const running = Promise.all([dag.run({ scheduler }), job("c", order).run({ scheduler })]);
    let closed = false;
    const closing = scheduler.close().then(() => (closed = true));
    await expect(dag.run({ scheduler })).rejects.toThrow(/"scheduler" is closed. Pass another one, or none/u);
    await pass(5);
    expect(closed).toBe(false);
    const [run] = await outcome(running);
    expect(run.value).toBe("b");
    await closing;
    await scheduler.close();
    const used = new Scheduler();
    await used[Symbol.asyncDispose]();
    await expect(dag.run({ scheduler: used })).rejects.toThrow(/"scheduler" is closed/u);
  });

  it("closes after `timeout` at the latest, and reports what is left", async () => {
    const scheduler = new Scheduler({ maxConcurrency: 1 });
    const order: string[] = [];
    const running = Promise.all(["a", "b"].map((name) => job(name, order, undefined, 100).run({ scheduler })));
    const left = scheduler.close({ timeout: 30 });
    await pass(40);
    expect(await left).toEqual({ runs: 2, running: 1, queued: 1 });
    expect(await rejection(job("c", order).run({ scheduler }))).toMatchObject({ name: "ClosedError", code: "CLOSED" });
    await outcome(running);
    expect(await scheduler.close({ timeout: 1000 })).toEqual({ runs: 0, running: 0, queued: 0 });
    expect(vi.getTimerCount()).toBe(0);
    await expect(scheduler.close({ timeout: -1 })).rejects.toThrow(/"timeout" must be a number of milliseconds/u);
  });

  it("handles 100,000 nodes", { tags: "slow" }, async () => {
    vi.useRealTimers();
    const scheduler = new Scheduler({ maxConcurrency: 4 });
    const dag = new Dag("wide");
    const priorities = ["critical", "low", 13, "background"] as const;
    for (let i = 0; i < 100_000; i++) dag.node(`n${i}`, { priority: priorities[i % 4] }, async () => i);
    const run = await dag.run({ mode: "async", scheduler, retain: "outputs" });
    expect(run.status).toBe("completed");
    expect(scheduler.stats()).toMatchObject({ running: 0, queued: 0, completed: 100_000 });
  });

  it("drops 50,000 cancelled waiters at once", { tags: "slow" }, async () => {
    vi.useRealTimers();
    const scheduler = new Scheduler({ maxConcurrency: 1 });
    const dag = new Dag("wide");
    for (let i = 0; i < 50_000; i++) dag.node(`n${i}`, () => new Promise(() => {}));
    const handle = dag.start({ mode: "async", scheduler });
    handle.result.catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, 50));
    await handle.cancel();
    await new Promise((resolve) => setImmediate(resolve));
    expect(scheduler.stats()).toMatchObject({ running: 0, queued: 0 });
  });

  it("fails in runSync instead of waiting", async () => {
    const scheduler = new Scheduler({ maxConcurrency: 1 });
    const holding = job("a", []).run({ scheduler });
    expect(() => job("b", []).runSync({ scheduler })).toThrow(/would have to wait for a slot of the scheduler/u);
    await outcome(holding);
  });

  it.each([
    [{ maxConcurrency: 0 }, /"maxConcurrency" must be a whole number, at least 1; received 0/u],
    [{ maxQueueSize: -1 }, /"maxQueueSize" must be a whole number, at least 0; received -1/u],
    [{ starvationTimeout: "1s" }, /"starvationTimeout" must be a number of milliseconds; received "1s"/u],
    [{ max: 4 }, /Unknown option "max" of a scheduler/u],
  ])("refuses %j", (options, message) => {
    expect(() => new Scheduler(options as never)).toThrow(message);
  });

  it("refuses priorities outside 0 to 100, and values that are not schedulers", async () => {
    expect(() => new Dag("d").node("a", { priority: 101 }, () => 1)).toThrow(RangeError);
    expect(() => new Dag("d").node("a", { priority: "urgent" as never }, () => 1)).toThrow(RangeError);
    await expect(new Dag("d").run({ scheduler: {} as never })).rejects.toThrow(/"scheduler" must be a Scheduler/u);
  });
});
