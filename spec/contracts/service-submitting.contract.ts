import { describe, expect, it } from "vitest";
import {
  Dag,
  Fsm,
  MissingInputError,
  StoreError,
  ValidationError,
  node,
  state,
  stop,
  waitForEvent,
  workflow,
} from "dagwright";
import { z } from "zod";
import { useServices } from "../support/services.js";
import type { OpenSubject } from "../support/store-subjects.js";
import { failure, gate, until } from "../support/waiting.js";

@workflow({ name: "orders", inputs: { amount: z.coerce.number(), currency: z.string().default("EUR") } })
class Orders {
  @node total(amount: number, currency: string): string {
    return `${amount * 2} ${currency}`;
  }
}

@workflow({ name: "checkout" })
class Checkout {
  @state({ initial: true }) open(of: number) {
    return stop(of + 1);
  }
}

/** The guarantees of services on every store for what is submitted to them. */
export function serviceSubmittingContract(name: string, connect: () => Promise<OpenSubject>): void {
  describe(`Runs submitted in ${name}`, () => {
    const { another, client, service, count } = useServices(connect);

    it("are driven by a service, and give their results as run does", async () => {
      const serving = service({ workflows: [Orders, Checkout] });
      await serving.start();
      const order = await serving.submit(Orders, { inputs: { amount: "3" } });
      const checkout = await serving.submit(Checkout, { inputs: { of: 1 } });
      expect(order.isNew).toBe(true);
      expect(await order.result()).toMatchObject({ runId: order.runId, status: "completed", value: "6 EUR" });
      expect(await checkout.result()).toMatchObject({ status: "completed", value: 2, currentState: "open" });
    });

    it("give their results to clients elsewhere, which need only their names", async () => {
      await service({ workflows: [Orders, Checkout] }).start();
      const elsewhere = client();
      const order = await elsewhere.submit("orders", { inputs: { amount: "4", currency: "USD" } });
      const checkout = await elsewhere.submit("checkout", { inputs: { of: 2 } });
      expect(await order.result()).toMatchObject({ status: "completed", value: "8 USD" });
      expect(await checkout.result()).toMatchObject({ status: "completed", value: 3, currentState: "open" });
      expect(await elsewhere.get(checkout.runId)).toMatchObject({ kind: "fsm", status: "completed" });
      expect((await elsewhere.get(order.runId))?.details?.inputs).toEqual({ amount: 4, currency: "USD" });
    });

    it("are of no kind while only the name of their workflow is known, which sends them events even then", async () => {
      const fsm = new Fsm("waiting");
      fsm.state("open", { initial: true, to: ["done"] }, () => waitForEvent({ DONE: "done" }));
      fsm.state("done", { terminal: true }, (of: number) => of);
      const store = another();
      const elsewhere = client();
      const serving = service({ workflows: [fsm], store });
      const [first, second] = [await elsewhere.submit("waiting"), await elsewhere.submit("waiting")];
      expect((await elsewhere.get(first.runId))?.kind).toBe(undefined);
      expect((await elsewhere.list()).runs.map(({ kind }) => kind)).toEqual([undefined, undefined]);
      await fsm.send(first.runId, "DONE", 1, { store });
      await serving.send(second.runId, "DONE", 2);
      await serving.start();
      expect([await first.result(), await second.result()]).toMatchObject([{ value: 1 }, { value: 2 }]);
      expect((await elsewhere.list()).runs.map(({ kind }) => kind)).toEqual(["fsm", "fsm"]);
    });

    it("reject with what the run failed with, as recorded", async () => {
      const dag = new Dag("failing");
      dag.node("a", () => {
        throw new RangeError("no stock");
      });
      const serving = service({ workflows: [dag] });
      await serving.start();
      const run = await serving.submit(dag);
      const here = await failure(run.result());
      expect(here).toMatchObject({ code: "EXECUTION", cause: { message: "no stock" }, run: { status: "failed" } });
      const found = await client().get(run.runId);
      expect(found).toMatchObject({ status: "failed" });
      const there = await failure((found as NonNullable<typeof found>).result());
      expect(there).toMatchObject({ message: here.message, run: { status: "failed", runId: run.runId } });
    });

    it("are refused before anything is recorded, if the workflow or its inputs are not known", async () => {
      const serving = service({ workflows: [Orders] });
      expect(await failure(serving.submit(Checkout))).toBeInstanceOf(ValidationError);
      expect((await failure(serving.submit("ordres"))).message).toBe(
        'The service has no workflow "ordres". Did you mean "orders"?',
      );
      expect(await failure(serving.submit(Orders))).toBeInstanceOf(MissingInputError);
      expect(await failure(serving.submit(Orders, { inputs: { amount: "many" } }))).toBeInstanceOf(ValidationError);
      expect(await failure(serving.submit(Orders, { inputs: { amount: 1, amuont: 2 } }))).toBeInstanceOf(
        ValidationError,
      );
      const knowing = client({ workflows: [Orders, "checkout"] });
      expect(await failure(knowing.submit("orders", {}))).toBeInstanceOf(MissingInputError);
      expect((await failure(knowing.submit("other"))).message).toContain('no workflow "other"');
      await knowing.list();
      expect(await count("runs")).toBe(0);
    });

    it("fail when a service begins them, if only it knows that their inputs are wrong", async () => {
      const run = await client().submit("orders", { inputs: { amount: "many" } });
      const pending = run.result();
      await service({ workflows: [Orders] }).start();
      expect(await failure(pending)).toMatchObject({ code: "VALIDATION" });
      expect(await client().get(run.runId)).toMatchObject({ status: "failed", error: { code: "VALIDATION" } });
    });

    it("are one for each key of a workflow, until it is deleted", async () => {
      const submitting = client({ workflows: [Orders, Checkout] });
      const inputs = { amount: 1 };
      const runs = await Promise.all(Array.from({ length: 5 }, () => submitting.submit(Orders, { inputs, key: "17" })));
      expect(new Set(runs.map(({ runId }) => runId)).size).toBe(1);
      expect(runs.filter(({ isNew }) => isNew).length).toBe(1);
      const other = await submitting.submit(Checkout, { inputs: { of: 1 }, key: "17" });
      expect(other.isNew).toBe(true);
      const conflict = await failure(submitting.submit(Orders, { inputs: { amount: 2 }, key: "17" }));
      expect(conflict).toBeInstanceOf(StoreError);
      expect(conflict.code).toBe("KEY_CONFLICT");
      await submitting.delete(runs[0]);
      expect(await submitting.submit(Orders, { inputs: { amount: 2 }, key: "17" })).toMatchObject({ isNew: true });
    });

    it("are compared by what was given, whatever schemas make of it", async () => {
      const stamped = new Dag("stamped", { inputs: { of: z.coerce.number(), at: z.number().default(Math.random) } });
      stamped.node("a", (of: number, at: number) => [of, at]);
      const knowing = client({ workflows: [stamped] });
      const first = await knowing.submit("stamped", { inputs: { of: "1" }, key: "k" });
      await service({ workflows: [stamped] }).start();
      await first.result();
      for (const each of [knowing, client()]) {
        const again = await each.submit("stamped", { inputs: { of: "1" }, key: "k" });
        expect(again).toMatchObject({ runId: first.runId, isNew: false });
        const other = failure(each.submit("stamped", { inputs: { of: "2" }, key: "k" }));
        expect(await other).toMatchObject({ code: "KEY_CONFLICT" });
      }
    });

    it("are queued until they are due", async () => {
      const submitting = client({ workflows: [Orders] });
      const hour = 3_600_000;
      const run = await submitting.submit(Orders, { inputs: { amount: 1 }, delay: hour });
      const at = new Date(Date.now() + 2 * hour);
      const dated = await submitting.submit(Orders, { inputs: { amount: 1 }, delay: at });
      await service({ workflows: [Orders] }).start();
      const found = await submitting.get(run.runId);
      expect(found).toMatchObject({ status: "queued", waitingFor: { events: [] } });
      expect(found?.dueAt).toBeGreaterThan(Date.now() + hour / 2);
      expect(await submitting.get(dated.runId)).toMatchObject({ status: "queued", dueAt: at.getTime() });
      expect((await submitting.list({ status: "queued" })).runs.length).toBe(2);
      const soon = await submitting.submit(Orders, { inputs: { amount: 1 }, delay: 1 });
      expect((await soon.result()).value).toBe("2 EUR");
    });

    it("begin in order of priority, and then of age", async () => {
      const order: string[] = [];
      const dag = new Dag("ordered");
      dag.node("a", (id: string) => void order.push(id));
      const submitting = client({ workflows: [dag] });
      const add = (id: string, priority?: "high" | "low" | number) =>
        submitting.submit(dag, { inputs: { id }, priority });
      const runs = [await add("low", "low"), await add("first"), await add("second"), await add("99", 99)];
      runs.push(await add("high", "high"));
      const results = runs.map((run) => run.result());
      await service({ workflows: [dag], concurrency: 1 }).start();
      await Promise.all(results);
      expect(order).toEqual(["99", "high", "first", "second", "low"]);
    });

    it("run at most as many at once as there are slots; those that wait need none", async () => {
      let running = 0;
      let most = 0;
      const { opened, open } = gate();
      const dag = new Dag("busy");
      dag.node("a", async () => {
        most = Math.max(most, ++running);
        await opened;
        running--;
      });
      const fsm = new Fsm("waiting");
      fsm.state("open", { initial: true, to: ["done"] }, () => waitForEvent({ DONE: "done" }));
      fsm.state("done", { terminal: true }, () => 1);
      const serving = service({ workflows: [dag, fsm], concurrency: 2 });
      const waiting = await Promise.all(Array.from({ length: 4 }, () => serving.submit(fsm)));
      await serving.start();
      for (const { runId } of waiting) await until(async () => (await serving.get(runId))?.status === "waiting");
      const runs = await Promise.all(Array.from({ length: 5 }, () => serving.submit(dag)));
      await until(() => running === 2);
      open();
      await Promise.all(runs.map((run) => run.result()));
      expect(most).toBe(2);
    });

    it("end in the store of the service, as any run", async () => {
      const store = another();
      const serving = service({ workflows: [Orders], store });
      await serving.start();
      const run = await serving.submit(Orders, { inputs: { amount: 1 }, runId: "mine", metadata: { who: "Ann" } });
      await run.result();
      expect(await store.getRun("mine")).toMatchObject({
        status: "completed",
        metadata: { who: "Ann" },
        owner: undefined,
      });
      expect(await failure(serving.submit(Orders, { inputs: { amount: 1 }, runId: "mine" }))).toMatchObject({
        code: "RUN_EXISTS",
      });
    });
  });
}
