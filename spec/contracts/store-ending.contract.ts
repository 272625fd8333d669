import { beforeEach, describe, expect, it, vi } from "vitest";
import { Dag, Fsm, PauseRun, waitForEvent, type Context, type RunEvent } from "dagwright";
import type { SqlStore } from "dagwright/store";
import { isPending, useLockableStores, type LockableSubject } from "../support/lockable-stores.js";
import { failure, gate, never, sleep, until } from "../support/waiting.js";

/** The guarantees of every store for how runs end. */
export function endingContract(name: string, connect: () => Promise<LockableSubject>): void {
  describe(`Durable runs in ${name}`, () => {
    const { another, execute, lock } = useLockableStores(connect);
    let store: SqlStore;

    beforeEach(async () => {
      store = another();
      await store.listRuns();
    });

    describe("that are ended from outside", () => {
      /** a, whose first attempt never ends, then b. */
      function stopper(begun: () => void = () => {}): Dag<any> {
        const dag = new Dag<any>("stopper");
        dag.node("a", (ctx: Context) => (begun(), ctx.attempt === 1 ? never() : "a"));
        dag.node("b", { needs: ["a"] }, (a: string) => `${a}b`);
        return dag;
      }

      it("settle while writes are blocked, and are recorded later", async () => {
        const abort = new AbortController();
        for (const [runId, options, code] of [
          ["aborted", { signal: abort.signal }, "CANCELLED"],
          // Long enough for the lock, also where all is slow.
          ["expired", { timeout: 1000 }, "RUN_TIMEOUT"],
        ] as const) {
          let begun = false;
          const events: RunEvent[] = [];
          const ending = failure(
            stopper(() => (begun = true)).run({ store, runId, ...options, observers: [(event) => events.push(event)] }),
          );
          await until(() => begun);
          const unlock = await lock();
          abort.abort("enough");
          abort.abort("more");
          const error = await ending;
          expect(error).toMatchObject({ code, run: { status: code === "CANCELLED" ? "cancelled" : "failed" } });
          expect(events.at(-1)).toMatchObject({ type: "run.finished", error });
          expect(await isPending(error.run.recorded)).toBe(true);
          await unlock();
          await error.run.recorded;
          const recorded = await store.getRun(runId);
          expect([recorded?.status, recorded?.error]).toMatchObject([error.run.status, { code }]);
          expect(recorded?.nodes.get("a")?.status).toBe("cancelled");
        }
        expect((await stopper().resume("aborted", { store })).value).toBe("ab");
      });

      it("when their store is closed, continue only where they are resumed", async () => {
        const calls: string[] = [];
        const { opened, open } = gate();
        const dag = (place: string) => {
          const made = new Dag<any>("closing");
          made.node("a", async () => (calls.push(`${place} a`), place === "here" && (await opened), 1));
          made.node("b", { needs: ["a"] }, () => calls.push(`${place} b`));
          return made;
        };
        const fsm = new Fsm<any>("waiting");
        fsm.state("w", { initial: true }, () => waitForEvent({ go: "done" }));
        fsm.state("done", { terminal: true }, () => 1);
        for (const durability of ["strict", "relaxed"] as const) {
          const closing = another();
          const options = { store: closing, durability } as const;
          const handles = [dag("here").start({ ...options, runId: durability }), fsm.start(options)];
          const ends = handles.map(({ result }) => failure(result));
          await Promise.all(handles.map(({ recorded }) => recorded));
          await until(() => calls.at(-1) === "here a");
          await closing.close();
          for (const end of ends) expect((await end).message).toMatch(/store is closed/u);
          const run = await dag("there").resume(durability, { store });
          expect(run.status).toBe("completed");
        }
        open();
        await sleep(20);
        expect(calls).toEqual(["here a", "there a", "there b", "here a", "there a", "there b"]);
      });

      it("are seen as ended in the same store, and can be resumed at once", async () => {
        let begun = false;
        const dag = stopper(() => (begun = true));
        const handle = dag.start({ store, runId: "r" });
        await until(() => begun);
        const run = await handle.cancel("enough");
        expect(run.status).toBe("cancelled");
        const [looked, resumed] = await Promise.all([store.getRun("r"), dag.resume("r", { store })]);
        expect(["cancelled", "running", "completed"]).toContain(looked?.status);
        expect(resumed.value).toBe("ab");
        await run.recorded;
      });

      it("settle while they are being created", async () => {
        const unlock = await lock();
        const abort = new AbortController();
        const ending = failure(stopper().run({ store, runId: "early", signal: abort.signal }));
        const handle = stopper().start({ store, runId: "timed", timeout: 20 });
        await sleep(10);
        abort.abort();
        const error = await ending;
        expect(error.code).toBe("CANCELLED");
        expect((await failure(handle.result)).code).toBe("RUN_TIMEOUT");
        expect(await isPending(handle.recorded)).toBe(true);
        await unlock();
        await error.run.recorded;
        await handle.recorded;
        expect((await store.getRun("early"))?.status).toBe("cancelled");
        expect((await store.getRun("timed"))?.status).toBe("failed");
      });

      it("settle while an attempt waits at the durability barrier", async () => {
        const abort = new AbortController();
        let unlock = undefined as (() => Promise<void>) | undefined;
        const dag = new Dag<any>("gated");
        dag.node("a", async () => void (unlock = await lock()));
        dag.node("b", { needs: ["a"] }, () => expect.unreachable());
        const ending = failure(dag.run({ store, runId: "g", signal: abort.signal }));
        await until(() => unlock !== undefined);
        await sleep(20);
        abort.abort();
        const error = await ending;
        expect(error.run.nodes.get("a").status).toBe("completed");
        await unlock?.();
        await error.run.recorded;
        expect((await store.getRun("g"))?.nodes.get("a")?.status).toBe("completed");
      });

      it("settle while a step waits there, too", async () => {
        const abort = new AbortController();
        let unlock = undefined as (() => Promise<void>) | undefined;
        const dag = new Dag<any>("stepped");
        dag.node("a", async () => void (unlock = await lock()));
        dag.node("b", { needs: ["a"] }, () => expect.unreachable());
        const ending = failure(dag.step(undefined, { store, signal: abort.signal }));
        await until(() => unlock !== undefined);
        await sleep(20);
        abort.abort();
        expect((await ending).code).toBe("CANCELLED");
        await unlock?.();
      });

      it("are unchanged if that happens while they are being claimed", async () => {
        const dag = new Dag<any>("resumed");
        dag.node("a", () => {
          throw new PauseRun("why");
        });
        await dag.run({ store, runId: "r" });
        const unlock = await lock();
        const abort = new AbortController();
        const aborted = [
          failure(dag.resume("r", { store, signal: abort.signal, provide: { a: 1 } })),
          failure(dag.attach("r", { store, signal: abort.signal, provide: { a: 1 } })),
        ];
        const expired = failure(dag.resume("r", { store, timeout: 20, provide: { a: 1 } }));
        await sleep(10);
        abort.abort("enough");
        for (const ending of aborted) {
          expect(await ending).toMatchObject({
            name: "CancelledError",
            runId: "r",
            message: expect.stringContaining("enough"),
          });
        }
        expect(await expired).toMatchObject({ name: "RunTimeoutError", runId: "r" });
        await unlock();
        expect((await dag.resume("r", { store, provide: { a: 1 } })).value).toBe(1);
        expect(await failure(dag.resume("r", { store, signal: abort.signal }))).toMatchObject({ code: "CANCELLED" });
      });

      it("settle with their own outcome if only their end is not recorded yet", async () => {
        const abort = new AbortController();
        let unlock = undefined as (() => Promise<void>) | undefined;
        const dag = new Dag<any>("done");
        dag.node("a", async () => {
          unlock = await lock();
          return 1;
        });
        const running = dag.run({ store, runId: "d", signal: abort.signal });
        await until(() => unlock !== undefined);
        await sleep(20);
        abort.abort();
        const run = await running;
        expect([run.status, run.value]).toEqual(["completed", 1]);
        expect(await isPending(run.recorded)).toBe(true);
        await unlock?.();
        await run.recorded;
        expect((await store.getRun("d"))?.status).toBe("completed");
      });

      it("are recorded before their store is closed", async () => {
        const first = another();
        const abort = new AbortController();
        let begun = false;
        const hooks = { cleanup: () => {} };
        const ending = failure(
          stopper(() => (begun = true)).run({ store: first, runId: "c", hooks, signal: abort.signal }),
        );
        await until(() => begun);
        abort.abort();
        await first.close();
        await (
          await ending
        ).run.recorded;
        expect((await store.getRun("c"))?.status).toBe("cancelled");
      });

      it("warn and reject `recorded` if their end can't be recorded", async () => {
        const warn = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
        const abort = new AbortController();
        let begun = false;
        const ending = failure(stopper(() => (begun = true)).run({ store, runId: "w", signal: abort.signal }));
        await until(() => begun);
        await execute("alter table node_executions rename to elsewhere");
        abort.abort();
        const error = await ending;
        expect(error.code).toBe("CANCELLED");
        expect(await failure(error.run.recorded)).toMatchObject({ name: "StoreError" });
        expect(warn.mock.calls).toEqual([
          [expect.stringContaining(`How run "w" ended could not be recorded`), "DagwrightStoreWarning"],
        ]);
        warn.mockRestore();
        await execute("alter table elsewhere rename to node_executions");
      });

      it("settle when an fsm is stopped, too", async () => {
        const fsm = new Fsm<any>("stopped");
        fsm.state("wait", { initial: true }, () => waitForEvent({ GO: "end" }));
        fsm.state("end", { terminal: true }, () => "end");
        const handle = fsm.start({ store, runId: "f" });
        await handle.recorded;
        const unlock = await lock();
        const run = await handle.stop();
        expect([run.status, await isPending(run.recorded)]).toEqual(["cancelled", true]);
        await unlock();
        await run.recorded;
        expect((await store.getRun("f"))?.status).toBe("cancelled");
      });
    });

    it("settle after their end is recorded if they end by themselves", async () => {
      const dag = new Dag<any>("plain");
      dag.node("a", () => 1);
      for (const options of [{}, { store }]) {
        const run = await dag.run(options);
        expect(await isPending(run.recorded)).toBe(false);
        const handle = dag.start(options);
        await handle.recorded;
        await handle.result;
      }
      const fsm = new Fsm<any>("plain");
      fsm.state("a", { initial: true, terminal: true }, () => 1);
      for (const options of [{}, { store }]) {
        expect(await isPending((await fsm.run(options)).recorded)).toBe(false);
        await fsm.start(options).recorded;
      }
    });

    it("resolve `recorded` when they are in their store, or reject it with the reason", async () => {
      const dag = new Dag<any>("told");
      dag.node("a", (ctx: Context) => (ctx.attempt === 1 ? never() : 1));
      const handle = dag.start({ store, runId: "t" });
      await handle.recorded;
      expect((await another().getRun("t"))?.status).toBe("running");
      const second = dag.start({ store, runId: "t" });
      expect(await failure(second.recorded)).toMatchObject({ code: "RUN_EXISTS" });
      expect(await failure(second.result)).toMatchObject({ code: "RUN_EXISTS" });
      await handle.cancel();
    });
  });
}
