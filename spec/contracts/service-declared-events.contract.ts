import { afterEach, beforeEach, describe, expect, it, vi, type MockInstance } from "vitest";
import { Fsm, stop, ValidationError, waitForEvent } from "dagwright";
import { z } from "zod";
import { useServices } from "../support/services.js";
import type { OpenSubject } from "../support/store-subjects.js";
import { failure, gate, sleep, until } from "../support/waiting.js";

const amount = z.object({ amount: z.coerce.number().positive() });
const slowAmount = amount.refine(async () => {
  await sleep(5);
  return true;
});

/** An fsm that waits for a payment, once the gate is open. */
function ordersOf(schema: z.ZodType<any> = amount, opened?: Promise<void>) {
  const fsm = new Fsm("orders", { events: { PAID: schema, SENT: true } });
  fsm.state("open", { initial: true }, async () => (await opened, waitForEvent({ PAID: "paid" })));
  fsm.state("paid", (payment: { amount: number }) => stop(payment.amount));
  return fsm;
}

/** The guarantees of every store for the events that fsms declare. */
export function serviceDeclaredEventsContract(name: string, connect: () => Promise<OpenSubject>): void {
  describe(`The declared events of an fsm in ${name}`, () => {
    const { another, client, service, count, rows } = useServices(connect);
    let warned: MockInstance<typeof process.emitWarning>;
    beforeEach(() => {
      warned = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
    });
    afterEach(() => warned.mockRestore());

    const refused = async (sent: Promise<unknown>, why: string) => {
      const error = await failure(sent);
      expect(error).toBeInstanceOf(ValidationError);
      expect(error.message).toContain(why);
      expect(await count("events")).toBe(0);
    };
    const untaken = async () => Number((await rows("select count(*) as n from events where taken_at is null"))[0].n);

    it("are the only ones that clients, services and the fsm itself send, whatever the run does", async () => {
      const store = another();
      const fsm = ordersOf();
      const sending = client({ workflows: [fsm] });
      const serving = service({ store, workflows: [fsm] });
      const { runId } = await sending.submit(fsm);
      const send = (event: string, payload: unknown) => [
        () => sending.send(runId, event, payload),
        () => serving.send(runId, event, payload),
        () => fsm.send(runId, event as never, payload as never, { store }),
      ];
      for (const isServed of [false, true]) {
        if (isServed) {
          await serving.start();
          await until(async () => (await sending.get(runId))?.status === "waiting");
        }
        for (const sent of send("PIAD", { amount: 1 })) await refused(sent(), 'Did you mean "PAID"?');
        for (const sent of send("PAID", { amount: -1 })) await refused(sent(), "is invalid at amount");
      }
      await sending.send(runId, "PAID", { amount: "3" });
      const found = await sending.get(runId);
      expect((await found?.result())?.value).toBe(3);
    });

    for (const [how, schema] of [
      ["at once", amount],
      ["in a moment", slowAmount],
    ] as const) {
      it(`are checked by their driver if the sender knows only the name, with a schema that answers ${how}`, async () => {
        const fsm = ordersOf(schema);
        const sending = client();
        const run = await sending.submit("orders");
        await sending.send(run, "PIAD", { amount: 1 });
        await sending.send(run, "PAID", { amount: -1 });
        await service({ workflows: [fsm] }).start();
        await until(async () => (await untaken()) === 0);
        await until(async () => (await sending.get(run))?.status === "waiting");
        await sending.send(run, "PAID", { amount: 0 });
        await sending.send(run, "PAID", { amount: "7" });
        expect((await run.result()).value).toBe(7);
        const dropped = warned.mock.calls.map(([message]) => String(message));
        expect(dropped).toHaveLength(3);
        expect(dropped[0]).toContain('No state waits for the event "PIAD"');
        expect(dropped[1]).toContain("is invalid at amount");
      });
    }

    it("are the only ones that a handle sends, of a run that this process drives or another one", async () => {
      const busy = gate();
      const fsm = ordersOf(slowAmount, busy.opened);
      const driving = fsm.start({ store: another(), runId: "r" });
      await driving.recorded;
      const attached = ordersOf(slowAmount).start({ store: another(), runId: "r", ifExists: "attach" });
      for (const handle of [driving, attached]) {
        await refused(handle.send("PIAD" as never, { amount: 1 } as never), 'Did you mean "PAID"?');
        await refused(handle.send("PAID", { amount: -1 }), "is invalid at amount");
      }
      const payload = { amount: "5" };
      const sent = driving.send("PAID", payload);
      payload.amount = "6";
      busy.open();
      await sent;
      expect((await driving.result).value).toBe(5);
      expect((await attached.result).value).toBe(5);
    });

    it("are the only ones that resume and attach send", async () => {
      const store = another();
      const fsm = ordersOf(slowAmount);
      await fsm.start({ store, runId: "r", detach: true }).result;
      for (const how of ["resume", "attach"] as const) {
        await refused(fsm[how]("r", { store, send: { PIAD: 1 } as never }), 'Did you mean "PAID"?');
        await refused(fsm[how]("r", { store, send: [["PAID", { amount: -1 }]] }), "is invalid at amount");
      }
      expect((await fsm.resume("r", { store, send: { PAID: { amount: "9" } } })).value).toBe(9);
    });
  });
}
