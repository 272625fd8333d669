import { describe, expect, it } from "vitest";
import { Fsm, PauseRun, stop, waitForEvent, type Context } from "dagwright";
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

  it("goes on when it is due after it was paused by hand, or resumed with what can't be stored", async () => {
    const store = sqliteStore(":memory:");
    const fsm = new Fsm<any>("waiter");
    fsm.state("a", { initial: true }, () => waitForEvent({ X: "b" }, { after: [60, "late"] }));
    fsm.state("b", () => expect.unreachable());
    fsm.state("late", () => stop("late"));
    const handle = fsm.start({ store, runId: "hand" });
    await handle.waitFor("a");
    await handle.recorded;
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect((await handle.pause()).status).toBe("paused");
    const { pauseReason } = await fsm.run({ store, runId: "resumed" });
    const { waitingFor } = (await store.getRun("resumed"))!;
    const error: any = await fsm.resume("resumed", { store, send: { X: () => {} } }).catch((thrown) => thrown);
    expect(error).toMatchObject({ code: "UNSTORABLE", run: { status: "paused", pauseReason } });
    expect(await store.getRun("resumed")).toMatchObject({ status: "paused", pauseReason, waitingFor });
    await new Promise((resolve) => setTimeout(resolve, 70));
    expect((await fsm.recover({ store })).map(({ value }) => value)).toEqual(["late", "late"]);
  });

  it("is not due again while a state hook has it paused behind the deadline", async () => {
    const store = sqliteStore(":memory:");
    const until = Date.now() + 3_600_000;
    let asked = 0;
    for (const pause of [new PauseRun("ask Ann", { until }), new PauseRun("ask Bob")]) {
      const fsm = new Fsm<any>(pause.message);
      fsm.state("a", { initial: true }, () => waitForEvent({ X: "b" }, { after: [5, "b"] }));
      fsm.state("b", () => stop());
      fsm.addStateHook(() => {
        asked++;
        throw pause;
      });
      await fsm.run({ store });
      await new Promise((resolve) => setTimeout(resolve, 10));
      expect(await fsm.recover({ store })).toMatchObject([{ status: "paused", pauseReason: pause.message }]);
      expect(await fsm.recover({ store })).toEqual([]);
    }
    expect(asked).toBe(2);
  });

  it("keeps the event when a state hook fails on the way from there, until it is known what comes of it", async () => {
    const store = sqliteStore(":memory:");
    let isVetoed = true;
    for (const errorState of [undefined, "rescue"]) {
      isVetoed = true;
      const entered: string[] = [];
      const fsm = new Fsm<any>("waiter");
      fsm.state("a", { initial: true, errorState }, () => (entered.push("a"), waitForEvent({ X: "b" })));
      fsm.state("b", (payload: unknown) => stop(payload));
      fsm.state("rescue", () => expect.unreachable());
      fsm.addStateHook(() => {
        if (isVetoed) throw new Error("no");
      });
      const errorHandler = (): never => {
        throw new PauseRun("ask Ann");
      };
      const handle = fsm.start({ store, errorHandler });
      await handle.send("X", 42);
      expect(await handle.result).toMatchObject({
        status: "paused",
        pauseReason: "ask Ann",
        errors: [],
        cycleCount: 1,
      });
      isVetoed = false;
      expect(await fsm.resume(handle.runId, { store })).toMatchObject({ status: "completed", value: 42, errors: [] });
      expect(entered).toEqual(["a"]);
    }
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
