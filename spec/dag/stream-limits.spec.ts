import { describe, expect, it } from "vitest";
import { Dag, Scheduler, stream, type Context } from "dagwright";
import { counting, first, listOf, slowly } from "../support/item-streams.js";
import { sleep } from "../support/waiting.js";

const options = { mode: "async", timeout: 5000 } as const;

/** A dag with a stream of 60 numbers, slow to be consumed, and five other nodes. */
function beside(inFlight: { now: number; most: number }, buffer = 1): Dag {
  const other = async () => {
    inFlight.most = Math.max(inFlight.most, ++inFlight.now);
    await sleep(1);
    inFlight.now--;
  };
  const dag = new Dag("d");
  dag.node("nums", { buffer }, async function* () {
    inFlight.most = Math.max(inFlight.most, ++inFlight.now);
    for (let i = 0; i < 20; i++) yield i;
    inFlight.now--;
  });
  dag.node("a", { needs: [stream("nums")] }, slowly(1));
  dag.node("b", { needs: [stream("nums")] }, listOf);
  for (let i = 0; i < 5; i++) dag.node(`other${i}`, other);
  return dag;
}

describe("Under a concurrency limit, a stream", () => {
  it.each([1, 2, 3])("counts as one node in flight, with limit %i", async (concurrency) => {
    const inFlight = { now: 0, most: 0 };
    const run = await beside(inFlight).run({ ...options, concurrency });
    expect(run.status).toBe("completed");
    expect(run.get("a")).toHaveLength(20);
    expect(inFlight.most).toBe(concurrency);
  });

  it("holds up other nodes only when the limit is one", async () => {
    const log: string[] = [];
    const dag = new Dag("d");
    dag.node("nums", { buffer: 1 }, counting(20));
    dag.node("a", { needs: [stream("nums")] }, async (items: AsyncIterable<number>) => {
      await slowly(2)(items);
      log.push("a");
    });
    dag.node("quick", () => void log.push("quick"));
    await dag.run({ ...options, concurrency: 2 });
    expect(log).toEqual(["quick", "a"]);
  });

  it("runs one after the other of two streams", async () => {
    const dag = new Dag("d");
    for (const k of [1, 2, 3]) {
      dag.node(`nums${k}`, { buffer: 1 }, counting(10));
      dag.node(`list${k}`, { needs: [stream(`nums${k}`)] }, listOf);
    }
    for (const concurrency of [1, 2]) {
      const run = await dag.run({ ...options, concurrency });
      expect([1, 2, 3].map((k) => (run.get(`list${k}`) as number[]).length)).toEqual([10, 10, 10]);
    }
  });

  it("maps as items come", async () => {
    const dag = new Dag("d");
    dag.node("nums", { buffer: 2 }, counting(50));
    dag.map("double", { needs: [stream("nums")], concurrency: 4 }, async (n: number) => {
      await sleep(0);
      return n * 2;
    });
    dag.node("list", { needs: [stream("double")] }, listOf);
    const run = await dag.run({ ...options, concurrency: 1 });
    expect(run.get("list")).toEqual(Array.from({ length: 50 }, (_, i) => 2 * i));
  });

  it("may begin runs inside, which share no slot with those who wait for it", async () => {
    const child = new Dag("child");
    child.node("twice", async (n: number) => {
      await sleep(0);
      return n * 2;
    });
    const dag = new Dag("d");
    dag.node("nums", { buffer: 1 }, counting(6));
    dag.node("list", { needs: [stream("nums")] }, async (nums: AsyncIterable<number>, ctx: Context) => {
      const list: unknown[] = [];
      for await (const n of nums) list.push(((await ctx.run(child, { inputs: { n } })) as any).value);
      return list;
    });
    dag.map("each", { needs: [stream("nums")] }, child);
    for (const concurrency of [1, 2, undefined]) {
      const run = await dag.run({ ...options, concurrency });
      expect(run.get("list")).toEqual([0, 2, 4, 6, 8, 10]);
      expect(run.get("each")).toEqual([0, 2, 4, 6, 8, 10]);
    }
  });
});

describe("Under a scheduler with one slot", () => {
  it("a stream takes one slot, and completes with runs inside", async () => {
    const scheduler = new Scheduler({ maxConcurrency: 1 });
    const child = new Dag("child");
    child.node("twice", (n: number) => n * 2);
    const dag = new Dag("d");
    dag.node("nums", { buffer: 1 }, counting(6));
    dag.node("sum", { needs: [stream("nums")] }, async (nums: AsyncIterable<number>, ctx: Context) => {
      let sum = 0;
      for await (const n of nums) sum += ((await ctx.run(child, { inputs: { n } })) as any).value;
      return sum;
    });
    dag.node("few", { needs: [stream("nums")] }, first(2));
    const runs = await Promise.all([1, 2, 3].map(() => dag.run({ ...options, scheduler })));
    for (const run of runs) expect(run.get("sum")).toBe(30);
  });
});

describe("In parallel mode", () => {
  it("the nodes of a stream stay inline", async () => {
    const dag = new Dag("d");
    dag.node("nums", counting(3));
    dag.node("list", { needs: [stream("nums")] }, listOf);
    const places = dag.dryRun({ mode: "parallel" }).nodes.map(({ name, backend }: any) => [name, backend]);
    expect(places).toEqual([
      ["nums", "inline"],
      ["list", "inline"],
    ]);
    expect((await dag.run({ mode: "parallel", timeout: 5000 })).get("list")).toEqual([0, 1, 2]);
  });
});
