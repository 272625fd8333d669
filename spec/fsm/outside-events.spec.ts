import { describe, expect, it, vi } from "vitest";
import { ExecutionError, Fsm, next, stop, waitForEvent, type FsmContext } from "dagwright";
import { failure, gate, sleep } from "../support/waiting.js";

describe("Events from outside", () => {
  function order(): Fsm {
    const fsm = new Fsm("order");
    fsm.state("created", { initial: true }, () => waitForEvent({ PAID: "shipping", CANCELLED: "refunded" }));
    fsm.state("shipping", () => waitForEvent({ SENT: "delivered" }, { after: [60_000, "lost"] }));
    fsm.state("delivered", (parcel: string, ctx: FsmContext) => stop(`${parcel} by ${ctx.trigger}`));
    fsm.state("refunded", (reason = "no reason") => stop(reason));
    fsm.state("lost", () => stop("lost"));
    return fsm;
  }

  it("end the wait of a state; the payload is the next state's value", async () => {
    const handle = order().start();
    expect(handle.state).toBe("created");
    await handle.send("PAID", { amount: 5 });
    expect(handle.state).toBe("shipping");
    await handle.send("SENT", "parcel 7");
    const run = await handle.result;
    expect(run).toMatchObject({ status: "completed", value: "parcel 7 by SENT", runId: handle.runId });
    expect(run.stateHistory).toEqual(["created", "shipping", "delivered"]);
  });

  it("that no state accepts yet stay queued in order, without blocking others", async () => {
    const handle = order().start();
    const log: string[] = [];
    const sent = handle.send("SENT", "early").then(() => log.push("SENT taken"));
    await sleep(5);
    expect(log).toEqual([]);
    await handle.send("PAID");
    await sent;
    expect((await handle.result).value).toBe("early by SENT");
  });

  it("are taken in the order in which they were sent, each once", async () => {
    const fsm = new Fsm("f");
    const seen: unknown[] = [];
    fsm.state("idle", { initial: true }, () => waitForEvent({ A: "work", B: "work", END: "end" }));
    fsm.state("work", async (payload: unknown) => (await sleep(1), seen.push(payload), next("idle")));
    fsm.state("end", () => stop());
    const handle = fsm.start({ maxCycles: Infinity });
    const sends = Array.from({ length: 50 }, (_, i) => handle.send(i % 3 === 0 ? "B" : "A", i));
    await Promise.all(sends);
    await handle.send("END");
    await handle.result;
    expect(seen).toEqual(Array.from({ length: 50 }, (_, i) => i));
  });

  it("are refused, by name, when the run has ended or ends first", async () => {
    const handle = order().start();
    const early = failure(handle.send("SENT"));
    await handle.send("CANCELLED", "changed my mind");
    expect((await handle.result).value).toBe("changed my mind");
    expect((await early).message).toMatch(/did not take event "SENT": it ended in state "refunded"/u);
    expect((await failure(handle.send("PAID"))).message).toContain('"PAID"');
  });

  it("that do not come in time leave the run to `after`", async () => {
    const fsm = new Fsm("f");
    let ms = 10;
    fsm.state("a", { initial: true }, () => waitForEvent({ GO: "b" }, { after: [ms, "late"] }));
    fsm.state("b", () => stop("in time"));
    fsm.state("late", () => stop("late"));
    expect((await fsm.run()).value).toBe("late");
    ms = 60_000;
    const handle = fsm.start();
    await handle.send("GO");
    expect((await handle.result).value).toBe("in time");
  });

  it("can't be waited for when nobody can send them", async () => {
    await expect(order().run()).rejects.toThrow(/waits for "PAID", "CANCELLED", but nobody can send events/u);
  });

  it("may be sent by a state to its own run", async () => {
    const fsm = new Fsm("f");
    const box: { handle?: ReturnType<Fsm["start"]> } = {};
    fsm.state("a", { initial: true }, async () => {
      await sleep(0);
      void box.handle?.send("GO", 1);
      return waitForEvent({ GO: "b" });
    });
    fsm.state("b", (n: number) => stop(n));
    box.handle = fsm.start();
    expect((await box.handle.result).value).toBe(1);
  });

  it("lead to a state that waitFor waits for, no longer than its timeout", async () => {
    const handle = order().start();
    await handle.waitFor("created");
    const shipping = handle.waitFor("shipping", { timeout: 60_000 });
    await expect(handle.waitFor("delivered", { timeout: 10 })).rejects.toThrow(
      /did not enter state "delivered" within 10 ms/u,
    );
    await handle.send("PAID");
    await shipping;
    const refunded = failure(handle.waitFor("refunded"));
    await handle.send("SENT", "p");
    expect((await refunded).message).toMatch(/did not enter state "refunded": it ended in state "delivered"/u);
    await handle.waitFor("delivered");
    await expect(handle.waitFor("shipping")).rejects.toThrow(ExecutionError);
    await expect(handle.waitFor("shiping")).rejects.toThrow(/Did you mean "shipping"\?/u);
  });

  it("are refused after stop, and the result resolves as cancelled", async () => {
    const handle = order().start();
    await handle.waitFor("created");
    const refused = failure(handle.send("SENT"));
    const run = await handle.stop();
    expect(run).toMatchObject({ status: "cancelled", stateHistory: ["created"], currentState: "created" });
    expect(await handle.result).toBe(run);
    expect((await refused).message).toContain('"SENT"');
    expect(await handle.stop()).toBe(run);
  });

  it("end with pause: at once during a wait, or else after the executing state", async () => {
    const handle = order().start();
    await handle.waitFor("created");
    expect(await handle.pause()).toMatchObject({ status: "paused", currentState: "created", finalState: undefined });
    const fsm = new Fsm("f");
    const goes = gate();
    fsm.state("a", { initial: true }, async () => (await goes.opened, next("b", 1)));
    fsm.state("b", () => stop(2));
    const pausing = fsm.start();
    await pausing.waitFor("a");
    const pause = pausing.pause();
    goes.open();
    const run = await pause;
    expect(run).toMatchObject({ status: "paused", value: 1, currentState: "b", cycleCount: 1 });
    const waits = new Fsm("f");
    const begins = gate();
    waits.state("a", { initial: true }, async () => (await begins.opened, waitForEvent({ GO: "a" })));
    const waiting = waits.start();
    await waiting.waitFor("a");
    const paused = waiting.pause();
    begins.open();
    expect(await paused).toMatchObject({ status: "paused", currentState: "a", cycleCount: 1 });
  });

  it("execute no state in the turn of start, in which pause and stop come first", async () => {
    const ran = vi.fn(() => waitForEvent({ GO: "b" }));
    const fsm = new Fsm("f");
    fsm.state("a", { initial: true }, ran);
    fsm.state("b", () => stop("b"));
    expect(await fsm.start().pause()).toMatchObject({ status: "paused", currentState: "a", cycleCount: 0 });
    expect(await fsm.start().stop()).toMatchObject({ status: "cancelled", cycleCount: 0 });
    const handle = fsm.start();
    expect(handle.state).toBe("a");
    const there = handle.waitFor("b");
    const sent = handle.send("GO");
    expect(ran).not.toHaveBeenCalled();
    await Promise.all([there, sent]);
    expect((await handle.result).value).toBe("b");
  });

  it("leave no timer behind when the run ends", async () => {
    const handle = order().start({ timeout: 60_000 });
    await handle.send("PAID");
    const timers = () => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
    const running = timers();
    await handle.stop();
    expect(timers()).toBe(running - 2);
  });

  it("are taken quickly, however many are queued", { tags: "slow" }, async () => {
    const fsm = new Fsm("f");
    fsm.state("idle", { initial: true }, () => waitForEvent({ GO: "idle", END: "end" }));
    fsm.state("end", () => stop("end"));
    const handle = fsm.start({ maxCycles: Infinity, historyLimit: 1 });
    const other = failure(handle.send("OTHER"));
    await Promise.all(Array.from({ length: 100_000 }, () => handle.send("GO")));
    await handle.send("END");
    expect(await handle.result).toMatchObject({ cycleCount: 100_002, value: "end" });
    expect((await other).message).toContain("OTHER");
    await expect(fsm.start().send(5 as never)).rejects.toThrow(TypeError);
  });

  it("are checked when a state waits for them", () => {
    expect(() => waitForEvent({})).toThrow(/at least one event/u);
    expect(() => waitForEvent({ A: 5 as never })).toThrow(TypeError);
    expect(() => waitForEvent({}, { after: [-1, "a"] })).toThrow(RangeError);
    expect(() => waitForEvent({}, { after: 5 as never })).toThrow(/\[milliseconds, state\]/u);
  });
});
