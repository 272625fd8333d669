import { beforeEach, describe, expect, it, vi } from "vitest";
import { Dag, Fsm, PauseRun, RetryExhaustedError, waitForEvent, type Context, type RunResult } from "dagwright";
import type { SqlStore } from "dagwright/store";
import { isPending, useLockableStores, type LockableSubject } from "../support/lockable-stores.js";
import { failure, never, sleep, until } from "../support/waiting.js";

/** The guarantees of every store for runs with an id that is there already. */
export function repeatingContract(name: string, connect: () => Promise<LockableSubject>): void {
  describe(`Durable runs in ${name}`, () => {
    const { another, execute, lock } = useLockableStores(connect);
    let store: SqlStore;

    beforeEach(async () => {
      store = another();
      await store.listRuns();
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
        await execute("update runs set lease_expires_at = 0 where id = 'dies'");
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
        await execute("update runs set lease_expires_at = 0");
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
