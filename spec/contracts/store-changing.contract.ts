import { beforeEach, describe, expect, it } from "vitest";
import { Dag, Fsm, PauseRun, stop, waitForEvent } from "dagwright";
import type { SqlStore } from "dagwright/store";
import { approval } from "../support/approval.js";
import { statuses } from "../support/pipeline.js";
import { useStores, type StoreSubject } from "../support/stores.js";
import { failure, never } from "../support/waiting.js";

/** The guarantees of every store for what people do to runs. */
export function storeChangingContract(name: string, connect: () => Promise<StoreSubject>): void {
  describe(`Looking up runs in ${name}`, () => {
    const { another, count, endLeases, execute } = useStores(connect);
    let store: SqlStore;

    /** Leaves a run behind whose process was killed in its second node. */
    async function leftBehind(runId: string): Promise<SqlStore> {
      const dag = new Dag<any>("approval");
      const other = another({ lease: 60_000 });
      let isCalled = () => {};
      const called = new Promise<void>((resolve) => (isCalled = resolve));
      dag.node("load", () => 1);
      dag.node("approve", { needs: ["load"] }, () => (isCalled(), never()));
      dag.node("publish", { needs: ["approve"] }, () => 2);
      void dag.run({ store: other, runId }).catch(() => {});
      await called;
      return other;
    }

    beforeEach(() => {
      store = another();
    });

    describe("cancels", () => {
      it("a paused run and its unfinished nodes", async () => {
        const { runId } = await approval(() => new PauseRun("ok?", { until: 1 })).run({ store });
        await store.cancel(runId, "nobody answered");
        const found = (await store.getRun(runId))!;
        expect(found).toMatchObject({ status: "cancelled", pauses: [], pauseReason: undefined, waitingFor: undefined });
        expect(statuses(found.nodes)).toEqual({ load: "completed", approve: "cancelled", publish: "cancelled" });
        expect(found.error).toMatchObject({ name: "CancelledError", cause: "nobody answered" });
        expect((found.error as Error).message).toContain("nobody answered");
        expect(await approval(() => new PauseRun()).recover({ store })).toEqual([]);
        expect(await failure(store.cancel(runId))).toMatchObject({ code: "RUN_ENDED" });
        expect((await approval(() => new PauseRun()).resume(runId, { store })).value).toBe(20);
      });

      it("a run that paused after its last attempt", async () => {
        const dag = new Dag<any>("behind");
        dag.node("n", { fallback: () => Promise.reject(new PauseRun()) }, () => {
          throw new Error("no");
        });
        const { runId } = await dag.run({ store });
        await store.cancel(runId);
        expect((await store.getRun(runId))!.nodes.get("n")).toMatchObject({ status: "cancelled", attempts: 1 });
        const refused = await failure(dag.resume(runId, { store, provide: { n: 1 } }));
        expect(refused.message).toMatch(
          /"n", which waits for no value in run ".+": the run was cancelled\..+"overrides"/u,
        );
        expect((await dag.resume(runId, { store, overrides: { n: 1 } })).value).toBe(1);
        expect((await store.getRun(runId))!.nodes.get("n")).toMatchObject({ status: "completed", output: 1 });
      });

      it("a waiting fsm and the events that it has not taken", async () => {
        const fsm = new Fsm("order");
        fsm.state("cart", { initial: true }, () => waitForEvent({ pay: "done" }));
        fsm.state("done", () => stop());
        const { runId } = await fsm.resume((await fsm.run({ store })).runId, { store, send: { other: 1 } });
        const refused = () => failure(fsm.resume(runId, { store, provide: { cart: 1 } }));
        expect((await refused()).message).toContain(": it waits for an event or a time.");
        expect(await count("events")).toBe(1);
        await store.cancel(runId);
        expect((await refused()).message).toMatch(/: the run was cancelled\. Resume it without "provide"/u);
        expect(await count("events")).toBe(0);
        expect(await store.getRun(runId)).toMatchObject({ status: "cancelled", waitingFor: undefined });
      });

      it("a run whose lease has expired", async () => {
        const other = await leftBehind("left");
        const held = await failure(store.cancel("left"));
        expect(held.code).toBe("LEASE_HELD");
        expect(held.message).toContain("through its handle");
        expect(await failure(other.cancel("left"))).toMatchObject({ code: "LEASE_HELD" });
        expect(await failure(store.delete("left"))).toMatchObject({ code: "LEASE_HELD" });
        await endLeases();
        await store.cancel("left");
        const found = (await store.getRun("left"))!;
        expect(statuses(found.nodes)).toEqual({ load: "completed", approve: "cancelled", publish: "cancelled" });
        expect(found.owner).toBeUndefined();
        expect(await approval(() => new PauseRun()).recover({ store })).toEqual([]);
      });

      it("no run that has ended or does not exist", async () => {
        const dag = new Dag<any>("over");
        dag.node("n", (fails: boolean) => {
          if (fails) throw new Error("no");
        });
        await dag.run({ store, runId: "completed", inputs: { fails: false } });
        await failure(dag.run({ store, runId: "failed", inputs: { fails: true } }));
        for (const runId of ["completed", "failed"]) {
          const error = await failure(store.cancel(runId));
          expect(error).toMatchObject({ code: "RUN_ENDED" });
          expect(error.message).toContain(`ended as ${runId}`);
          expect(await store.getRun(runId)).toMatchObject({ status: runId });
        }
        expect(await failure(store.cancel("none"))).toMatchObject({ code: "NOT_FOUND" });
        await expect(store.cancel(1 as never)).rejects.toThrow(TypeError);
      });
    });

    describe("deletes", () => {
      it("a run with all its rows, and the blobs that only it used", async () => {
        const dag = approval(() => new PauseRun("ok?", { data: "x".repeat(1_100_000) }));
        const { runId } = await dag.run({ store, runId: "gone" });
        await dag.run({ store, runId: "stays" });
        await execute("update blobs set used_at = 0");
        await store.delete(runId);
        expect(await store.getRun(runId)).toBeUndefined();
        expect(await store.getRun("stays")).toMatchObject({ pauses: [{ node: "approve" }] });
        expect(await count("node_executions")).toBe(2);
        expect(await failure(store.delete(runId))).toMatchObject({ code: "NOT_FOUND" });
        expect((await dag.resume("stays", { store })).value).toBe(20);
        await store.delete("stays");
        for (const table of ["runs", "node_executions", "edge_traversals", "blob_uses"]) {
          expect([table, await count(table)]).toEqual([table, 0]);
        }
        expect(await count("blobs")).toBe(0);
        // Recently used blobs are kept for a while.
        await dag.run({ store, runId: "late" });
        await store.delete("late");
        expect(await count("blobs")).toBeGreaterThan(0);
        await execute("update blobs set used_at = 0");
        await store.prune({ keepLast: 0 });
        expect(await count("blobs")).toBe(0);
      });

      it("a run whose lease has expired", async () => {
        await leftBehind("left");
        await endLeases();
        await store.delete("left");
        expect(await store.getRun("left")).toBeUndefined();
        expect(await count("node_executions")).toBe(0);
      });

      it("a run whose id a new run can then use, although the old driver is still running", async () => {
        let goOn = () => {};
        const isReleased = new Promise<void>((resolve) => (goOn = resolve));
        const slow = new Dag<any>("same");
        let isCalled = () => {};
        const called = new Promise<void>((resolve) => (isCalled = resolve));
        slow.node("a", async () => (isCalled(), await isReleased, "old"));
        slow.node("b", { needs: ["a"] }, () => "old");
        const old = slow.run({ store: another({ lease: 60_000 }), runId: "order-17" }).catch((error) => error);
        await called;
        await endLeases();
        await store.delete("order-17");
        const dag = new Dag<any>("same");
        dag.node("a", () => "new");
        dag.node("b", { needs: ["a"] }, async () => {
          goOn();
          expect(await old).toMatchObject({ code: "LEASE_LOST" });
          return "new";
        });
        await dag.run({ store, runId: "order-17" });
        const { nodes, attempts } = (await store.getRun("order-17"))!;
        expect([nodes.get("a")?.output, nodes.get("b")?.output, attempts.length]).toEqual(["new", "new", 2]);
      });

      it("paused runs if requested, by age or date", async () => {
        const dag = approval(() => new PauseRun());
        await dag.run({ store, runId: "a" });
        await dag.run({ store, runId: "b" });
        await leftBehind("running");
        expect(await store.prune({ keepLast: 0 })).toBe(0);
        expect(await store.prune({ olderThan: new Date(Date.now() + 1000) })).toBe(0);
        expect(await store.prune({ olderThan: new Date(0), paused: true })).toBe(0);
        expect(await store.prune({ olderThan: 60_000, paused: true })).toBe(0);
        expect(await store.prune({ keepLast: 1, paused: true })).toBe(1);
        expect((await store.listRuns({ status: "paused" })).runs.map(({ runId }) => runId)).toEqual(["b"]);
        const { finishedAt } = (await store.getRun("b"))!;
        expect(await store.prune({ olderThan: new Date(finishedAt!), paused: true })).toBe(0);
        expect(await store.prune({ olderThan: new Date(finishedAt! + 1), paused: true })).toBe(1);
        expect((await store.listRuns()).runs.map(({ runId }) => runId)).toEqual(["running"]);
        await expect(store.prune({ olderThan: new Date(Number.NaN) })).rejects.toThrow(RangeError);
        await expect(store.prune({ olderThan: "1 day" as never })).rejects.toThrow(/milliseconds \(or a date\)/u);
        await expect(store.prune({ keepLast: 1, paused: 1 as never })).rejects.toThrow(/"paused" must be a boolean/u);
      });
    });

    it("lets recover continue a paused run when it is due, and not before", async () => {
      const soon = Date.now() + 3_600_000;
      const dag = approval(() => new PauseRun("later", { until: soon }));
      const { runId } = await dag.run({ store });
      await approval(() => new PauseRun("for good")).run({ store, runId: "stays" });
      expect(await dag.recover({ store })).toEqual([]);
      await execute(`update runs set due_at = ${Date.now() - 1} where id = '${runId}'`);
      const runs = await dag.recover({ store });
      expect(runs.map((run) => [run.runId, run.value])).toEqual([[runId, 20]]);
      expect(await store.getRun(runId)).toMatchObject({ status: "completed", waitingFor: undefined });
      const fsm = new Fsm("due");
      fsm.state("s", { initial: true }, (ctx) => {
        if (ctx.attempt === 1) throw new PauseRun("now", { until: 0 });
        return stop(ctx.attempt);
      });
      await fsm.run({ store });
      expect((await fsm.recover({ store })).map((run) => run.value)).toEqual([2]);
    });

    describe("when resuming, accepts", () => {
      /** a → b, which fails → end; and c?.no → d, which is skipped. */
      const make = () => {
        const dag = new Dag<any>("given");
        dag.node("a", () => 1);
        dag.node("b", { needs: ["a"] }, () => {
          throw new Error("down");
        });
        dag.node("end", { needs: ["b"] }, (b: unknown) => `got ${String(b)}`);
        dag.condition("c", () => true);
        dag.node("d", { needs: ["c.false"] }, () => 1);
        return dag;
      };

      it("a result for a node that failed or has not run", async () => {
        const dag = make();
        const first = await failure(dag.run({ store }));
        const run = await dag.resume(first.run.runId, { store, overrides: { b: "by hand" } });
        expect(run.get("end")).toBe("got by hand");
        const found = (await store.getRun(run.runId))!;
        expect(found.nodes.get("b")).toMatchObject({ status: "completed", output: "by hand", attempts: 1 });
        const second = await failure(dag.run({ store }));
        const given = await dag.resume(second.run.runId, { store, overrides: { b: 1, end: "the end" } });
        expect(given.get("end")).toBe("the end");
      });

      it("no result for a node that completed, is unknown, or is not part of the run", async () => {
        const dag = make();
        const error = await failure(dag.run({ store }));
        const { runId } = error.run;
        const completed = await failure(dag.resume(runId, { store, overrides: { a: 2 } }));
        expect(completed).toMatchObject({ code: "VALIDATION", message: expect.stringMatching(/"a".*replay/u) });
        const unknown = await failure(dag.resume(runId, { store, overrides: { ennd: 2 } }));
        expect(unknown.message).toMatch(/"ennd".*"end"/u);
        expect(await store.getRun(runId)).toMatchObject({ status: "failed" });
        await dag.resume(runId, { store, overrides: { b: 1 } });
        const over = await failure(dag.resume(runId, { store, overrides: { d: 1 } }));
        expect(over.message).toMatch(/"d".*completed without it/u);
        const partial = await dag.replay(runId, { store, rerun: ["end"] });
        const taken = await failure(dag.resume(partial.runId, { store, overrides: { b: 1 } }));
        expect(taken.message).toMatch(/"b".*has its result/u);
        await expect(dag.recover({ store, overrides: { b: 1 } } as any)).rejects.toThrow(/"overrides"/u);
      });
    });
  });
}
