import { beforeEach, describe, expect, it } from "vitest";
import { any, Dag, event, Fsm, node, stop, waitForEvent, type Context } from "dagwright";
import type { SqlStore } from "dagwright/store";
import { useStores, type StoreSubject } from "../support/stores.js";
import { failure, sleep, until } from "../support/waiting.js";

const HOUR = 3_600_000;
const calls: string[] = [];
let shipping = 0;

class Orders {
  @node invoice(): number {
    calls.push("invoice");
    return 10;
  }

  @event("invoice", { event: "PAID" })
  paid(payment: { amount: number }, invoice: number): string {
    calls.push("paid");
    return `${payment.amount} of ${invoice}`;
  }

  @node("paid", { delay: () => shipping }) ship(paid: string): string {
    calls.push("ship");
    return `shipped for ${paid}`;
  }
}

/** The guarantees of every store for the nodes of dags that wait. */
export function storeAttendingContract(name: string, connect: () => Promise<StoreSubject>): void {
  describe(`Nodes that wait, recorded in ${name}`, () => {
    const { another, count, crash, execute } = useStores(connect);
    let store: SqlStore;
    const orders = Dag.from(Orders);
    const waits = (runId: string, node: string) => async () =>
      (await store.getRun(runId))?.nodes.get(node)?.status === "waiting";

    beforeEach(() => {
      calls.length = 0;
      shipping = 0;
      store = another();
    });

    it("are put away with detach, and continue when an event is sent, or when they are due", async () => {
      shipping = HOUR;
      const run = await orders.run({ store, runId: "r", detach: true });
      expect(run).toMatchObject({ status: "waiting", waitingFor: { events: ["PAID"], until: undefined } });
      expect(run.nodes.get("paid")).toMatchObject({ status: "waiting", waitingFor: { event: "PAID" } });
      expect(await store.getRun("r")).toMatchObject({
        status: "waiting",
        owner: undefined,
        waitingFor: { events: ["PAID"] },
      });
      expect((await store.listRuns({ status: "waiting" })).runs).toMatchObject([
        { runId: "r", waitingFor: { events: ["PAID"] } },
      ]);
      expect(await orders.recover({ store, detach: true })).toEqual([]);
      await orders.send("r", "PAID", { amount: 7 }, { store });
      const [away] = await orders.recover({ store: another(), detach: true });
      expect(away).toMatchObject({ status: "waiting", waitingFor: { events: [] } });
      expect(await orders.recover({ store, detach: true })).toEqual([]);
      await execute("update runs set due_at = 1");
      await execute("update waits set until = 1");
      const [ended] = await orders.recover({ store, detach: true });
      expect(ended).toMatchObject({ status: "completed", value: "shipped for 7 of 10" });
      expect(calls).toEqual(["invoice", "paid", "ship"]);
      expect(await count("events where taken_at is not null")).toBe(1);
    });

    it("wait in their process without detach, as a run that is running", async () => {
      const result = orders.run({ store, runId: "r" });
      await until(waits("r", "paid"));
      expect(await store.getRun("r")).toMatchObject({ status: "running", waitingFor: { events: ["PAID"] } });
      await orders.send("r", "PAID", { amount: 1 }, { store: another() });
      expect((await result).status).toBe("completed");
    });

    it("get what handle.send sends, which resolves when it is recorded", async () => {
      const handle = orders.start({ store, runId: "r" });
      await handle.recorded;
      await handle.send("PAID", { amount: 2 });
      expect((await handle.result).get("paid")).toBe("2 of 10");
      expect(await failure(handle.send("PAID", 1))).toMatchObject({ code: "RUN_ENDED" });
      expect(await failure(orders.send("r", "PAID", 1, { store }))).toMatchObject({ code: "RUN_ENDED" });
    });

    it("get an event once per key, and in order, also when sent before they wait", async () => {
      const dag = new Dag("several");
      let open!: () => void;
      const gate = new Promise<void>((done) => (open = done));
      const first = dag.node("first", () => gate);
      dag.event("a", { needs: [first], event: "X" });
      dag.event("b", { needs: [first], event: "X" });
      const result = dag.run({ store, runId: "r", mode: "async" });
      await until(async () => (await store.getRun("r"))?.nodes.get("first")?.status === "running");
      await dag.send("r", "X", 1, { store: another(), key: "one" });
      await dag.send("r", "X", 1, { store: another(), key: "one" });
      await dag.send("r", "X", 2, { store: another() });
      open();
      expect((await result).outputs).toEqual({ a: 1, b: 2 });
    });

    it("continue after a crash with the time that is left", async () => {
      const dag = new Dag("left");
      let calledAt = 0;
      dag.node("late", { delay: 1000 }, () => ((calledAt = Date.now()), "late"));
      const first = another();
      dag.run({ store: first, runId: "r" }).catch(() => {});
      await until(waits("r", "late"));
      const { until: due } = (await store.getRun("r"))!.waitingFor!;
      await sleep(100);
      await crash(first);
      const [rests] = await dag.recover({ store, detach: true });
      // A slow machine may recover it only when its time is over.
      if (rests.status === "waiting") expect((await store.getRun("r"))!.waitingFor!.until).toBe(due);
      const run = await dag.resume("r", { store });
      expect(run.value).toBe("late");
      // By the clock that delays go by: that of `startedAt` is up to 1 ms behind it.
      expect(calledAt).toBeGreaterThanOrEqual(due!);
    });

    it("keep the payload of an event they have got, whatever happens", async () => {
      const dag = new Dag("bound");
      const seen: unknown[] = [];
      let fails = true;
      dag.event("paid", (payload: unknown) => {
        seen.push(payload);
        if (fails) throw new Error("no");
        return payload;
      });
      const handle = dag.start({ store, runId: "r" });
      handle.result.catch(() => {});
      await handle.send("paid", { amount: new Date(5) });
      await failure(handle.result);
      fails = false;
      const run = await dag.resume("r", { store: another() });
      expect(run.value).toEqual({ amount: new Date(5) });
      expect(seen).toEqual([{ amount: new Date(5) }, { amount: new Date(5) }]);
    });

    it("take an event that was sent in time, and refuse it afterwards", async () => {
      const dag = new Dag("deadline");
      dag.event("paid", { timeout: 500, onTimeout: "none" });
      await dag.run({ store, runId: "in time", detach: true });
      await dag.run({ store, runId: "late", detach: true });
      await dag.send("in time", "paid", "paid", { store });
      await execute("update waits set until = 1 where run_id = 'late'");
      const refused = await failure(dag.send("late", "paid", "paid", { store }));
      expect(refused).toMatchObject({
        name: "ExecutionError",
        message: expect.stringContaining('the time of "paid" is up'),
      });
      await execute("update runs set due_at = 1");
      const runs = await dag.recover({ store, detach: true });
      expect(Object.fromEntries(runs.map(({ runId, value }) => [runId, value]))).toEqual({
        "in time": "paid",
        late: "none",
      });
    });

    it("refuse events that no node waits for, and those of nodes that are over", async () => {
      expect((await failure(orders.send("r", "PAYED", 1, { store }))).message).toContain('Did you mean "PAID"?');
      expect(await failure(orders.send("none", "PAID", 1, { store }))).toMatchObject({ code: "NOT_FOUND" });
      shipping = HOUR;
      await orders.run({ store, runId: "r", detach: true });
      await orders.send("r", "PAID", { amount: 1 }, { store });
      await orders.recover({ store, detach: true });
      const refused = await failure(orders.send("r", "PAID", { amount: 2 }, { store }));
      expect(refused.message).toContain('"paid" is over, or has got it already');
      const other = new Dag("other");
      other.event("PAID");
      expect(await failure(other.send("r", "PAID", 1, { store }))).toMatchObject({ name: "ValidationError" });
    });

    it("are not waited for when the run starts anew, or their result is given", async () => {
      await orders.run({ store, runId: "r", detach: true });
      const run = await orders.resume("r", { store, overrides: { paid: "given" } });
      expect(run.value).toBe("shipped for given");
    });

    it("are cancelled with their run in the store", async () => {
      await orders.run({ store, runId: "r", detach: true });
      await orders.send("r", "PAID", { amount: 1 }, { store });
      await store.cancel("r");
      const run = (await store.getRun("r"))!;
      expect([run.status, run.nodes.get("paid")?.status]).toEqual(["cancelled", "cancelled"]);
      expect(await count("events")).toBe(0);
    });

    it("are deleted with their run", async () => {
      await orders.run({ store, runId: "r", detach: true });
      await orders.send("r", "PAID", { amount: 1 }, { store });
      await store.delete("r");
      expect([await count("events"), await count("waits")]).toEqual([0, 0]);
    });

    it("end with the any-node that needed them, also after a crash", async () => {
      class Deadline {
        @event paid(payment: string): string {
          return payment;
        }
        @node({ delay: HOUR }) deadline(): string {
          return "expired";
        }
        @any("paid", "deadline") done(value: string): string {
          return value;
        }
      }
      const dag = Dag.from(Deadline);
      await dag.run({ store, runId: "r", detach: true });
      await dag.send("r", "paid", "5", { store });
      const [run] = await dag.recover({ store, detach: true });
      expect(run).toMatchObject({ status: "completed", value: "5" });
      expect((await store.getRun("r"))!.nodes.get("deadline")).toMatchObject({ status: "skipped", reason: "done" });
    });

    describe("inside of others", () => {
      const check = () => {
        const dag = new Dag("check");
        dag.event("verdict", { event: "VERDICT" });
        return dag;
      };
      const outer = () => {
        const dag = new Dag("outer");
        const begin = dag.node("begin", () => (calls.push("begin"), 1));
        dag.node("check", { after: [begin] }, check());
        dag.node("other", { needs: [begin] }, () => (calls.push("other"), 2));
        return dag;
      };

      it.each(["sequential", "async"] as const)("make the outer run wait, which others go on in (%s)", async (mode) => {
        const dag = outer();
        const run = await dag.run({ store, runId: "r", detach: true, mode });
        expect(run).toMatchObject({ status: "waiting", waitingFor: { events: ["check.VERDICT"] } });
        expect(run.get("other")).toBe(2);
        expect(await store.getRun("r")).toMatchObject({ status: "waiting", waitingFor: { events: ["check.VERDICT"] } });
        expect(await store.getRun("r/check")).toMatchObject({ status: "waiting", waitingFor: { events: ["VERDICT"] } });
        expect(await dag.recover({ store, detach: true })).toEqual([]);
        await dag.send("r", "check.VERDICT", "good", { store });
        const [ended] = await dag.recover({ store, detach: true, mode });
        expect(ended.status).toBe("completed");
        expect(ended.get("check")).toBe("good");
        expect(calls).toEqual(["begin", "other"]);
      });

      it("get events by the id of their own run, and those that came before it began", async () => {
        const dag = outer();
        await dag.run({ store, runId: "r", detach: true });
        await check().send("r/check", "VERDICT", "own", { store });
        const [ended] = await dag.recover({ store, detach: true });
        expect(ended.get("check")).toBe("own");

        const late = new Dag("late");
        let open!: () => void;
        const gate = new Promise<void>((done) => (open = done));
        const first = late.node("first", () => gate);
        late.node("check", { after: [first] }, check());
        const handle = late.start({ store, runId: "late" });
        await handle.recorded;
        await handle.send("check.VERDICT", "early");
        open();
        expect((await handle.result).get("check")).toBe("early");
      });

      it("work in maps, in ctx.run, and in machines", async () => {
        const dag = new Dag("nested");
        const list = dag.node("list", () => [1, 2]);
        const item = new Dag("item");
        item.event("verdict", { event: "VERDICT" }, (verdict: string, n: number) => `${verdict} ${n}`);
        dag.map("map", { needs: [list] }, item);
        dag.node("call", { needs: [list] }, async (_: unknown, ctx: Context) =>
          (await ctx.run(check())).get("verdict"),
        );
        const machine = new Fsm("machine");
        machine.state("a", { initial: true }, () => waitForEvent({ GO: "b" }));
        machine.state("b", (value: unknown) => stop(value));
        dag.node("machine", { after: [list] }, machine);
        const run = await dag.run({ store, runId: "r", detach: true, mode: "async" });
        expect(run.status).toBe("waiting");
        expect([...run.waitingFor!.events].sort()).toEqual([
          "call[0].VERDICT",
          "machine.GO",
          "map[0].VERDICT",
          "map[1].VERDICT",
        ]);
        await dag.send("r", "map[1].VERDICT", "one", { store });
        await dag.send("r", "map[0].VERDICT", "zero", { store });
        await dag.send("r", "machine.GO", "went", { store });
        await check().send("r/call[0]", "VERDICT", "called", { store });
        const [ended] = await dag.recover({ store, detach: true, mode: "async" });
        expect(ended.results).toMatchObject({ map: ["zero 1", "one 2"], call: "called", machine: "went" });
      });

      it("of one node go on one by one", async () => {
        const dag = new Dag("calls");
        dag.node("calls", async (ctx: Context) => {
          const late = new Dag("late");
          late.event("e", { timeout: HOUR });
          const [...runs] = await Promise.all([ctx.run(check()), ctx.run(check()), ctx.run(late)]);
          return runs.map((run) => run.value);
        });
        const { waitingFor } = await dag.run({ store, runId: "r", detach: true });
        expect(waitingFor?.events).toEqual(["calls[0].VERDICT", "calls[1].VERDICT", "calls[2].e"]);
        expect((await store.getRun("r"))!.waitingFor?.until).toBeGreaterThan(Date.now());
        await check().send("r/calls[0]", "VERDICT", "zero", { store });
        expect(await dag.recover({ store, detach: true })).toMatchObject([{ status: "waiting" }]);
        await check().send("r/calls[1]", "VERDICT", "one", { store });
        const late = new Dag("late");
        late.event("e");
        await late.send("r/calls[2]", "e", "late", { store });
        expect((await dag.recover({ store, detach: true })).map(({ value }) => value)).toEqual([
          ["zero", "one", "late"],
        ]);
      });

      it("begin anew with their node, and wait for another event", async () => {
        const child = new Dag("child");
        child.event("e", (payload: number) => {
          if (payload === 1) throw new Error("no");
          return payload;
        });
        const dag = new Dag("retried");
        dag.node("child", { retry: { retries: 1, delay: 0 } }, child);
        const handle = dag.start({ store, runId: "r" });
        await handle.send("child.e", 1);
        await until(async () => {
          const [own, inner] = [await store.getRun("r"), await store.getRun("r/child")];
          return own?.nodes.get("child")?.attempts === 2 && inner?.nodes.get("e")?.status === "waiting";
        });
        await handle.send("child.e", 2);
        expect((await handle.result).value).toBe(2);
      });

      it("take events in memory, without a store", async () => {
        const handle = outer().start();
        const sent = handle.send("check.VERDICT", "good");
        expect((await handle.result).get("check")).toBe("good");
        await sent;
        const paused = outer().start();
        await sleep(20);
        expect((await paused.pause()).status).toBe("paused");
      });
    });
  });
}
