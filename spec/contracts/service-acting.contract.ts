import { describe, expect, it } from "vitest";
import { Dag, Fsm, PauseRun, ValidationError, waitForEvent, type Context } from "dagwright";
import { useServices } from "../support/services.js";
import type { OpenSubject } from "../support/store-subjects.js";
import { failure, gate, sleep, until } from "../support/waiting.js";

function approval() {
  const calls = { ship: 0, ask: 0 };
  const dag = new Dag("approval");
  dag.node("price", () => 7);
  dag.node("ask", { needs: ["price"] }, (price: number): string => {
    calls.ask++;
    throw new PauseRun("ask Ann", { data: { price } });
  });
  dag.node("ship", { needs: ["ask"] }, (answer: string) => {
    calls.ship++;
    return `shipped: ${answer}`;
  });
  return { dag, calls };
}

function payment() {
  const fsm = new Fsm("payment");
  fsm.state("open", { initial: true, to: ["paid"] }, () => waitForEvent({ PAID: "paid" }));
  fsm.state("paid", { terminal: true }, (amount: number) => amount);
  return fsm;
}

/** A dag whose only node is in flight until its gate opens, or its signal aborts. */
function long() {
  const { opened, open } = gate();
  const started: Context[] = [];
  const dag = new Dag("long");
  dag.node("a", { params: ["ctx"] }, async (ctx: Context) => {
    started.push(ctx);
    await opened;
    return "a";
  });
  dag.node("b", { needs: ["a"] }, (a: string) => `${a}b`);
  return { dag, started, open };
}

/** A dag of so many nodes, one after the other, that a request reaches its driver before the last one. */
function steps() {
  const size = 250;
  const calls = { count: 0 };
  const dag = new Dag("steps");
  dag.node("n0", () => 0);
  for (let i = 1; i < size; i++) {
    dag.node(`n${i}`, { needs: [`n${i - 1}`] }, async (before: number) => {
      calls.count++;
      await sleep(5);
      return before + 1;
    });
  }
  return { dag, size, calls };
}

/** The guarantees of services and clients on every store for acting on runs, wherever they are driven. */
export function serviceActingContract(name: string, connect: () => Promise<OpenSubject>): void {
  describe(`Acting on runs in ${name}:`, () => {
    const { another, client, service } = useServices(connect);

    it("a paused run waits for an answer, which a client gives", async () => {
      const { dag, calls } = approval();
      await service({ workflows: [dag] }).start();
      const acting = client();
      const run = await acting.submit("approval");
      const result = run.result();
      await until(async () => (await acting.get(run.runId))?.status === "paused");
      const pauses = [{ node: "ask", reason: "ask Ann", data: { price: 7 } }];
      expect(await acting.get(run.runId)).toMatchObject({ status: "paused", pauses });
      const wrong = await failure(acting.resume(run, { provide: { aks: "yes" } }));
      expect(wrong).toBeInstanceOf(ValidationError);
      expect(wrong.message).toContain('Paused are: "ask"');
      await acting.resume(run, { provide: { ask: "yes" } });
      expect(await result).toMatchObject({ status: "completed", outputs: { ship: "shipped: yes" } });
      expect(calls).toEqual({ ask: 1, ship: 1 });
      expect(await failure(acting.resume(run))).toMatchObject({ code: "RUN_ENDED" });
      expect(await failure(acting.resume("none"))).toMatchObject({ code: "NOT_FOUND" });
    });

    it("an event sent to a run that is put away wakes it", async () => {
      const fsm = payment();
      const serving = service({ workflows: [fsm] });
      await serving.start();
      const run = await serving.submit(fsm);
      await until(async () => (await serving.get(run.runId))?.status === "waiting");
      expect(await serving.get(run.runId)).toMatchObject({ waitingFor: { events: ["PAID"] } });
      await client().send(run, "PAID", 5);
      expect((await run.result()).value).toBe(5);
      expect(await failure(serving.send(run, "PAID", 6))).toMatchObject({ code: "RUN_ENDED" });
      expect(await failure(serving.send("none", "PAID", 6))).toMatchObject({ code: "NOT_FOUND" });
    });

    it("an event is taken by a run that is queued, and one key only once", async () => {
      const dag = new Dag("invoices");
      dag.event("PAID");
      dag.node("sum", { needs: ["PAID"] }, (paid: number) => paid + 1);
      const acting = client({ workflows: [dag] });
      const run = await acting.submit(dag);
      expect(await failure(acting.send(run, "PIAD", 1))).toBeInstanceOf(ValidationError);
      await acting.send(run, "PAID", 1, { key: "k" });
      await acting.send(run, "PAID", 2, { key: "k" });
      await service({ workflows: [dag] }).start();
      expect((await run.result()).value).toBe(2);
    });

    it("cancelling ends a run at once that is not driven", async () => {
      const { dag } = approval();
      const acting = client({ workflows: [dag] });
      const run = await acting.submit(dag, { delay: 60_000 });
      const result = failure(run.result());
      await acting.cancel(run, "not needed");
      expect(await result).toMatchObject({ code: "CANCELLED", message: expect.stringContaining("not needed") });
      expect(await acting.get(run.runId)).toMatchObject({ status: "cancelled" });
      expect(await failure(acting.cancel(run))).toMatchObject({ code: "RUN_ENDED" });
    });

    it("cancelling reaches the service that drives the run", async () => {
      const { dag, started } = long();
      const serving = service({ workflows: [dag] });
      await serving.start();
      const run = await serving.submit(dag);
      const result = failure(run.result());
      await until(() => started.length === 1);
      await client().cancel(run.runId, "too late");
      expect(await result).toMatchObject({ code: "CANCELLED", message: expect.stringContaining("too late") });
      expect(started[0].signal.aborted).toBe(true);
      expect(await serving.get(run.runId)).toMatchObject({ status: "cancelled" });
    });

    it("cancelling and pausing reach a plain run of another process", async () => {
      const { dag, started } = long();
      const chain = steps();
      const store = another();
      const acting = client();
      const cancelled = failure(dag.run({ store, runId: "cancelled" }));
      const paused = chain.dag.run({ store, runId: "paused" });
      await until(() => started.length === 1 && chain.calls.count > 0);
      await acting.cancel("cancelled", "no");
      await acting.pause("paused");
      expect(await cancelled).toMatchObject({ code: "CANCELLED" });
      expect((await paused).status).toBe("paused");
      expect(await acting.get("paused")).toMatchObject({ status: "paused" });
      expect((await chain.dag.resume("paused", { store })).value).toBe(chain.size - 1);
      expect(chain.calls.count).toBe(chain.size - 1);
    });

    it("pausing starts no more nodes, and resuming goes on", async () => {
      const { dag, size, calls } = steps();
      const serving = service({ workflows: [dag] });
      await serving.start();
      const run = await serving.submit(dag);
      await until(() => calls.count > 0);
      await client().pause(run);
      await until(async () => (await serving.get(run.runId))?.status === "paused");
      expect(calls.count).toBeLessThan(size - 1);
      await serving.resume(run);
      expect(await run.result()).toMatchObject({ status: "completed", value: size - 1 });
      expect(calls.count).toBe(size - 1);
    });

    it("a run that failed can be resumed, and replayed", async () => {
      let isDown = true;
      const calls: string[] = [];
      const dag = new Dag("flaky");
      dag.node("load", () => calls.push("load"));
      dag.node("save", { needs: ["load"] }, () => {
        calls.push("save");
        if (isDown) throw new Error("down");
        return "saved";
      });
      const serving = service({ workflows: [dag] });
      await serving.start();
      const acting = client({ workflows: [dag] });
      const run = await acting.submit(dag);
      await failure(run.result());
      expect((await acting.list({ status: "failed" })).runs).toMatchObject([{ runId: run.runId }]);
      isDown = false;
      await acting.resume(run);
      expect((await run.result()).value).toBe("saved");
      expect(calls).toEqual(["load", "save", "save"]);
      const replay = await acting.replay(run, { rerun: ["save"] });
      expect(await replay.result()).toMatchObject({ status: "completed", results: { save: "saved" } });
      expect(calls).toEqual(["load", "save", "save", "save"]);
      expect((await acting.get(replay.runId))?.details).toMatchObject({ parentRunId: run.runId, parentNode: "save" });
      expect((await failure(client().replay(run, { rerun: ["save"] }))).message).toContain('among "workflows"');
      expect(await failure(acting.replay(run, { rerun: ["sav"] }))).toBeInstanceOf(ValidationError);
    });

    it("deleting removes a run that nobody drives", async () => {
      const { dag, started, open } = long();
      const serving = service({ workflows: [dag] });
      await serving.start();
      const run = await serving.submit(dag);
      await until(() => started.length === 1);
      expect(await failure(client().delete(run))).toMatchObject({ code: "LEASE_HELD" });
      open();
      await run.result();
      await serving.delete(run);
      expect(await serving.get(run.runId)).toBe(undefined);
      expect(await failure(run.result())).toMatchObject({ code: "NOT_FOUND" });
    });
  });
}
