import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Dag, Fsm, stop, waitForEvent } from "dagwright";
import { postgresStore, type SqlStore } from "dagwright/store";
import { execute as executeOn, withPostgres } from "../../support/postgres.js";
import { served, submitted } from "../../support/queued.js";

/** In ms. */
const AHEAD = 600_000;

await withPostgres(({ url, empty }) => {
  describe.each([
    ["ahead", AHEAD],
    ["behind", -AHEAD],
  ])("A process whose clock is ten minutes %s of Postgres", (_, error) => {
    /** Of the database, which runs on this machine. */
    const rightTime = Date.now;
    let store: SqlStore;
    beforeEach(async () => {
      await empty();
      vi.spyOn(Date, "now").mockImplementation(() => rightTime() + error);
      store = postgresStore(url);
    });
    afterEach(async () => {
      await store.close();
      vi.restoreAllMocks();
    });
    const execute = (statement: string) => executeOn(url, statement);
    const claim = async () => (await store.queue.claimNext({ workflows: [served], limit: 9 })).runs;

    it("claims runs neither before nor long after they are due", async () => {
      await store.queue.submit(submitted("in", { due: { in: 1e6 } }));
      await store.queue.submit(submitted("at", { due: { at: rightTime() + 1e6 } }));
      await store.queue.submit(submitted("now", { due: { at: rightTime() - 1 } }));
      const { nextIn } = await store.queue.promoteDue(["order"]);
      expect(nextIn).toBeGreaterThan(1e6 - 60_000);
      expect(nextIn).toBeLessThanOrEqual(1e6);
      expect(await claim()).toMatchObject([{ runId: "now" }]);
    });

    it("takes no run from a driver whose lease is not over", async () => {
      const other = postgresStore(url);
      await other.queue.submit(submitted("a"));
      await other.queue.claimNext({ workflows: [served], limit: 1 });
      expect(await store.queue.sweep([served], 1)).toBe(0);
      await expect(store.queue.resume("a")).rejects.toMatchObject({ code: "LEASE_HELD" });
      await other.close();
    });

    it("records when waits end by the clock of the database", async () => {
      const dag = new Dag("waits");
      dag.node("delayed", { delay: 1e6 }, () => 1);
      dag.event("paid", { timeout: 2e6 });
      await dag.run({ store, runId: "a", detach: true });
      const { waits, dueAt } = await store.read("a");
      const isIn = (time: number | undefined, ms: number) => {
        expect(time).toBeGreaterThan(rightTime() + ms - 60_000);
        expect(time).toBeLessThanOrEqual(rightTime() + ms);
      };
      isIn(waits.get("delayed")?.until, 1e6);
      isIn(waits.get("paid")?.until, 2e6);
      isIn(dueAt, 1e6);
      const machine = new Fsm("machine");
      machine.state("idle", { initial: true }, () => waitForEvent({ GO: "gone" }, { after: [1e6, "gone"] }));
      machine.state("gone", () => stop());
      await machine.run({ store, runId: "b", detach: true });
      isIn((await store.read("b")).dueAt, 1e6);
    });

    it("ends the waits of runs that others began when these are over", async () => {
      const dag = new Dag("waits");
      dag.node("delayed", { delay: 1e6 }, () => rightTime());
      await dag.run({ store, runId: "a", detach: true });
      const until = rightTime() + 200;
      await store.close();
      store = postgresStore(url);
      await store.queue.health([]);
      await execute(`update waits set until = ${until}`);
      expect((await dag.resume("a", { store })).value).toBeGreaterThanOrEqual(until);
    });

    it("recovers waiting runs only when they are due", async () => {
      const dag = new Dag("waits");
      dag.node("delayed", { delay: 1e6 }, () => 1);
      await dag.run({ store, runId: "a", detach: true });
      await store.close();
      store = postgresStore(url);
      expect((await store.recoverable("waits", "dag")).free).toEqual([]);
      await execute(`update runs set due_at = ${rightTime() - 1}`);
      expect((await store.recoverable("waits", "dag")).free).toEqual(["a"]);
    });

    it("refuses only events that come too late", async () => {
      const dag = new Dag("waits");
      dag.event("paid", { timeout: 1e6 });
      await dag.run({ store, runId: "a", detach: true });
      await execute(`update waits set until = ${rightTime() - 1}`);
      await expect(dag.send("a", "paid", 1, { store })).rejects.toThrow("comes too late");
      await execute(`update waits set until = ${rightTime() + 60_000}`);
      await dag.send("a", "paid", 1, { store });
      expect((await dag.resume("a", { store })).value).toBe(1);
    });
  });
});
