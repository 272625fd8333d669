import { describe, expect, it } from "vitest";
import { Dag } from "dagwright";
import { heapInUse } from "../support/garbage.js";
import { failure, sleep, until } from "../support/waiting.js";

/** A dag that maps a collection. */
function mapping(collection: unknown, fn: (item: any) => unknown, options = {}): Dag<any> {
  const dag = new Dag<any>("mapping");
  dag.node("list", () => collection);
  dag.map("out", { needs: ["list"], ...options }, fn);
  return dag;
}

async function* counting(from: number, to: number) {
  for (let i = from; i < to; i++) yield i;
}

describe("The results of a map", () => {
  it("are joined one level deep by flatten; keys are lost", async () => {
    const values = [[1, [2]], 3, [], "ab"];
    expect((await mapping(values, (item) => item, { flatten: true }).run()).get("out")).toEqual([1, [2], 3, "ab"]);
    expect((await mapping({ a: [1], b: 2 }, (item) => item, { flatten: true }).run()).get("out")).toEqual([1, 2]);
  });

  it("are folded in the order of the items by reduce, which may be async", async () => {
    const late = async (item: number) => (await sleep(10 - 3 * item), item);
    const text = { initial: "", fn: (all: string, item: number) => all + item };
    expect((await mapping([1, 2, 3], late, { reduce: text }).run({ mode: "async" })).get("out")).toBe("123");
    const slow = { initial: "", fn: async (all: string, item: number) => (await sleep(1), all + item) };
    expect((await mapping([1, 2, 3], late, { reduce: slow }).run({ mode: "async" })).get("out")).toBe("123");
  });

  it("are folded as they have settled, if they settle", async () => {
    const fn = (seen: string[], { status }: PromiseSettledResult<number>) => [...seen, status];
    const odd = (item: number) => {
      if (item % 2 === 0) throw new Error("even");
      return item;
    };
    const options = { onItemError: "settle", reduce: { initial: [], fn } };
    expect((await mapping([1, 2], odd, options).run()).get("out")).toEqual(["fulfilled", "rejected"]);
  });

  it("fail the map when the reducer throws or rejects", async () => {
    const boom = () => {
      throw new Error("can't fold");
    };
    for (const fn of [boom, async () => boom()]) {
      const error = await failure(
        mapping([1, 2], (item) => item, { reduce: { initial: 0, fn } }).run({ mode: "async" }),
      );
      expect(error).toMatchObject({ node: "out", message: expect.stringContaining("can't fold") });
    }
  });

  it("wait for an earlier item only in bounded number", async () => {
    let started = 0;
    let release!: () => void;
    const gate = new Promise<void>((resolve) => (release = resolve));
    const list = Array.from({ length: 5000 }, (_, i) => i);
    const dag = mapping(list, (item: number) => (started++, item === 0 ? gate : item), {
      reduce: { initial: 0, fn: (n: number) => n + 1 },
    });
    const run = dag.run({ mode: "async", concurrency: 2 });
    await until(() => started >= 1000);
    await sleep(20);
    expect(started).toBeLessThan(1100);
    release();
    expect((await run).get("out")).toBe(5000);
  });

  it("of a million async items take no memory when they are reduced", { tags: "slow" }, async () => {
    const million = 1_000_000;
    let most = 0;
    const fn = (sum: number, item: number) => {
      if (item % 100_000 === 0) most = Math.max(most, heapInUse());
      return sum + item;
    };
    const before = heapInUse();
    const run = await mapping(counting(0, million), (item: number) => item, { reduce: { initial: 0, fn } }).run({
      mode: "async",
    });
    expect(run.get("out")).toBe((million * (million - 1)) / 2);
    expect((most - before) / 2 ** 20).toBeLessThan(20);
  });
});
