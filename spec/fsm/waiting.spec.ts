import { afterEach, describe, expect, it, vi } from "vitest";
import { Fsm, next, PauseRun, stop, waitForEvent, type Context } from "dagwright";
import { sqliteStore } from "dagwright/store";
import { sleep, until } from "../support/waiting.js";

/** a → X, Y → b, with the payload as its result. */
function waiter(): Fsm<any> {
  const fsm = new Fsm<any>("waiter");
  fsm.state("a", { initial: true }, () => waitForEvent({ X: "b", Y: "b" }));
  fsm.state("b", (payload: unknown) => stop(payload));
  return fsm;
}

describe("A state machine that waits", () => {
  afterEach(() => void vi.useRealTimers());

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

  it("takes events in the order in which they were sent, before it is recorded or after", async () => {
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

  it("refuses only an event that can't be stored, before it is recorded", async () => {
    const handle = waiter().start({ store: sqliteStore(":memory:") });
    const unstorable = handle.send("X", () => {});
    const next = handle.send("Y", 2);
    await expect(unstorable).rejects.toMatchObject({ code: "UNSTORABLE" });
    await next;
    expect((await handle.result).value).toBe(2);
  });

  it("refuses an event if it can't be recorded", async () => {
    const store = sqliteStore(":memory:");
    await waiter().run({ store, runId: "r" });
    const handle = waiter().start({ store, runId: "r" });
    await expect(handle.send("X")).rejects.toThrow('did not take event "X"');
    await expect(handle.result).rejects.toMatchObject({ code: "RUN_EXISTS" });
  });

  it("continues when it is due, after pause() or after resume with an unstorable event", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const store = sqliteStore(":memory:");
    const fsm = new Fsm<any>("waiter");
    fsm.state("a", { initial: true }, () => waitForEvent({ X: "b" }, { after: [60_000, "late"] }));
    fsm.state("b", () => expect.unreachable());
    fsm.state("late", () => stop("late"));
    const handle = fsm.start({ store, runId: "hand" });
    await handle.waitFor("a");
    await handle.recorded;
    expect((await handle.pause()).status).toBe("paused");
    const { pauseReason } = await fsm.run({ store, runId: "resumed" });
    const rests = await store.getRun("resumed");
    expect(rests).toMatchObject({ status: "waiting", pauseReason });
    await expect(fsm.resume("resumed", { store, send: { X: () => {} } })).rejects.toMatchObject({ code: "UNSTORABLE" });
    expect(await store.getRun("resumed")).toEqual(rests);
    vi.setSystemTime(Date.now() + 60_000);
    expect((await fsm.recover({ store })).map(({ value }) => value)).toEqual(["late", "late"]);
  });

  it("is not due again while a state hook pauses it after the deadline", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const store = sqliteStore(":memory:");
    const until = Date.now() + 3_600_000;
    let asked = 0;
    for (const pause of [new PauseRun("ask Ann", { until }), new PauseRun("ask Bob")]) {
      const fsm = new Fsm<any>(pause.message);
      fsm.state("a", { initial: true }, () => waitForEvent({ X: "b" }, { after: [60_000, "b"] }));
      fsm.state("b", () => stop());
      fsm.addStateHook(() => {
        asked++;
        throw pause;
      });
      await fsm.run({ store });
      vi.setSystemTime(Date.now() + 60_000);
      expect(await fsm.recover({ store })).toMatchObject([{ status: "paused", pauseReason: pause.message }]);
      expect(await fsm.recover({ store })).toEqual([]);
    }
    expect(asked).toBe(2);
  });

  it("keeps the event when a state hook fails after the wait, until the failure is handled", async () => {
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

  it.each(["a hook", "an async hook"])(
    "keeps the event when a condition pauses it after a veto of %s that continueNone ignores",
    async (kind) => {
      const store = sqliteStore(":memory:");
      let isVetoed = true;
      let isOpen = false;
      const make = () => {
        const fsm = waiter();
        fsm.state("other", (value: unknown) => stop(["other", value]));
        fsm.addTransition("a", "other", () => {
          if (!isOpen) throw new PauseRun("ask Ann");
          return true;
        });
        const veto = (to: string) => {
          if (isVetoed && to === "b") throw new Error("no");
        };
        return fsm.addStateHook(kind === "a hook" ? (_, __, to) => veto(to) : async (_, __, to) => veto(to));
      };
      const errorStrategy = "continueNone";
      for (const runId of ["mended", "passed over"]) {
        const handle = make().start({ store, runId, errorStrategy });
        await handle.send("X", 42);
        expect(await handle.result).toMatchObject({ status: "paused", stateHistory: ["a"], errors: [] });
        expect((await handle.result).get("a", "none")).toBeUndefined();
      }
      isVetoed = false;
      const mended = await make().resume("mended", { store, errorStrategy });
      expect(mended).toMatchObject({ status: "completed", value: 42, stateHistory: ["a", "b"], errors: [] });
      isVetoed = isOpen = true;
      const passed = await make().resume("passed over", { store, errorStrategy });
      expect(passed).toMatchObject({ status: "failed", value: ["other", null], stateHistory: ["a", "other"] });
      expect(passed.errors).toHaveLength(1);
      expect((await store.getRun("passed over"))!.cycles[1].event).toBeUndefined();
    },
  );

  it("that failed after the wait forgets the failure when it is resumed and succeeds", async () => {
    const store = sqliteStore(":memory:");
    const fsm = waiter();
    let isVetoed = true;
    fsm.addStateHook(() => {
      if (isVetoed) throw new Error("no");
    });
    const handle = fsm.start({ store, runId: "r" });
    handle.send("X").catch(() => {});
    await expect(handle.result).rejects.toMatchObject({ run: { status: "failed" } });
    isVetoed = false;
    const run = await fsm.resume("r", { store, send: { X: 2 } });
    expect(run).toMatchObject({ status: "completed", value: 2, errors: [] });
    expect((await store.getRun("r"))!.cycles[0]).toMatchObject({ status: "completed", error: undefined });
  });

  it("has what it waits for as pauseReason after pause()", async () => {
    const store = sqliteStore(":memory:");
    const fsm = new Fsm<any>("waiter");
    fsm.state("a", { initial: true }, () => waitForEvent({ X: "b", Y: "b" }, { after: [3_600_000, "b"] }));
    fsm.state("b", async () => (await sleep(1), next("b")));
    const reason = /^waits for "X", "Y" until \d{4}-/u;
    const plain = fsm.start();
    await plain.waitFor("a");
    expect(await plain.pause()).toMatchObject({ status: "paused", pauseReason: expect.stringMatching(reason) });

    const handle = fsm.start({ store, runId: "r" });
    await until(async () => (await store.getRun("r"))?.waitingFor !== undefined);
    const { pauseReason } = await handle.pause();
    expect(pauseReason).toMatch(reason);
    expect(await store.getRun("r")).toMatchObject({ status: "paused", pauseReason, pauses: [] });
    const again = await fsm.attach("r", { store });
    expect(await again.pause()).toMatchObject({ status: "paused", pauseReason });

    const observed = fsm.start({ observers: [({ type }) => void (type === "node.completed" && observed.pause())] });
    expect((await observed.result).pauseReason).toMatch(reason);
    const busy = fsm.start();
    await busy.send("X");
    expect(await busy.pause()).toMatchObject({ status: "paused", pauseReason: undefined });
  });

  it("that is paused before it begins is recorded, and keeps the events it was sent", async () => {
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
