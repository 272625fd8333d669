import { describe, expect, it } from "vitest";
import { Dag, map, node, PauseRun, stream, type Item } from "dagwright";
import { sqliteStore } from "dagwright/store";
import { gate, until } from "../support/waiting.js";

/** A dag with a map whose items are told in `calls`, and wait for `gates`. */
function mapping(list: () => unknown, calls: unknown[], opened: Promise<void>, options = {}): Dag<any> {
  const dag = new Dag<any>("d");
  dag.node("list", list);
  dag.map("out", { needs: ["list"], concurrency: 2, ...options }, async (item: unknown) => {
    calls.push(item);
    await opened;
    return `did ${String(item)}`;
  });
  dag.node("count", { needs: ["out"] }, (out: Iterable<unknown>) => Array.from(out).length);
  return dag;
}

describe("Pausing a run with a map", () => {
  const collections: Record<string, () => unknown> = {
    "a list": () => [1, 2, 3, 4, 5],
    "a set": () => new Set([1, 2, 3, 4, 5]),
    "an async iterable": async function* () {
      yield* [1, 2, 3, 4, 5];
    },
  };
  for (const [name, list] of Object.entries(collections)) {
    it(`starts no more items of ${name}, and goes on with them when it is resumed`, async () => {
      const store = sqliteStore(":memory:");
      const calls: unknown[] = [];
      const { opened, open } = gate();
      const dag = mapping(list, calls, opened);
      const handle = dag.start({ store, mode: "async" });
      await until(() => calls.length === 2);
      const paused = handle.pause();
      open();
      const run = await paused;
      expect(calls).toEqual([1, 2]);
      expect([run.status, run.pauses]).toEqual(["paused", []]);
      expect(run.nodes.get("out")).toMatchObject({ status: "paused", items: { completed: 2, failed: 0 } });
      const recorded = (await store.getRun(run.runId))!;
      expect(recorded.status).toBe("paused");
      const statuses = recorded.attempts.map(({ node, status }) => [node, status]);
      expect(Object.fromEntries(statuses)).toMatchObject({
        out: "paused",
        "out[0]": "completed",
        "out[1]": "completed",
      });
      const resumed = await dag.resume(run.runId, { store, mode: "async" });
      expect(calls).toEqual([1, 2, 3, 4, 5]);
      expect(resumed.get("out")).toEqual([1, 2, 3, 4, 5].map((item) => `did ${item}`));
      expect(resumed.get("count")).toBe(5);
      await store.close();
    });
  }

  it("waits for no item that its source does not give", async () => {
    const returned = gate();
    const source = {
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise<never>(() => {}),
        return: async () => (returned.open(), { done: true as const, value: undefined }),
      }),
    };
    const calls: unknown[] = [];
    const handle = mapping(() => source, calls, Promise.resolve()).start({ mode: "async" });
    await new Promise((resolve) => setTimeout(resolve, 5));
    const run = await handle.pause();
    expect([run.status, run.nodes.get("out")?.status]).toEqual(["paused", "paused"]);
    await returned.opened;
  });

  it("lets a map complete whose items have all started", async () => {
    const calls: unknown[] = [];
    const { opened, open } = gate();
    const handle = mapping(() => [1, 2], calls, opened).start({ mode: "async" });
    await until(() => calls.length === 2);
    const paused = handle.pause();
    open();
    const run = await paused;
    expect([run.status, run.get("out")]).toEqual(["paused", ["did 1", "did 2"]]);
    expect(run.nodes.get("count")?.status).not.toBe("completed");
  });

  it("by a node, or by an item of another map, stops its items too", async () => {
    for (const isItem of [false, true]) {
      const calls: unknown[] = [];
      const { opened, open } = gate();
      const dag = mapping(() => [1, 2, 3], calls, opened);
      const ask = (): never => {
        open();
        throw new PauseRun("ask");
      };
      dag.node("items", async () => {
        await until(() => calls.length === 2);
        return [1, 2];
      });
      if (isItem) dag.map("asks", { needs: ["items"], concurrency: 1 }, ask);
      else dag.node("asks", { needs: ["items"] }, ask);
      const run = await dag.run({ mode: "async" });
      expect(run.pauses.map(({ node }) => node)).toEqual([isItem ? "asks[0]" : "asks"]);
      expect(calls).toEqual([1, 2]);
      expect(run.nodes.get("out")?.status).toBe("paused");
    }
  });

  it("lets the nodes of a stream come to their end", async () => {
    const calls: number[] = [];
    const { opened, open } = gate();
    class Feed {
      @node async *rows() {
        yield 1;
        await opened;
        yield* [2, 3];
      }
      @map(stream("rows")) double(row: Item<number>) {
        calls.push(row);
        return row * 2;
      }
      @node("double") sum(double: number[]) {
        return double.length;
      }
    }
    const handle = Dag.from(Feed).start({ mode: "async" });
    await until(() => calls.length === 1);
    const paused = handle.pause();
    open();
    const run = await paused;
    expect([run.status, run.get("double")]).toEqual(["paused", [2, 4, 6]]);
  });
});
