import { describe, expect, it } from "vitest";
import { Fsm, stop, waitForEvent, type Context } from "dagwright";
import { sqliteStore } from "dagwright/store";

/** a → X, Y → b, with the payload as its result. */
function waiter(): Fsm<any> {
  const fsm = new Fsm<any>("waiter");
  fsm.state("a", { initial: true }, () => waitForEvent({ X: "b", Y: "b" }));
  fsm.state("b", (payload: unknown) => stop(payload));
  return fsm;
}

describe("A state machine that waits", () => {
  it("pauses when an observer asks for it", async () => {
    const fsm = new Fsm<any>("order");
    fsm.state("a", { initial: true }, (ctx: Context) => {
      setTimeout(() => ctx.progress(0.5), 5);
      return waitForEvent({ X: "b" });
    });
    fsm.state("b", () => stop(1));
    const handle = fsm.start({ observers: [({ type }) => void (type === "node.progress" && handle.pause())] });
    expect(await handle.result).toMatchObject({ status: "paused", currentState: "a" });
  });

  it("takes events in the order of their sending, be they sent before it is recorded or after", async () => {
    const handle = waiter().start({ store: sqliteStore(":memory:") });
    const first = handle.send("X", 1);
    await handle.recorded;
    const second = handle.send("Y", 2);
    await Promise.all([
      expect(first).resolves.toBeUndefined(),
      expect(second).rejects.toThrow('did not take event "Y"'),
    ]);
    expect((await handle.result).value).toBe(1);
  });

  it("refuses what can't be stored, and nothing else, before it is recorded", async () => {
    const handle = waiter().start({ store: sqliteStore(":memory:") });
    const unstorable = handle.send("X", () => {});
    const next = handle.send("Y", 2);
    await expect(unstorable).rejects.toMatchObject({ code: "UNSTORABLE" });
    await next;
    expect((await handle.result).value).toBe(2);
  });

  it("refuses what was sent to a run that can't be recorded", async () => {
    const store = sqliteStore(":memory:");
    await waiter().run({ store, runId: "r" });
    const handle = waiter().start({ store, runId: "r" });
    await expect(handle.send("X")).rejects.toThrow('did not take event "X"');
    await expect(handle.result).rejects.toMatchObject({ code: "RUN_EXISTS" });
  });

  it("that is paused before it has begun begins, and keeps what it was sent", async () => {
    const store = sqliteStore(":memory:");
    const types: string[] = [];
    const handle = waiter().start({ store, runId: "r", observers: [({ type }) => void types.push(type)] });
    const sent = handle.send("X", 1);
    expect((await handle.pause()).status).toBe("paused");
    await sent;
    expect(types).toEqual(["run.started", "run.paused", "run.finished"]);
    expect((await waiter().resume("r", { store })).value).toBe(1);
  });
});
