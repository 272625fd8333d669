import { beforeEach, describe, expect, it, vi } from "vitest";
import { Dag, Fsm, next, PauseRun, RecoverError, StoreError, waitForEvent, type Context } from "dagwright";
import type { SqlStore } from "dagwright/store";
import { isPending, useLockableStores, type LockableSubject } from "../support/lockable-stores.js";
import { failure, never, sleep, until } from "../support/waiting.js";

/** The guarantees of every store for runs that are recovered, and for those that are attached to. */
export function recoveringContract(name: string, connect: () => Promise<LockableSubject>): void {
  describe(`Durable runs in ${name}`, () => {
    const { another, endLeases, execute, reset } = useLockableStores(connect);
    let store: SqlStore;

    beforeEach(async () => {
      store = another();
      await store.listRuns();
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
        await endLeases();
        return dag;
      }

      it("ten at a time, or as many as `concurrency` allows, whatever the limit for nodes", async () => {
        for (const [options, expected] of [
          [{}, 10],
          [{ concurrency: 3, nodeConcurrency: 1, mode: "async" }, 3],
          [{ concurrency: 20 }, 12],
        ] as const) {
          await reset();
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
        await execute("update runs set inputs = '{broken' where id = 'r1'");
        const error = await failure(dag.recover({ store }));
        expect(error.message).toContain("r1");
        expect(error.results.map((run: any) => [run.runId, run.status, run.value])).toEqual([
          ["r0", "completed", 0],
          ["r2", "completed", 2],
          ["r3", "failed", undefined],
        ]);
        await execute("update runs set status = 'running', owner = 'gone', lease_expires_at = 0 where id = 'r2'");
        await execute("update runs set inputs = '{broken' where id = 'r2'");
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
          await execute("update runs set lease_expires_at = 0 where id = 'r1'");
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
        await execute("update runs set lease_expires_at = 0 where id = 'dies'");
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
  });
}
