import { describe, expect, it } from "vitest";
import { Dag, Fsm, InvalidTransitionError, state, stop, ValidationError, waitForEvent, workflow } from "dagwright";
import { z } from "zod";
import { failure, gate } from "../support/waiting.js";

const amount = z.object({ amount: z.coerce.number().positive() });

@workflow({ name: "orders", events: { PAID: amount, SENT: true } })
class Orders {
  @state({ initial: true }) open() {
    return waitForEvent({ PAID: "paid" });
  }
  @state paid(payment: { amount: number }) {
    return stop(payment.amount);
  }
}

const refusal = async (sent: Promise<unknown>) => {
  const error = await failure(sent);
  expect(error).toBeInstanceOf(ValidationError);
  return error.message;
};

describe("The events that an fsm declares", () => {
  it("are the only ones that can be sent, also before a state waits for one", async () => {
    const busy = gate();
    const fsm = new Fsm("orders", { events: { PAID: amount, SENT: true } });
    fsm.state("open", { initial: true }, async () => (await busy.opened, waitForEvent({ PAID: "paid" })));
    fsm.state("paid", (payment: { amount: number }) => stop(payment.amount));
    const handle = fsm.start();
    expect(await refusal(handle.send("PIAD" as never, { amount: 1 } as never))).toBe(
      'No state of "orders" waits for the event "PIAD". Did you mean "PAID"?',
    );
    expect(await refusal(handle.send("LOST" as never))).toContain('It waits for: "PAID", "SENT".');
    const sent = handle.send("PAID", { amount: "3" });
    busy.open();
    await sent;
    expect((await handle.result).value).toBe(3);
  });

  it("have payloads that their schemas check, and make", async () => {
    const handle = Fsm.from(Orders).start();
    const error = (await failure(handle.send("PAID", { amount: -1 }))) as ValidationError;
    expect(error.message).toMatch(/^The payload of the event "PAID" is invalid at amount: /u);
    expect(error.issues).toMatchObject([{ code: "INVALID_PAYLOAD", path: ["amount"] }]);
    await handle.send("PAID", { amount: "2" as never });
    expect((await handle.result).value).toBe(2);
  });

  it("keep their order, whichever schema takes its time", async () => {
    const busy = gate();
    const slow = z.number().refine(async () => {
      await busy.opened;
      return true;
    });
    const fsm = new Fsm("f", { events: { SLOW: slow, FAST: true } });
    fsm.state("open", { initial: true }, () => waitForEvent({ SLOW: "got", FAST: "got" }));
    fsm.state("got", (payload: unknown) => stop(payload));
    const handle = fsm.start();
    void handle.send("SLOW", 1);
    void handle.send("FAST", 2).catch(() => {});
    busy.open();
    expect((await handle.result).value).toBe(1);
  });

  it("are those that its states may wait for", async () => {
    const fsm = new Fsm("f", { events: { PAID: true } });
    fsm.state("open", { initial: true }, () => waitForEvent({ PIAD: "paid" }));
    fsm.state("paid", () => stop());
    const error = await failure(fsm.start().result);
    expect(error).toBeInstanceOf(InvalidTransitionError);
    expect(error.message).toBe(
      'State "open" waits for the event "PIAD", which is not among the "events" of the workflow. Did you mean "PAID"?',
    );
  });

  it("may be none", async () => {
    const fsm = new Fsm("f", { events: {} });
    const busy = gate();
    fsm.state("open", { initial: true }, async () => (await busy.opened, stop()));
    const handle = fsm.start();
    expect(await refusal(handle.send("PAID"))).toContain("It waits for none.");
    busy.open();
    await handle.result;
  });

  it("hold for an fsm inside, from the outside, before it begins and after", async () => {
    const first = gate();
    const outer = new Dag("outer");
    outer.node("first", () => first.opened);
    outer.node("check", { after: ["first"] }, Fsm.from(Orders));
    const handle = outer.start();
    for (const moment of ["before", "after"]) {
      if (moment === "after") {
        first.open();
        const waiting = handle.events();
        for await (const event of waiting) if (event.type === "state.entered") break;
      }
      expect(await refusal(handle.send("check.PIAD", { amount: 1 }))).toContain('PAID"?');
      expect(await refusal(handle.send("check.PAID", { amount: -1 }))).toContain("is invalid at amount");
    }
    await handle.send("check.PAID", { amount: 5 });
    expect((await handle.result).get("check")).toBe(5);
  });

  it("have the names of states before them for workflows inside, which have to have begun", async () => {
    const inner = new Dag("inner");
    inner.event("PAID", (paid: number) => paid);
    const fsm = new Fsm("f", { events: { GO: true, "check.DONE": true } });
    fsm.state("open", { initial: true }, () => waitForEvent({ GO: "check", "check.DONE": "done" }));
    fsm.state("check", { terminal: true }, inner);
    fsm.state("done", () => stop("done"));
    const handle = fsm.start();
    expect((await failure(handle.send("check.PAID" as never, 1 as never))).message).toContain("has begun no run");
    expect(await refusal(handle.send("check.PIAD" as never))).toContain('Did you mean "check.PAID"?');
    await handle.send("check.DONE");
    expect((await handle.result).value).toBe("done");
  });

  it("are inherited by subclasses, copied, replaced by options, and written as data", async () => {
    class Special extends Orders {}
    for (const fsm of [Fsm.from(Special), Fsm.from(Orders).clone()]) {
      const handle = fsm.start();
      expect(await refusal(handle.send("LOST" as never))).toContain('"PAID", "SENT"');
      await handle.stop();
    }
    const other = Fsm.from(Orders, { events: { PAID: true, BACK: true } });
    const handle = other.start();
    expect(await refusal(handle.send("SENT" as never))).toContain('"PAID", "BACK"');
    await handle.send("PAID", { amount: -1 });
    expect((await handle.result).value).toBe(-1);
    const json = JSON.parse(JSON.stringify(Fsm.from(Orders))) as object;
    expect(json).toMatchObject({ events: { PAID: { $value: "events.PAID" }, SENT: true } });
    const read = Fsm.fromJSON(json, { functions: new Orders(), values: { "events.PAID": amount } }).start();
    expect(await refusal(read.send("PAID" as never, { amount: -1 } as never))).toContain("is invalid");
    await read.stop();
  });

  it("are checked when they are declared", () => {
    expect(() => new Fsm("f", { events: { PAID: "number" as never } })).toThrow(
      /"events\.PAID" must be a schema, .* or true; received "number"/u,
    );
    expect(() => workflow({ events: [] as never })).toThrow(TypeError);
    expect(() => new Fsm("f", { events: { "": true } })).toThrow(/the name of an event/u);
    expect(() => new Dag("d", { events: { PAID: true } } as never)).toThrow(/events/u);
    expect(new Fsm("f", { events: { PAID: undefined, GO: true } }).options.events).toEqual({
      PAID: undefined,
      GO: true,
    });
  });
});
