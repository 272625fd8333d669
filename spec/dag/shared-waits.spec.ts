import { describe, expect, it } from "vitest";
import { Dag, Scheduler, stream, type Context, type RunOptions } from "dagwright";
import { outcome, sleep, useFakeTime } from "../support/fake-time.js";

useFakeTime();

/** A dag of a cached node that fails once, and then waits for a slot again. */
function unsteady() {
  const calls = { count: 0 };
  const dag = new Dag<any>("unsteady");
  dag.node("cached", { cache: { ttl: 1000 }, retry: { retries: 1, delay: 30 } }, async () => {
    await sleep(20);
    if (calls.count++ === 0) throw new Error("not yet");
    return 1;
  });
  return { dag, calls };
}

/** Begins with `inner` as a node; then one of the nodes of a stream runs `inner` again. */
function streaming(inner: Dag<any>): Dag<any> {
  const dag = new Dag<any>("streaming");
  dag.node("inside", inner);
  for (const [i, need] of ["inside", "after0", "after1", "after2"].entries())
    dag.node(`after${i}`, { needs: [need] }, () => i);
  const items = dag.node("items", async function* () {
    yield* [1, 2, 3];
  });
  dag.node("takes", { needs: [stream(items)] }, async (numbers: AsyncIterable<number>, ctx: Context) => {
    let sum = 0;
    for await (const n of numbers) sum += n;
    return sum + (await ctx.run(inner)).get("cached");
  });
  return dag;
}

const key = { concurrencyKey: { key: "db" } };

/** A dag of a node that takes the key for `ms`. */
function keyed(ms: number): Dag<any> {
  const dag = new Dag<any>("keyed");
  dag.node("takes", key, () => sleep(ms).then(() => "had it"));
  return dag;
}

describe("A key", () => {
  it("never keeps its node from the place in order that another one has, which waits for the key", async () => {
    const inner = keyed(1);
    const called = new Dag<any>("called");
    called.node("waits", key, () => "waits");
    called.node("begins", async (ctx: Context) => {
      await sleep(5);
      return (await ctx.run(inner)).value;
    });
    const nested = new Dag<any>("nested");
    nested.node("waits", key, () => "waits");
    nested.node("begins", inner);
    for (const dag of [called, nested]) {
      const [, run] = await outcome(Promise.all([keyed(10).run(), dag.run()]));
      expect(run.outputs).toEqual({ waits: "waits", begins: "had it" });
    }
  });

  it("is not held while its node waits for the slot of a stream", async () => {
    const inner = keyed(1);
    const dag = new Dag<any>("streaming");
    dag.node("waits", { ...key, priority: "critical" }, () => "waits");
    const items = dag.node("items", async function* () {
      for (let n = 0; n < 3; n++) yield sleep(5).then(() => n);
    });
    dag.node("begins", { needs: [stream(items)] }, async (numbers: AsyncIterable<number>, ctx: Context) => {
      const had = [];
      for await (const n of numbers) had.push(n, (await ctx.run(inner)).value);
      return had;
    });
    const [, run] = await outcome(Promise.all([keyed(10).run(), dag.run({ mode: "async", concurrency: 1 })]));
    expect(run.get("begins")).toEqual([0, "had it", 1, "had it", 2, "had it"]);
    expect(run.get("waits")).toBe("waits");
  });

  it("is taken by as many nodes as its limit, one after the other, however many wait for slots and for it", async () => {
    const limited = { concurrencyKey: { key: "two", limit: 2 } };
    let [inFlight, most, calls] = [0, 0, 0];
    const take = async () => {
      most = Math.max(most, ++inFlight);
      await sleep(1);
      inFlight--;
      calls++;
    };
    const inner = new Dag("inner");
    inner.node("takes", limited, take);
    const dag = new Dag("d");
    for (let i = 0; i < 20; i++) {
      dag.node(`takes${i}`, limited, take);
      dag.node(`contains${i}`, inner);
      dag.node(`begins${i}`, (ctx: Context) => ctx.run(inner));
    }
    await outcome(Promise.all([dag.run(), dag.run(), dag.run()]));
    expect({ inFlight, most, calls }).toEqual({ inFlight: 0, most: 2, calls: 180 });
  });
});

describe("A cached result that is computed by a node waiting for a slot", () => {
  it.each([
    ["the run", (): RunOptions<any> => ({ mode: "async", concurrency: 1 })],
    ["a scheduler", (): RunOptions<any> => ({ mode: "async", scheduler: new Scheduler({ maxConcurrency: 1 }) })],
    ["a run without limits", (): RunOptions<any> => ({ mode: "async" })],
  ])("is waited for in a stream, which gives this slot up, of %s", async (_, options) => {
    const { dag, calls } = unsteady();
    const run = await outcome(streaming(dag).run(options()));
    expect(run.get("takes")).toBe(7);
    expect(run.get("inside")).toBe(1);
    expect(calls.count).toBe(2);
  });

  it("is there when a node after it in order begins a run inside, in sequential mode", async () => {
    const { dag } = unsteady();
    dag.node("again", { params: ["depth"] }, async (depth: number, ctx: Context) =>
      depth === 0 ? 0 : (await ctx.run(dag, { inputs: { depth: 0 } })).get("cached"),
    );
    const run = await outcome(dag.run({ inputs: { depth: 1 } }));
    expect(run.outputs).toEqual({ cached: 1, again: 1 });
  });
});
