import { beforeEach, describe, expect, it } from "vitest";
import { Dag, Fsm, PauseRun, stop, waitForEvent, type RunResult } from "dagwright";
import type { SqlStore } from "dagwright/store";
import { deferred } from "../../lib/base/deferred.js";
import { order, served, submitted } from "../support/queued.js";
import { useStores, type StoreSubject } from "../support/stores.js";

/** A dag named `order` whose run goes on until it is told, or its signal aborts. */
function held() {
  const started = deferred();
  const released = deferred();
  const dag = new Dag("order");
  dag.node("double", async (of: number, ctx) => {
    started.resolve();
    await Promise.race([
      released.promise,
      new Promise((_, reject) => ctx.signal.addEventListener("abort", () => reject(ctx.signal.reason))),
    ]);
    return of * 2;
  });
  dag.node("after", { needs: ["double"] }, (double: number) => double + 1);
  return { dag, started: started.promise, release: released.resolve };
}

/** How a store looks after runs whose drivers are gone, and passes on what others ask for. */
export function lookingAfterContract(name: string, connect: () => Promise<StoreSubject>): void {
  const MAX = 2;

  describe(`In ${name}, runs whose drivers are gone`, () => {
    const { another, endLeases, execute } = useStores(connect);
    let store: SqlStore;
    beforeEach(() => {
      store = another();
    });
    const claim = async (from: SqlStore) => (await from.queue.claimNext({ workflows: [served], limit: 9 })).runs;
    /** A claimer that dies, long enough ago, and renews no lease meanwhile. */
    const claimAndDie = async () => {
      const claimed = await claim(another({ lease: 1e9 }));
      await endLeases();
      return claimed;
    };

    it("become ready again, and keep what they were", async () => {
      await store.queue.submit(submitted("a"));
      expect(await claimAndDie()).toHaveLength(1);
      expect(await store.queue.sweep([served], MAX)).toBe(1);
      expect(await claim(store)).toMatchObject([{ runId: "a", isFresh: true }]);
      expect((await order().resume("a", { store })).value).toBe(2);
    });

    it("are left alone while their leases last", async () => {
      await store.queue.submit(submitted("a"));
      await claim(another());
      expect(await store.queue.sweep([served], MAX)).toBe(0);
      expect((await store.getRun("a"))!.owner).toBeDefined();
    });

    it("are queued, also if no service began them", async () => {
      const { dag, started, release } = held();
      const driver = another();
      const run = dag.run({ store: driver, runId: "a", inputs: { of: 3 } }).catch((error: unknown) => error);
      await started;
      await endLeases();
      const structures = [(await store.read("a")).structure];
      const workflow = { ...served, structures };
      expect(await store.queue.sweep([{ ...workflow, kind: "fsm" }], MAX)).toBe(0);
      expect(await store.queue.sweep([workflow], MAX)).toBe(1);
      expect(await store.getRun("a")).toMatchObject({ status: "queued", owner: undefined });
      const { runs } = await store.queue.claimNext({ workflows: [workflow], limit: 1 });
      expect(runs).toMatchObject([{ runId: "a", isFresh: false }]);
      const mended = new Dag("order");
      mended.node("double", (of: number) => of * 10);
      mended.node("after", { needs: ["double"] }, (double: number) => double + 1);
      expect((await mended.resume("a", { store })).value).toBe(31);
      release();
      expect(await run).toMatchObject({ code: "LEASE_LOST" });
    });

    it("are given up when too many drivers have died in a row", async () => {
      await store.queue.submit(submitted("a"));
      for (let deaths = 1; deaths <= MAX; deaths++) {
        expect(await claimAndDie()).toHaveLength(1);
        expect(await store.queue.sweep([served], MAX)).toBe(1);
      }
      expect(await claimAndDie()).toHaveLength(1);
      expect(await store.queue.sweep([served], MAX)).toBe(0);
      const details = (await store.getRun("a"))!;
      expect(details).toMatchObject({ status: "failed", error: { code: "POISONED" } });
      expect(details.error).toMatchObject({ message: expect.stringContaining("died 3 times") });
      expect(await store.queue.endsOf(["a"])).toEqual(new Map([["a", "failed"]]));
      await store.queue.resume("a");
      expect(await claim(store)).toHaveLength(1);
      expect((await order().resume("a", { store })).value).toBe(2);
    });

    it("count only drivers that died since they were given back", async () => {
      await store.queue.submit(submitted("a"));
      for (let round = 0; round < MAX + 2; round++) {
        await claimAndDie();
        expect(await store.queue.sweep([served], MAX)).toBe(1);
        await store.queue.release(await claim(store));
      }
      expect(await claim(store)).toHaveLength(1);
    });

    it("are swept once by several services", async () => {
      for (const id of ["a", "b", "c"]) await store.queue.submit(submitted(id));
      await claimAndDie();
      const others = [another(), another()];
      const swept = await Promise.all([store, ...others].map((each) => each.queue.sweep([served], MAX)));
      expect(swept.reduce((sum, n) => sum + n)).toBe(3);
    });

    it("do not hold each other up when one can't be read", async () => {
      await store.queue.submit(submitted("a"));
      await store.queue.submit(submitted("b"));
      await claimAndDie();
      await execute("update runs set request = 'nonsense' where id = 'a'");
      await expect(store.queue.sweep([served], MAX)).rejects.toMatchObject({
        code: "STORE",
        message: expect.stringContaining('Run "a" can\'t be read: column "request"'),
      });
      expect(await claim(store)).toMatchObject([{ runId: "b" }]);
    });
  });

  describe(`In ${name}, a request`, () => {
    const { another, endLeases } = useStores(connect);
    let store: SqlStore;
    beforeEach(() => {
      store = another();
    });

    it("cancels a queued run at once", async () => {
      await store.queue.submit(submitted("a"));
      expect(await store.queue.request("a", { kind: "cancel", reason: "sold out" })).toBe("done");
      expect(await store.getRun("a")).toMatchObject({ status: "cancelled", error: { code: "CANCELLED" } });
      expect((await store.queue.claimNext({ workflows: [served], limit: 1 })).runs).toEqual([]);
    });

    it("pauses a queued run until it is resumed", async () => {
      await store.queue.submit(submitted("a", { due: { in: 1 } }));
      expect(await store.queue.request("a", { kind: "pause", reason: "stock-taking" })).toBe("done");
      expect(await store.getRun("a")).toMatchObject({ status: "paused", pauseReason: "stock-taking" });
      while (Date.now() < (await store.getRun("a"))!.createdAt + 5);
      expect(await store.queue.promoteDue(["order"])).toEqual({ promoted: 0, nextIn: undefined, hasReady: false });
      await store.queue.resume("a");
      expect((await store.queue.claimNext({ workflows: [served], limit: 1 })).runs).toMatchObject([{ runId: "a" }]);
      expect((await order().resume("a", { store })).value).toBe(2);
    });

    it("cancels a run that another process drives", async () => {
      const { dag, started } = held();
      const run = dag.run({ store: another(), runId: "a", inputs: { of: 3 } }).catch((error: unknown) => error);
      await started;
      expect(await store.queue.request("a", { kind: "cancel", reason: "sold out" })).toBe("requested");
      const error = await run;
      expect(error).toMatchObject({ code: "CANCELLED", message: expect.stringContaining("sold out") });
      await (error as { run: RunResult }).run.recorded;
      await expect(store.queue.request("a", { kind: "pause" })).rejects.toMatchObject({ code: "RUN_ENDED" });
    });

    it("pauses a run that another process drives, so that no time ends it", async () => {
      const { dag, started, release } = held();
      dag.node("much later", { delay: 1e7 }, () => 1);
      const run = dag.run({ store: another(), runId: "a", inputs: { of: 3 } });
      await started;
      expect(await store.queue.request("a", { kind: "pause" })).toBe("requested");
      release();
      expect((await run).status).toBe("paused");
      expect(await store.queue.promoteDue(["order"])).toEqual({ promoted: 0, nextIn: undefined, hasReady: false });
      const { dag: again, release: go } = held();
      again.node("much later", { delay: 1e7 }, () => 1);
      go();
      expect((await again.resume("a", { store, detach: true })).status).toBe("waiting");
    });

    it("reaches an fsm, too", async () => {
      const machine = new Fsm("machine");
      machine.state("idle", { initial: true }, () => waitForEvent({ GO: "gone" }));
      machine.state("gone", () => stop("gone"));
      const handle = machine.start({ store: another(), runId: "a" });
      await handle.recorded;
      expect(await store.queue.request("a", { kind: "cancel" })).toBe("requested");
      await expect(handle.result).rejects.toMatchObject({ code: "CANCELLED" });
    });

    it("to cancel is not replaced by one to pause", async () => {
      await store.queue.submit(submitted("a"));
      await another({ lease: 1e9 }).queue.claimNext({ workflows: [served], limit: 1 });
      expect(await store.queue.request("a", { kind: "cancel" })).toBe("requested");
      expect(await store.queue.request("a", { kind: "pause" })).toBe("requested");
      await endLeases();
      expect(await store.queue.sweep([served], 1)).toBe(0);
      expect(await store.getRun("a")).toMatchObject({ status: "cancelled" });
    });

    it("is carried out for a driver that died before it heard it", async () => {
      await store.queue.submit(submitted("a"));
      await another({ lease: 1e9 }).queue.claimNext({ workflows: [served], limit: 1 });
      expect(await store.queue.request("a", { kind: "pause" })).toBe("requested");
      await endLeases();
      await store.queue.sweep([served], 1);
      expect(await store.getRun("a")).toMatchObject({ status: "paused" });
    });

    it("is heard by the driver that begins a reserved run", async () => {
      const { dag, started } = held();
      const structure = undefined;
      await store.queue.submit(submitted("a", { structure }));
      await store.queue.claimNext({ workflows: [served], limit: 1 });
      expect(await another().queue.request("a", { kind: "cancel" })).toBe("requested");
      const run = dag.resume("a", { store }).catch((error: unknown) => error);
      await started;
      expect(await run).toMatchObject({ code: "CANCELLED" });
    });

    it("for a run inside another one is refused, naming that", async () => {
      const inner = held();
      const outer = new Dag("outer");
      outer.node("call", inner.dag);
      const run = outer.run({ store: another(), runId: "a", inputs: { of: 1 } });
      await inner.started;
      const refused = store.queue.request("a/call", { kind: "cancel" });
      await expect(refused).rejects.toMatchObject({ code: "VALIDATION", message: expect.stringContaining('"a"') });
      inner.release();
      await run;
    });
  });

  describe(`In ${name}, resuming through the queue`, () => {
    const { another } = useStores(connect);

    it("provides the results of the nodes that paused", async () => {
      const store = another();
      const dag = new Dag("approval");
      dag.node("ask", () => {
        throw new PauseRun("ask Ann");
      });
      dag.node("done", { needs: ["ask"] }, (by: string) => `by ${by}`);
      expect((await dag.run({ store, runId: "a" })).status).toBe("paused");
      await store.queue.resume("a", { provide: { ask: "Ann" }, check: () => {} });
      expect(await store.getRun("a")).toMatchObject({ status: "queued", pauses: [{ node: "ask" }] });
      const { structure, provided } = await store.read("a");
      expect(provided).toEqual({ ask: "Ann" });
      const workflow = { name: "approval", kind: "dag" as const, structures: [structure] };
      expect((await store.queue.claimNext({ workflows: [workflow], limit: 1 })).runs).toMatchObject([{ runId: "a" }]);
      expect((await dag.resume("a", { store, provide: { ask: "Ann" } })).value).toBe("by Ann");
      expect((await store.read("a")).provided).toBeUndefined();
      await expect(store.queue.resume("a")).rejects.toMatchObject({ code: "RUN_ENDED" });
    });

    it("is refused while the run has a driver", async () => {
      const store = another();
      await store.queue.submit(submitted("a"));
      await another().queue.claimNext({ workflows: [served], limit: 1 });
      await expect(store.queue.resume("a")).rejects.toMatchObject({ code: "LEASE_HELD" });
      await expect(store.queue.resume("b")).rejects.toMatchObject({ code: "NOT_FOUND" });
    });
  });
}
