import { setImmediate } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { Dag, Scheduler, stream, type Context } from "dagwright";
import { outcome, rejection, sleep, useFakeTime } from "../support/fake-time.js";
import { listOf } from "../support/item-streams.js";

useFakeTime();

const key = (name: string) => ({ concurrencyKey: { key: `hold-and-wait ${name}` } });

/** A workflow of one node, which takes a key for `ms`. */
function keyed(name: string, ms = 1): Dag<any> {
  const dag = new Dag<any>("keyed");
  dag.node("takes", key(name), () => sleep(ms).then(() => "had it"));
  return dag;
}

describe("The nodes of a stream", () => {
  it("give up their slot while all of them only wait, also for a key whose holder waits for that slot", async () => {
    for (const scheduler of [undefined, new Scheduler({ maxConcurrency: 1 })]) {
      const [inner, short] = [keyed("a"), new Dag<any>("short")];
      short.node("ends", () => sleep(3));
      const dag = new Dag<any>("outer");
      // Has the key, gives up the slot for a run inside, and needs it again.
      dag.node("holds", { ...key("a"), priority: "critical" }, async (ctx: Context) => {
        await ctx.run(short);
        return "went on";
      });
      dag.node("items", async function* (ctx: Context) {
        yield (await ctx.run(inner)).value;
      });
      dag.node("list", { needs: [stream("items")] }, listOf);
      const run = await outcome(dag.run({ mode: "async", concurrency: 1, scheduler }));
      expect(run.outputs).toEqual({ holds: "went on", list: ["had it"] });
    }
  });

  it("buffer more than they should rather than wait in a circle through keys", async () => {
    const inner = keyed("b");
    const dag = new Dag<any>("outer");
    dag.node("holds", key("c"), async (ctx: Context) => {
      await sleep(5);
      return (await ctx.run(inner)).value;
    });
    dag.node("items", { ...key("b"), buffer: 1 }, async function* () {
      yield* [1, 2, 3];
    });
    dag.node("list", { needs: [stream("items")], ...key("c") }, listOf);
    const run = await outcome(dag.run({ mode: "async" }));
    expect(run.outputs).toEqual({ holds: "had it", list: [1, 2, 3] });
  });

  it("buffer more than they should, also for one that has yet to start, since another waits for its key", async () => {
    const asked = keyed("h");
    const dag = new Dag<any>("streams");
    dag.node("first", { ...key("h"), buffer: 1 }, async function* () {
      yield 1;
    });
    dag.node("second", { ...key("i"), buffer: 2 }, async function* () {
      yield* [1, 2];
    });
    dag.node("list", { needs: [stream("first"), stream("second")] }, async (first, second, ctx: Context) => {
      const items: unknown[] = [];
      for (const source of [first, second]) {
        for await (const item of source) items.push(item, (await ctx.run(asked)).value);
      }
      return items.length;
    });
    const runs = await outcome(Promise.all([dag.run({ mode: "async" }), dag.run({ mode: "async" })]));
    expect(runs.map(({ value }) => value)).toEqual([6, 6]);
  });

  it("are not taken for parts of the producer that lets them start", async () => {
    const asked = keyed("j");
    const dag = new Dag<any>("streams");
    dag.node("items", { ...key("j"), buffer: 2 }, async function* () {
      yield 1;
      await sleep(5);
    });
    dag.node("list", { needs: [stream("items")] }, async (items) => {
      const values: unknown[] = [];
      for await (const item of items) values.push(item, (await asked.run()).value);
      return values;
    });
    expect((await outcome(dag.run({ mode: "async" }))).value).toEqual([1, "had it"]);
  });

  it("keep their slot while one of them works, also when their producer begins to wait for room", async () => {
    const counts: [string[], most: number][] = [];
    const work = async (n: number, kind: string) => {
      const [now, most] = (counts[n] ??= [[], 0]);
      now.push(kind);
      counts[n][1] = Math.max(most, new Set(now).size);
      await setImmediate();
      now.splice(now.indexOf(kind), 1);
    };
    const inner = new Dag<any>("inner");
    inner.node("works", { params: ["n"] }, (n: number) => work(n, "inside"));
    const dag = new Dag<any>("outer");
    dag.node("items", key("k"), async function* () {
      yield* [1, 2];
    });
    dag.node("asks", { needs: [stream("items")], params: ["items", "n"] }, async (items, n: number, ctx: Context) => {
      for await (const key of items) await ctx.run(inner, { inputs: { n }, key });
    });
    dag.node("works", { needs: [stream("items")], params: ["items", "n"] }, async (items, n: number) => {
      for await (const item of items) await work(n, `stream ${item > 0}`);
    });
    await outcome(Promise.all([dag.run({ inputs: { n: 0 } }), dag.run({ inputs: { n: 1 } })]));
    expect(counts.map(([, most]) => most)).toEqual([1, 1]);
  });

  it("fail with an error that names the circle if one waits for items of another, which waits for its key", async () => {
    const inner = keyed("d");
    const dag = new Dag<any>("outer");
    dag.node("items", async function* (ctx: Context) {
      await sleep(5);
      yield (await ctx.run(inner)).value;
    });
    dag.node("list", { needs: [stream("items")], ...key("d") }, listOf);
    const error = await rejection(dag.run({ mode: "async", runId: "run" }));
    let innermost = error;
    while (innermost.cause !== undefined) innermost = innermost.cause;
    expect(innermost).toMatchObject({ code: "DEADLOCK", node: "takes" });
    expect(innermost.message).toContain(
      'concurrency key "hold-and-wait d" is held by node "list" of run "run", which waits for the next item of node "items" of run "run"',
    );
  });
});

describe("A node that waits for a slot", () => {
  it("gets that of another as soon as this one first waits for a run inside", async () => {
    const other = keyed("f", 5).run();
    const inner = keyed("f");
    const dag = new Dag<any>("outer");
    dag.node("waits", key("f"), () => "had it, too");
    dag.node("begins", { timeout: 1000 }, async (ctx: Context) => {
      await sleep(10);
      return (await ctx.run(inner)).value;
    });
    const [run] = await outcome(Promise.all([dag.run({ mode: "async", concurrency: 1 }), other]));
    expect(run.outputs).toEqual({ waits: "had it, too", begins: "had it" });
  });

  it.each([
    ["of the run", undefined],
    ["of a scheduler", 1],
  ])("gets one beyond the limit %s, if all that have one wait for what it is to release", async (_, slots) => {
    const scheduler = slots === undefined ? undefined : new Scheduler({ maxConcurrency: slots });
    let [now, most] = [0, 0];
    const work = async () => {
      most = Math.max(most, ++now);
      await sleep(2);
      now--;
    };
    const steps = new Dag<any>("steps");
    steps.node("one", work);
    steps.node("two", { after: ["one"] }, work);
    const asked = new Dag<any>("asked");
    asked.node("takes", key("g"), work);
    const dag = new Dag<any>("outer");
    dag.node("holds", key("g"), steps);
    dag.node("asks", async () => void (await asked.run({ scheduler })));
    const run = await outcome(dag.run({ mode: "async", concurrency: 1, scheduler }));
    expect(run.status).toBe("completed");
    expect(most).toBe(1);
  });
});

describe("In sequential mode", () => {
  it("a node comes after one before it in order, also while that waits for its key or for its next attempt", async () => {
    const holding = keyed("e", 10).run();
    const order: string[] = [];
    const dag = new Dag("outer");
    dag.node("waits", key("e"), () => void order.push("waits"));
    dag.node("retries", { retry: { retries: 1, delay: 5 } }, (ctx: Context) => {
      order.push(`retries ${ctx.attempt}`);
      if (ctx.attempt === 1) throw new Error("not yet");
    });
    dag.node("last", () => void order.push("last"));
    await outcome(Promise.all([holding, dag.run()]));
    expect(order).toEqual(["waits", "retries 1", "retries 2", "last"]);
  });

  it("one function works at a time, in all runs inside", async () => {
    let [now, most] = [0, 0];
    const work = async () => {
      most = Math.max(most, ++now);
      await sleep(2);
      now--;
    };
    const leaf = new Dag("leaf");
    leaf.node("works", work);
    const middle = new Dag("middle");
    middle.node("begins", async (ctx: Context) => {
      await work();
      await Promise.all([ctx.run(leaf), ctx.run(leaf)]);
      await work();
    });
    middle.node("inside", leaf);
    const dag = new Dag("outer");
    dag.node("begins", (ctx: Context) => Promise.all([ctx.run(middle), ctx.run(middle), ctx.run(leaf)]).then(work));
    dag.node("list", () => [1, 2]);
    dag.map("each", { needs: ["list"] }, async (_: number, ctx: Context) => {
      await work();
      await ctx.run(middle);
      await work();
    });
    dag.node("inside", middle);
    await outcome(dag.run());
    expect({ now, most }).toEqual({ now: 0, most: 1 });
  });

  it("a node that wakes up while another works, which it had let go first, waits for that", async () => {
    let [now, most] = [0, 0];
    const work = async (ms: number) => {
      most = Math.max(most, ++now);
      await sleep(ms);
      now--;
    };
    const inner = new Dag("inner");
    inner.node("waits", { delay: 10 }, () => work(5));
    const dag = new Dag("outer");
    dag.node("begins", inner);
    dag.node("works", () => work(30));
    await outcome(dag.run());
    expect({ now, most }).toEqual({ now: 0, most: 1 });
  });
});

describe("A node that waits for a time inside lets the next one go first, which needs its key", () => {
  it.each(["sequential", "async"] as const)("and both complete with one slot, in %s mode", async (mode) => {
    const concurrencyKey = { key: `a time inside, ${mode}` };
    const later = new Dag("later");
    later.node("b", { delay: 5 }, () => 1);
    const needing = new Dag("needing");
    needing.node("c", { concurrencyKey }, () => 2);
    const dag = new Dag("both");
    dag.node("first", { concurrencyKey }, later);
    dag.node("second", async () => {
      await sleep(20);
      return (await needing.run()).value;
    });
    expect((await outcome(dag.run({ mode, concurrency: 1 }))).outputs).toEqual({ first: 1, second: 2 });
  });
});
