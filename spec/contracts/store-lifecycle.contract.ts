import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  Dag,
  Fsm,
  next,
  PauseRun,
  RecoverError,
  RetryExhaustedError,
  StoreError,
  waitForEvent,
  type Context,
  type RunEvent,
  type RunResult,
} from "dagwright";
import type { SqlStore, StoreOptions } from "dagwright/store";
import type { StoreSubject } from "../support/stores.js";
import { failure, never, sleep, until } from "../support/waiting.js";

/** A kind of store whose writes can be blocked. */
export interface LockableSubject extends StoreSubject {
  /** Blocks all writes until the returned function is called. */
  lock(): Promise<() => Promise<void>>;
}

/** Whether a promise is still pending. */
const isPending = async (promise: Promise<unknown>) => {
  const open = Symbol();
  const settled = promise.catch(() => {});
  return (await Promise.race([settled, sleep(5).then(() => open)])) === open;
};

/** The guarantees of every store for how runs start, end, and are continued. */
export function lifecycleContract(name: string, connect: () => Promise<LockableSubject>): void {
  describe(`Durable runs in ${name}`, () => {
    let subject: LockableSubject;
    let store: SqlStore;
    const open: SqlStore[] = [];
    const unhandled: unknown[] = [];
    const onUnhandled = (error: unknown) => unhandled.push(error);

    function another(options?: StoreOptions): SqlStore {
      const made = subject.open(options);
      open.push(made);
      return made;
    }

    const unlocking: (() => Promise<void>)[] = [];
    /** Blocks all writes until the returned function is called, or the spec ends. */
    async function lock(): Promise<() => Promise<void>> {
      const unlock = await subject.lock();
      let unlocked: Promise<void> | undefined;
      const once = () => (unlocked ??= unlock());
      unlocking.push(once);
      return once;
    }

    /** Makes all leases expire without their holders noticing. */
    const expire = () => subject.execute("update runs set lease_expires_at = 0 where lease_expires_at is not null");

    beforeEach(async () => {
      subject ??= await connect();
      await subject.reset();
      store = another();
      await store.listRuns();
      process.on("unhandledRejection", onUnhandled);
    });
    afterEach(async () => {
      for (const unlock of unlocking.splice(0)) await unlock();
      await Promise.all(open.splice(0).map((made) => made.close()));
      await sleep(0);
      process.off("unhandledRejection", onUnhandled);
      expect(unhandled.splice(0)).toEqual([]);
    });
    afterAll(() => subject.close());

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
          ["expired", { timeout: 50 }, "RUN_TIMEOUT"],
        ] as const) {
          let begun = false;
          const events: RunEvent[] = [];
          const ending = failure(
            stopper(() => (begun = true)).run({ store, runId, ...options, observers: [(event) => events.push(event)] }),
          );
          if (runId === "aborted") await until(() => begun);
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
          if (begun) expect(recorded?.nodes.get("a")?.status).toBe("cancelled");
        }
        expect((await stopper().resume("aborted", { store })).value).toBe("ab");
      });

      it("when their store is closed, continue only where they are resumed", async () => {
        const calls: string[] = [];
        const dag = (place: string) => {
          const made = new Dag<any>("closing");
          made.node("a", async () => (calls.push(`${place} a`), await sleep(50), 1));
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
          await sleep(10);
          await closing.close();
          for (const end of ends) expect((await end).message).toMatch(/store is closed/u);
          const run = await dag("there").resume(durability, { store });
          expect(run.status).toBe("completed");
        }
        await sleep(100);
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
        await subject.execute("alter table node_executions rename to elsewhere");
        abort.abort();
        const error = await ending;
        expect(error.code).toBe("CANCELLED");
        expect(await failure(error.run.recorded)).toMatchObject({ name: "StoreError" });
        expect(warn.mock.calls).toEqual([
          [expect.stringContaining(`How run "w" ended could not be recorded`), "DagwrightStoreWarning"],
        ]);
        warn.mockRestore();
        await subject.execute("alter table elsewhere rename to node_executions");
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

    describe("are recovered", () => {
      it("unless they have ended, or paused, since they were found", async () => {
        let calls = 0;
        const dag = new Dag<any>("ended");
        dag.node("a", (how: string) => {
          calls++;
          if (how === "pauses") throw new PauseRun();
          if (how === "fails") throw new Error("no");
        });
        const inputs = ["completes", "fails", "pauses"].map((how) => ({ how }));
        for (const each of inputs) await dag.run({ store, runId: each.how, inputs: each }).catch(() => {});
        const free = ["completes", "fails", "pauses", "removed"];
        vi.spyOn(store, "recoverable").mockResolvedValueOnce({ free, held: [] });
        expect(await dag.recover({ store })).toEqual([]);
        expect(calls).toBe(3);
      });

      /** Leaves runs behind whose process has died. `work` is called when they continue. */
      async function leaveBehind(count: number, work: (n: number, ctx: Context) => unknown): Promise<Dag<any>> {
        const first = another();
        let begun = 0;
        const dag = new Dag<any>("left");
        dag.node("a", (n: number, ctx: Context) => {
          if (ctx.attempt > 1) return work(n, ctx);
          begun++;
          return never();
        });
        for (let n = 0; n < count; n++) {
          const handle = dag.start({ store: first, runId: `r${n}`, inputs: { n } });
          handle.result.catch(() => {});
          await handle.recorded;
        }
        await until(() => begun === count);
        await first.close();
        await expire();
        return dag;
      }

      it("ten at a time, or as many as `concurrency` allows, whatever the limit for nodes", async () => {
        for (const [options, expected] of [
          [{}, 10],
          [{ concurrency: 3, nodeConcurrency: 1, mode: "async" }, 3],
          [{ concurrency: 20 }, 12],
        ] as const) {
          await subject.reset();
          store = another();
          let now = 0;
          let peak = 0;
          let hold = true;
          const dag = await leaveBehind(12, async () => {
            peak = Math.max(peak, ++now);
            await until(() => !hold);
            now--;
            return "done";
          });
          const recovering = dag.recover({ store, ...options });
          await until(() => now === expected);
          await sleep(30);
          hold = false;
          const runs = await recovering;
          expect(runs.map(({ runId, value }) => [runId, value])).toEqual(
            Array.from({ length: 12 }, (_, n) => [`r${n}`, "done"]),
          );
          expect(peak).toBe(expected);
        }
        const dag = new Dag<any>("left");
        dag.node("a", () => 1);
        expect(await failure(dag.recover({ store, concurrency: 0 }))).toBeInstanceOf(RangeError);
        expect(await failure(dag.recover({ store, concurrency: 1.5 }))).toBeInstanceOf(RangeError);
      });

      it("independently: an unreadable one is named and does not block the others", async () => {
        const dag = await leaveBehind(4, (n) => {
          if (n === 3) throw new Error("still broken");
          return n;
        });
        await subject.execute("update runs set inputs = '{broken' where id = 'r1'");
        const error = await failure(dag.recover({ store }));
        expect(error.message).toContain("r1");
        expect(error.results.map((run: any) => [run.runId, run.status, run.value])).toEqual([
          ["r0", "completed", 0],
          ["r2", "completed", 2],
          ["r3", "failed", undefined],
        ]);
        await subject.execute(
          "update runs set status = 'running', owner = 'gone', lease_expires_at = 0 where id = 'r2'",
        );
        await subject.execute("update runs set inputs = '{broken' where id = 'r2'");
        const both = await failure(dag.recover({ store }));
        expect(both).toBeInstanceOf(RecoverError);
        expect(both.errors.map(({ message }: Error) => message.match(/r\d/u)?.[0])).toEqual(["r1", "r2"]);
        expect(both.results).toEqual([]);
        expect(both.message).toMatch(/r1[^]*r2/u);
      });

      it("without runs that another store takes over meanwhile", async () => {
        const dag = await leaveBehind(3, async (n, ctx) => {
          if (n === 1 && ctx.attempt === 2) await dag.resume("r1", { store: await thief() });
          return ctx.attempt;
        });
        const thief = async () => {
          await subject.execute("update runs set lease_expires_at = 0 where id = 'r1'");
          return another();
        };
        const runs = await dag.recover({ store });
        expect(runs.map(({ runId, value }) => [runId, value])).toEqual([
          ["r0", 2],
          ["r2", 2],
        ]);
        expect((await store.getRun("r1"))?.nodes.get("a")?.output).toBe(3);
      });

      it("not at all if the store can't be read", async () => {
        const dag = await leaveBehind(1, () => 1);
        const closed = another();
        await closed.close();
        expect(await failure(dag.recover({ store: closed }))).toBeInstanceOf(StoreError);
      });

      it("with `wait`, after their current drivers have died or ended them", async () => {
        const other = another({ lease: 600_000 });
        const dag = new Dag<any>("awaited");
        const go: (() => void)[] = [];
        dag.node("a", (ctx: Context) =>
          ctx.attempt === 1 ? new Promise<void>((resolve) => go.push(resolve)) : "taken up",
        );
        const first = dag.start({ store: other, runId: "dies" });
        first.result.catch(() => {});
        await first.recorded;
        const second = dag.start({ store: other, runId: "ends" });
        await until(() => go.length === 2);
        expect(await dag.recover({ store })).toEqual([]);
        const recovering = dag.recover({ store, wait: true });
        expect(await isPending(recovering)).toBe(true);
        go[1]();
        await second.result;
        await subject.execute("update runs set lease_expires_at = 0 where id = 'dies'");
        expect((await recovering).map(({ runId, value }) => [runId, value])).toEqual([["dies", "taken up"]]);
        go[0]();
      });

      it("with `wait`, until a signal aborts", async () => {
        const other = another();
        const dag = new Dag<any>("given up");
        dag.node("a", () => never());
        const handle = dag.start({ store: other });
        await handle.recorded;
        const abort = new AbortController();
        const recovering = dag.recover({ store, wait: true, signal: abort.signal });
        expect(await isPending(recovering)).toBe(true);
        abort.abort();
        expect(await recovering).toEqual([]);
        await handle.cancel();
      });

      it("as handles by attachAll", async () => {
        const dag = await leaveBehind(2, (n) => n);
        const handles = await dag.attachAll({ store });
        expect(handles.map(({ runId }) => runId)).toEqual(["r0", "r1"]);
        expect(await Promise.all(handles.map(async ({ result }) => (await result).value))).toEqual([0, 1]);
        expect(await dag.attachAll({ store })).toEqual([]);
      });
    });

    describe("can be attached to", () => {
      function order(): Fsm<any> {
        const fsm = new Fsm<any>("order");
        fsm.state("created", { initial: true }, () => waitForEvent({ PAID: "paid" }));
        fsm.state("paid", async (payment: number) => (await sleep(5), next("packed", payment)));
        fsm.state("packed", () => waitForEvent({ SENT: "sent" }));
        fsm.state("sent", { terminal: true }, (parcel: string) => parcel);
        return fsm;
      }

      it("after a restart: a waiting fsm takes events as if it had been started here", async () => {
        const first = another();
        const begun = order().start({ store: first, runId: "o" });
        await begun.recorded;
        await begun.pause();
        await first.close();
        const handle = await order().attach("o", { store });
        expect([handle.runId, handle.state]).toEqual(["o", "created"]);
        await handle.recorded;
        await handle.send("PAID", 5);
        await handle.waitFor("packed");
        await handle.send("SENT", "parcel");
        expect((await handle.result).value).toBe("parcel");
      });

      it("by many callers at once, which share the run", async () => {
        const fsm = order();
        await fsm.run({ store, runId: "o" });
        const handles = await Promise.all(Array.from({ length: 5 }, () => fsm.attach("o", { store })));
        const heard: string[] = [];
        const listening = (async () => {
          for await (const event of handles[3].events()) heard.push(event.type);
        })();
        await handles[0].send("PAID", 1);
        await handles[4].send("SENT", "p");
        const results = await Promise.all(handles.map((handle) => handle.result));
        expect(new Set(results).size).toBe(1);
        expect(results[0].stateHistory).toEqual(["created", "paid", "packed", "sent"]);
        await listening;
        expect(heard.at(-1)).toBe("run.finished");
      });

      it("while run() or resume() drives them here", async () => {
        const dag = new Dag<any>("driven");
        const go: (() => void)[] = [];
        dag.node("a", () => new Promise<void>((resolve) => go.push(resolve)));
        const running = dag.run({ store, runId: "d" });
        await until(() => go.length === 1);
        const handle = await dag.attach("d", { store });
        expect(await failure(dag.attach("d", { store: another() }))).toMatchObject({ code: "LEASE_HELD" });
        go[0]();
        expect(await handle.result).toBe(await running);
        const ended = await dag.attach("d", { store });
        expect((await ended.result).status).toBe("completed");
        expect((await ended.cancel()).status).toBe("completed");
        for await (const event of ended.events()) expect.unreachable(event.type);
      });

      it("with events for a run in progress, but no values for nodes that have not paused", async () => {
        const fsm = order();
        const begun = fsm.start({ store, runId: "o" });
        await begun.recorded;
        const handle = await fsm.attach("o", { store, send: { PAID: 5 } });
        await handle.waitFor("packed");
        expect(await failure(fsm.attach("o", { store, provide: { created: 1 } }))).toMatchObject({
          code: "VALIDATION",
        });
        await fsm.attach("o", { store, send: { SENT: "parcel" } });
        expect((await begun.result).value).toBe("parcel");
        const dag = new Dag<any>("busy");
        dag.node("a", () => never());
        const busy = dag.start({ store, runId: "b" });
        await busy.recorded;
        expect(await failure(dag.attach("b", { store, provide: { a: 1 } }))).toMatchObject({ code: "VALIDATION" });
        await busy.cancel();
      });

      it("after they were cancelled, and continue", async () => {
        let begun = false;
        const dag = new Dag<any>("again");
        dag.node("a", (ctx: Context) => ((begun = true), ctx.attempt === 1 ? never() : ctx.attempt));
        const first = dag.start({ store, runId: "a" });
        await until(() => begun);
        const [cancelled, second] = await Promise.all([first.cancel(), dag.attach("a", { store })]);
        expect(cancelled.status).toBe("cancelled");
        expect((await second.result).value).toBe(2);
      });

      it("after they have completed, with their results", async () => {
        const fsm = order();
        const begun = fsm.start({ store, runId: "o" });
        await begun.send("PAID", 5);
        await begun.send("SENT", "parcel");
        await begun.result;
        const handle = await fsm.attach("o", { store });
        expect(handle.state).toBe("sent");
        await handle.waitFor("sent");
        expect(await failure(handle.send("PAID", 1))).toMatchObject({ name: "ExecutionError" });
        expect(await failure(handle.waitFor("packed"))).toMatchObject({ name: "ExecutionError" });
        expect((await handle.result).value).toBe("parcel");
        expect((await handle.stop()).status).toBe("completed");
      });

      it("only if they exist and belong to the workflow", async () => {
        const dag = new Dag<any>("mine");
        dag.node("a", () => never());
        const handle = dag.start({ store, runId: "m" });
        await handle.recorded;
        const other = new Dag<any>("other");
        other.node("a", () => 1);
        expect(await failure(other.attach("m", { store }))).toMatchObject({ name: "ValidationError" });
        expect(await failure(order().attach("m", { store }))).toMatchObject({ name: "ValidationError" });
        expect(await failure(other.attach("none", { store }))).toMatchObject({ code: "NOT_FOUND" });
        expect(await failure(other.attach("m", {} as never))).toBeInstanceOf(TypeError);
        await handle.cancel();
      });
    });

    describe("with an existing id and ifExists: attach", () => {
      const again = { ifExists: "attach" } as const;

      function payment(work: (kind: string, ctx: Context) => unknown): Dag<any> {
        const dag = new Dag<any>("payment");
        dag.node("a", (kind: string, ctx: Context) => work(kind, ctx));
        return dag;
      }

      it("count as recorded while another process drives them, if their inputs are the same", async () => {
        let go = () => {};
        const gate = new Promise<void>((resolve) => (go = resolve));
        const dag = payment(async (kind) => (await gate, kind));
        const options = { ...again, runId: "w" };
        const first = dag.start({ ...options, store, inputs: { kind: "x" } });
        await first.recorded;
        const second = payment(() => "never").start({ ...options, store: another(), inputs: { kind: "x" } });
        await second.recorded;
        expect(await isPending(second.result)).toBe(true);
        const other = payment(() => "never").start({ ...options, store: another(), inputs: { kind: "y" } });
        for (const promise of [other.recorded, other.result]) {
          expect(await failure(promise)).toMatchObject({ code: "RUN_EXISTS" });
        }
        go();
        expect((await second.result).value).toBe("x");
        await first.result;
      });

      it("reject with the recorded error", async () => {
        const dag = new Dag<any>("failing");
        dag.node("a", { retry: { retries: 1, delay: 0 } }, () => {
          throw new TypeError("no");
        });
        const options = { ...again, store, runId: "f" };
        const [first, second] = [
          await failure(dag.run(options)),
          await failure(dag.run({ ...options, store: another() })),
        ];
        expect(first).toMatchObject({ name: "RetryExhaustedError", node: "a", attempt: 2, attempts: 2 });
        expect(second).toBeInstanceOf(RetryExhaustedError);
        for (const key of ["name", "message", "code", "runId", "node", "attempt", "attempts", "errors", "cause"]) {
          expect([key, second[key]]).toEqual([key, first[key]]);
        }
      });

      it("show what became of all nodes, be they cancelled before they began or no part of the run", async () => {
        const abort = new AbortController();
        const dag = new Dag<any>("cut");
        dag.node("a", () => 1);
        dag.node("b", { needs: ["a"] }, (a: number) => (abort.abort(), a));
        dag.node("c", { needs: ["b"] }, (b: number) => b);
        const statuses = (run: RunResult<any>) => Array.from(run.nodes.values(), ({ status }) => status);
        const options = { ...again, store, runId: "c", signal: abort.signal };
        await failure(dag.run(options));
        const { run } = await failure(dag.run({ ...options, signal: undefined, store: another() }));
        expect(statuses(run)).toEqual(["completed", "cancelled", "cancelled"]);
        for (const store of [another(), another()]) {
          const part = await dag.runUntil("a", { ...again, store, runId: "u" });
          expect(statuses(part)).toEqual(["completed", "skipped", "skipped"]);
        }
      });

      it("are created once, however many callers start them at once", async () => {
        let calls = 0;
        const dag = payment(async (kind) => (calls++, await sleep(10), kind));
        const options = { ...again, store, runId: "p", inputs: { kind: "x" } };
        const heard: string[][] = [];
        const handles = Array.from({ length: 4 }, (_, i) => {
          const handle = dag.start(options);
          heard[i] = [];
          const listen = async () => {
            for await (const { type } of handle.events()) heard[i].push(type);
          };
          return { handle, listening: listen() };
        });
        const runs = await Promise.all([
          dag.run(options),
          ...handles.map(({ handle }) => handle.result),
          dag.run({ ...options, store: another() }),
        ]);
        expect(runs.map(({ runId, status, value }) => [runId, status, value])).toEqual(
          runs.map(() => ["p", "completed", "x"]),
        );
        expect(calls).toBe(1);
        for (const { handle, listening } of handles) await Promise.all([handle.recorded, listening]);
        // The caller that created it received all of its events.
        const whole = ["run.started", "node.ready", "attempt.started", "node.completed", "run.finished"];
        expect(heard.concat([whole]).filter((types) => types.includes("run.started"))).toContainEqual(whole);
        expect((await dag.run(options)).value).toBe("x");
        expect(calls).toBe(1);
        expect((await store.listRuns()).runs.length).toBe(1);
      });

      it("settle with the recorded outcome", async () => {
        const dag = payment((kind) => {
          if (kind === "paused") throw new PauseRun("a person");
          if (kind === "failed") throw new TypeError("no funds");
          return never();
        });
        const run = (runId: string, signal?: AbortSignal) =>
          dag.run({ ...again, store, runId, inputs: { kind: runId }, signal });
        for (let i = 0; i < 2; i++) {
          const paused = await run("paused");
          expect([paused.status, paused.pauseReason, paused.nodes.get("a")?.status]).toEqual([
            "paused",
            "a person",
            "paused",
          ]);
          const failed = await failure(run("failed"));
          expect(failed).toMatchObject({ name: "ExecutionError", code: "EXECUTION", cause: { name: "TypeError" } });
          expect([failed.run.status, failed.run.nodes.get("a").status]).toEqual(["failed", "failed"]);
          expect(failed.run.errors.length).toBe(1);
          const cancelled = await failure(run("cancelled", AbortSignal.timeout(i === 0 ? 50 : 20_000)));
          expect(cancelled).toMatchObject({ name: "CancelledError", run: { status: "cancelled" } });
          await cancelled.run.recorded;
        }
        const soft = payment(() => {
          throw new Error("soft");
        });
        const options = {
          ...again,
          store,
          runId: "soft",
          inputs: { kind: "soft" },
          errorStrategy: "continue",
        } as const;
        for (let i = 0; i < 2; i++) expect((await soft.run(options)).status).toBe("failed");
      });

      it("wait for another driver, and continue when its process has died", async () => {
        const other = another();
        const go: (() => void)[] = [];
        const dag = payment((_, ctx) =>
          ctx.attempt === 1 ? new Promise((resolve) => go.push(() => resolve("first"))) : "second",
        );
        for (const runId of ["ends", "dies"]) {
          const handle = dag.start({ store: other, runId, inputs: { kind: runId } });
          handle.result.catch(() => {});
          await handle.recorded;
        }
        await until(() => go.length === 2);
        const runs = ["ends", "dies"].map((runId) => dag.run({ ...again, store, runId, inputs: { kind: runId } }));
        expect(await isPending(Promise.race(runs))).toBe(true);
        go[0]();
        await subject.execute("update runs set lease_expires_at = 0 where id = 'dies'");
        const [ended, taken] = await Promise.all(runs);
        expect([ended.value, taken.value]).toEqual(["first", "second"]);
        go[1]();
      });

      it("wait for another driver only until an abort or a timeout", async () => {
        const other = another();
        const dag = payment(() => never());
        const inputs = { kind: "x" };
        const driving = dag.start({ store: other, runId: "w", inputs });
        await driving.recorded;
        const abort = new AbortController();
        const options = { ...again, store, runId: "w", inputs };
        const aborted = failure(dag.run({ ...options, signal: abort.signal }));
        const handle = dag.start(options);
        await sleep(50);
        abort.abort("enough");
        expect(await aborted).toMatchObject({ code: "CANCELLED" });
        expect(await failure(dag.run({ ...options, timeout: 20 }))).toMatchObject({ code: "RUN_TIMEOUT" });
        expect(await failure(handle.cancel("no more"))).toMatchObject({ code: "CANCELLED" });
        expect((await store.getRun("w"))?.status).toBe("running");
        // In this process, too.
        const joined = { ...options, store: other };
        const late = new AbortController();
        const left = failure(dag.run({ ...joined, signal: late.signal }));
        expect(await failure(dag.run({ ...joined, timeout: 20 }))).toMatchObject({ code: "RUN_TIMEOUT" });
        late.abort("enough");
        expect(await left).toMatchObject({ code: "CANCELLED" });
        expect((await store.getRun("w"))?.status).toBe("running");
        await driving.cancel();
      });

      it("are not continued by callers that no longer wait when their driver dies", async () => {
        const other = another();
        let calls = 0;
        const dag = payment(() => (calls++, never()));
        const inputs = { kind: "x" };
        const driving = dag.start({ store: other, runId: "g", inputs });
        driving.result.catch(() => {});
        await until(() => calls === 1);
        const abort = new AbortController();
        const options = { ...again, store, runId: "g", inputs };
        const expired = failure(dag.run({ ...options, timeout: 100 }));
        const aborted = failure(dag.run({ ...options, signal: abort.signal }));
        const handle = dag.start(options);
        await sleep(100);
        abort.abort();
        await Promise.all([expired, aborted, failure(handle.cancel())]);
        await subject.execute("update runs set lease_expires_at = 0");
        await sleep(400);
        expect(calls).toBe(1);
        expect((await store.getRun("g"))?.status).toBe("running");
      });

      it("create no second run if they are aborted before the first is found", async () => {
        const warn = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
        const dag = payment((kind) => kind);
        const inputs = { kind: "x" };
        await dag.run({ store, runId: "l", inputs });
        const abort = new AbortController();
        const unlock = await lock();
        const ending = failure(dag.run({ ...again, store, runId: "l", inputs, signal: abort.signal }));
        await sleep(10);
        abort.abort();
        const error = await ending;
        await unlock();
        expect(await failure(error.run.recorded)).toMatchObject({ code: "RUN_EXISTS" });
        expect((await store.getRun("l"))?.status).toBe("completed");
        expect(warn).not.toHaveBeenCalled();
        warn.mockRestore();
      });

      it("are cancelled by their handle while writes are blocked", async () => {
        const dag = payment(() => never());
        const unlock = await lock();
        const handle = dag.start({ ...again, store, runId: "c", inputs: { kind: "x" } });
        await sleep(10);
        const run = await handle.cancel("enough");
        expect([run.status, await isPending(handle.recorded)]).toEqual(["cancelled", true]);
        expect(await isPending(run.recorded)).toBe(true);
        await unlock();
        await run.recorded;
        const fsm = new Fsm<any>("halted");
        fsm.state("a", { initial: true }, () => waitForEvent({ GO: "a" }));
        const unlockAgain = await lock();
        const stopped = await fsm.start({ ...again, store, runId: "s" }).stop();
        expect(stopped.status).toBe("cancelled");
        await unlockAgain();
        await stopped.recorded;
      });

      it("are rejected with other inputs, or for another workflow", async () => {
        const dag = payment((kind) => kind);
        await dag.run({ store, runId: "p", inputs: { kind: { amount: 1, at: new Date(0) } } });
        const options = { ...again, store, runId: "p" };
        const same = await dag.run({ ...options, inputs: { kind: { at: new Date(0), amount: 1 } } });
        expect(same.value).toEqual({ amount: 1, at: new Date(0) });
        const error = await failure(dag.run({ ...options, inputs: { kind: { amount: 2, at: new Date(0) } } }));
        expect(error).toMatchObject({ code: "RUN_EXISTS", message: expect.stringContaining('"kind"') });
        const other = new Dag<any>("other");
        other.node("a", (kind: unknown) => kind);
        expect(await failure(other.run({ ...options, inputs: { kind: 1 } }))).toMatchObject({
          name: "ValidationError",
        });
        expect(await failure(dag.run({ ...again, runId: "p", inputs: { kind: 1 } }))).toBeInstanceOf(TypeError);
        expect(await failure(dag.run({ ...again, store, inputs: { kind: 1 } }))).toBeInstanceOf(TypeError);
        expect(await failure(dag.run({ store, runId: "p", inputs: { kind: 1 } }))).toMatchObject({
          code: "RUN_EXISTS",
        });
      });

      it("may be waiting fsms that take events from all callers", async () => {
        const fsm = new Fsm<any>("asked");
        fsm.state("a", { initial: true }, () => waitForEvent({ GO: "b" }));
        fsm.state("b", { terminal: true }, (payload: string) => payload);
        const first = fsm.start({ ...again, store, runId: "f" });
        await first.recorded;
        const second = fsm.start({ ...again, store, runId: "f" });
        expect(second.state).toBe("a");
        await second.send("GO", "on");
        expect([(await first.result).value, (await second.result).value]).toEqual(["on", "on"]);
        const third = fsm.start({ ...again, store, runId: "f" });
        expect((await third.result).value).toBe("on");
        expect(third.state).toBe("b");
        expect(await failure(third.send("GO"))).toMatchObject({ name: "ExecutionError" });
      });

      it("may be paused fsms, which stay paused", async () => {
        const fsm = new Fsm<any>("rests");
        fsm.state("a", { initial: true }, () => waitForEvent({ GO: "b" }));
        fsm.state("b", { terminal: true }, () => 1);
        const first = await fsm.run({ store, runId: "f" });
        const second = await fsm.run({ ...again, store, runId: "f" });
        expect([second.status, second.pauseReason, second.currentState, second.stateHistory]).toEqual([
          first.status,
          first.pauseReason,
          first.currentState,
          first.stateHistory,
        ]);
      });
    });
  });
}
