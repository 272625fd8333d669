import { afterEach, beforeEach, describe, expect, it, vi, type MockInstance } from "vitest";
import { Dag, Fsm, next, ValidationError, waitForEvent, type Context } from "dagwright";
import { z } from "zod";
import { useServices } from "../support/services.js";
import type { OpenSubject } from "../support/store-subjects.js";
import { failure, gate, sleep, until } from "../support/waiting.js";

const amount = z.object({ amount: z.coerce.number().positive() });
const slowAmount = amount.refine(async () => {
  await sleep(20);
  return true;
});

/** Gives the very object that it has checked. */
const same = z.any().refine(async ({ amount: of }: { amount: unknown }) => {
  const isNumber = typeof of === "number";
  await sleep(20);
  return isNumber;
});

/** A dag that waits for a payment, and for a gate if there is one: until that is open, it is driven. */
function payment(schema: z.ZodType<any>, opened?: Promise<void>) {
  const dag = new Dag("payment");
  dag.event("PAID", { schema }, (paid: { amount: number }) => paid.amount);
  if (opened !== undefined) dag.node("busy", async () => opened);
  return dag;
}

/** The guarantees of services and clients on every store for what they are given: whoever knows the workflow checks it. */
export function serviceSendingContract(name: string, connect: () => Promise<OpenSubject>): void {
  describe(`What is sent to runs in ${name}`, () => {
    const { another, client, service, rows } = useServices(connect);
    let warned: MockInstance<typeof process.emitWarning>;
    beforeEach(() => {
      warned = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
    });
    afterEach(() => warned.mockRestore());

    const warnings = () => warned.mock.calls.map(([message]) => String(message));
    const untaken = async () => Number((await rows("select count(*) as n from events where taken_at is null"))[0].n);

    it("by a client that knows only its name reaches runs inside, as their waiting is told", async () => {
      const inner = new Dag("inner");
      inner.event("answer", { schema: z.coerce.number() }, (answer: number) => answer);
      const middle = new Dag("middle");
      middle.node("ask", inner);
      const outer = new Dag("outer");
      outer.node("n1", middle);
      const asked = new Dag("asked");
      asked.node("question", (item: number) => item);
      asked.event("answer", { needs: ["question"] }, (answer: string, question: number) => Number(answer) * question);
      outer.node("items", () => [1, 2]);
      outer.map("each", { needs: ["items"] }, asked);
      const serving = service({ workflows: [outer] });
      await serving.start();
      const sending = client({ workflows: ["outer"] });
      const run = await sending.submit("outer");
      const waitingFor = async () => (await sending.get(run.runId))?.waitingFor?.events ?? [];
      for (const event of ["n1.ask.answer", "each[0].answer", "each[1].answer"]) {
        await until(async () => (await waitingFor()).includes(event));
        await sending.send(run, event, "7");
      }
      expect((await run.result()).outputs).toMatchObject({ n1: 7, each: [7, 14] });
    });

    it("reaches runs that nodes began with ctx.run, and is checked by their workflow if the sender has it", async () => {
      const inner = payment(amount);
      const machine = new Fsm<any>("machine");
      machine.state("first", { initial: true, to: ["last"] }, () => waitForEvent({ GO: "last" }));
      machine.state("last", { terminal: true }, (value: number) => value);
      const outer = new Dag("outer");
      outer.node("call", async (ctx: Context) => (await ctx.run(inner)).value);
      outer.node("step", async (ctx: Context) => (await ctx.run(machine)).value);
      const serving = service({ workflows: [outer] });
      await serving.start();
      const knowing = client({ workflows: [outer, inner, machine] });
      for (const sending of [knowing, client({ workflows: [outer] }), client({ workflows: ["outer"] }), client()]) {
        const run = await serving.submit(outer);
        const waitingFor = async () => (await sending.get(run.runId))?.waitingFor?.events ?? [];
        await until(async () => (await waitingFor()).length === 2);
        expect([...(await waitingFor())].sort()).toEqual(["call[0].PAID", "step[0].GO"]);
        if (sending === knowing) {
          expect((await failure(sending.send(run, "call[0].PIAD", 1))).message).toContain('Did you mean "PAID"?');
          expect((await failure(sending.send(`${run.runId}/call[0]`, "PAID", {}))).message).toContain("at amount");
          expect((await failure(sending.send(run, "call[0].PAID", {}))).message).toContain("at amount");
          expect(await failure(sending.send(run, "call[1].PAID", {}))).toBeInstanceOf(ValidationError);
        }
        await sending.send(run, "call[0].PAID", { amount: 2 });
        await sending.send(run, "step[0].GO", 3);
        expect((await run.result()).outputs).toEqual({ call: 2, step: 3 });
      }
      expect(warnings()).toEqual([]);
    });

    it("reaches runs that a state of an fsm inside began with ctx.run, though the fsm declares no events", async () => {
      const inner = payment(amount);
      const machine = new Fsm<any>("machine");
      machine.state("calling", { initial: true, to: ["done"] }, async (ctx: Context) =>
        next("done", (await ctx.run(inner)).value),
      );
      machine.state("done", { terminal: true }, (value: number) => value);
      const outer = new Dag("outer");
      outer.node("check", machine);
      const serving = service({ workflows: [outer] });
      await serving.start();
      for (const sending of [client({ workflows: [outer, inner] }), client({ workflows: [outer] }), client()]) {
        const run = await serving.submit(outer);
        const events = async () => (await sending.get(run.runId))?.waitingFor?.events ?? [];
        await until(async () => (await events()).length === 1);
        const [event] = await events();
        await sending.send(run, event, { amount: 2 });
        expect((await run.result()).value).toBe(2);
      }
    });

    for (const [how, schema] of [
      ["at once", amount],
      ["in a moment", slowAmount],
    ] as const) {
      it(`by a client that knows only its name is checked by its driver, with a schema that answers ${how}`, async () => {
        const sending = client({ workflows: ["payment"] });
        const { opened, open } = gate();
        const serving = service({ workflows: [payment(schema, opened)] });
        const queued = await sending.submit("payment");
        await sending.send(queued, "PAID", { amount: "1" });
        await serving.start();
        const driven = await sending.submit("payment");
        await until(async () => (await sending.get(driven.runId))?.status === "running");
        await sending.send(driven, "PAID", { amount: "none" });
        await sending.send(driven, "PAID", { amount: "2" });
        await sending.send(driven, "PAID", { amount: "3" });
        await until(() => warned.mock.calls.length > 0);
        open();
        expect((await queued.result()).outputs).toMatchObject({ PAID: 1 });
        expect((await driven.result()).outputs).toMatchObject({ PAID: 2 });
        expect(warnings()).toEqual([expect.stringContaining(`run "${driven.runId}" is dropped`)]);
        expect(warnings()[0]).toContain("at amount");
      });

      it(`wakes a run at rest, which goes on waiting if it is refused, with a schema that answers ${how}`, async () => {
        const serving = service({ workflows: [payment(schema)] });
        await serving.start();
        const run = await serving.submit("payment");
        const isAtRest = async () => {
          const [row] = await rows("select owner, ready_at, status from runs");
          return row.status === "waiting" && row.owner === null && row.ready_at === null;
        };
        await until(isAtRest);
        const sending = client();
        await sending.send(run, "PAID", { amount: 0 });
        await until(async () => warnings().length === 1 && (await untaken()) === 0);
        await until(isAtRest);
        await sending.send(run, "PAID", { amount: "4" });
        expect((await run.result()).value).toBe(4);
        expect(warnings().length).toBe(1);
      });
    }

    it("is dropped with a warning, if no node waits for it", async () => {
      const serving = service({ workflows: [payment(amount)] });
      const sending = client();
      const run = await serving.submit("payment");
      await sending.send(run, "PIAD", { amount: 1 });
      await sending.send(run, "PAID", { amount: 2 });
      await serving.start();
      expect((await run.result()).value).toBe(2);
      expect(warnings()).toEqual([expect.stringContaining('No node waits for the event "PIAD"')]);
    });

    it("is checked by the version that the run has", async () => {
      const versionOf = (event: string) => {
        const dag = new Dag("orders");
        dag.node("a", () => event);
        dag.event(event, { needs: ["a"], schema: amount }, (paid: { amount: number }) => paid.amount);
        return dag;
      };
      const [old, current] = [versionOf("OLD"), versionOf("NEW")];
      const run = await client({ workflows: [old] }).submit(old);
      const serving = service({ workflows: [current], versions: [old] });
      await serving.start();
      await until(async () => (await serving.get(run.runId))?.waitingFor?.events[0] === "OLD");
      expect(await failure(serving.send(run.runId, "NEW", { amount: 1 }))).toBeInstanceOf(ValidationError);
      expect(await failure(serving.send(run.runId, "OLD", { amount: "none" }))).toBeInstanceOf(ValidationError);
      await serving.send(run.runId, "OLD", { amount: "5" });
      expect((await run.result()).outputs).toEqual({ OLD: 5 });
      const replay = await serving.replay(run.runId, { rerun: ["OLD"] });
      await serving.send(replay, "OLD", { amount: "6" });
      expect((await replay.result()).outputs).toEqual({ OLD: 6 });
      const newer = client({ workflows: [current] });
      expect((await failure(newer.replay(run.runId, { rerun: ["a"] }))).message).toContain("has changed");
    });

    it("is recorded as it was when it was given to a handle", async () => {
      const dag = payment(same);
      const handle = dag.start({ store: another() });
      const payload = { amount: 1 };
      const sending = handle.send("PAID", payload);
      Object.assign(payload, { amount: "none" });
      await sending;
      expect((await handle.result).value).toBe(1);
    });

    it("is recorded as it was when it was given", async () => {
      const dag = new Dag("kept", { inputs: { of: same } });
      dag.event("PAID", { schema: same, needs: [] }, (paid: { amount: number }) => paid.amount);
      dag.node("double", (of: { amount: number }) => of.amount * 2);
      const serving = service({ workflows: [dag] });
      const given = { amount: 1 };
      const metadata = { tags: ["a"] };
      const submitting = serving.submit(dag, { inputs: { of: given }, metadata, key: "k" });
      const scheduling = serving.schedule("later", dag, { at: new Date(0), inputs: { of: given } });
      Object.assign(given, { amount: "none" });
      metadata.tags.push("b");
      const run = await submitting;
      await scheduling;
      const payload = { amount: 3 };
      const sending = serving.send(run, "PAID", payload);
      Object.assign(payload, { amount: "none" });
      await sending;
      await serving.start();
      expect((await run.result()).outputs).toEqual({ PAID: 3, double: 2 });
      expect((await serving.get(run.runId))?.details?.metadata).toEqual({ tags: ["a"] });
      expect(await serving.submit(dag, { inputs: { of: { amount: 1 } }, key: "k" })).toMatchObject({ isNew: false });
      const scheduled = await serving.get(`later@${new Date(0).toISOString()}`);
      expect(scheduled?.details?.inputs).toEqual({ of: { amount: 1 } });
    });
  });
}
