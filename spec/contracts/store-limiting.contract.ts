import { beforeEach, describe, expect, it } from "vitest";
import type { SqlStore } from "dagwright/store";
import type { ClaimableWorkflow } from "../../lib/stores/queue/queue.js";
import { order, served, submitted } from "../support/queued.js";
import { useStores, type StoreSubject } from "../support/stores.js";

/** The limits that all services of a store share. */
export function limitingContract(name: string, connect: () => Promise<StoreSubject>): void {
  describe(`In ${name}, limits`, () => {
    const { another, execute } = useStores(connect);
    let store: SqlStore;
    beforeEach(() => {
      store = another();
    });

    const submitAll = (count: number) =>
      Promise.all(Array.from({ length: count }, (_, i) => store.queue.submit(submitted(`run ${i}`))));
    const claim = (limit: number, more: Partial<ClaimableWorkflow>, from = store) =>
      from.queue.claimNext({ workflows: [{ ...served, ...more }], limit });

    it("bound how many runs are driven at once, over all stores", async () => {
      await submitAll(20);
      const stores = [store, another(), another()];
      const claimed = await Promise.all(stores.map((each) => claim(4, { maxRunning: 5 }, each)));
      expect(claimed.flatMap(({ runs }) => runs)).toHaveLength(5);
      const [{ runs }] = claimed.filter((each) => each.runs.length > 0);
      const owner = stores[claimed.findIndex((each) => each.runs === runs)];
      expect((await claim(4, { maxRunning: 5 })).runs).toEqual([]);
      await order().resume(runs[0].runId, { store: owner });
      expect((await claim(4, { maxRunning: 5 })).runs).toHaveLength(1);
    });

    it("bound one workflow, and not the others", async () => {
      await submitAll(3);
      await store.queue.submit(submitted("other", { workflow: "invoice", priority: 0 }));
      const limited = { ...served, maxRunning: 1 };
      const { runs } = await store.queue.claimNext({ workflows: [limited, { ...served, name: "invoice" }], limit: 4 });
      expect(runs.map(({ workflow }) => workflow)).toEqual(["order", "invoice"]);
    });

    it("bound how many runs begin in any window, also if their runs are deleted", async () => {
      await submitAll(10);
      const rate = { limit: 3, interval: 60_000 };
      const claimed = await Promise.all([claim(2, { rate }), claim(2, { rate }, another())]);
      expect(claimed.flatMap(({ runs }) => runs)).toHaveLength(3);
      await execute("delete from runs where owner is not null");
      const { runs, nextIn } = await claim(5, { rate });
      expect(runs).toEqual([]);
      expect(nextIn).toBeGreaterThan(0);
      expect(nextIn).toBeLessThanOrEqual(60_000);
      // The first of the three leaves the window.
      await execute("delete from starts");
      const ages = [60_001, 20, 10].map((age) => `('order', ${Date.now() - age})`);
      await execute(`insert into starts (workflow, started_at) values ${ages.join(", ")}`);
      expect((await claim(5, { rate })).runs).toHaveLength(1);
      expect((await claim(5, { rate })).nextIn).toBeGreaterThan(0);
    });

    it("count the beginning of a run, and not its continuation", async () => {
      await submitAll(2);
      const rate = { limit: 1, interval: 60_000 };
      const [first] = (await claim(2, { rate })).runs;
      const run = await order().resume(first.runId, { store });
      expect(run.status).toBe("completed");
      await execute(`update runs set status = 'queued', ready_at = 1 where id = '${first.runId}'`);
      // It need not wait until there is room in the window, and takes none.
      const again = (await claim(2, { rate })).runs;
      expect(again).toMatchObject([{ runId: first.runId, isFresh: false }]);
      await execute("delete from starts");
      await store.queue.release(again);
      expect((await claim(2, { rate })).runs.map(({ isFresh }) => isFresh).sort()).toEqual([false, true]);
    });
  });
}
