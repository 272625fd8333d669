import { describe, expect, it, vi } from "vitest";
import {
  CancelledError,
  Dag,
  ExecutionError,
  Scheduler,
  type ConcurrencyOptions,
  type ThrottleOptions,
} from "dagwright";
import { outcome, pass, rejection, sleep, turns, useFakeTime } from "../support/fake-time.js";

useFakeTime();

let keys = 0;
const newKey = () => `limited ${keys++}`;

/** A dag of `n` independent nodes that record when they started, in ms. */
function dagOf(n: number, options: { throttle?: ThrottleOptions; concurrencyKey?: ConcurrencyOptions }, ms = 0) {
  const dag = new Dag("limited");
  const began: number[] = [];
  const start = Date.now();
  for (let i = 0; i < n; i++) {
    dag.node(`n${i}`, options, async () => {
      began.push(Date.now() - start);
      await sleep(ms);
    });
  }
  return { dag, began };
}

describe("throttle", () => {
  it("is a token bucket that starts full and refills evenly", async () => {
    const { dag, began } = dagOf(8, { throttle: { limit: 4, interval: 1000, key: newKey() } });
    await outcome(dag.run({ mode: "async" }));
    expect(began).toEqual([0, 0, 0, 0, 250, 500, 750, 1000]);
  });

  it("applies across runs, and refills up to its limit while nothing runs", async () => {
    const { dag, began } = dagOf(1, { throttle: { limit: 2, interval: 1000 } });
    await outcome(Promise.all([dag.run(), dag.run(), dag.run()]));
    expect(began).toEqual([0, 0, 500]);
    await pass(10_000);
    await outcome(Promise.all([dag.run(), dag.run(), dag.run()]));
    expect(began.slice(3)).toEqual([10_500, 10_500, 11_000]);
  });

  it("is per node without a key", async () => {
    const { dag, began } = dagOf(3, { throttle: { limit: 1, interval: 1000 } });
    await outcome(dag.run({ mode: "async" }));
    expect(began).toEqual([0, 0, 0]);
  });

  it("holds no slot of the run or the scheduler while a node waits", async () => {
    const scheduler = new Scheduler({ maxConcurrency: 1 });
    const dag = new Dag("d");
    const order: string[] = [];
    const throttle = { limit: 1, interval: 1000, key: newKey() };
    for (const name of ["a", "b"]) dag.node(name, { throttle }, () => void order.push(name));
    for (const name of ["c", "d"]) dag.node(name, () => sleep(10).then(() => order.push(name)));
    const running = dag.run({ mode: "async", concurrency: 1, scheduler });
    await pass(50);
    expect(order).toEqual(["a", "c", "d"]);
    expect(scheduler.stats()).toMatchObject({ running: 0, queued: 0 });
    await outcome(running);
    expect(order).toEqual(["a", "c", "d", "b"]);
  });

  it("gives a cancelled waiter's token to the next one, and leaves no timer without waiters", async () => {
    const { dag, began } = dagOf(1, { throttle: { limit: 1, interval: 1000, key: newKey() } });
    await outcome(dag.run());
    const [first, second] = [dag.start(), dag.start()];
    const third = dag.start();
    for (const { result } of [first, second, third]) result.catch(() => {});
    await pass(1);
    const cancelled = await first.cancel();
    expect(cancelled.nodes.get("n0")).toMatchObject({ status: "cancelled", attempts: 0, startedAt: undefined });
    await pass(1000);
    expect(began).toEqual([0, 1000]);
    expect((await second.result).status).toBe("completed");
    await third.cancel();
    expect(vi.getTimerCount()).toBe(0);
  });

  it("spends the token of a node that is cancelled just as it is granted, and forgets the node", async () => {
    const throttle = { limit: 1, interval: 1000, key: newKey() };
    const { dag, began } = dagOf(1, { throttle });
    await outcome(dag.run());
    const controller = new AbortController();
    const leaving = rejection(dag.run({ signal: controller.signal }));
    setTimeout(() => controller.abort(), 1000);
    vi.advanceTimersByTime(1000); // Both timers, and nothing in between.
    expect(await leaving).toBeInstanceOf(CancelledError);
    await outcome(dag.run());
    expect(began).toEqual([0, 2000]);
    await pass(1000);
    const other = dagOf(1, { throttle: { ...throttle, limit: 2 } });
    await outcome(other.dag.run());
    expect(other.began).toHaveLength(1);
  });

  it("lets no call overtake waiters when a token is available before their timer fires", async () => {
    const { dag } = dagOf(0, {});
    const order: string[] = [];
    const throttle = { limit: 3, interval: 1000, key: newKey() };
    for (let i = 0; i < 4; i++) dag.node(`early ${i}`, { throttle }, () => void order.push(`early ${i}`));
    const late = new Dag("late");
    late.node("late", { throttle }, () => void order.push("late"));
    // A token is added every 333.3 ms, and timers count in whole ms.
    const runs = sleep(334).then(() => late.run());
    await outcome(Promise.all([dag.run({ mode: "async" }), runs]));
    expect(order).toEqual(["early 0", "early 1", "early 2", "early 3", "late"]);
  });

  it("uses the node's current options without a key", async () => {
    const { dag, began } = dagOf(1, { throttle: { limit: 1, interval: 1000 } });
    await outcome(dag.run());
    dag.configureNode("n0", { throttle: { limit: 2, interval: 1000 } });
    await outcome(Promise.all([dag.run(), dag.run()]));
    expect(began).toEqual([0, 500, 1000]);
  });

  it("applies to each attempt", async () => {
    const dag = new Dag("d");
    const began: number[] = [];
    dag.node("a", { throttle: { limit: 1, interval: 1000 }, retry: { retries: 2, delay: 10 } }, () => {
      began.push(Date.now());
      throw new Error("no");
    });
    await rejection(dag.run());
    expect(began.map((at) => at - began[0])).toEqual([0, 1000, 2000]);
  });

  it("of another limit leaves a node that it refuses without a slot to give back", async () => {
    const throttle = { limit: 1, interval: 1000, key: newKey() };
    await outcome(dagOf(1, { throttle }).dag.run());
    const dag = new Dag("d");
    let [inFlight, most] = [0, 0];
    dag.node("refused", { throttle: { ...throttle, limit: 2 } }, () => expect.unreachable());
    for (const name of ["x", "y", "z"]) {
      dag.node(name, async () => {
        most = Math.max(most, ++inFlight);
        await sleep(10);
        inFlight--;
      });
    }
    const run = await outcome(dag.run({ mode: "async", concurrency: 1, errorStrategy: "continue" }));
    expect([run.nodes.get("refused")!.status, run.get("z" as never), most]).toEqual(["failed", undefined, 1]);
  });

  it("blocks the thread in runSync", () => {
    vi.useRealTimers();
    const dag = new Dag("d");
    const began: number[] = [];
    const throttle = { limit: 1, interval: 100, key: newKey() };
    for (const name of ["a", "b", "c"]) dag.node(name, { throttle }, () => void began.push(performance.now()));
    const begin = performance.now();
    dag.runSync();
    expect(began[1] - begin).toBeGreaterThan(99);
    expect(began[2] - begin).toBeGreaterThan(199);
  });

  it.each([
    [{ limit: 1 }, /"throttle.interval" of node "a" must be a number of milliseconds; received/u],
    [{ interval: 1 }, /"throttle.limit" of node "a" must be a whole number; received/u],
    [{ limit: 0, interval: 10 }, /"throttle.limit" of node "a" must be a whole number, at least 1; received 0/u],
    [{ limit: 1, interval: 0 }, /"throttle.interval" of node "a" must be a number of milliseconds, from 1 /u],
    [{ limit: 1, interval: 10, per: "x" }, /Unknown option "per" of "throttle" of node "a"/u],
  ])("refuses %j", (throttle, message) => {
    expect(() => new Dag("d").node("a", { throttle } as never, () => 1)).toThrow(message);
  });
});

describe("A throttle shared by nodes", () => {
  const slow = { limit: 1, interval: 100 };
  const quick = { limit: 2, interval: 100 };

  it("has one rate until it is full again", async () => {
    const key = newKey();
    const { dag } = dagOf(1, { throttle: { key, ...slow } });
    const other = dagOf(1, { throttle: { key, ...quick } });
    await outcome(dag.run());
    expect((await rejection(other.dag.run())).message).toBe(
      `Node "n0" was not called: its rate for throttle "${key}" is 2 per 100 ms, but other nodes have 1 per 100 ms. Give all nodes with a key the same rate.`,
    );
    const rare = dagOf(1, { throttle: { key, limit: 1, interval: 200 } });
    expect((await rejection(rare.dag.run())).message).toContain("is 1 per 200 ms, but other nodes have 1 per 100 ms");
    await pass(100);
    await outcome(other.dag.run());
    expect(other.began).toHaveLength(1);
  });

  it("keeps its rate while there are waiters", async () => {
    const key = newKey();
    const { dag, began } = dagOf(1, { throttle: { key, ...slow } });
    const other = new Dag("other");
    other.node("a", { throttle: { key, ...quick } }, () => 1);
    const refusal = /its rate for throttle .* is 2 per 100 ms, but other nodes have 1 per 100 ms/u;
    // Its timer fires before the waiter's.
    const atOnce = sleep(100).then(() => other.runSync());
    atOnce.catch(() => {});
    const running = Promise.all([dag.run(), dag.run()]);
    await expect(other.run()).rejects.toThrow(refusal);
    await outcome(running);
    await expect(atOnce).rejects.toThrow(refusal);
    expect(began).toEqual([0, 100]);
  });
});

describe("concurrencyKey", () => {
  it("limits the nodes of a key in flight over all runs, first in, first out", async () => {
    const concurrencyKey = { key: newKey(), limit: 2 };
    const one = dagOf(3, { concurrencyKey }, 100);
    const two = dagOf(2, { concurrencyKey }, 100);
    await outcome(Promise.all([one.dag.run({ mode: "async" }), two.dag.run({ mode: "async" })]));
    expect(one.began).toEqual([0, 0, 100]);
    expect(two.began).toEqual([100, 200]);
  });

  it("has a default limit of 1, and is separate for each scheduler", async () => {
    const concurrencyKey = { key: newKey() };
    const { dag, began } = dagOf(2, { concurrencyKey }, 100);
    await outcome(dag.run({ mode: "async" }));
    expect(began).toEqual([0, 100]);
    const other = dagOf(1, { concurrencyKey }, 100);
    const [a, b] = [new Scheduler(), new Scheduler()];
    const runs = [other.dag.run({ scheduler: a }), other.dag.run({ scheduler: b }), other.dag.run({ scheduler: a })];
    await outcome(Promise.all(runs));
    expect(other.began).toEqual([0, 0, 100]);
  });

  it("fails a node whose limit conflicts with nodes in flight", async () => {
    const key = newKey();
    const { dag } = dagOf(1, { concurrencyKey: { key, limit: 2 } }, 100);
    const other = dagOf(1, { concurrencyKey: { key, limit: 3 } }, 100);
    const running = dag.run();
    expect(await rejection(other.dag.run())).toMatchObject({
      code: "EXECUTION",
      attempt: 0,
      message: `Node "n0" was not called: its limit for concurrency key "${key}" is 3, but nodes in flight have 2. Give all nodes with a key the same limit.`,
    });
    await outcome(running);
    await outcome(other.dag.run());
    expect(other.began).toHaveLength(1);
  });

  it("releases the permit of a node that fails, times out, or is cancelled while running or waiting", async () => {
    const concurrencyKey = { key: newKey() };
    const dag = new Dag("d");
    let behave: () => unknown = () => {};
    dag.node("a", { concurrencyKey, timeout: 50 }, () => behave());
    behave = () => {
      throw new Error("no");
    };
    await rejection(dag.run());
    behave = () => new Promise(() => {});
    await rejection(dag.run());
    const [running, waiting] = [dag.start(), dag.start()];
    for (const { result } of [running, waiting]) result.catch(() => {});
    await pass(1);
    expect((await waiting.cancel()).nodes.get("a")?.attempts).toBe(0);
    expect((await running.cancel()).nodes.get("a")?.attempts).toBe(1);
    behave = () => "free";
    expect((await dag.run()).value).toBe("free");
  });

  it("serves the other waiters in order when one leaves the queue", async () => {
    const concurrencyKey = { key: newKey() };
    const [holder, first, behind] = [
      dagOf(1, { concurrencyKey }, 100),
      dagOf(1, { concurrencyKey }),
      dagOf(2, { concurrencyKey }, 100),
    ];
    const controller = new AbortController();
    const holding = holder.dag.run();
    const leaving = first.dag.run({ signal: controller.signal }).catch((error: unknown) => error);
    const waiting = behind.dag.run({ mode: "async" });
    await pass(10);
    controller.abort();
    expect(await leaving).toBeInstanceOf(CancelledError);
    await outcome(Promise.all([holding, waiting]));
    expect([first.began, behind.began]).toEqual([[], [100, 200]]);
  });

  it("releases the permit of a node cancelled at any moment around its grant", async () => {
    const concurrencyKey = { key: newKey() };
    const { dag } = dagOf(1, { concurrencyKey });
    for (let moment = 0; moment < 20; moment++) {
      const controller = new AbortController();
      const holder = new Dag("holder");
      holder.node("a", { concurrencyKey }, async () => {
        await sleep(1);
        void turns(moment).then(() => controller.abort());
      });
      const holding = holder.run();
      const leaving = dag.run({ signal: controller.signal });
      await outcome(Promise.allSettled([holding, leaving]));
      expect((await outcome(dag.run())).status).toBe("completed");
    }
  });

  it("releases the permit of a cancelled node whose hook never settles", async () => {
    const concurrencyKey = { key: newKey() };
    const dag = new Dag("d");
    let hangs = true;
    dag.node(
      "a",
      { concurrencyKey, hooks: { preExecute: () => (hangs ? new Promise(() => {}) : undefined) } },
      () => 1,
    );
    const stuck = dag.start();
    stuck.result.catch(() => {});
    await pass(1);
    await stuck.cancel();
    hangs = false;
    expect((await outcome(dag.run())).value).toBe(1);
  });

  it("leaves a waiting node ready while the rest of its run goes on", async () => {
    const concurrencyKey = { key: newKey() };
    const holder = dagOf(1, { concurrencyKey }, 100);
    const holding = holder.dag.run();
    const dag = new Dag("d");
    dag.node("waits", { concurrencyKey }, () => 1);
    dag.node("goes", () => 2);
    const handle = dag.start({ mode: "async" });
    await pass(10);
    handle.result.catch(() => {});
    const partial = await handle.cancel();
    expect(Array.from(partial.nodes.values(), ({ status }) => status)).toEqual(["cancelled", "completed"]);
    const running = dag.run({ mode: "async" });
    const run = await outcome(running);
    expect(run.nodes.get("waits")).toMatchObject({ attempts: 1, duration: 0 });
    await holding;
  });

  it("fails in runSync instead of waiting", async () => {
    const concurrencyKey = { key: newKey() };
    const holding = dagOf(1, { concurrencyKey }, 100).dag.run();
    const dag = new Dag("d");
    dag.node("a", { concurrencyKey }, () => 1);
    expect(() => dag.runSync()).toThrow(ExecutionError);
    expect(() => dag.runSync()).toThrow(
      /"a" would have to wait for concurrency key ".*", which runSync can't. Use run/u,
    );
    await outcome(holding);
    expect(dag.runSync().value).toBe(1);
  });

  it.each([
    [{}, /"concurrencyKey.key" of node "a" must be a non-empty string; received undefined/u],
    [{ key: "k", limit: 0 }, /"concurrencyKey.limit" of node "a" must be a whole number, at least 1; received 0/u],
    ["k", /The options of "concurrencyKey" of node "a" must be an object; received "k"/u],
  ])("refuses %j", (concurrencyKey, message) => {
    expect(() => new Dag("d").node("a", { concurrencyKey } as never, () => 1)).toThrow(message);
  });
});

it("A node whose run is aborted as its retry pause begins leaves no timer and is not called again", async () => {
  const controller = new AbortController();
  const calls: string[] = [];
  const dag = new Dag("d");
  dag.node("fails", { priority: "high", retry: { retries: 3, delay: 1000 } }, async () => {
    calls.push("fails");
    await sleep(1);
    throw new Error("no");
  });
  // The pause releases the slot, so this node starts before the pause's timer.
  dag.node("aborts", () => controller.abort("now"));
  const running = dag.run({ mode: "async", concurrency: 1, signal: controller.signal });
  running.catch(() => {});
  await pass(5);
  await expect(running).rejects.toThrow(CancelledError);
  expect(vi.getTimerCount()).toBe(0);
  expect(calls).toEqual(["fails"]);
});

it("A run aborted while a node waits rejects at once", async () => {
  const concurrencyKey = { key: newKey() };
  const holding = dagOf(1, { concurrencyKey }, 100).dag.run();
  const controller = new AbortController();
  const { dag } = dagOf(1, { concurrencyKey });
  const waiting = dag.run({ signal: controller.signal });
  waiting.catch(() => {});
  await pass(1);
  controller.abort();
  await expect(outcome(waiting)).rejects.toThrow(CancelledError);
  await outcome(holding);
});
