import { beforeEach, describe, expect, it } from "vitest";
import { Dag, Fsm, stop, waitForEvent } from "dagwright";
import type { SqlStore } from "dagwright/store";
import type { Wake } from "../../lib/stores/queue/queue.js";
import { order, served, submitted } from "../support/queued.js";
import { useStores, type StoreSubject } from "../support/stores.js";

/** How runs at rest are woken by events, and listeners by what a store does. */
export function wakingContract(name: string, connect: () => Promise<StoreSubject>): void {
  describe(`In ${name}, a run at rest`, () => {
    const { another, execute } = useStores(connect);
    let store: SqlStore;
    beforeEach(() => {
      store = another();
    });

    function paying() {
      const dag = new Dag("order");
      dag.event("paid");
      dag.node("ship", { needs: ["paid"] }, (amount: number) => `shipped for ${amount}`);
      return dag;
    }
    const ready = async (dag: Dag<any>, runId = "a") => {
      const structures = [(await store.read(runId)).structure];
      return (await store.queue.claimNext({ workflows: [{ name: dag.name, kind: "dag", structures }], limit: 9 })).runs;
    };

    it("becomes ready with an event that it waits for, and with no other", async () => {
      const dag = paying();
      dag.event("refunded", { needs: ["ship"] });
      await dag.run({ store, runId: "a", detach: true });
      expect(await ready(dag)).toEqual([]);
      await dag.send("a", "refunded", 1, { store: another() });
      expect(await ready(dag)).toEqual([]);
      await dag.send("a", "paid", 5, { store: another() });
      expect(await ready(dag)).toMatchObject([{ runId: "a", isFresh: false }]);
      const run = await dag.resume("a", { store });
      expect(run.outputs).toEqual({ refunded: 1 });
    });

    it("becomes ready with an event for a run inside", async () => {
      const outer = new Dag("outer");
      outer.node("call", paying());
      await outer.run({ store, runId: "a", detach: true });
      await outer.send("a", "call.paid", 5, { store: another() });
      expect(await ready(outer)).toMatchObject([{ runId: "a" }]);
      expect((await outer.resume("a", { store })).value).toBe("shipped for 5");
    });

    it("becomes ready, if it is of an fsm", async () => {
      const machine = new Fsm("order");
      machine.state("created", { initial: true }, () => waitForEvent({ PAID: "paid" }));
      machine.state("paid", (amount: number) => stop(amount));
      await machine.run({ store, runId: "a", detach: true });
      const structures = [(await store.read("a")).structure];
      const workflow = { name: "order", kind: "fsm" as const, structures };
      await machine.send("a", "PAID", 7, { store: another() });
      expect((await store.queue.claimNext({ workflows: [workflow], limit: 1 })).runs).toMatchObject([{ runId: "a" }]);
      expect((await machine.resume("a", { store })).value).toBe(7);
    });

    it("is not woken by an event while somebody has paused it", async () => {
      const dag = paying();
      await dag.run({ store, runId: "a", detach: true });
      expect(await store.queue.request("a", { kind: "pause" })).toBe("done");
      await dag.send("a", "paid", 5, { store });
      expect(await ready(dag)).toEqual([]);
      await store.queue.resume("a");
      expect(await ready(dag)).toHaveLength(1);
      expect((await dag.resume("a", { store })).value).toBe("shipped for 5");
    });

    it("is woken by the sweep, if the event came while it was put away", async () => {
      const dag = paying();
      await dag.run({ store, runId: "a", detach: true });
      await dag.send("a", "paid", 5, { store });
      await execute("update runs set ready_at = null");
      expect(await store.queue.sweep([{ name: "order", kind: "dag", structures: [] }], 1)).toBe(1);
      expect(await ready(dag)).toHaveLength(1);
    });

    it("takes events that were sent to it while it was queued", async () => {
      const dag = paying();
      const structure = undefined;
      await store.queue.submit({ ...submitted("a", { structure }), inputs: {} });
      await dag.send("a", "paid", 5, { store: another() });
      const workflow = { ...served, structures: [] };
      expect((await store.queue.claimNext({ workflows: [workflow], limit: 1 })).runs).toHaveLength(1);
      expect((await dag.resume("a", { store })).value).toBe("shipped for 5");
    });
  });

  describe(`In ${name}, a listener`, () => {
    const { another } = useStores(connect);

    it("hears at once what its own store does, until it stops", async () => {
      const store = another();
      const heard = new Set<Wake>();
      const stop = store.queue.onWake((what) => heard.add(what));
      const hears = async (what: Wake, work: Promise<unknown>) => {
        heard.clear();
        await work;
        expect(heard).toContain(what);
      };
      await hears("ready", store.queue.submit(submitted("a")));
      await store.queue.claimNext({ workflows: [served], limit: 1 });
      await hears("ended", order().resume("a", { store }));
      await hears("ready", store.queue.submit(submitted("b")));
      await hears("ended", store.queue.request("b", { kind: "cancel" }));
      await hears("ready", store.queue.resume("b"));
      stop();
      heard.clear();
      await store.queue.submit(submitted("c"));
      expect(heard.size).toBe(0);
    });

    it("hears that an event has made a run ready", async () => {
      const store = another();
      const dag = new Dag("order");
      dag.event("paid");
      await dag.run({ store, runId: "a", detach: true });
      const woken = new Promise<void>((resolve) =>
        store.queue.onWake((what) => {
          if (what === "ready") resolve();
        }),
      );
      await dag.send("a", "paid", 5, { store });
      await woken;
    });
  });
}
