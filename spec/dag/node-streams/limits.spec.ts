import { describe, expect, it } from "vitest";
import { Dag, Scheduler, stream, type Context, type Item, type RunEvent } from "dagwright";
import { counting, first, listOf, slowly } from "../../support/item-streams.js";
import { meeting } from "../../support/meeting.js";
import { gate, sleep } from "../../support/waiting.js";

const options = { mode: "async", timeout: 60_000 } as const;

/**
 * A dag with a stream of 20 numbers, slow to be consumed, and five other nodes. All wait until `count` of them are in
 * flight at once.
 */
function beside(count: number) {
  const inFlight = { now: 0, most: 0 };
  const { opened, open } = gate();
  const begin = () => {
    inFlight.most = Math.max(inFlight.most, ++inFlight.now);
    if (inFlight.now === count) open();
    return opened;
  };
  const other = async () => {
    await begin();
    await sleep(1);
    inFlight.now--;
  };
  const dag = new Dag("d");
  dag.node("nums", { buffer: 1 }, async function* () {
    await begin();
    for (let i = 0; i < 20; i++) yield i;
    inFlight.now--;
  });
  dag.node("a", { needs: [stream("nums")] }, slowly(1));
  dag.node("b", { needs: [stream("nums")] }, listOf);
  for (let i = 0; i < 5; i++) dag.node(`other${i}`, other);
  return { dag, inFlight };
}

describe("Under a concurrency limit, a stream", () => {
  it.each([1, 2, 3])("counts as one node in flight, with limit %i", async (concurrency) => {
    const { dag, inFlight } = beside(concurrency);
    const run = await dag.run({ ...options, concurrency });
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

describe("Runs inside a stream", () => {
  /** A workflow of one node, whose calls all attend one meeting. */
  function counted({ attend }: ReturnType<typeof meeting>): Dag {
    const child = new Dag("child");
    child.node("twice", (n: number) => attend(n * 2));
    return child;
  }

  it.each([1, 2, 4])("never exceed the concurrency of the run, which is %i", async (concurrency) => {
    const inFlight = meeting(concurrency);
    const child = counted(inFlight);
    const feed = new Dag("feed");
    feed.node("list", () => [1, 2, 3, 4, 5]);
    feed.map("twice", { needs: ["list"] }, counted(inFlight));
    feed.node("rows", { needs: ["twice"] }, function* (twice: number[]) {
      yield* twice;
    });
    const dag = new Dag("d");
    dag.node("nums", { buffer: 1 }, counting(12));
    dag.map("each", { needs: [stream("nums")] }, child);
    dag.node("calls", { needs: [stream("nums")] }, async (nums: AsyncIterable<number>, ctx: Context) => {
      const calls: Promise<unknown>[] = [];
      for await (const n of nums) calls.push(ctx.run(child, { inputs: { n } }).then((run: any) => run.value));
      return Promise.all(calls);
    });
    dag.node("feed", feed);
    dag.node("list", { needs: [stream("feed")] }, listOf);
    for (let k = 0; k < 6; k++) dag.node(`other${k}`, () => k);
    dag.node("beside", counted(inFlight));
    const run = await dag.run({ ...options, concurrency, inputs: { n: 1 } });
    expect(run.get("each")).toEqual(Array.from({ length: 12 }, (_, n) => 2 * n));
    expect(run.get("calls")).toEqual(run.get("each"));
    expect(run.get("list")).toEqual([2, 4, 6, 8, 10]);
    expect(inFlight.seen).toEqual({ now: 0, most: concurrency });
  });

  it("complete under concurrency 1 when they take a stream as their input", async () => {
    const twice = counted(meeting(1));
    const taker = new Dag("taker");
    taker.node("sum", { params: ["nums"] }, async (nums: AsyncIterable<number>) => {
      return (await listOf(nums)).reduce((a, b) => a + b);
    });
    const dag = new Dag("d");
    dag.node("nums", { buffer: 1 }, async function* (ctx: Context) {
      for (let n = 0; n < 6; n++) yield ((await ctx.run(twice, { inputs: { n } })) as any).value;
    });
    dag.node("taker", { needs: [stream("nums")] }, taker);
    dag.node("called", { needs: [stream("nums")] }, async (nums: AsyncIterable<number>, ctx: Context) => {
      return ((await ctx.run(taker, { inputs: { nums } })) as any).value;
    });
    for (const mode of ["sequential", "async"] as const) {
      const run = await dag.run({ ...options, mode, concurrency: 1 });
      expect([run.get("taker"), run.get("called")]).toEqual([30, 30]);
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

  const feed = new Dag<any>("feed");
  feed.node("nums", counting(3));
  it.each([
    ["a node", counting(3)],
    ["a workflow", feed],
  ])("a stream of %s keeps the slot until its last node has ended", async (_, source) => {
    const scheduler = new Scheduler({ maxConcurrency: 1 });
    const order: string[] = [];
    const read = gate();
    const [ended, going] = [gate(), gate()];
    const dag = new Dag("d");
    dag.node("feed", source as () => unknown);
    dag.node("list", { needs: [stream("feed")] }, async (nums: AsyncIterable<number>) => {
      await listOf(nums);
      read.open();
      await going.opened;
      order.push("list");
    });
    const other = new Dag("other");
    other.node("runs", () => void order.push("other"));
    const observer = (event: RunEvent) => {
      if (event.type === "node.completed" && event.node === "feed") ended.open();
    };
    const run = dag.run({ ...options, scheduler, observers: [observer] });
    await Promise.all([read.opened, ended.opened]);
    const later = other.run({ scheduler });
    expect(scheduler.stats()).toMatchObject({ running: 1, queued: 1 });
    going.open();
    await Promise.all([run, later]);
    expect(order).toEqual(["list", "other"]);
    expect(scheduler.stats()).toMatchObject({ running: 0, queued: 0 });
  });

  it.each(["nums", "list", "each"])("a stream lends it to the runs that %s begins", async (name) => {
    const scheduler = new Scheduler({ maxConcurrency: 1 });
    const child = new Dag("child");
    child.node("same", (n: number) => n);
    const run = async (at: string, n: number) =>
      at === name ? (await child.run({ inputs: { n }, scheduler })).value : n;
    const dag = new Dag("d");
    dag.node("nums", { buffer: 1 }, async function* () {
      for (let n = 0; n < 5; n++) yield run("nums", n);
    });
    dag.map("each", { needs: [stream("nums")] }, (n: Item<number>) => run("each", n));
    dag.node("list", { needs: [stream("nums")] }, async (nums: AsyncIterable<number>) => {
      const list = [];
      for await (const n of nums) list.push(await run("list", n));
      return list;
    });
    const result = await dag.run({ ...options, scheduler });
    expect([result.get("each"), result.get("list")]).toEqual([
      [0, 1, 2, 3, 4],
      [0, 1, 2, 3, 4],
    ]);
    expect(scheduler.stats()).toMatchObject({ running: 0, queued: 0 });
  });

  it("a stream that is turned away can be retried", async () => {
    const scheduler = new Scheduler({ maxConcurrency: 1, maxQueueSize: 1 });
    const busy = gate();
    const [holding, waiting] = [new Dag("holding"), new Dag("waiting")];
    holding.node("holds", () => busy.opened);
    waiting.node("waits", () => {});
    const dag = new Dag("d");
    const retry = { retries: 50, delay: 1, when: () => (busy.open(), true) };
    dag.node("nums", { retry }, counting(3));
    dag.node("list", { needs: [stream("nums")], retry }, listOf);
    const others = [holding.run({ scheduler }), waiting.run({ scheduler })];
    const run = await dag.run({ ...options, scheduler });
    await Promise.all(others);
    expect(run.get("list")).toEqual([0, 1, 2]);
    expect(scheduler.stats()).toMatchObject({ running: 0, queued: 0 });
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
    expect((await dag.run({ mode: "parallel", timeout: 60_000 })).get("list")).toEqual([0, 1, 2]);
  });
});
