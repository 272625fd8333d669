import { beforeEach, describe, expect, it } from "vitest";
import { Dag, Fsm, waitForEvent } from "dagwright";
import type { SqlStore } from "dagwright/store";
import type { ClaimedRun } from "../../lib/stores/queue/queue.js";
import { order, served, submitted } from "../support/queued.js";
import { useStores, type StoreSubject } from "../support/stores.js";
import { failure, never, until } from "../support/waiting.js";

/** What holds of runs between their reservation and their beginning, in any kind of store. */
export function reservingContract(name: string, connect: () => Promise<StoreSubject>): void {
  describe(`In ${name}, a run that a store has reserved`, () => {
    const { another, count, endLeases, execute } = useStores(connect);
    let store: SqlStore;
    let reserved: readonly ClaimedRun[];
    const claim = (from = store) => from.queue.claimNext({ workflows: [served], limit: 9 });
    /** The dag `order`, whose node never ends. */
    const hanging = () => {
      const dag = new Dag("order");
      dag.node("double", (of: number) => (of < 0 ? of : never()));
      return dag;
    };
    beforeEach(async () => {
      store = another({ lease: 300 });
      await store.queue.submit(submitted("a"));
      reserved = (await claim()).runs;
      expect(reserved).toHaveLength(1);
    });

    it("has its lease renewed until it begins", async () => {
      await endLeases();
      await until(async () => (await count("runs where lease_expires_at > 0")) === 1);
      expect((await order().resume("a", { store })).value).toBe(2);
    });

    it("is not renewed any more once it is given back, or is another store's", async () => {
      const other = another();
      await store.queue.submit(submitted("b"));
      await store.queue.release((await claim()).runs);
      await execute("update runs set owner = 'another/1/2-3/4', fencing_token = fencing_token + 1 where id = 'a'");
      await endLeases();
      expect((await claim(other)).runs).toMatchObject([{ runId: "b" }]);
      await other.queue.sweep([served], 9);
      expect((await claim(other)).runs).toMatchObject([{ runId: "a" }]);
      // It depends on whether its next renewal comes first.
      expect((await failure(order().resume("a", { store }))).code).toMatch(/^LEASE_(?:HELD|LOST)$/u);
      expect((await order().resume("a", { store: other })).value).toBe(2);
    });

    it("can't be cancelled, resumed or deleted, as one that is driven", async () => {
      for (const work of [() => store.cancel("a"), () => store.delete("a"), () => store.queue.resume("a")]) {
        expect((await failure(work())).code).toBe("LEASE_HELD");
      }
      expect(await store.queue.request("a", { kind: "cancel" })).toBe("requested");
      await expect(hanging().resume("a", { store })).rejects.toMatchObject({ code: "CANCELLED" });
    });

    it("does what its driver is asked for before it begins, and calls no node", async () => {
      let calls = 0;
      const dag = new Dag("order");
      dag.node("double", (of: number) => (calls++, of * 2));
      expect(await another().queue.request("a", { kind: "pause" })).toBe("requested");
      // Whoever claims it next knows.
      await store.queue.release(reserved);
      await claim();
      expect(await dag.resume("a", { store })).toMatchObject({ status: "paused" });
      await store.queue.resume("a");
      const again = (await claim()).runs;
      expect(await another().queue.request("a", { kind: "cancel" })).toBe("requested");
      await store.queue.release(again);
      await claim();
      expect(await failure(dag.resume("a", { store }))).toMatchObject({ code: "CANCELLED" });
      expect(await store.getRun("a")).toMatchObject({ status: "cancelled" });
      expect(calls).toBe(0);
      await store.queue.resume("a");
      await claim();
      expect((await dag.resume("a", { store })).value).toBe(2);
    });

    it("pauses before its first state, also if it takes an event when it begins", async () => {
      let calls = 0;
      const fsm = new Fsm<any>("machine");
      fsm.state("first", { initial: true, to: ["last"] }, () => (calls++, waitForEvent({ GO: "last" })));
      fsm.state("last", { terminal: true }, (of: number) => of);
      const other = another();
      await fsm.run({ store: other, runId: "known", detach: true });
      const { structure } = await other.read("known");
      calls = 0;
      const workflow = { name: "machine", kind: "fsm" as const, structures: [structure] };
      await store.queue.submit({ runId: "f", workflow: "machine", kind: "fsm", structure: undefined, inputs: {} });
      await fsm.send("f", "GO", 1, { store: other });
      expect((await store.queue.claimNext({ workflows: [workflow], limit: 9 })).runs).toMatchObject([{ runId: "f" }]);
      expect(await other.queue.request("f", { kind: "pause" })).toBe("requested");
      expect(await fsm.resume("f", { store })).toMatchObject({ status: "paused" });
      expect(calls).toBe(0);
      await store.queue.resume("f");
      await store.queue.claimNext({ workflows: [workflow], limit: 9 });
      expect((await fsm.resume("f", { store })).status).toBe("completed");
    });

    it("is ready again when its store closes", async () => {
      await store.close();
      const other = another();
      expect((await claim(other)).runs).toMatchObject([{ runId: "a", isFresh: true }]);
    });

    it("begins nowhere else after its reservation is lost", async () => {
      await execute("update runs set owner = 'another/1/2-3/4', fencing_token = fencing_token + 1 where id = 'a'");
      // It depends on whether its next renewal comes first.
      const error = await failure(hanging().resume("a", { store }));
      expect(error.code).toMatch(/^LEASE_(?:HELD|LOST)$/u);
      expect(await count("node_executions")).toBe(0);
      expect(await count("runs where status = 'queued' and is_fresh = 1")).toBe(1);
    });

    it("hears what others ask for and send before it begins, once", async () => {
      const dag = new Dag<any>("waits");
      dag.event("paid", (payload: unknown) => payload);
      dag.event("sent", (payload: unknown) => payload);
      const other = another();
      await dag.run({ store: other, runId: "known", detach: true });
      const { structure } = await other.read("known");
      const workflow = { name: "waits", kind: "dag" as const, structures: [structure] };
      await store.queue.submit({ runId: "w", workflow: "waits", kind: "dag", structure, inputs: {} });
      await dag.send("w", "paid", 1, { store: other });
      expect((await store.queue.claimNext({ workflows: [workflow], limit: 9 })).runs).toMatchObject([{ runId: "w" }]);
      await dag.send("w", "sent", 2, { store: other });
      expect((await dag.resume("w", { store })).outputs).toEqual({ paid: 1, sent: 2 });
      expect(await count("events where taken_at is null")).toBe(0);
    });
  });

  describe(`In ${name}, drivers that died`, () => {
    const { another, endLeases } = useStores(connect);
    const MAX = 2;
    /** It renews no lease while a spec runs. */
    const dying = () => another({ lease: 1e9 });

    /** Drives the run until one of its nodes hangs, and dies. Resolves to how many runs a sweep makes ready then. */
    async function driveAndDie(dag: Dag<any>, hanging: () => number) {
      const store = dying();
      const before = hanging();
      const isNew = (await store.getRun("a")) === undefined;
      (isNew ? dag.run({ store, runId: "a" }) : dag.resume("a", { store })).catch(() => {});
      await until(() => hanging() > before);
      await endLeases();
      const { structure } = await store.read("a");
      return another().queue.sweep([{ name: dag.name, kind: "dag", structures: [structure] }], MAX);
    }

    it("do not count once a node has completed since", async () => {
      let hangsAt = 0;
      let hanging = 0;
      const dag = new Dag<any>("long");
      for (let i = 0; i < 5; i++) {
        const step = () => (i < hangsAt ? i : (hanging++, never()));
        dag.node(`n${i}`, i === 0 ? {} : { after: [`n${i - 1}`] }, step);
      }
      for (hangsAt = 0; hangsAt < 5; hangsAt++) {
        expect(await driveAndDie(dag, () => hanging)).toBe(1);
      }
      expect((await dag.resume("a", { store: another() })).status).toBe("completed");
    });

    it("do not count once a node inside has completed since", async () => {
      let hangsAt = 0;
      let hanging = 0;
      const inner = new Dag<any>("inner");
      for (let i = 0; i < 4; i++) {
        const step = () => (i < hangsAt ? i : (hanging++, never()));
        inner.node(`n${i}`, i === 0 ? {} : { after: [`n${i - 1}`] }, step);
      }
      const outer = new Dag<any>("outer");
      outer.node("inner", inner);
      for (hangsAt = 0; hangsAt < 4; hangsAt++) {
        expect(await driveAndDie(outer, () => hanging)).toBe(1);
      }
      expect((await outer.resume("a", { store: another() })).status).toBe("completed");
    });

    it("count from the last node that has completed", async () => {
      let hanging = 0;
      const dag = new Dag<any>("long");
      dag.node("first", () => 1);
      dag.node("deadly", { after: ["first"] }, () => (hanging++, never()));
      const swept: number[] = [];
      for (let deaths = 0; deaths <= MAX; deaths++) swept.push(await driveAndDie(dag, () => hanging));
      expect(swept).toEqual([1, 1, 0]);
      const { error } = (await another().getRun("a"))!;
      expect(error).toMatchObject({ code: "POISONED", message: expect.stringContaining("died 3 times in a row") });
    });

    it("are told of in the singular when no death is allowed", async () => {
      const store = another();
      await store.queue.submit(submitted("a"));
      await dying().queue.claimNext({ workflows: [served], limit: 1 });
      await endLeases();
      expect(await store.queue.sweep([served], 0)).toBe(0);
      const message = expect.stringContaining("its driver died once, without") as string;
      expect((await store.getRun("a"))!.error).toMatchObject({ code: "POISONED", message });
    });
  });
}
