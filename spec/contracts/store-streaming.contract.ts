import { beforeEach, describe, expect, it, vi } from "vitest";
import { Dag, PauseRun, stream } from "dagwright";
import type { SqlStore } from "dagwright/store";
import { useStores, type StoreSubject } from "../support/stores.js";
import { counting, listOf } from "../support/item-streams.js";
import { failure, never, until } from "../support/waiting.js";

const mode = "async";

/** The guarantees of every store for runs whose nodes stream items. */
export function streamingContract(name: string, connect: () => Promise<StoreSubject>): void {
  describe(`Streams of runs recorded in ${name}`, () => {
    const { another, crash } = useStores(connect);
    let store: SqlStore;
    let log: string[];

    beforeEach(() => {
      store = another();
      log = [];
    });

    const listing = (own: string) => async (items: AsyncIterable<number>) => {
      log.push(own);
      return listOf(items);
    };

    it("are recorded without the items that nobody keeps", async () => {
      const dag = new Dag("d");
      dag.node("nums", counting(3));
      dag.node("list", { needs: [stream("nums")] }, listOf);
      const run = await dag.run({ mode, store });
      const recorded = await store.getRun(run.runId);
      expect(recorded?.nodes.get("nums")).toMatchObject({ status: "completed", output: undefined });
      expect(recorded?.nodes.get("list")?.output).toEqual([0, 1, 2]);
      const again = await dag.resume(run.runId, { store: another() });
      expect(again.get("list")).toEqual([0, 1, 2]);
      expect(again.has("nums")).toBe(false);
    });

    it("are mapped as they come out of a workflow", async () => {
      const feed = new Dag("feed");
      feed.node("nums", counting(3));
      const dag = new Dag("d");
      dag.node("feed", feed);
      dag.map("doubled", { needs: [stream("feed")] } as never, (item: number) => item * 2);
      dag.map("tripled", { needs: [stream("feed.nums")] } as never, (item: number) => item * 3);
      const run = await dag.run({ mode, store });
      expect([run.get("doubled"), run.get("tripled")]).toEqual([
        [0, 2, 4],
        [0, 3, 6],
      ]);
    });

    it("run together again after a crash, without the consumers that completed", async () => {
      let isStuck = true;
      const dag = new Dag("d");
      dag.node("nums", { buffer: 1 }, counting(5, log));
      dag.node("done", { needs: [stream("nums")] }, async (items: AsyncIterable<number>) => {
        log.push("done");
        for await (const item of items) return item;
        return undefined;
      });
      dag.node("list", { needs: [stream("nums")] }, async (items: AsyncIterable<number>) => {
        log.push("list");
        const list: number[] = [];
        for await (const item of items) {
          list.push(item);
          if (isStuck && item === 2) await never();
        }
        return list;
      });
      dag.node("last", { needs: ["list", "done"] }, (list: number[], done: number) => [list.length, done]);
      void dag.run({ mode, store, runId: "r" }).catch(() => {});
      const reader = another();
      await until(async () => (await reader.getRun("r"))?.nodes.get("done")?.status === "completed");
      await until(() => log.includes("p3"));
      await crash(store);
      isStuck = false;
      log.length = 0;
      const run = await dag.resume("r", { store: another() });
      expect(run.get("last")).toEqual([5, 0]);
      expect(log).toContain("list");
      expect(log).toContain("p0");
      expect(log).not.toContain("done");
    });

    it("are taken from a recorded list, if a node keeps one", async () => {
      let isBroken = true;
      const dag = new Dag("d");
      dag.node("nums", counting(3, log));
      dag.node("count", { needs: ["nums"] }, (nums: number[]) => nums.length);
      dag.node("list", { needs: [stream("nums")] }, async (items: AsyncIterable<number>) => {
        const list = await listOf(items);
        if (isBroken) throw new Error("broken");
        return list;
      });
      const error = await failure(
        dag.run({ mode, store, errorStrategy: "continue" }).then((run) => {
          throw Object.assign(new Error("failed"), { run });
        }),
      );
      isBroken = false;
      log.length = 0;
      const run = await dag.resume(error.run.runId, { store: another() });
      expect(run.get("list")).toEqual([0, 1, 2]);
      expect(run.get("count")).toBe(3);
      expect(log).toEqual([]);
    });

    it("pause with a consumer, which runs again with its producer, or is given its result", async () => {
      let isAsking = true;
      const dag = new Dag("d");
      dag.node("nums", counting(3, log));
      dag.node("asks", { needs: [stream("nums")] }, async (items: AsyncIterable<number>) => {
        const list = await listOf(items);
        if (isAsking) throw new PauseRun("ask");
        return list;
      });
      dag.node("other", { needs: [stream("nums")] }, listing("other"));
      const paused = await dag.run({ mode, store });
      expect(paused.status).toBe("paused");
      const given = await dag.run({ mode, store, runId: "given" });
      expect(log.filter((each) => each === "other")).toHaveLength(2);
      log.length = 0;
      isAsking = false;
      const run = await dag.resume(paused.runId, { store: another() });
      expect(run.get("asks")).toEqual([0, 1, 2]);
      expect(run.get("other")).toEqual([0, 1, 2]);
      expect(log).toEqual(["p0", "p1", "p2", "p closed"]);
      log.length = 0;
      const answered = await dag.resume(given.runId, { store: another(), provide: { asks: "given" } });
      expect(answered.status).toBe("completed");
      expect(answered.get("asks")).toBe("given");
      expect(log).toEqual([]);
    });

    it("of workflows inside begin anew, in place of what they recorded, and nothing outside of the stream does", async () => {
      let isStuck = true;
      const noting = (name: string) => () => log.push(name);
      const feed = new Dag("feed");
      feed.node("start", noting("start"));
      feed.node("rows", { needs: ["start"], buffer: 1 }, async function* () {
        yield* counting(isStuck ? 4 : 3, log)();
      });
      const dag = new Dag("d");
      dag.node("before", noting("before"));
      dag.node("beside", noting("beside"));
      dag.node("feed", { after: ["before"] }, feed);
      dag.node("done", { needs: [stream("feed")] }, async (items: AsyncIterable<number>) => {
        log.push("done");
        for await (const item of items) return item;
        return undefined;
      });
      dag.node("list", { needs: [stream("feed")] }, async (items: AsyncIterable<number>) => {
        const list: number[] = [];
        for await (const item of items) {
          list.push(item);
          if (isStuck && item === 1) await never();
        }
        return list;
      });
      void dag.run({ mode, store, runId: "r" }).catch(() => {});
      const reader = another();
      await until(async () => (await reader.getRun("r"))?.nodes.get("done")?.status === "completed");
      await until(async () => (await reader.getRun("r/feed"))?.nodes.get("start")?.status === "completed");
      await until(() => log.includes("p2"));
      const warn = vi.spyOn(process, "emitWarning").mockImplementation(() => {}); // Of the run inside, which goes on.
      await crash(store);
      isStuck = false;
      log.length = 0;
      const run = await dag.resume("r", { store: another() });
      expect(run.get("list")).toEqual([0, 1, 2]);
      expect(run.get("done")).toBe(0);
      expect(run.child("feed")?.status).toBe("completed");
      expect(log).toEqual(["start", "p0", "p1", "p2", "p closed"]);
      const recorded = await reader.getRun("r/feed");
      expect(recorded?.status).toBe("completed");
      expect(Array.from(recorded?.nodes.values() ?? [], ({ status }) => status)).toEqual(["completed", "completed"]);
      expect((await reader.listRuns({})).runs.map(({ runId }) => runId).sort()).toEqual(["r", "r/feed"]);
      warn.mockRestore();
    });

    it("are replayed from a list that was kept; without one the run is refused", async () => {
      const dag = new Dag("d");
      dag.node("nums", counting(3, log));
      dag.node("list", { needs: [stream("nums")] }, listOf);
      const { runId } = await dag.run({ mode, store });
      expect((await failure(dag.replay(runId, { store, mode, rerun: ["list"] } as never))).code).toBe("MISSING_RESULT");
      log.length = 0;
      const again = await dag.replay(runId, { store, mode, rerun: ["nums"] } as never);
      expect(again.get("list")).toEqual([0, 1, 2]);
      expect(log).toHaveLength(4);
    });
  });
}
