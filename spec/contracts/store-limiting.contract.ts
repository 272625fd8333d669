import { beforeEach, describe, expect, it } from "vitest";
import { Dag } from "dagwright";
import type { SqlStore } from "dagwright/store";
import type { ClaimableWorkflow } from "../../lib/stores/queue/queue.js";
import { order, served, submitted } from "../support/queued.js";
import { useStores, type StoreSubject } from "../support/stores.js";
import { failure } from "../support/waiting.js";

/** The limits that all services of a store share. */
export function limitingContract(name: string, connect: () => Promise<StoreSubject>): void {
  describe(`In ${name}, limits`, () => {
    const { another, count, execute } = useStores(connect);
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
      const stores = [store, another()];
      const claimed = await Promise.all(stores.map((each) => claim(2, { rate }, each)));
      expect(claimed.flatMap(({ runs }) => runs)).toHaveLength(3);
      for (const [i, { runs }] of claimed.entries()) {
        for (const { runId } of runs) await order().resume(runId, { store: stores[i] });
      }
      await execute("delete from runs where status = 'completed'");
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

    it("count a run when it begins, however long it was reserved, and not when it is given back", async () => {
      await submitAll(4);
      const rate = { limit: 2, interval: 60_000 };
      const { runs: reserved, nextIn } = await claim(9, { rate });
      expect(reserved).toHaveLength(2);
      // What it has used up is a reason to ask again, too.
      expect(nextIn).toBeLessThanOrEqual(1000);
      // Those that are reserved may begin at any time.
      const held = await claim(9, { rate }, another());
      expect(held).toMatchObject({ runs: [], isLimited: true });
      expect(held.nextIn).toBeGreaterThan(0);
      // Whenever it comes back, there is somebody to see it.
      expect(held.nextIn).toBeLessThanOrEqual(1000);
      expect(await count("starts")).toBe(0);
      await store.queue.release([reserved[0]]);
      const [again, ...others] = (await claim(9, { rate })).runs;
      expect(others).toEqual([]);
      const before = Date.now();
      await order().resume(again.runId, { store });
      expect(await count("starts")).toBe(1);
      // Anything may be off by a few ms between two readings of a clock.
      expect(await count(`starts where started_at >= ${before - 20}`)).toBe(1);
      expect((await claim(9, { rate })).runs).toEqual([]);
      await order().resume(reserved[1].runId, { store });
      expect(await count("starts")).toBe(2);
      expect((await claim(9, { rate })).nextIn).toBeGreaterThan(1000);
    });

    it("say when the next run may begin, also if a lower limit than before is exceeded", async () => {
      await submitAll(1);
      const leaving = [30_000, 20_000, 10_000].map((ms) => `('order', ${Date.now() - 60_000 + ms})`);
      await execute(`insert into starts (workflow, started_at) values ${leaving.join(", ")}`);
      const { nextIn } = await claim(1, { rate: { limit: 2, interval: 60_000 } });
      expect(nextIn).toBeGreaterThan(10_000);
      expect(nextIn).toBeLessThanOrEqual(20_000);
    });

    it("count no run that another service without a rate drives, or that is started directly", async () => {
      await submitAll(2);
      await order().run({ store, inputs: { of: 1 } });
      const [{ runId }] = (await claim(1, {})).runs;
      await order().resume(runId, { store });
      expect(await count("starts")).toBe(0);
    });

    it("count a run once that has an event to take when it begins, and one that is cancelled as it begins", async () => {
      const rate = { limit: 9, interval: 60_000 };
      const dag = new Dag<any>("order");
      dag.event("paid", (payload: unknown) => payload);
      dag.node("then", { needs: ["paid"] }, () => 1);
      await dag.run({ store, runId: "known", detach: true });
      const { structure } = await store.read("known");
      for (const runId of ["a", "b"]) await store.queue.submit(submitted(runId, { structure, inputs: {} }));
      await dag.send("a", "paid", 1, { store });
      const workflows = [{ ...served, structures: [structure], rate }];
      expect((await store.queue.claimNext({ workflows, limit: 9 })).runs).toHaveLength(2);
      expect((await dag.resume("a", { store })).status).toBe("completed");
      expect(await count("starts")).toBe(1);
      await store.queue.request("b", { kind: "cancel" });
      expect(await failure(dag.resume("b", { store }))).toMatchObject({ code: "CANCELLED" });
      expect(await store.getRun("b")).toMatchObject({ status: "cancelled" });
      expect(await count("starts")).toBe(2);
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
      expect(await count("starts")).toBe(1);
      await execute("delete from starts");
      await store.queue.release(again);
      expect((await claim(2, { rate })).runs.map(({ isFresh }) => isFresh).sort()).toEqual([false, true]);
    });
  });
}
