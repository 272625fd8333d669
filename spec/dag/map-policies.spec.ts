import { describe, expect, it, vi } from "vitest";
import { Dag, PauseRun, Scheduler, type Context, type RunEvent } from "dagwright";
import { sqliteStore } from "dagwright/store";
import { outcome } from "../support/fake-time.js";
import { meeting } from "../support/meeting.js";
import { failure, gate, never, sleep, until } from "../support/waiting.js";

function mapping(list: unknown, options: object, fn: (item: any, ctx: Context) => unknown): Dag<any> {
  const dag = new Dag<any>("policies");
  dag.node("list", () => list);
  dag.map("out", { needs: ["list"], ...options }, fn);
  return dag;
}

describe("Each item of a map", () => {
  it("is retried on its own, with attempts of its own", async () => {
    const calls: string[] = [];
    const failed: RunEvent[] = [];
    const dag = mapping([1, 2, 3], { retry: { retries: 1, delay: 1 } }, (item: number, ctx: Context) => {
      calls.push(`${item}.${ctx.attempt}`);
      if (item === 2 && ctx.attempt === 1) throw new Error("flaky");
      return item;
    });
    const observers = [(event: RunEvent) => event.type === "attempt.failed" && failed.push(event)];
    const run = await dag.run({ observers });
    expect(run.get("out")).toEqual([1, 2, 3]);
    expect(calls).toEqual(["1.1", "2.1", "2.2", "3.1"]);
    expect(failed).toMatchObject([{ node: "out", attempt: 1, item: { key: 1, index: 1 } }]);
  });

  it("tells observers of a failed attempt, with options and without, recorded or not", async () => {
    const fn = (item: number) => {
      if (item === 2) throw new Error("odd");
      return item;
    };
    for (const options of [{}, { timeout: 1000 }]) {
      for (const store of [undefined, sqliteStore(":memory:")]) {
        const events: string[] = [];
        const observers = [({ type }: RunEvent) => void (/attempt.failed|item/.test(type) && events.push(type))];
        const dag = mapping([1, 2], { onItemError: "skip", concurrency: 1, ...options }, fn);
        await dag.run({ mode: "async", observers, store });
        const [started, failed] = ["item.started", "attempt.failed"];
        expect(events).toEqual([started, "item.completed", started, failed, "item.failed"]);
        await store?.close();
      }
    }
  });

  it("is not called when an observer of its start cancels the run", async () => {
    for (const store of [undefined, sqliteStore(":memory:")]) {
      const calls: number[] = [];
      const dag = mapping([1, 2, 3], {}, (item: number) => calls.push(item));
      const controller = new AbortController();
      const observers = [(event: RunEvent) => event.type === "item.started" && event.index === 1 && controller.abort()];
      const error = await failure(dag.run({ mode: "async", store, observers, signal: controller.signal }));
      expect(error).toMatchObject({ name: "CancelledError" });
      expect(calls).toEqual(store === undefined ? [1] : []);
      await store?.close();
    }
  });

  it("that used up its retries fails with all errors", async () => {
    const dag = mapping(["a"], { retry: { retries: 1, delay: 1 } }, () => {
      throw new Error("always");
    });
    const error = await failure(dag.run());
    expect(error).toMatchObject({ name: "RetryExhaustedError", attempts: 2, item: "out[0]", path: ["out[0]"] });
  });

  it("has the whole timeout", async () => {
    vi.useFakeTimers();
    const dag = mapping([50, 50, 500, 50], { timeout: 60, concurrency: 1, onItemError: "skip" }, (ms: number) =>
      ms === 500 ? never() : sleep(ms).then(() => ms),
    );
    const run = await outcome(dag.run({ mode: "async" }));
    vi.useRealTimers();
    expect(run.get("out")).toEqual([50, 50, 50]);
    expect(run.nodes.get("out")?.errors).toMatchObject([{ name: "NodeTimeoutError", item: "out[2]" }]);
  });

  it("is cached by itself", async () => {
    const calls: number[] = [];
    const dag = mapping([1, 2, 1], { cache: { ttl: 60_000 } }, (item: number) => (calls.push(item), item * 2));
    const first = await dag.run();
    expect(first.get("out")).toEqual([2, 4, 2]);
    expect(calls).toEqual([1, 2]);
    expect(first.nodes.get("out")?.items).toEqual({ total: 3, completed: 3, failed: 0, cached: 1 });
    const second = await dag.run();
    expect(second.nodes.get("out")?.items).toEqual({ total: 3, completed: 3, failed: 0, cached: 3 });
    expect(second.metrics.cache).toEqual({ hits: 3, misses: 0 });
  });

  it("may be served stale while it is refreshed in the background", async () => {
    let version = 1;
    const cache = { ttl: 60_000, staleAfter: 1 };
    const dag = mapping(
      ["a", "b"],
      { cache },
      async (item: string, ctx: Context) => `${item}${version}${ctx.item?.index}`,
    );
    const options = { mode: "async" } as const;
    expect((await dag.run(options)).get("out")).toEqual(["a10", "b11"]);
    version = 2;
    await sleep(10);
    const chance = vi.spyOn(Math, "random").mockReturnValue(0);
    expect((await dag.run(options)).get("out")).toEqual(["a10", "b11"]);
    chance.mockReturnValue(1);
    await until(async () => (await dag.run(options)).get("out")?.toString() === "a20,b21");
    chance.mockRestore();
  });

  it("falls back on its own, which metrics count", async () => {
    const dag = mapping(
      [1, 2, 3],
      { fallback: (error: Error, ctx: Context) => [error.message, ctx.item?.index] },
      (item: number) => {
        if (item !== 2) throw new Error(`no ${item}`);
        return item;
      },
    );
    const run = await dag.run();
    expect(run.get("out")).toEqual([["no 1", 0], 2, ["no 3", 2]]);
    expect(run.metrics.fallbacks).toBe(2);
    expect(run.nodes.get("out")?.items?.failed).toBe(0);
  });

  it("counts in the circuit of the map", async () => {
    let calls = 0;
    const circuitBreaker = { failureThreshold: 2, resetAfter: 60_000 };
    const options = { circuitBreaker, onItemError: "skip" };
    const dag = mapping([1, 2, 3, 4], options, () => {
      calls++;
      throw new Error("down");
    });
    const run = await dag.run();
    expect(calls).toBe(2);
    expect(run.nodes.get("out")?.errors.map(({ code }) => code)).toEqual([
      "EXECUTION",
      "EXECUTION",
      "CIRCUIT_OPEN",
      "CIRCUIT_OPEN",
    ]);
  });

  it("has hooks around it", async () => {
    const seen: unknown[] = [];
    const dag = mapping([1, 2], {}, (item: number) => item * 10);
    dag.setNodeHooks("out", {
      preExecute: (_, inputs, ctx) => (seen.push([inputs, ctx.item?.index]), { item: (inputs.item as number) + 1 }),
      postExecute: (_, __, result) => (result as number) + 0.5,
    });
    expect((await dag.run()).get("out")).toEqual([20.5, 30.5]);
    expect(seen).toEqual([
      [{ item: 1 }, 0],
      [{ item: 2 }, 1],
    ]);
  });

  it("is limited by concurrency keys, throttles and schedulers", async () => {
    const list = [1, 2, 3, 4, 5, 6];
    const concurrencyKey = { key: "maps of this spec", limit: 2 };
    const two = meeting(2);
    const keyed = await mapping(list, { concurrencyKey }, (item) => two.attend(item)).run({ mode: "async" });
    expect([keyed.get("out"), two.seen.most]).toEqual([list, 2]);
    const scheduler = new Scheduler({ maxConcurrency: 3 });
    const three = meeting(3);
    const scheduled = await mapping(list, {}, (item) => three.attend(item)).run({ mode: "async", scheduler });
    expect([scheduled.get("out"), three.seen.most]).toEqual([list, 3]);
    const at = performance.now();
    const throttle = { key: "throttled maps of this spec", limit: 2, interval: 40 };
    await mapping(list, { throttle }, (item) => item).run({ mode: "async" });
    expect(performance.now() - at).toBeGreaterThan(70);
  });

  it("waits for its key without holding a slot", async () => {
    const dag = mapping([1, 2, 3], { concurrencyKey: { key: "one at a time here", limit: 1 } }, (item: number) =>
      sleep(2).then(() => item),
    );
    dag.node("other", { after: ["list"] }, () => sleep(1).then(() => "ran"));
    const run = await dag.run({ mode: "async", concurrency: 2 });
    expect([run.get("out"), run.get("other")]).toEqual([[1, 2, 3], "ran"]);
  });

  it("has an idempotency key of its own", async () => {
    const run = await mapping(new Map([["a", 1]]), {}, (_: number, ctx: Context) => ctx.idempotencyKey).run({
      runId: "r",
    });
    expect(run.get("out")).toEqual(new Map([["a", "r/out[0]"]]));
  });

  it("may pause the run: items in flight finish, no other starts", async () => {
    const started: number[] = [];
    const { opened, open } = gate();
    const dag = mapping([1, 2, 3], { concurrency: 2 }, async (item: number) => {
      started.push(item);
      if (item === 2) {
        open();
        await sleep(5);
        return;
      }
      await opened;
      throw new PauseRun("decide");
    });
    const run = await dag.run({ mode: "async" });
    expect(run.status).toBe("paused");
    expect(run.pauses).toMatchObject([{ node: "out[0]", reason: "decide" }]);
    expect(started).toEqual([1, 2]);
    expect(run.nodes.get("out")).toMatchObject({ status: "paused", items: { total: 3, completed: 1, failed: 0 } });
  });

  it("may pause while its source is waited for", async () => {
    const source = (async function* () {
      yield 1;
      await never();
    })();
    const run = await mapping(source, {}, () => Promise.reject(new PauseRun("decide"))).run({ mode: "async" });
    expect(run.status).toBe("paused");
  });
});
