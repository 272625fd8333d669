import { describe, expect, it } from "vitest";
import { served, submitted } from "../support/queued.js";
import { useStores, type StoreSubject } from "../support/stores.js";
import { until } from "../support/waiting.js";

/** What every store tells of runs that somebody else keeps a list of. */
export function choosingContract(name: string, connect: () => Promise<StoreSubject>): void {
  describe(`Runs of ${name} by their ids`, () => {
    const { another, execute } = useStores(connect);

    it("are claimed alone, ready or due, within limits", async () => {
      const store = another();
      const { queue } = store;
      for (const id of ["a", "b", "c"]) await queue.submit(submitted(id));
      await queue.submit(submitted("soon", { due: { in: 1 } }));
      await queue.submit(submitted("later", { due: { in: 60_000 } }));
      const claim = async (runIds: string[], more = {}) => {
        const { runs, isLimited } = await queue.claimNext({ workflows: [{ ...served, ...more }], limit: 9, runIds });
        return { ids: runs.map(({ runId }) => runId).sort(), isLimited };
      };
      await until(async () => (await queue.unclaimed(["soon"]))[0].readyIn === 0);
      expect(await claim(["b", "soon", "later", "none"])).toEqual({ ids: ["b", "soon"], isLimited: false });
      expect(await claim(["b", "soon", "later"])).toEqual({ ids: [], isLimited: false });
      expect(await claim(["a", "c"], { maxRunning: 2 })).toEqual({ ids: [], isLimited: true });
      expect(await claim(["a", "c"], { maxRunning: 3 })).toMatchObject({ ids: ["a"], isLimited: true });
      expect(await claim(["c"], { structures: [] })).toEqual({ ids: [], isLimited: false });
      expect(await claim(["c"], { rate: { limit: 3, interval: 60_000 } })).toEqual({ ids: [], isLimited: true });
      expect(await claim(["c"], { rate: { limit: 4, interval: 60_000 } })).toEqual({ ids: ["c"], isLimited: true });
    });

    it("say when they are ready, until they are claimed", async () => {
      const { queue } = another();
      await queue.submit(submitted("a", { priority: 70 }));
      await queue.submit(submitted("later", { due: { in: 60_000 } }));
      const [now, later] = await queue.unclaimed(["a", "later", "none"]);
      expect(now).toMatchObject({ runId: "a", workflow: "order", priority: 70, isFresh: true, readyIn: 0 });
      expect(later).toMatchObject({ runId: "later", isTimed: true });
      expect(later.readyIn).toBeGreaterThan(50_000);
      expect((await queue.ready([served], 9)).map(({ runId }) => runId)).toEqual(["a"]);
      const { runs } = await queue.claimNext({ workflows: [served], limit: 1 });
      expect(await queue.unclaimed(["a"])).toEqual([]);
      await queue.release(runs, 60_000);
      const [released] = await queue.unclaimed(["a"]);
      expect(released.token).not.toBe(now.token);
      expect(released.readyIn).toBeGreaterThan(50_000);
    });

    it("are told in the order in which they became ready", async () => {
      const { queue } = another();
      for (const runId of ["a", "b", "z"]) await queue.submit(submitted(runId));
      await execute("update runs set ready_at = case id when 'z' then 1 when 'b' then 2 else 3 end");
      expect((await queue.unclaimed(["a", "b", "z"])).map(({ runId }) => runId)).toEqual(["z", "b", "a"]);
    });

    it("are named to those who listen, by the store that made them ready", async () => {
      const store = another();
      const told: string[] = [];
      store.queue.onWake((what, runIds = []) => {
        if (what === "ready") told.push(...runIds);
      });
      await store.queue.submit(submitted("a"));
      const { runs } = await store.queue.claimNext({ workflows: [served], limit: 1 });
      await store.queue.release(runs);
      await store.queue.request("a", { kind: "pause" });
      await store.queue.resume("a");
      expect(told).toEqual(["a", "a", "a"]);
    });
  });
}
