import { describe, expect, it } from "vitest";
import { Dag, Fsm, Scheduler, type Context, type NodeOptions, type RunEvent, type RunOptions } from "dagwright";
import { outcome, pass, rejection, sleep, useFakeTime } from "../support/fake-time.js";

useFakeTime();

/** A dag of one node that returns the value of `inner`. */
function around(
  inner: () => Promise<{ readonly value: unknown }>,
  options: NodeOptions = {},
  name = "outer",
): Dag<any> {
  const dag = new Dag<any>(name);
  dag.node("call", options, async () => {
    await sleep(1);
    return (await inner()).value;
  });
  return dag;
}

function leaf(options: NodeOptions = {}, name = "inner"): Dag<any> {
  const dag = new Dag<any>(name);
  dag.node("leaf", options, async () => {
    await sleep(10);
    return 1;
  });
  return dag;
}

describe("A node that runs other workflows with its scheduler", () => {
  it.each([1, 2, 4])("lends them its slot, so many of them complete with maxConcurrency %i", async (maxConcurrency) => {
    const scheduler = new Scheduler({ maxConcurrency });
    const options = { scheduler, mode: "async" } as const;
    const middle = around(() => leaf().run(options), {}, "middle");
    const runs = Array.from({ length: 8 }, () => around(() => middle.run(options)).run(options));
    expect((await outcome(Promise.all(runs))).map(({ value }) => value)).toEqual(Array(8).fill(1));
    expect(scheduler.stats()).toMatchObject({ running: 0, queued: 0, submitted: 24, completed: 24 });
  });

  it("lends it to one node at a time, by priority, then first in, first out", async () => {
    const scheduler = new Scheduler({ maxConcurrency: 1 });
    const order: string[] = [];
    let [inFlight, most] = [0, 0];
    const inner = new Dag<any>("inner");
    for (const [name, priority] of [
      ["a", "low"],
      ["b", "normal"],
      ["c", "critical"],
      ["d", "critical"],
    ] as const) {
      inner.node(name, { priority }, async () => {
        most = Math.max(most, ++inFlight);
        order.push(name);
        await sleep(5);
        inFlight--;
      });
    }
    const other = leaf();
    const outer = around(async () => {
      void other.run({ scheduler }).then(() => order.push("other"));
      return inner.run({ scheduler, mode: "async" });
    });
    await outcome(outer.run({ scheduler }));
    expect(most).toBe(1);
    expect(order.filter((name) => name !== "other")[0]).toBe("c");
    expect(scheduler.stats()).toMatchObject({ running: 0, queued: 0, completed: 6 });
  });

  it.each([1, 3])("leaves it to inner runs that outlive the node, %i runs deep", async (depth) => {
    const scheduler = new Scheduler({ maxConcurrency: 1 });
    const background: Promise<unknown>[] = [];
    let inFlight = 0;
    let most = 0;
    const count = async () => {
      most = Math.max(most, ++inFlight);
      await sleep(20);
      inFlight--;
    };
    const dagOf = (fn: () => Promise<void>) => {
      const dag = new Dag("d");
      dag.node("a", fn);
      return dag;
    };
    const begin = async (left: number): Promise<void> => {
      background.push(dagOf(left === 0 ? count : () => begin(left - 1)).run({ scheduler }));
      await sleep(left + 1); // Inner nodes that begin a run end before outer ones.
    };
    const first = dagOf(() => begin(depth - 1)).run({ scheduler });
    const next = sleep(10).then(() => dagOf(count).run({ scheduler }));
    await outcome(Promise.all([first, next]));
    await outcome(Promise.all(background));
    expect(most).toBe(1);
    expect(scheduler.stats()).toMatchObject({ running: 0, queued: 0, completed: depth + 2 });
  });

  it("gets it back when they are done", async () => {
    const scheduler = new Scheduler({ maxConcurrency: 1 });
    const order: string[] = [];
    const outer = around(async () => {
      const { value } = await leaf().run({ scheduler });
      await sleep(50);
      order.push("outer");
      return { value };
    });
    const other = sleep(5).then(() => leaf().run({ scheduler }));
    await outcome(Promise.all([outer.run({ scheduler }), other.then(() => order.push("other"))]));
    expect(order).toEqual(["outer", "other"]);
  });

  it("gets it back when the inner run is cancelled, fails, or is rejected", async () => {
    const scheduler = new Scheduler({ maxConcurrency: 1, maxQueueSize: 1 });
    const failing = new Dag("failing");
    failing.node("fails", () => sleep(1).then(() => Promise.reject(new Error("no"))));
    const wide = new Dag("wide");
    for (const name of ["a", "b", "c"]) wide.node(name, () => sleep(1));
    const ends: ((options: RunOptions) => Promise<unknown>)[] = [
      (options) => leaf().run({ ...options, signal: AbortSignal.abort() }),
      (options) => leaf().run({ ...options, timeout: 5 }),
      (options) => failing.run(options),
      (options) => wide.run(options),
    ];
    for (const end of ends) {
      const run = around(() =>
        end({ scheduler, mode: "async" }).then(
          () => ({ value: 0 }),
          ({ code }) => ({ value: code }),
        ),
      );
      expect((await outcome(run.run({ scheduler }))).value).not.toBe(0);
      expect(scheduler.stats()).toMatchObject({ running: 0, queued: 0 });
    }
  });

  it("lends it even after another run was aborted before its node was called", async () => {
    const scheduler = new Scheduler({ maxConcurrency: 1 });
    const controller = new AbortController();
    const observers = [(event: RunEvent) => event.type === "attempt.started" && controller.abort()];
    await rejection(leaf().run({ scheduler, observers, signal: controller.signal }));
    expect((await outcome(around(() => leaf().run({ scheduler })).run({ scheduler }))).value).toBe(1);
  });

  it("lends it to fsms, from hooks, and with runSync", async () => {
    const scheduler = new Scheduler({ maxConcurrency: 1 });
    const fsm = new Fsm("machine");
    fsm.state("s", { initial: true, terminal: true }, async () => (await leaf().run({ scheduler })).value);
    const plain = new Dag<any>("plain");
    plain.node("p", () => 2);
    const outer = new Dag<any>("outer");
    outer.node("call", { hooks: { preExecute: async () => void (await leaf().run({ scheduler })) } }, async () => [
      (await fsm.run({ scheduler })).value,
      plain.runSync({ scheduler }).value,
    ]);
    expect((await outcome(outer.run({ scheduler }))).value).toEqual([1, 2]);
  });
});

describe("A node that waits for a permit of its caller", () => {
  it("fails at once, naming the resource and its holder", async () => {
    const concurrencyKey = { key: "db" };
    const inner = leaf({ concurrencyKey });
    const outer = around(() => inner.run(), { concurrencyKey });
    const error = await rejection(outer.run({ runId: "first" }));
    expect(error.cause).toMatchObject({
      name: "DeadlockError",
      code: "DEADLOCK",
      node: "leaf",
      attempt: 0,
      message:
        'Node "leaf" would wait forever: concurrency key "db" is held by node "call" of run "first", which waits for this node. ' +
        "Start the inner run after the node is done, or give one of them its own key or scheduler.",
    });
    expect((await outcome(inner.run())).value).toBe(1);
  });

  it("fails in a cycle across several keys", async () => {
    const take = (mine: string, theirs: string) =>
      around(() => leaf({ concurrencyKey: { key: theirs } }).run(), { concurrencyKey: { key: mine } }, mine);
    const ends = await outcome(Promise.allSettled([take("x", "y").run(), take("y", "z").run(), take("z", "x").run()]));
    const failures = ends.filter((end) => end.status === "rejected");
    expect(failures).toHaveLength(1);
    const { message } = (failures[0] as PromiseRejectedResult).reason;
    for (const key of ["x", "y", "z"]) expect(message).toContain(`concurrency key "${key}" is held by node "call"`);
  });

  it("has a slot beyond the limit, if all that have one wait for the key that it has", async () => {
    const scheduler = new Scheduler({ maxConcurrency: 1 });
    const keyed = leaf({ concurrencyKey: { key: "k" } });
    const holdsSlot = around(() => keyed.run({ scheduler })); // Holds the slot while its inner run waits for the key.
    const runs = [holdsSlot.run({ scheduler }), leaf({ concurrencyKey: { key: "k" } }).run({ scheduler })];
    expect(await outcome(Promise.all(runs))).toMatchObject([{ value: 1 }, { value: 1 }]);
    expect(scheduler.stats()).toMatchObject({ running: 0, queued: 0 });
  });

  it("waits while another holder can release its permit", async () => {
    const concurrencyKey = { key: "two", limit: 2 };
    const outer = around(() => leaf({ concurrencyKey }).run(), { concurrencyKey });
    const other = leaf({ concurrencyKey });
    const [run] = await outcome(Promise.all([outer.run(), other.run()]));
    expect(run.value).toBe(1);
  });

  it("waits for holders that wait themselves, if the last of them can release its permit", async () => {
    const take = (mine: string, theirs: string) =>
      around(() => leaf({ concurrencyKey: { key: theirs } }).run(), { concurrencyKey: { key: mine } }).run();
    const last = leaf({ concurrencyKey: { key: "row 3" } }).run();
    const runs = [last, take("row 2", "row 3"), take("row 1", "row 2"), take("row 0", "row 1")];
    expect((await outcome(Promise.all(runs))).map(({ value }) => value)).toEqual([1, 1, 1, 1]);
  });

  it("waits for a holder whose own wait is over", async () => {
    const [mine, theirs] = [{ key: "mine" }, { key: "theirs" }];
    const first = leaf({ concurrencyKey: theirs }).run();
    const outer = around(
      async () => {
        await leaf({ concurrencyKey: theirs }).run();
        await sleep(50);
        return { value: "outer" };
      },
      { concurrencyKey: mine },
    ).run();
    const later = sleep(40).then(() =>
      around(() => leaf({ concurrencyKey: mine }).run(), { concurrencyKey: theirs }).run(),
    );
    const runs = await outcome(Promise.all([first, outer, later]));
    expect(runs.map(({ value }) => value)).toEqual([1, "outer", 1]);
  });

  it("applies its fallback", async () => {
    const concurrencyKey = { key: "stood-in" };
    const inner = leaf({ concurrencyKey, fallback: "busy" });
    const run = await outcome(around(() => inner.run(), { concurrencyKey }).run());
    expect(run.value).toBe("busy");
  });
});

describe("A cached node that asks for its own result", () => {
  it("fails at once, naming the result and the node that computes it", async () => {
    const dag = new Dag<any>("recursive");
    dag.cachedNode("f", {}, async (): Promise<unknown> => {
      await sleep(1);
      return (await dag.run({ runId: "inner" })).value;
    });
    const error = await rejection(dag.run({ runId: "outer" }));
    expect(error.cause).toMatchObject({
      name: "DeadlockError",
      runId: "inner",
      node: "f",
      attempt: 0,
      message:
        'Node "f" would wait forever: the result of node "f" is held by node "f" of run "outer", which waits for this node. ' +
        "Let the inner run ask for something else, or start it after the node is done.",
    });
    const [a, b] = await outcome(Promise.allSettled([dag.run(), dag.run()]));
    expect([a.status, b.status]).toEqual(["rejected", "rejected"]);
  });

  it.each([
    ["before the other one asks for it", 0],
    ["after it", 10],
  ])("gets it from a node that waits for the slot which its caller holds, %s", async (_, ms) => {
    const scheduler = new Scheduler({ maxConcurrency: 1 });
    const calls: string[] = [];
    const dag = new Dag<any>("unsteady");
    dag.cachedNode("f", { retry: { retries: 1, delay: 30 } }, async (ctx: Context) => {
      calls.push(ctx.runId);
      if (calls.length === 1) throw new Error("not yet");
      await sleep(20);
      return 1;
    });
    const calling = around(async () => {
      await sleep(40 - ms * 3);
      return dag.run({ scheduler, runId: "inner" });
    });
    const outer = dag.run({ scheduler, runId: "outer" });
    const caller = sleep(5).then(() => calling.run({ scheduler }));
    expect(await outcome(Promise.all([outer, caller]))).toMatchObject([{ value: 1 }, { value: 1 }]);
    expect(calls).toEqual(["outer", "outer"]);
  });

  it("waits for a follower that has become the leader", async () => {
    const dag = new Dag<any>("handed on");
    let inner: Promise<unknown> | undefined;
    dag.cachedNode("f", {}, async (ctx: Context) => {
      if (ctx.runId === "first") inner = sleep(20).then(() => dag.run());
      await sleep(30);
      return ctx.runId;
    });
    const first = dag.start({ runId: "first" });
    first.result.catch(() => {});
    await pass(5);
    const second = dag.run({ runId: "second" });
    await pass(5);
    await first.cancel();
    expect(await outcome(Promise.all([second, inner]))).toMatchObject([{ value: "second" }, { value: "second" }]);
  });

  it("fails in a cycle across results and a key, but not for other inputs or later", async () => {
    const [left, right] = [new Dag<any>("left"), new Dag<any>("right")];
    left.cachedNode("l", { key: () => 1 }, async () => (await right.run()).value);
    right.cachedNode("r", { key: () => 1, concurrencyKey: { key: "circle" } }, async () => (await left.run()).value);
    const ends = await outcome(Promise.allSettled([left.run(), right.run()]));
    expect(ends.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    const sum = new Dag<any>("sum");
    sum.cachedNode("upTo", { retry: 1 }, async (n: number): Promise<number> => {
      await sleep(1);
      return n === 0 ? 0 : n + ((await sum.run({ inputs: { n: n - 1 } })).value as number);
    });
    const runs = await outcome(Promise.all([4, 4, 3].map((n) => sum.run({ inputs: { n } }))));
    expect(runs.map(({ value }) => value)).toEqual([10, 10, 6]);
  });
});
