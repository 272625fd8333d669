import { beforeEach, describe, expect, it } from "vitest";
import { Fsm, next, stop, StoreError, ValidationError, waitForEvent } from "dagwright";
import type { SqlStore } from "dagwright/store";
import { useStores, type StoreSubject } from "../support/stores.js";
import { collector, order, taken, waitsIn } from "../support/waiting-fsms.js";
import { failure, until } from "../support/waiting.js";

const HOUR = 3_600_000;

/** The guarantees of every store for the events that runs are sent. */
export function storeEventsContract(name: string, connect: () => Promise<StoreSubject>): void {
  describe(`Events recorded in ${name}`, () => {
    const { another, count, crash, execute } = useStores(connect);
    let store: SqlStore;

    const states = async (runId: string) => (await store.getRun(runId))!.cycles.map(({ state }) => state);
    const waits = (runId: string, state: string) => () => waitsIn(store, runId, state);

    beforeEach(() => {
      taken.length = 0;
      store = another();
    });

    describe("reach a run", () => {
      it.each(["the same", "another"])("driven by %s store", async (which) => {
        const handle = order().start({ store, runId: "r" });
        await until(waits("r", "created"));
        const from = which === "another" ? another() : store;
        await order().send("r", "PAID", 5, { store: from });
        await order().send("r", "SENT", "ups", { store: from });
        expect((await handle.result).value).toBe("ups");
        expect(taken).toEqual([5]);
        expect(await count("events where taken_at is null or for_owner is not null")).toBe(0);
      });

      it("that is paused, and stays so until it is resumed", async () => {
        await order().run({ store, runId: "r" });
        await order().run({ store, runId: "other" });
        expect(await order().recover({ store })).toEqual([]);
        await order().send("r", "SENT", "not yet", { store });
        expect(await order().recover({ store })).toEqual([]);
        await order().send("r", "PAID", 5, { store: another() });
        expect((await store.getRun("r"))!.status).toBe("waiting");
        const [run, ...others] = await order().recover({ store });
        expect([run.runId, run.value, others]).toEqual(["r", "not yet", []]);
        await order().send("other", "PAID", 6, { store });
        expect(await order().resume("other", { store })).toMatchObject({ status: "waiting", currentState: "paid" });
        expect(taken).toEqual([5, 6]);
      });

      it("before a state waits for them", async () => {
        for (const [i, from] of [store, another()].entries()) {
          let go = () => {};
          const gate = new Promise<void>((resolve) => (go = resolve));
          const fsm = new Fsm<any>("busy");
          fsm.state("work", { initial: true }, async () => (await gate, waitForEvent({ GO: "end" })));
          fsm.state("end", (payload: unknown) => stop(payload));
          const running = fsm.run({ store, runId: `r${i}` });
          await until(async () => (await store.getRun(`r${i}`))?.cycles[0]?.status === "running");
          await fsm.send(`r${i}`, "GO", "early", { store: from });
          go();
          expect((await running).value).toBe("early");
        }
      });

      it("whose driver died, in order, with those it had not taken", async () => {
        const first = another();
        const handle = collector().start({ store: first, runId: "r" });
        handle.result.catch(() => {});
        await until(waits("r", "idle"));
        await collector().send("r", "OTHER", 0, { store: first });
        await handle.send("ITEM", 1);
        await crash(first);
        for (const item of [2, 3]) await collector().send("r", "ITEM", item, { store });
        await collector().send("r", "END", undefined, { store });
        expect(await collector().recover({ store })).toMatchObject([{ runId: "r", value: "end" }]);
        expect(taken).toEqual([1, 2, 3]);
      });

      it("that takes many of them later, in order", async () => {
        const first = another();
        const handle = collector().start({ store: first, runId: "r" });
        handle.result.catch(() => {});
        await until(waits("r", "idle"));
        // The current state does not wait for these.
        for (let i = 0; i < 120; i++) handle.send("LATER", i).catch(() => {});
        await until(async () => (await count("events")) === 120);
        await collector().send("r", "LATER", 120, { store: another() });
        await crash(first);
        const later = new Fsm<any>("collector");
        later.state("idle", { initial: true }, () => waitForEvent({ LATER: "item" }));
        later.state("item", (item: unknown) => (taken.push(item), next("idle")));
        later.state("end", () => stop("end"));
        await collector().send("r", "ITEM", -1, { store });
        expect((await later.resume("r", { store })).status).toBe("waiting");
        expect(taken).toEqual([-1, ...Array.from({ length: 121 }, (_, i) => i)]);
      });

      it("before events sent later through its handle", async () => {
        const handle = collector().start({ store, runId: "r" });
        await until(waits("r", "idle"));
        for (const item of [1, 3, 5]) {
          await collector().send("r", "ITEM", item, { store });
          await handle.send("ITEM", item + 1);
        }
        await collector().send("r", "END", undefined, { store });
        await handle.result;
        expect(taken).toEqual([1, 2, 3, 4, 5, 6]);
      });

      it("once each and in the order of each sender, however many senders there are", async () => {
        const handle = collector().start({ store, runId: "r", maxCycles: 1000 });
        const senders = [store, another(), another()];
        await until(waits("r", "idle"));
        const own = Promise.all(Array.from({ length: 20 }, (_, i) => handle.send("ITEM", `own ${i}`)));
        await Promise.all(
          senders.map(async (from, s) => {
            for (let i = 0; i < 20; i++) await collector().send("r", "ITEM", `${s} ${i}`, { store: from });
          }),
        );
        await own;
        await until(() => taken.length >= 80);
        await collector().send("r", "END", undefined, { store: senders[1] });
        await handle.result;
        expect(taken.length).toBe(80);
        for (const s of ["own", "0", "1", "2"]) {
          const own = taken.filter((item) => String(item).startsWith(`${s} `));
          expect(own).toEqual(Array.from({ length: 20 }, (_, i) => `${s} ${i}`));
        }
      });

      it("once per key, whichever store sends it and however late", async () => {
        await collector().run({ store, runId: "r" });
        const send = (from: SqlStore, item: string) => collector().send("r", "ITEM", item, { store: from, key: "k" });
        const other = another();
        await Promise.all([send(store, "a"), send(other, "a"), send(store, "a")]);
        await collector().resume("r", { store });
        await send(other, "again");
        await collector().send("r", "ITEM", "b", { store, key: "l" });
        await collector().send("r", "END", undefined, { store });
        expect((await collector().resume("r", { store })).status).toBe("completed");
        await send(store, "after the end");
        expect(taken).toEqual(["a", "b"]);
        expect(await failure(collector().send("r", "ITEM", "c", { store, key: "m" }))).toMatchObject({
          code: "RUN_ENDED",
        });
      });

      it("once per key, even if the run is cancelled and resumed in between", async () => {
        await collector().run({ store, runId: "r" });
        const send = (item: string) => collector().send("r", "ITEM", item, { store, key: item });
        await send("taken");
        await collector().resume("r", { store });
        await send("lost");
        await store.cancel("r");
        await send("taken");
        await collector().resume("r", { store });
        await send("taken");
        await send("lost");
        await collector().resume("r", { store, send: [["END"]] });
        expect(taken).toEqual(["taken", "lost"]);
      });

      it("with long payloads", async () => {
        const long = "x".repeat(2_000_000);
        const handle = collector().start({ store, runId: "r" });
        await until(waits("r", "idle"));
        await collector().send("r", "ITEM", long, { store: another() });
        await until(() => taken.length > 0);
        await handle.pause();
        expect(taken).toEqual([long]);
      });
    });

    describe("are rejected", () => {
      it("by a run that has ended, is unknown, or belongs to another workflow", async () => {
        await order().run({ store, runId: "done" });
        await order().resume("done", { store, send: { PAID: 1, SENT: "ups" } });
        const stopped = order().start({ store, runId: "stopped" });
        await stopped.stop();
        const fails = new Fsm<any>("order");
        fails.state("created", { initial: true }, () => {
          throw new Error("no");
        });
        await failure(fails.run({ store, runId: "failed" }));
        for (const runId of ["done", "stopped", "failed"]) {
          const error = await failure(order().send(runId, "PAID", 1, { store }));
          expect(error).toBeInstanceOf(StoreError);
          expect([error.code, error.message]).toEqual(["RUN_ENDED", expect.stringContaining(`"${runId}"`)]);
        }
        expect(await failure(order().send("nobody's", "PAID", 1, { store }))).toMatchObject({ code: "NOT_FOUND" });
        const other = await failure(collector().send("done", "ITEM", 1, { store }));
        expect(other).toBeInstanceOf(ValidationError);
        expect(other.message).toContain('belongs to the fsm "order", not to the fsm "collector"');
        expect(await count("events where taken_at is null")).toBe(0);
      });

      it("if they can't be recorded, and leave nothing behind", async () => {
        await order().run({ store, runId: "r" });
        const send = (event: string, payload: unknown, options: object) =>
          failure(order().send("r", event, payload, { store, ...options }));
        expect(await send("PAID", { fn: () => 1 }, {})).toMatchObject({ code: "UNSTORABLE", path: "fn" });
        expect(await send("PA\0ID", 1, {})).toMatchObject({ code: "UNSTORABLE" });
        expect(await send("PAID", 1, { key: "\ud800" })).toMatchObject({ code: "UNSTORABLE" });
        expect(await send("PAID", 1, { key: "" })).toBeInstanceOf(RangeError);
        expect(await send("PAID", 1, { store: {} })).toBeInstanceOf(TypeError);
        expect(await send("PAID", 1, { kye: "k" })).toBeInstanceOf(TypeError);
        expect(await send(5 as never, 1, {})).toBeInstanceOf(TypeError);
        await expect(order().send("r", "PAID", 1, undefined as never)).rejects.toThrow(TypeError);
        expect(await count("events")).toBe(0);
      });

      it("by the handle, without affecting the run", async () => {
        const handle = order().start({ store, runId: "r" });
        const early = handle.send("PAID", () => {});
        expect(await failure(early)).toMatchObject({ code: "UNSTORABLE" });
        expect(await failure(handle.send("PAID", () => {}))).toMatchObject({ code: "UNSTORABLE" });
        await handle.send("PAID", 5);
        expect(await failure(order().resume("r", { store }))).toMatchObject({ code: "LEASE_HELD" });
        expect((await handle.pause()).currentState).toBe("paid");
      });

      it("by resume, which then sends none of them and leaves the run unchanged", async () => {
        await order(HOUR).run({ store, runId: "r" });
        const before = await store.getRun("r");
        for (const bad of [() => {}, { rows: [Symbol("no")] }]) {
          const send = [
            ["PAID", 1],
            ["PAID", bad],
            ["SENT", 2],
          ] as const;
          const error = await failure(order(HOUR).resume("r", { store, send }));
          expect(error).toMatchObject({ code: "UNSTORABLE", message: expect.stringContaining('event "PAID"') });
        }
        expect(await failure(order(HOUR).resume("r", { store, send: { PAID: 1, "\0": 2 } }))).toMatchObject({
          code: "UNSTORABLE",
        });
        expect(await store.getRun("r")).toEqual(before);
        expect([before!.error, taken, await count("events")]).toEqual([undefined, [], 0]);
        const run = await order(HOUR).resume("r", { store, send: [["PAID", 5]] });
        expect([run.currentState, taken]).toEqual(["paid", [5]]);
      });

      it("by attach, which then sends none of them to a run in progress", async () => {
        const handle = order().start({ store, runId: "r" });
        await until(waits("r", "created"));
        const send = [
          ["PAID", 1],
          ["SENT", () => {}],
        ] as const;
        expect(await failure(order().attach("r", { store, send }))).toMatchObject({ code: "UNSTORABLE" });
        expect([handle.state, taken]).toEqual(["created", []]);
        await order().attach("r", {
          store,
          send: [
            ["PAID", 5],
            ["SENT", "ups"],
          ],
        });
        expect((await handle.result).value).toBe("ups");
      });
    });

    describe("are acknowledged", () => {
      it("when it is durable that they were taken", async () => {
        for (const durability of ["strict", "relaxed"] as const) {
          const runId = durability;
          const other = another();
          const handle = order().start({ store, runId, durability });
          await handle.send("PAID", 5);
          expect((await other.getRun(runId))!.cycles.map(({ state }) => state)).toEqual(["created", "paid"]);
          const kept = handle.send("OTHER", 1);
          await handle.pause();
          await kept;
          expect(await count(`events where run_id = '${runId}' and taken_at is null`)).toBe(1);
        }
      });

      it("never if the run is taken over first: the next driver takes them", async () => {
        const first = another();
        const handle = order().start({ store: first, runId: "r" });
        handle.result.catch(() => {});
        await until(waits("r", "created"));
        await execute("update runs set lease_expires_at = 0");
        const paused = await order().resume("r", { store });
        expect(paused.status).toBe("waiting");
        await order().send("r", "PAID", 5, { store });
        const error = await failure(handle.send("PAID", 6));
        expect(error.code).toMatch(/LEASE_LOST|EXECUTION/u);
        await order().recover({ store });
        expect(taken.filter((amount) => amount === 5)).toEqual([5]);
        expect(await states("r")).toEqual(["created", "paid"]);
      });

      it("together with the transition, however long a state hook takes", async () => {
        const first = another();
        let asked = 0;
        const hanging = collector(() => (asked++, new Promise(() => {}))).start({ store: first, runId: "r" });
        hanging.result.catch(() => {});
        await until(waits("r", "idle"));
        await collector().send("r", "ITEM", 1, { store: first });
        await until(() => asked === 1);
        await crash(first);
        await collector().send("r", "END", undefined, { store });
        expect(await collector().recover({ store })).toMatchObject([{ value: "end" }]);
        expect(taken).toEqual([1]);
      });

      it("as rejected if the run is stopped during a state hook", async () => {
        const handle = collector(() => new Promise(() => {})).start({ store, runId: "r" });
        await until(waits("r", "idle"));
        await collector().send("r", "ITEM", "from outside", { store });
        const sent = failure(handle.send("ITEM", "own"));
        await handle.stop();
        expect((await sent).message).toContain('did not take event "ITEM"');
        await collector().resume("r", { store });
        expect(taken).toEqual(["from outside"]);
      });
    });

    it("are kept for a run that fails before it takes them", async () => {
      const machine = ({ fails }: { fails: boolean }) => {
        const fsm = new Fsm<any>("fails");
        fsm.state("first", { initial: true }, () => waitForEvent({ GO: "second" }));
        fsm.state("second", () => {
          if (fails) throw new Error("no");
          return waitForEvent({ END: "end" });
        });
        fsm.state("end", (payload: unknown) => stop(payload));
        return fsm;
      };
      const handle = machine({ fails: true }).start({ store, runId: "r" });
      await until(waits("r", "first"));
      await machine({ fails: true }).send("r", "END", "recorded", { store });
      const own = failure(handle.send("END", "own"));
      await handle.send("GO").catch(() => {});
      await failure(handle.result);
      expect((await own).message).toContain('"END"');
      expect((await machine({ fails: false }).resume("r", { store })).value).toBe("recorded");
    });

    it("can be sent by attach to a run that is being paused, which continues with them", async () => {
      const handle = order().start({ store, runId: "r" });
      await until(waits("r", "created"));
      const paused = handle.pause();
      const send = [
        ["PAID", 5],
        ["SENT", "ups"],
      ] as const;
      const attached = await order().attach("r", { store, send });
      expect([(await paused).status, (await attached.result).value, taken]).toEqual(["paused", "ups", [5]]);
    });

    it("can be sent by resume in the order of a list, which may repeat them", async () => {
      await collector().run({ store, runId: "r" });
      const send = [["ITEM", 10], ["ITEM", 9], ["10", 1], ["ITEM", null], ["END"]] as const;
      expect((await collector().resume("r", { store, send })).value).toBe("end");
      expect(taken).toEqual([10, 9, null]);
      await expect(collector().resume("r", { store, send: { 10: 1, 9: 2 } })).rejects.toThrow(/"send" must be a list/u);
      const nameless = [new Map([["ITEM", 1]]), { [Symbol("ITEM")]: 1 }, Object.create({ ITEM: 1 })] as unknown[];
      for (const bad of [[["ITEM", 1, 2]], ["ITEM"], [[5]], 5, ...nameless]) {
        await expect(collector().resume("r", { store, send: bad as never })).rejects.toThrow(/"send" must be/u);
      }
    });

    it("let the event loop turn, however many runs are sent events, read and attached to at once", async () => {
      let turn = 0;
      let isOver = false;
      const turned = () => {
        turn++;
        if (!isOver) setImmediate(turned);
      };
      const runIds = Array.from({ length: 120 }, (_, i) => `r${i}`);
      /** The number of turns of the event loop in which concurrent operations settle. */
      const turnsOf = async (work: readonly Promise<unknown>[]) =>
        new Set(await Promise.all(work.map((each) => each.then(() => turn)))).size;

      await Promise.all(runIds.map((runId) => order().run({ store, runId })));
      setImmediate(turned);
      try {
        expect(await turnsOf(runIds.map((runId) => order().send(runId, "PAID", 1, { store })))).toBeGreaterThan(1);
        expect(await turnsOf(Array.from({ length: 1000 }, () => store.getRun("r0")))).toBeGreaterThan(1);
        const begun = new Set<number>();
        const handles = await order().attachAll({ store, observers: [() => void begun.add(turn)] });
        expect(handles.length).toBe(120);
        expect(begun.size).toBeGreaterThan(2);
        for (const { result } of handles) result.catch(() => {});
      } finally {
        isOver = true;
      }
    });
  });
}
