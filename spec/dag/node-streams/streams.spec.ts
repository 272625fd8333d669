import { describe, expect, it } from "vitest";
import { Dag, MissingResultError, node, optional, stream, type ExecutorName, type NodeSpec } from "dagwright";
import { counting, first, listOf, slowly } from "../../support/item-streams.js";
import { failure, gate, sleep, turns, until } from "../../support/waiting.js";

const mode = "async";
const EXECUTORS: ExecutorName[] = ["workQueue", "level", "reactive"];
const MODES = ["sequential", "async"] as const;

/** A dag in which `consumers` stream the numbers below `count`. */
function streaming(
  count: number,
  consumers: Record<string, (items: AsyncIterable<number>) => unknown>,
  { log = [], buffer }: { log?: string[]; buffer?: number } = {},
): Dag {
  const dag = new Dag("streaming");
  dag.node("nums", { buffer }, counting(count, log));
  for (const [name, fn] of Object.entries(consumers)) dag.node(name, { needs: [stream("nums")] }, fn);
  return dag;
}

describe("A stream", () => {
  for (const mode of MODES) {
    for (const executor of EXECUTORS) {
      for (const concurrency of [1, undefined]) {
        it(`gives every consumer every item, in mode ${mode}, with ${executor}, concurrency ${concurrency}`, async () => {
          const dag = streaming(40, { a: listOf, b: slowly(0), c: slowly(1), two: first(2) });
          dag.node("after", { needs: ["a", "two"] }, (a: number[], two: number[]) => [a.length, two]);
          const run = await dag.run({ mode, executor, concurrency, timeout: 60_000 });
          const all = Array.from({ length: 40 }, (_, i) => i);
          expect(run.get("a")).toEqual(all);
          expect(run.get("b")).toEqual(all);
          expect(run.get("c")).toEqual(all);
          expect(run.get("two")).toEqual([0, 1]);
          expect(run.get("after")).toEqual([40, [0, 1]]);
        });
      }
    }
  }

  it("carries the items of a plain generator, and values that are undefined", async () => {
    const dag = new Dag("plain");
    dag.node("nums", function* () {
      yield 1;
      yield undefined;
      yield null;
    });
    dag.node("list", { needs: [stream("nums")] }, listOf);
    expect((await dag.run({ mode })).get("list")).toEqual([1, undefined, null]);
  });

  it("may be empty", async () => {
    expect((await streaming(0, { a: listOf }).run({ mode })).get("a")).toEqual([]);
  });

  it("goes through a chain of generators, an item at a time", async () => {
    const dag = new Dag("chain");
    dag.node("g0", counting(100));
    for (let k = 1; k <= 5; k++) {
      dag.node(`g${k}`, { needs: [stream(`g${k - 1}`)] }, async function* (items: AsyncIterable<number>) {
        for await (const item of items) yield item + 1;
      });
    }
    dag.node("list", { needs: [stream("g5")] }, listOf);
    const run = await dag.run({ mode, concurrency: 1, timeout: 60_000 });
    expect(run.get("list")).toEqual(Array.from({ length: 100 }, (_, i) => i + 5));
    expect(run.has("g3")).toBe(false);
  });

  it("splits and joins in a diamond", async () => {
    const dag = new Dag("diamond");
    dag.node("nums", { buffer: 1 }, counting(50));
    for (const [name, factor] of [
      ["a", 2],
      ["b", 3],
    ] as const) {
      dag.node(name, { needs: [stream("nums")], buffer: 1 }, async function* (items: AsyncIterable<number>) {
        for await (const item of items) yield item * factor;
      });
    }
    dag.node(
      "sum",
      { needs: [stream("a"), stream("b")] },
      async (a: AsyncIterable<number>, b: AsyncIterable<number>) => {
        const others = b[Symbol.asyncIterator]();
        let sum = 0;
        for await (const x of a) sum += x + ((await others.next()).value as number);
        return sum;
      },
    );
    for (const concurrency of [1, undefined]) {
      expect((await dag.run({ mode, concurrency, timeout: 60_000 })).get("sum")).toBe(5 * 1225);
    }
  });

  it("splits and joins, whichever side is read first", async () => {
    const dag = new Dag("diamond");
    dag.node("nums", { buffer: 1 }, counting(100));
    const pass = async function* (items: AsyncIterable<number>) {
      for await (const item of items) yield item;
    };
    dag.node("a", { needs: [stream("nums")], buffer: 1 }, pass);
    dag.node("b", { needs: [stream("nums")], buffer: 1 }, pass);
    dag.node("c", { needs: [stream("b")], buffer: 1 }, pass);
    dag.node(
      "both",
      { needs: [stream("a"), stream("c")] },
      async (a: AsyncIterable<number>, c: AsyncIterable<number>) => {
        return [(await listOf(a)).length, (await listOf(c)).length];
      },
    );
    dag.node(
      "odd",
      { needs: [stream("c"), stream("a")] },
      async (c: AsyncIterable<number>, a: AsyncIterable<number>) => {
        return [(await listOf(c)).length, (await listOf(a)).length];
      },
    );
    for (const mode of MODES) {
      const run = await dag.run({ mode, concurrency: 1, timeout: 60_000 });
      expect(run.get("both")).toEqual([100, 100]);
      expect(run.get("odd")).toEqual([100, 100]);
    }
  });

  it("of two sources is taken by one node, under concurrency 1", async () => {
    const dag = new Dag("two");
    dag.node("x", { buffer: 1 }, counting(9));
    dag.node("y", { buffer: 1 }, counting(9));
    dag.node(
      "pairs",
      { needs: [stream("x"), stream("y")] },
      async (x: AsyncIterable<number>, y: AsyncIterable<number>) => {
        const ys = y[Symbol.asyncIterator]();
        const pairs: number[] = [];
        for await (const each of x) pairs.push(each + ((await ys.next()).value as number));
        return pairs;
      },
    );
    for (const mode of MODES) {
      const run = await dag.run({ mode, concurrency: 1, timeout: 60_000 });
      expect(run.get("pairs")).toEqual([0, 2, 4, 6, 8, 10, 12, 14, 16]);
    }
  });

  it("reaches a record of needs", async () => {
    const dag = new Dag("record");
    dag.node("nums", counting(3));
    dag.node("word", () => "w");
    dag.all("both", { needs: [stream("nums"), "word"] }, async ({ nums, word }: any) => [word, await listOf(nums)]);
    expect((await dag.run({ mode })).get("both")).toEqual(["w", [0, 1, 2]]);
  });

  it("serves several calls of next in order, and ends them all", async () => {
    const dag = streaming(3, {
      a: async (items) => {
        const iterator = items[Symbol.asyncIterator]();
        const results = await Promise.all(Array.from({ length: 5 }, () => iterator.next()));
        return results.map(({ done, value }) => (done === true ? "end" : value));
      },
    });
    for (const mode of MODES) expect((await dag.run({ mode })).get("a")).toEqual([0, 1, 2, "end", "end"]);
  });

  it("tells one of several calls of next that the source failed, after its items", async () => {
    const dag = new Dag("failing");
    dag.node("nums", async function* () {
      yield 1;
      await turns(2);
      throw new Error("gone");
    });
    dag.node("a", { needs: [stream("nums")] }, async (items: AsyncIterable<number>) => {
      const iterator = items[Symbol.asyncIterator]();
      const results = await Promise.allSettled(Array.from({ length: 3 }, () => iterator.next()));
      return results.map((result) => (result.status === "rejected" ? (result.reason as Error).message : result.value));
    });
    const run = await dag.run({ mode, errorStrategy: "continue" });
    expect(run.get("a")).toEqual([{ done: false, value: 1 }, "gone", { done: true, value: undefined }]);
  });

  it("is read once: who reads it again finds it at its end", async () => {
    const dag = streaming(3, { twice: async (items) => [await listOf(items), await listOf(items)] });
    expect((await dag.run({ mode })).get("twice")).toEqual([[0, 1, 2], []]);
  });

  it("begins with its first item for a consumer that another need holds up", async () => {
    const dag = new Dag("late");
    const log: string[] = [];
    dag.node("nums", counting(3, log));
    dag.node("slow", async () => {
      await sleep(10);
      log.push("slow");
      return 1;
    });
    dag.node("late", { needs: [stream("nums"), "slow"] }, async (nums: AsyncIterable<number>, one: number) => [
      ...(await listOf(nums)),
      one,
    ]);
    const run = await dag.run({ mode });
    expect(run.get("late")).toEqual([0, 1, 2, 1]);
    expect(log[0]).toBe("slow");
  });
});

describe("The buffer of a stream", () => {
  for (const [buffer, bound] of [
    [undefined, 16],
    [1, 1],
    [3, 3],
  ] as const) {
    it(`of ${buffer ?? "the default"} holds the producer back to the slowest consumer`, async () => {
      let produced = 0;
      const { opened, open } = gate();
      const dag = new Dag("held");
      dag.node("nums", { buffer }, async function* () {
        for (; produced < 100; produced++) yield produced;
      });
      dag.node("fast", { needs: [stream("nums")] }, listOf);
      dag.node("slow", { needs: [stream("nums")] }, async (items: AsyncIterable<number>) => {
        await opened;
        return listOf(items);
      });
      const running = dag.run({ mode });
      await until(() => produced >= bound - 1);
      await sleep(20);
      // It computes the next item only when there is room again.
      expect(produced).toBe(bound - 1);
      open();
      expect((await running).get("slow")).toHaveLength(100);
    });
  }

  it("must be a positive integer", () => {
    expect(() => new Dag("bad").node("a", { buffer: 0 }, () => 1)).toThrow(/buffer/u);
  });
});

describe("A consumer", () => {
  it.each([
    ["returns", async (items: AsyncIterable<number>) => first(3)(items)],
    [
      "breaks",
      async (items: AsyncIterable<number>) => {
        for await (const item of items) if (item === 2) break;
        return [0, 1, 2];
      },
    ],
    ["never reads", () => [0, 1, 2]],
  ])("that %s lets go: the source's finally runs, and it completes without a value", async (_, fn) => {
    const log: string[] = [];
    const run = await streaming(Infinity, { few: fn, more: first(4) }, { log, buffer: 1 }).run({
      mode,
      timeout: 60_000,
    });
    expect(run.get("few")).toEqual([0, 1, 2]);
    expect(run.get("more")).toEqual([0, 1, 2, 3]);
    expect(log.at(-1)).toBe("p closed");
    expect(run.nodes.get("nums")?.status).toBe("completed");
    expect(run.has("nums")).toBe(false);
    expect(run.get("nums")).toBe(undefined);
  });

  it("that lets go does not hold up the others", async () => {
    const run = await streaming(50, { one: first(1), all: listOf }, { buffer: 1 }).run({ mode, timeout: 60_000 });
    expect(run.get("all")).toHaveLength(50);
    expect(run.has("nums")).toBe(false);
  });

  it("that lets go while the source waits tells the source's signal", async () => {
    const dag = new Dag("idle");
    dag.node("source", async function* (ctx: any) {
      yield 1;
      await new Promise((resolve) => ctx.signal.addEventListener("abort", resolve));
    });
    dag.node("one", { needs: [stream("source")] }, first(1));
    expect((await dag.run({ mode, timeout: 60_000 })).get("one")).toEqual([1]);
  });
});

describe("The items of a stream", () => {
  it("are kept as a list if a node needs them as they are", async () => {
    const dag = streaming(3, { one: first(1) });
    dag.node("count", { needs: ["nums"] }, (nums: number[]) => nums.length);
    const run = await dag.run({ mode });
    expect(run.get("nums")).toEqual([0, 1, 2]);
    expect(run.get("count")).toBe(3);
  });

  it("are kept as a list if nobody streams them, in every way of running", async () => {
    class Plain {
      @node async *later(): AsyncGenerator<number> {
        yield 1;
      }
      @node *now(): Generator<number> {
        yield 1;
        yield 2;
      }
      @node("now") count(now: number[]): number {
        return now.length;
      }
    }
    for (const mode of MODES) {
      const run = await Dag.from(Plain).run({ mode });
      expect({ ...run.results }).toEqual({ later: [1], now: [1, 2], count: 2 });
    }
    class Sync {
      @node *now(): Generator<number> {
        yield 1;
        yield 2;
      }
      @node("now") count(now: number[]): number {
        return now.length;
      }
    }
    expect({ ...Dag.from(Sync).runSync().results }).toEqual({ now: [1, 2], count: 2 });
  });

  it("are undefined for an optional stream whose source was skipped", async () => {
    const dag = new Dag("optional");
    dag.condition("never", () => false);
    dag.node("nums", { needs: ["never.true"] }, counting(3));
    dag.node("maybe", { needs: [optional(stream("nums"))] }, (nums: unknown) => nums === undefined);
    expect((await dag.run({ mode })).get("maybe")).toBe(true);
  });
});

describe("Sequential mode", () => {
  it("runs a stream the same way each time, the producer first, then an item at a time", async () => {
    const logs: string[] = [];
    for (let i = 0; i < 20; i++) {
      const log: string[] = [];
      const noting = (name: string, n: number) => async (items: AsyncIterable<number>) => {
        for await (const item of items) {
          await turns(n);
          log.push(`${name}${item}`);
        }
      };
      await streaming(4, { a: noting("a", 1), b: noting("b", 5) }, { log }).run();
      logs.push(log.join());
    }
    expect(logs[0]).toBe("p0,a0,b0,p1,a1,b1,p2,a2,b2,p3,a3,b3,p closed");
    expect(Array.from(new Set(logs))).toHaveLength(1);
  });

  it("never has more than one item in the buffer", async () => {
    const log: string[] = [];
    await streaming(5, { slow: slowly(2, log) }, { log }).run();
    const ahead = log
      .map((_, k) => log.slice(0, k + 1))
      .map((seen) => {
        return seen.filter((x) => /^p\d/u.test(x)).length - seen.filter((x) => x.startsWith("c")).length;
      });
    expect(Math.max(...ahead)).toBeLessThanOrEqual(2);
  });
});

describe("A run with streams", () => {
  it("executes a stream in one step", async () => {
    const dag = streaming(5, { list: listOf });
    dag.node("last", { needs: ["list"] }, (list: number[]) => list.length);
    const one = await dag.step();
    expect(one).toMatchObject({ next: "last", done: false });
    expect(await dag.step(one.state)).toMatchObject({ node: "last", result: 5, done: true });
  });

  it("tells observers of each node once", async () => {
    const events: string[] = [];
    const dag = streaming(5, { list: listOf });
    await dag.run({ mode, observers: [(event: any) => void events.push(`${event.type} ${event.node ?? ""}`)] });
    for (const name of ["nums", "list"]) {
      expect(events.filter((event) => event === `attempt.started ${name}`)).toHaveLength(1);
      expect(events.filter((event) => event === `node.completed ${name}`)).toHaveLength(1);
    }
  });

  it("calls hooks around producers and consumers", async () => {
    const calls: string[] = [];
    const dag = streaming(2, { list: listOf });
    const hooks = {
      preExecute: ({ name }: NodeSpec) => void calls.push(`before ${name}`),
      postExecute: ({ name }: NodeSpec) => void calls.push(`after ${name}`),
    };
    await dag.run({ mode, hooks });
    expect(calls.slice(0, 2)).toEqual(["before nums", "before list"]);
    expect(calls.slice(2).sort()).toEqual(["after list", "after nums"]);
  });

  it("can run twice at once", async () => {
    const dag = streaming(20, { list: slowly(0) });
    const [a, b] = await Promise.all([dag.run({ mode }), dag.run({ mode })]);
    expect(a.get("list")).toEqual(b.get("list"));
  });

  it("that pauses lets a stream in progress end", async () => {
    const log: string[] = [];
    const dag = streaming(5, { list: slowly(2, log) });
    dag.node("last", { needs: ["list"] }, (list: number[]) => list.length);
    const handle = dag.start({ mode });
    await until(() => log.length > 0);
    const run = await handle.pause();
    expect(run.status).toBe("paused");
    expect(run.get("list")).toEqual([0, 1, 2, 3, 4]);
    expect(run.nodes.get("last")?.status).toBe("ready");
  });
});

describe("A partial run with a stream", () => {
  const counted = () => {
    const log: string[] = [];
    const dag = streaming(3, { list: listOf }, { log });
    dag.node("x", () => log.push("x") && 1);
    dag.node("both", { needs: [stream("nums"), "x"] }, async (nums: AsyncIterable<number>, x: unknown) => [
      await listOf(nums),
      x,
    ]);
    return { dag, log };
  };

  it("up to the producer computes its list, and nothing that only its consumers need", async () => {
    const { dag, log } = counted();
    const run = await dag.runUntil("nums", { mode });
    expect(run.get("nums")).toEqual([0, 1, 2]);
    expect(log).not.toContain("x");
  });

  it("from a consumer streams the list of the earlier run", async () => {
    const { dag, log } = counted();
    dag.node("count", { needs: ["nums"] }, (nums: number[]) => nums.length);
    const from = await dag.run({ mode });
    log.length = 0;
    const run = await dag.runFrom("list", { mode, from });
    expect(run.get("list")).toEqual([0, 1, 2]);
    expect(log).toEqual([]);
  });

  it("from a consumer is refused if the earlier run kept no list", async () => {
    const { dag } = counted();
    const from = await dag.run({ mode });
    const error = await failure(dag.runFrom("list", { mode, from }));
    expect(error).toBeInstanceOf(MissingResultError);
    expect(error.message).toMatch(/"nums"/u);
  });

  it("streams a list given as the producer's result, and refuses what is no list", async () => {
    const { dag } = counted();
    const run = await dag.run({ mode, overrides: { nums: [7, 8] } });
    expect(run.get("list")).toEqual([7, 8]);
    expect(run.get("both")).toEqual([[7, 8], 1]);
    const error = await failure(dag.run({ mode, overrides: { nums: 7 } }));
    expect(error.message).toMatch(/streams "nums", whose result is 7/u);
  });

  it("given the results of all consumers leaves the producer out", async () => {
    const { dag, log } = counted();
    const run = await dag.run({ mode, overrides: { list: [1], both: [2] } });
    expect(run.status).toBe("completed");
    expect(log.filter((each) => each.startsWith("p"))).toEqual([]);
  });

  it("that drops results keeps what a stream gives", async () => {
    const { dag } = counted();
    dag.node("sum", { needs: ["list"] }, (list: number[]) => list.length);
    const run = await dag.run({ mode, retain: "outputs" });
    expect(run.get("sum")).toBe(3);
    expect(run.has("list")).toBe(false);
  });
});
