import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Dag, Fsm, next, PauseRun, stop, StoreError, waitForEvent } from "dagwright";
import type { SqlStore, StoreOptions } from "dagwright/store";
import type { LockableSubject } from "../support/lockable-stores.js";
import { failure, sleep, until } from "../support/waiting.js";

/** Takes ITEM events until END. */
function collector(): Fsm<any> {
  const fsm = new Fsm<any>("collector");
  fsm.state("idle", { initial: true }, () => waitForEvent({ ITEM: "idle", END: "end" }));
  fsm.state("end", () => stop("end"));
  return fsm;
}

/** Pauses, or completes with `pauses: false`. */
function pausing({ pauses = true } = {}): Dag<any> {
  const dag = new Dag<any>("pausing");
  dag.node("a", () => {
    if (pauses) throw new PauseRun("waits");
    return "a";
  });
  return dag;
}

/** The guarantees of every store for operations in progress when it is closed. */
export function closingContract(name: string, connect: () => Promise<LockableSubject>): void {
  describe(`Closing a store in ${name}`, () => {
    let subject: LockableSubject;
    let store: SqlStore;
    let other: SqlStore;
    const open: SqlStore[] = [];
    const unhandled: unknown[] = [];
    const onUnhandled = (error: unknown) => unhandled.push(error);
    const another = (options?: StoreOptions) => {
      const made = subject.open(options);
      open.push(made);
      return made;
    };
    let unlock = async () => {};
    /** Blocks all writes until {@link unlock}. */
    async function lock(): Promise<void> {
      const unlockNow = await subject.lock();
      let unlocked: Promise<void> | undefined;
      unlock = () => (unlocked ??= unlockNow());
    }

    beforeEach(async () => {
      subject ??= await connect();
      await subject.reset();
      store = another();
      other = another();
      await other.listRuns();
      process.on("unhandledRejection", onUnhandled);
    });
    afterEach(async () => {
      await unlock();
      await Promise.all(open.splice(0).map((made) => made.close()));
      await sleep(0);
      vi.restoreAllMocks();
      process.off("unhandledRejection", onUnhandled);
      expect(unhandled.splice(0)).toEqual([]);
    });
    afterAll(() => subject.close());

    it("completes earlier operations, and rejects later ones", async () => {
      await collector().run({ store: other, runId: "sent" });
      for (const runId of ["cancelled", "deleted"]) await pausing().run({ store: other, runId });
      await pausing({ pauses: false }).run({ store: other, runId: "kept" });
      await store.listRuns();
      await lock();
      const before = [
        collector().send("sent", "ITEM", 1, { store }),
        store.cancel("cancelled"),
        store.delete("deleted"),
        store.getRun("sent").then((run) => expect(run?.status).toBe("waiting")),
        store.cache.set("k", { value: 1, storedAt: 1, expiresAt: undefined }),
      ];
      await sleep(50);
      const closing = store.close();
      const after: (() => Promise<unknown>)[] = [
        () => collector().send("sent", "ITEM", 2, { store }),
        () => store.cancel("kept"),
        () => store.delete("kept"),
        () => store.prune({ keepLast: 0 }),
        () => store.getRun("sent"),
        () => pausing({ pauses: false }).run({ store }),
        () => collector().resume("sent", { store }),
        async () => store.cache.get("k"),
      ];
      for (const ask of after) {
        const error = await failure(ask());
        expect(error).toBeInstanceOf(StoreError);
        expect(error.message).toMatch(/store is closed/u);
      }
      await unlock();
      await Promise.all(before);
      await closing;
      expect((await other.getRun("cancelled"))!.status).toBe("cancelled");
      expect(await other.getRun("deleted")).toBeUndefined();
      expect(await other.getRun("kept")).toBeDefined();
      expect(await subject.count("events")).toBe(1);
      expect(await other.cache.get("k")).toMatchObject({ value: 1 });
    });

    it("completes operations begun in the same turn, however many steps they take", async () => {
      await collector().run({ store: other, runId: "sent" });
      for (const runId of ["cancelled", "deleted"]) await pausing().run({ store: other, runId });
      for (const runId of ["a", "b"]) await pausing({ pauses: false }).run({ store: other, runId });
      for (const isUsed of [false, true]) {
        const closed = another();
        if (isUsed) {
          await closed.listRuns();
          // The run's end is recorded later, and lookups wait for it.
          const run = pausing({ pauses: false }).start({ store: closed });
          run.result.catch(() => {});
          await run.recorded;
          void run.cancel().catch(() => {});
        }
        const asked = [
          closed.listRuns().then(({ runs }) => expect(runs.length).toBeGreaterThan(3)),
          closed.getRun("a").then((run) => expect(run?.status).toBe("completed")),
          closed.diffRuns("a", "b").then(({ nodes }) => expect(nodes).toEqual([])),
          closed.stats("pausing").then(({ runs }) => expect(runs.total).toBeGreaterThan(2)),
          collector().send("sent", "ITEM", 1, { store: closed, key: "k" }),
          isUsed ? closed.delete("deleted") : closed.cancel("cancelled"),
        ];
        const closing = closed.close();
        await Promise.all(asked);
        await closing;
      }
      expect((await other.getRun("cancelled"))!.status).toBe("cancelled");
      expect(await other.getRun("deleted")).toBeUndefined();
      expect(await subject.count("events")).toBe(1);
    });

    it("completes pruning many runs", async () => {
      const dag = pausing({ pauses: false });
      await Promise.all(Array.from({ length: 250 }, () => dag.run({ store: other })));
      await store.listRuns();
      await lock();
      const pruning = store.prune({ keepLast: 0 });
      await sleep(50);
      const closing = store.close();
      await unlock();
      await closing;
      expect(await pruning).toBe(250);
      expect(await subject.count("runs")).toBe(0);
    });

    it("fails runs started in the same turn, and runs about to start", async () => {
      for (const isUsed of [false, true]) {
        for (const turns of [0, 1, 2]) {
          const closed = another();
          if (isUsed) await closed.listRuns();
          // More than start in one turn of the event loop.
          const runs = Array.from({ length: 300 }, () => failure(pausing({ pauses: false }).run({ store: closed })));
          for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve));
          await closed.close();
          for (const error of await Promise.all(runs)) {
            expect(error).toBeInstanceOf(StoreError);
            expect(error.message).toMatch(/store is closed/u);
          }
        }
      }
    });

    it("does not wait for endless runs", async () => {
      let isOver = false;
      const fsm = new Fsm<any>("endless");
      fsm.state("a", { initial: true }, () => (isOver ? stop("over") : next("a")));
      const ends = Array.from({ length: 120 }, () => failure(fsm.run({ store, maxCycles: Infinity })));
      await until(async () => (await subject.count("fsm_cycles")) > 200);
      const closing = store.close();
      const isClosed = await Promise.race([closing.then(() => true), sleep(30_000).then(() => false)]);
      isOver = true;
      await closing;
      expect(isClosed).toBe(true);
      for (const end of await Promise.all(ends)) expect(end.message).toMatch(/store is closed/u);
    });

    it("releases a run that is claimed in the same turn, so that others can continue it", async () => {
      for (let turns = 0; turns < 40; turns += 3) {
        await pausing().run({ store: other, runId: `r${turns}` });
        const closed = another({ lease: 600_000 });
        await closed.listRuns();
        const taken = pausing({ pauses: false })
          .resume(`r${turns}`, { store: closed })
          .then(
            ({ value }) => value,
            (error: unknown) => error,
          );
        for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve));
        await closed.close();
        const outcome = await taken;
        if (outcome !== "a") expect(outcome).toBeInstanceOf(StoreError);
        expect((await pausing({ pauses: false }).resume(`r${turns}`, { store: other })).value).toBe("a");
      }
    });
  });
}
