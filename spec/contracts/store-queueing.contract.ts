import { beforeEach, describe, expect, it } from "vitest";
import { Dag } from "dagwright";
import type { SqlStore } from "dagwright/store";
import { useStores, type StoreSubject } from "../support/stores.js";
import { order, served, submitted } from "../support/queued.js";
import { gate, sleep, until } from "../support/waiting.js";

/**
 * How runs are submitted, claimed and given back, in any kind of store.
 * @param sql - `damagedTime`: a value that the database accepts as a time, and that is none; `deletingTrigger`: statements
 *   that have the next insert find the run "a" in its way, and delete that run then
 */
export function queueingContract(
  name: string,
  connect: () => Promise<StoreSubject>,
  { damagedTime, deletingTrigger }: { readonly damagedTime: string; readonly deletingTrigger: readonly string[] },
): void {
  describe(`In ${name}, the queue`, () => {
    const { another, execute } = useStores(connect);
    let store: SqlStore;
    beforeEach(() => {
      store = another();
    });

    const claimRuns = async (limit: number, from = store) =>
      (await from.queue.claimNext({ workflows: [served], limit })).runs;
    const claim = async (limit: number, from = store) => (await claimRuns(limit, from)).map(({ runId }) => runId);

    it("hands out what was submitted, once", async () => {
      expect(await store.queue.submit(submitted("a"))).toEqual({ runId: "a", isNew: true });
      const { runs } = await store.queue.claimNext({ workflows: [served], limit: 5 });
      const [structure] = served.structures;
      const token = expect.any(Number) as number;
      expect(runs).toEqual([
        {
          runId: "a",
          token,
          workflow: "order",
          kind: "dag",
          structure,
          isFresh: true,
          recoveries: 0,
          parent: undefined,
        },
      ]);
      expect(await claim(5)).toEqual([]);
      expect(await claim(5, another())).toEqual([]);
    });

    it("has runs driven by the store that reserved them, and by no other", async () => {
      await store.queue.submit(submitted("a", { inputs: { of: 4 } }));
      await claim(1);
      await expect(order().resume("a", { store: another() })).rejects.toMatchObject({ code: "LEASE_HELD" });
      expect((await order().resume("a", { store })).value).toBe(8);
      expect(await store.getRun("a")).toMatchObject({ status: "completed", owner: undefined, outputs: { double: 8 } });
      expect(await store.queue.endsOf(["a", "b"])).toEqual(
        new Map([
          ["a", "completed"],
          ["b", "gone"],
        ]),
      );
    });

    it("records the structure of a run whose submitter did not know it when it begins", async () => {
      await store.queue.submit(submitted("a", { structure: undefined }));
      expect(await store.getRun("a")).toMatchObject({ status: "queued", inputs: { of: 1 }, nodes: new Map() });
      const { runs } = await store.queue.claimNext({ workflows: [served], limit: 1 });
      expect(runs).toMatchObject([{ runId: "a", structure: undefined, isFresh: true }]);
      expect((await order().resume("a", { store })).value).toBe(2);
      expect(await store.getRun("a")).toMatchObject({ outputs: { double: 2 } });
    });

    it("leaves runs alone of other workflows, kinds and structures", async () => {
      await store.queue.submit(submitted("a", { workflow: "invoice" }));
      await store.queue.submit(submitted("b", { kind: "fsm" }));
      await store.queue.submit(submitted("c", { structure: '[["other","node"]]' }));
      expect(await claim(5)).toEqual([]);
    });

    it("gives a run of which only the workflow's name is known to that workflow, whatever its kind", async () => {
      await store.queue.submit(submitted("a", { kind: undefined, structure: undefined }));
      const { runs } = await store.queue.claimNext({ workflows: [{ ...served, kind: "fsm" }], limit: 1 });
      expect(runs).toMatchObject([{ runId: "a", kind: "fsm", structure: undefined }]);
    });

    it("orders by priority, then by due time, then by age", async () => {
      const later = Date.now() + 1e6;
      await store.queue.submit(submitted("late", { due: { at: later + 4 } }));
      await store.queue.submit(submitted("early", { due: { at: later + 3 } }));
      await store.queue.submit(submitted("low", { priority: 20, due: { at: later + 1 } }));
      await store.queue.submit(submitted("high", { priority: 80 }));
      await store.queue.submit(submitted("second", { due: { at: later + 2 } }));
      await sleep(2);
      await store.queue.submit(submitted("third", { due: { at: later + 2 }, structure: undefined }));
      await execute("update runs set due_at = due_at - 2e6");
      await store.queue.promoteDue(["order"]);
      expect(await claim(2)).toEqual(["high", "second"]);
      expect(await claim(9)).toEqual(["third", "early", "late", "low"]);
    });

    it("counts a run that was due before it was submitted as due by then", async () => {
      await store.queue.submit(submitted("first"));
      await store.queue.submit(submitted("past", { due: { at: 0 } }));
      const { due, lag } = await store.queue.health(["order"]);
      expect(due).toBe(2);
      expect(lag).toBeLessThan(600_000);
      expect(await claim(2)).toEqual(["first", "past"]);
    });

    it("holds a run back until it is due", async () => {
      await store.queue.submit(submitted("soon", { due: { in: 40 } }));
      await store.queue.submit(submitted("far", { due: { in: 1e9 } }));
      expect(await claim(5)).toEqual([]);
      let due = await store.queue.promoteDue(["order"]);
      while (due.promoted === 0) {
        expect(due.nextIn).toBeLessThanOrEqual(40);
        due = await store.queue.promoteDue(["order"]);
      }
      expect(due.promoted).toBe(1);
      expect(due.nextIn).toBeGreaterThan(1e9 - 60_000);
      expect(await claim(5)).toEqual(["soon"]);
      expect(await store.queue.promoteDue(["order"])).toMatchObject({ promoted: 0 });
      const { waitingFor } = (await store.getRun("far"))!;
      expect(waitingFor!.until).toBeGreaterThan(Date.now() + 1e9 - 60_000);
    });

    it("makes waiting runs ready that are due, and no runs of other workflows", async () => {
      const dag = new Dag("order");
      dag.node("later", { delay: 1e7 }, () => "done");
      expect((await dag.run({ store, runId: "a", detach: true })).status).toBe("waiting");
      expect(await store.queue.promoteDue(["invoice"])).toEqual({ promoted: 0, nextIn: undefined, hasReady: false });
      expect(await store.queue.promoteDue(["order"])).toMatchObject({ promoted: 0, nextIn: expect.any(Number) });
      await execute("update runs set due_at = 1");
      await execute("update waits set until = 1");
      expect(await store.queue.promoteDue(["order"])).toEqual({ promoted: 1, nextIn: undefined, hasReady: true });
      const workflow = { name: "order", kind: "dag" as const, structures: [(await store.read("a")).structure] };
      const { runs } = await store.queue.claimNext({ workflows: [workflow], limit: 1 });
      expect(runs).toMatchObject([{ runId: "a", isFresh: false }]);
      expect((await dag.resume("a", { store })).value).toBe("done");
    });

    it("shares 1,000 runs between two stores, without loss or overlap", async () => {
      await Promise.all(Array.from({ length: 1000 }, (_, i) => store.queue.submit(submitted(`run ${i}`))));
      const other = another();
      const claimed: string[][] = [[], []];
      const claimAll = async (from: SqlStore, into: string[]) => {
        for (;;) {
          const ids = await claim(7, from);
          if (ids.length === 0) return;
          into.push(...ids);
        }
      };
      await Promise.all([claimAll(store, claimed[0]), claimAll(other, claimed[1])]);
      expect(claimed[0].length).toBeGreaterThan(0);
      expect(claimed[1].length).toBeGreaterThan(0);
      const all = claimed.flat();
      expect(all).toHaveLength(1000);
      expect(new Set(all).size).toBe(1000);
    });

    it("takes back what its claimer does not drive, at once or later", async () => {
      await store.queue.submit(submitted("a"));
      await store.queue.submit(submitted("b"));
      const [a, b] = await claimRuns(2);
      await store.queue.release([a]);
      await store.queue.release([b], 1e6);
      expect(await claim(2, another())).toEqual(["a"]);
      expect((await store.queue.promoteDue(["order"])).nextIn).toBeGreaterThan(1e6 - 60_000);
    });

    it("does not ask to look again at once for a run whose due time is damaged", async () => {
      await store.queue.submit(submitted("a", { due: { in: 60_000 } }));
      await execute(`update runs set due_at = ${damagedTime} where id = 'a'`);
      expect(await store.queue.promoteDue(["order"])).toEqual({ promoted: 0, nextIn: undefined, hasReady: false });
      await store.queue.submit(submitted("b", { due: { in: 60_000 } }));
      expect((await store.queue.promoteDue(["order"])).nextIn).toBeGreaterThan(0);
    });

    it("counts its runs", async () => {
      expect(await store.queue.health(["order"])).toEqual({
        running: 0,
        waiting: 0,
        due: 0,
        claimed: 0,
        oldestDue: undefined,
        lag: 0,
      });
      const at = Date.now() - 5000;
      await store.queue.submit(submitted("late", { due: { in: 1e6 } }));
      await execute(`update runs set due_at = ${at}`);
      await store.queue.promoteDue(["order"]);
      await store.queue.submit(submitted("now"));
      await store.queue.submit(submitted("later", { due: { in: 1e7 } }));
      await store.queue.submit(submitted("other", { workflow: "invoice" }));
      const before = await store.queue.health(["order"]);
      expect(before).toMatchObject({ due: 2, claimed: 0, oldestDue: at });
      expect(before.lag).toBeGreaterThanOrEqual(5000 - 1);
      await claim(1);
      expect(await store.queue.health(["order"])).toMatchObject({ running: 0, due: 1, claimed: 1 });
      const each = await store.queue.healthByWorkflow(["order", "invoice", "refund"]);
      expect(Array.from(each, ([name, { due, claimed }]) => [name, due, claimed])).toEqual([
        ["order", 1, 1],
        ["invoice", 1, 0],
        ["refund", 0, 0],
      ]);
      expect((await store.stats("order")).runs).toMatchObject({ total: 3, queued: 3 });
    });

    it("takes nothing back that another store has", async () => {
      await store.queue.submit(submitted("a"));
      const claimed = await claimRuns(1);
      await another().queue.release(claimed);
      expect(await claim(1, another())).toEqual([]);
    });

    it("takes nothing back that has been claimed once more, or begun", async () => {
      const dag = new Dag("order");
      const end = gate();
      let calls = 0;
      dag.node("double", (of: number) => (calls++, end.opened.then(() => of * 2)));
      await store.queue.submit(submitted("a"));
      const earlier = await claimRuns(1);
      await store.queue.release(earlier);
      const claimed = await claimRuns(1);
      await store.queue.release(earlier);
      expect(await claim(1)).toEqual([]);
      const run = dag.resume("a", { store });
      await until(() => calls === 1);
      for (const late of [earlier, claimed]) await store.queue.release(late);
      expect(await store.getRun("a")).toMatchObject({ status: "running", owner: expect.any(String) });
      expect(await claim(1)).toEqual([]);
      end.open();
      expect((await run).value).toBe(2);
    });
  });

  describe(`In ${name}, a key`, () => {
    const { another, execute } = useStores(connect);
    let store: SqlStore;
    beforeEach(() => {
      store = another();
    });

    it("finds the run that was submitted with it", async () => {
      await store.queue.submit(submitted("a", { key: "17", inputs: { of: { b: 1, a: [2] } } }));
      const again = submitted("b", { key: "17", inputs: { of: { a: [2], b: 1 } } });
      expect(await another().queue.submit(again)).toEqual({ runId: "a", isNew: false });
      expect((await store.listRuns()).runs).toHaveLength(1);
    });

    it("belongs to its workflow, until its run is deleted", async () => {
      await store.queue.submit(submitted("a", { key: "17" }));
      expect(await store.queue.submit(submitted("b", { key: "17", workflow: "invoice" }))).toMatchObject({
        isNew: true,
      });
      await store.delete("a");
      expect(await store.queue.submit(submitted("c", { key: "17" }))).toEqual({ runId: "c", isNew: true });
    });

    it("compares what was given, at all depths, also when its run has other inputs by now", async () => {
      const address = { street: { name: "Elm", number: 5 }, lines: new Map([["b", [{ x: 1, y: 2 }]]]) };
      const given = { of: { total: 2, from: address, to: address }, note: undefined };
      await store.queue.submit(submitted("a", { key: "17", given }));
      const lines = new Map([["b", [{ y: 2, x: 1 }]]]);
      const same = () => ({ lines, street: { number: 5, name: "Elm" } });
      const others = { inputs: { of: 2 }, given: { of: { to: same(), from: same(), total: 2 } } };
      const again = submitted("b", { key: "17", ...others });
      expect(await another().queue.submit(again)).toEqual({ runId: "a", isNew: false });
    });

    it("refuses other inputs, naming them", async () => {
      const given = { of: { list: [1, { two: 2 }] }, note: "x" };
      await store.queue.submit(submitted("a", { key: "17", given }));
      const others = [{ list: [1, { two: 3 }] }, { list: [{ two: 2 }, 1] }, { list: [1, { two: 2 }], more: 0 }];
      for (const of of others) {
        const other = store.queue.submit(submitted("b", { key: "17", given: { note: "x", of } }));
        const message = expect.stringContaining('another value of "of".');
        await expect(other).rejects.toMatchObject({ code: "KEY_CONFLICT", message });
      }
    });

    it("is free when the run that has it is deleted while another is submitted", async () => {
      await store.queue.submit(submitted("a", { key: "17" }));
      for (const statement of deletingTrigger) await execute(statement);
      expect(await store.queue.submit(submitted("b", { key: "17" }))).toEqual({ runId: "b", isNew: true });
      expect((await store.listRuns()).runs).toMatchObject([{ runId: "b" }]);
    });

    it("is not needed to refuse a run id that is taken", async () => {
      await store.queue.submit(submitted("a"));
      await expect(store.queue.submit(submitted("a"))).rejects.toMatchObject({ code: "RUN_EXISTS" });
      await expect(store.queue.submit(submitted("a", { key: "17" }))).rejects.toMatchObject({ code: "RUN_EXISTS" });
    });

    it("has one run, however many submit it at once", async () => {
      const stores = [store, another(), another()];
      const runs = await Promise.all(
        Array.from({ length: 30 }, (_, i) => stores[i % 3].queue.submit(submitted(`run ${i}`, { key: "17" }))),
      );
      expect(new Set(runs.map(({ runId }) => runId)).size).toBe(1);
      expect(runs.filter(({ isNew }) => isNew)).toHaveLength(1);
    });
  });
}
