import { describe, expect, it } from "vitest";
import {
  Dag,
  Fsm,
  MissingResultError,
  next,
  node,
  optional,
  state,
  stop,
  stream,
  subworkflow,
  waitForEvent,
} from "dagwright";
import { counting, first, listOf, slowly } from "../../support/item-streams.js";
import { failure, sleep } from "../../support/waiting.js";

const options = { mode: "async", timeout: 60_000 } as const;

/** A workflow with a generator that waits for another node, and a sink that streams it. */
function feedOf(count: number, log: string[] = []): Dag {
  const feed = new Dag("feed");
  feed.node("start", async () => {
    await sleep(1);
    return count;
  });
  feed.node("rows", { needs: ["start"], buffer: 2 }, async function* (start: number) {
    yield* counting(start, log)();
  });
  return feed;
}

describe("A stream of a workflow", () => {
  it("is that of its sink, or of the named node, in every mode and under any limit", async () => {
    const feed = feedOf(30);
    feed.node("even", { needs: [stream("rows")] }, async function* (rows: AsyncIterable<number>) {
      for await (const row of rows) if (row % 2 === 0) yield row;
    });
    const dag = new Dag("outer");
    dag.node("feed", feed);
    dag.node("sink", { needs: [stream("feed")] }, listOf);
    dag.node("rows", { needs: [stream("feed.rows")] }, slowly(0));
    const even = Array.from({ length: 15 }, (_, i) => 2 * i);
    for (const mode of ["sequential", "async"] as const) {
      for (const concurrency of [1, 2, undefined]) {
        const run = await dag.run({ mode, concurrency, timeout: 60_000 });
        expect(run.get("sink")).toEqual(even);
        expect(run.get("rows")).toHaveLength(30);
        expect(run.has("feed")).toBe(false);
        expect(run.child("feed")?.status).toBe("completed");
      }
    }
  });

  it("reaches through several workflows", async () => {
    const middle = new Dag("middle");
    middle.node("feed", feedOf(20));
    middle.node("own", { needs: [stream("feed")] }, listOf);
    const dag = new Dag("outer");
    dag.node("middle", middle);
    dag.node("list", { needs: [stream("middle.feed.rows")] }, listOf);
    dag.node("same", { needs: [stream("middle.feed")] }, first(2));
    for (const concurrency of [1, undefined]) {
      const run = await dag.run({ ...options, concurrency });
      expect(run.get("list")).toHaveLength(20);
      expect(run.get("same")).toEqual([0, 1]);
      expect(run.get("middle.own")).toHaveLength(20);
    }
  });

  it("reaches into the output of a subworkflow", async () => {
    class Feed {
      @node *rows(): Generator<number> {
        yield* [1, 2, 3];
      }
      @node("rows") count(rows: number[]): number {
        return rows.length;
      }
    }
    class Outer {
      @node feed = subworkflow(Feed, { output: "rows" });
      @node(stream("feed")) async sum(rows: AsyncIterable<number>): Promise<number> {
        return (await listOf(rows)).reduce((a, b) => a + b);
      }
      @node("feed.count") twice(count: number): number {
        return 2 * count;
      }
    }
    const run = await Dag.from(Outer).run(options);
    expect(run.get("sum")).toBe(6);
    expect(run.get("twice")).toBe(6);
  });

  it("holds the node inside back, and closes it when the last consumer lets go", async () => {
    const log: string[] = [];
    const dag = new Dag("outer");
    dag.node("feed", feedOf(Infinity, log));
    dag.node("few", { needs: [stream("feed")] }, first(3));
    const run = await dag.run(options);
    expect(run.get("few")).toEqual([0, 1, 2]);
    expect(run.has("feed")).toBe(false);
    expect(log.length).toBeLessThan(9);
    expect(log.at(-1)).toBe("p closed");
  });

  it("keeps the list inside for who needs it", async () => {
    const dag = new Dag("outer");
    dag.node("feed", feedOf(5));
    dag.node("few", { needs: [stream("feed")] }, first(1));
    dag.node("all", { needs: ["feed"] }, (rows: number[]) => rows.length);
    const run = await dag.run(options);
    expect(run.get("all")).toBe(5);
    expect(run.get("feed")).toEqual([0, 1, 2, 3, 4]);
  });

  it("throws the error of the workflow, whichever node failed", async () => {
    const feed = new Dag("feed");
    feed.node("start", () => {
      throw new Error("boom");
    });
    feed.node("rows", { needs: ["start"] }, async function* (start: number) {
      yield start;
    });
    const dag = new Dag("outer");
    dag.node("feed", feed);
    dag.node("list", { needs: [stream("feed")] }, listOf);
    const run = await dag.run({ ...options, errorStrategy: "continue" });
    expect(run.nodes.get("feed")?.status).toBe("failed");
    expect(run.nodes.get("list")?.status).toBe("failed");
    expect((await failure(dag.run(options))).message).toMatch(/boom/u);
  });

  it("is empty if the node inside was skipped", async () => {
    const feed = new Dag("feed");
    feed.condition("never", () => false);
    feed.node("rows", { needs: ["never.true"] }, counting(3));
    const dag = new Dag("outer");
    dag.node("feed", feed);
    dag.node("list", { needs: [stream("feed.rows")] }, listOf);
    expect((await dag.run(options)).get("list")).toEqual([]);
  });

  it("takes several nodes of one workflow, under concurrency 1", async () => {
    const feed = new Dag("feed");
    feed.node("x", { buffer: 1 }, counting(8));
    feed.node("late", () => sleep(2));
    feed.node("y", { buffer: 1, after: ["late"] }, counting(8));
    const dag = new Dag("outer");
    dag.node("feed", feed);
    dag.node(
      "pairs",
      { needs: [stream("feed.x"), stream("feed.y")] },
      async (x: AsyncIterable<number>, y: AsyncIterable<number>) => {
        const ys = y[Symbol.asyncIterator]();
        let sum = 0;
        for await (const each of x) sum += each * ((await ys.next()).value as number);
        return sum;
      },
    );
    for (const concurrency of [1, undefined]) {
      expect((await dag.run({ ...options, concurrency })).get("pairs")).toBe(140);
    }
  });

  it("of a map's children, and into a workflow that takes a stream as its input", async () => {
    const child = new Dag("child");
    child.node("twice", (n: number) => 2 * n);
    const taker = new Dag("taker");
    taker.map("plus", { params: ["numbers"] }, (n: number) => n + 1);
    const dag = new Dag("outer");
    dag.node("nums", counting(4));
    dag.map("each", { needs: [stream("nums")] }, child);
    dag.node("taker", { needs: [stream("each")] }, taker);
    for (const concurrency of [1, undefined]) {
      expect((await dag.run({ ...options, concurrency })).get("taker")).toEqual([1, 3, 5, 7]);
    }
  });

  it("can't be given for a node inside a workflow that does not run", async () => {
    const dag = new Dag("outer");
    dag.node("feed", feedOf(2));
    dag.node("list", { needs: [stream("feed.rows")] }, listOf);
    expect(await failure(dag.run({ ...options, overrides: { feed: [1] } }))).toBeInstanceOf(MissingResultError);
    const whole = new Dag("outer");
    whole.node("feed", feedOf(2));
    whole.node("list", { needs: [stream("feed")] }, listOf);
    expect((await whole.run({ ...options, overrides: { feed: [7, 8] } })).get("list")).toEqual([7, 8]);
  });
});

describe("A stream of a machine", () => {
  /** Counts up to `end`. */
  function machine(end: number, log: number[] = []): Fsm {
    const fsm = new Fsm("machine");
    fsm.state("count", { initial: true, to: ["count"] }, (n = 0) => {
      log.push(n);
      return n === end ? stop(n) : next("count", n + 1);
    });
    return fsm;
  }

  it("gives the value of each cycle", async () => {
    const dag = new Dag("outer");
    dag.node("machine", machine(5));
    dag.node("list", { needs: [stream("machine")] }, listOf);
    for (const mode of ["sequential", "async"] as const) {
      for (const concurrency of [1, undefined]) {
        const run = await dag.run({ mode, concurrency, timeout: 60_000 });
        expect(run.get("list")).toEqual([1, 2, 3, 4, 5, 5]);
        expect(run.get("machine")).toBe(5);
      }
    }
  });

  it("holds the machine back, and ends it when the last consumer lets go", async () => {
    const log: number[] = [];
    const dag = new Dag("outer");
    dag.node("machine", { buffer: 2 }, machine(Infinity, log));
    dag.node("few", { needs: [stream("machine")] }, async (values: AsyncIterable<number>) => {
      for await (const value of values) {
        await sleep(3);
        expect(log.length).toBeLessThanOrEqual(value + 3);
        if (value === 4) return value;
      }
      return undefined;
    });
    const run = await dag.run(options);
    expect(run.get("few")).toBe(4);
    expect(run.has("machine")).toBe(false);
    expect(run.status).toBe("completed");
  });

  it("ends a machine that waits for a time", async () => {
    const fsm = new Fsm("waits");
    fsm.state("go", { initial: true, to: ["go"] }, (n = 0) =>
      n === 2 ? waitForEvent({}, { after: [60_000, "go"] } as never) : next("go", (n as number) + 1),
    );
    const dag = new Dag("outer");
    dag.node("machine", fsm);
    dag.node("one", { needs: [stream("machine")] }, async (values: AsyncIterable<number>) => {
      for await (const value of values) if (value === 2) return value;
      return undefined;
    });
    const run = await dag.run({ ...options, timeout: 60_000 });
    expect(run.get("one")).toBe(2);
  });

  it("ends with the machine's error", async () => {
    const fsm = new Fsm("fails");
    fsm.state("go", { initial: true, to: ["go"] }, (n = 0) => {
      if (n === 2) throw new Error("boom");
      return next("go", (n as number) + 1);
    });
    const dag = new Dag("outer");
    dag.node("machine", fsm);
    dag.node("list", { needs: [stream("machine")] }, async (values: AsyncIterable<number>) => {
      const seen: unknown[] = [];
      try {
        for await (const value of values) seen.push(value);
      } catch (error) {
        seen.push((error as Error).message);
      }
      return seen;
    });
    const run = await dag.run({ ...options, errorStrategy: "continue" });
    expect(run.get("list")).toEqual([1, 2, expect.stringMatching(/boom/u)]);
  });

  it("reaches through a workflow", async () => {
    const middle = new Dag("middle");
    middle.node("machine", { buffer: 1 }, machine(4));
    const dag = new Dag("outer");
    dag.node("middle", middle);
    dag.node("list", { needs: [stream("middle")] }, listOf);
    dag.node("same", { needs: [optional(stream("middle.machine"))] }, (values: any) => listOf(values));
    const run = await dag.run({ ...options, concurrency: 1 });
    expect(run.get("list")).toEqual([1, 2, 3, 4, 4]);
    expect(run.get("same")).toEqual([1, 2, 3, 4, 4]);
  });

  it("takes a machine that is a class", async () => {
    class Poll {
      @state({ initial: true, to: ["poll"] }) poll(n = 0) {
        return n < 2 ? next("poll", n + 1) : stop("done");
      }
    }
    class Outer {
      @node machine = subworkflow(Poll);
      @node(stream("machine")) list(values: AsyncIterable<unknown>): Promise<unknown[]> {
        return listOf(values);
      }
    }
    expect((await Dag.from(Outer).run(options)).get("list")).toEqual([1, 2, "done"]);
  });
});
