import { describe, expect, it } from "vitest";
import { Dag, stream } from "dagwright";
import { counting, listOf, slowly } from "../../support/item-streams.js";

type Items = AsyncIterable<number>;

const MODES = ["sequential", "async"] as const;

/** Passes all items on. */
async function* pass(items: Items): AsyncGenerator<number> {
  for await (const item of items) yield item;
}

/** The numbers of items of two streams, read one after the other. */
async function inTurn(first: Items, second: Items): Promise<number[]> {
  return [(await listOf(first)).length, (await listOf(second)).length];
}

/** A workflow whose one stream splits in two. */
function split(count: number): Dag {
  const feed = new Dag("feed");
  feed.node("nums", { buffer: 2 }, counting(count));
  feed.node("a", { needs: [stream("nums")], buffer: 2 }, pass);
  feed.node("b", { needs: [stream("nums")], buffer: 2 }, pass);
  return feed;
}

async function expectResult(dag: Dag, name: string, result: unknown): Promise<void> {
  for (const mode of MODES) {
    for (const concurrency of [1, undefined]) {
      const run = await dag.run({ mode, concurrency, timeout: 60_000 });
      expect(run.get(name)).toEqual(result);
    }
  }
}

describe("Streams of one workflow that join outside of it", () => {
  it("can be read one after the other, in any order", async () => {
    const dag = new Dag("outer");
    dag.node("feed", split(100));
    dag.node("ab", { needs: [stream("feed.a"), stream("feed.b")] }, inTurn);
    dag.node("ba", { needs: [stream("feed.b"), stream("feed.a")] }, inTurn);
    await expectResult(dag, "ab", [100, 100]);
    await expectResult(dag, "ba", [100, 100]);
  });

  it("can be read one after the other through several workflows", async () => {
    const middle = new Dag("middle");
    middle.node("feed", split(60));
    middle.node("c", { needs: [stream("feed.b")], buffer: 1 }, pass);
    const dag = new Dag("outer");
    dag.node("middle", middle);
    dag.node("both", { needs: [stream("middle.feed.a"), stream("middle.c")] }, inTurn);
    await expectResult(dag, "both", [60, 60]);
  });

  it("can be read one after the other when the second begins only after the first", async () => {
    const feed = new Dag("feed");
    feed.node("first", { buffer: 2 }, counting(40));
    feed.node("count", { needs: ["first"] }, (items: number[]) => items.length);
    feed.node("second", { needs: ["count"], buffer: 2 }, async function* (count: number) {
      yield* counting(count)();
    });
    const dag = new Dag("outer");
    dag.node("feed", feed);
    dag.node("both", { needs: [stream("feed.second"), stream("feed.first")] }, inTurn);
    await expectResult(dag, "both", [40, 40]);
  });

  it("join in another workflow, which takes them as inputs", async () => {
    const taker = new Dag("taker");
    taker.node("both", { params: ["left", "right"] }, inTurn);
    const dag = new Dag("outer");
    dag.node("feed", split(50));
    dag.node("taker", { needs: [stream("feed.b"), stream("feed.a")] }, taker);
    await expectResult(dag, "taker", [50, 50]);
  });

  it("hold their producer back when they wait for no other", async () => {
    const log: string[] = [];
    const feed = new Dag("feed");
    feed.node("fast", { buffer: 2 }, counting(50, log, "fast"));
    feed.node("slow", { buffer: 2 }, async function* () {
      yield* await slowly(1)(counting(50)());
    });
    const dag = new Dag("outer");
    dag.node("feed", feed);
    dag.node("both", { needs: [stream("feed.slow"), stream("feed.fast")] }, async (slow: Items, fast: Items) => {
      const [first] = await listOf(slow);
      expect(log).toEqual(["fast0", "fast1"]);
      return [first, (await listOf(fast)).length];
    });
    const run = await dag.run({ mode: "async", timeout: 60_000 });
    expect(run.get("both")).toEqual([0, 50]);
  });
});
