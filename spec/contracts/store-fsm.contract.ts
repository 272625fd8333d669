import { beforeEach, describe, expect, it } from "vitest";
import { Fsm, next, PauseRun, stop, ValidationError, waitForEvent } from "dagwright";
import type { SqlStore } from "dagwright/store";
import { calls } from "../support/pipeline.js";
import { useStores, type StoreSubject } from "../support/stores.js";
import { failure, gate, never, until } from "../support/waiting.js";

/** The guarantees of every store for runs of fsms. */
export function recordedFsmContract(name: string, connect: () => Promise<StoreSubject>): void {
  describe(`Runs recorded in ${name}`, () => {
    const { another, count, crash } = useStores(connect);
    let store: SqlStore;

    beforeEach(() => {
      calls.length = 0;
      store = another();
    });

    describe("of an fsm", () => {
      function order(behave: (state: string, ctx: { attempt: number; cycle: number }) => unknown = () => {}): Fsm<any> {
        const fsm = new Fsm<any>("order");
        const called = (ctx: any) => {
          calls.push(`${ctx.nodeName}.${ctx.cycle}`);
          return behave(ctx.nodeName, ctx);
        };
        fsm.state("draft", { initial: true }, (n: number, ctx: any) => called(ctx) ?? next("count", n));
        fsm.state(
          "count",
          (n: number, ctx: any) => called(ctx) ?? (n < 3 ? next("count", n + 1) : next("ship", { n })),
        );
        fsm.state("ship", (data: unknown, ctx: any) => called(ctx) ?? stop(data));
        fsm.addTransition("ship", "count", (value) => value === 0);
        return fsm;
      }

      it("go on with the payload of the event that led to the state which failed", async () => {
        const broken = new Set(["b"]);
        const fsm = new Fsm<any>("payload");
        fsm.state("a", { initial: true }, () => waitForEvent({ "1st": "b", "2nd": "b" }));
        fsm.state("b", (value: unknown) => (broken.has("b") ? Promise.reject(new Error("no")) : stop(value)));
        const { runId } = await fsm.run({ store });
        const send = { "1st": { n: 7 }, "2nd": 0 };
        await failure(fsm.resume(runId, { store, send }));
        expect((await store.getRun(runId))!.cycles.map(({ state, input, error }) => [state, input, error])).toEqual([
          ["a", undefined, undefined],
          ["b", { value: { n: 7 } }, new Error("no")],
        ]);
        broken.clear();
        expect((await fsm.resume(runId, { store: another() })).value).toEqual({ n: 7 });
      });

      it("are not continued where a state is gone that they were in, or wait to go to", async () => {
        const make = (...names: string[]) => {
          const fsm = new Fsm<any>("shrunk");
          fsm.state("a", { initial: true }, () => next("old"));
          if (names.includes("old")) fsm.state("old", () => next("wait"));
          fsm.state("wait", () => waitForEvent({ GO: "a" }, { after: [60_000, "late"] }));
          if (names.includes("late")) fsm.state("late", () => 1);
          return fsm;
        };
        const { runId } = await make("old", "late").run({ store });
        for (const gone of ["old", "late"]) {
          const rest = make(...["old", "late"].filter((name) => name !== gone));
          const error = await failure(rest.resume(runId, { store, allowChanges: true }));
          expect(error).toBeInstanceOf(ValidationError);
          expect(error.message).toContain(`"${gone}"`);
        }
      });

      it("are found in the state that paused them", async () => {
        const fsm = new Fsm<any>("paused");
        fsm.state("a", { initial: true }, () => next("b"));
        fsm.state("b", () => {
          throw new PauseRun();
        });
        const options = { store, runId: "p", ifExists: "attach" } as const;
        for (const run of [await fsm.run(options), await fsm.run(options)]) {
          expect([run.status, run.currentState]).toEqual(["paused", "b"]);
        }
      });

      it("fail when they go on, where a state has failed under continueNone, but not where one was rescued", async () => {
        const make = (options: object) => {
          const fsm = new Fsm<any>("failed before");
          fsm.state("a", { initial: true, ...options }, () => Promise.reject(new Error("no")));
          fsm.state("b", () => waitForEvent({ GO: "c" }));
          fsm.state("c", () => stop(1));
          fsm.addTransition("a", "b", "default");
          return fsm;
        };
        for (const [options, status] of [
          [{ errorStrategy: "continueNone" }, "failed"],
          [{ errorState: "b" }, "completed"],
        ] as const) {
          const { runId } = await make(options).run({ store });
          const run = await make(options).resume(runId, { store, send: { GO: 1 } });
          expect([run.status, run.value]).toEqual([status, 1]);
        }
      });

      it("are recorded by cycle", async () => {
        const run = await order().run({ store, inputs: { n: 1 } });
        const found = (await store.getRun(run.runId))!;
        expect(found.cycles.map(({ cycle, state, status, output }) => [cycle, state, status, output?.value])).toEqual([
          [0, "draft", "completed", 1],
          [1, "count", "completed", 2],
          [2, "count", "completed", 3],
          [3, "count", "completed", { n: 3 }],
          [4, "ship", "completed", { n: 3 }],
        ]);
        expect(found).toMatchObject({ kind: "fsm", status: "completed" });
        expect({ ...found.outputs }).toEqual({ ship: { n: 3 } });
        const again = await order().resume(run.runId, { store });
        expect(again.stateHistory).toEqual(run.stateHistory);
        expect([again.value, again.isTerminated, again.finalState]).toEqual([{ n: 3 }, true, "ship"]);
        expect((await store.stats("order")).nodes.get("count")?.completed).toBe(3);
      });

      it("continue in their last state after a crash, a failure or a pause", async () => {
        const first = another();
        void order((state, { attempt }) =>
          state === "count" && attempt === 1 && calls.length > 2 ? never() : undefined,
        )
          .run({ store: first, inputs: { n: 1 }, runId: "c" })
          .catch(() => {});
        await until(() => calls.length === 3);
        await crash(first);
        const [run] = await order().recover({ store });
        expect(run.stateHistory).toEqual(["draft", "count", "count", "count", "ship"]);
        expect(calls).toEqual(["draft.0", "count.1", "count.2", "count.2", "count.3", "ship.4"]);
        expect((await store.getRun("c"))!.cycles[2].attempts).toBe(2);

        calls.length = 0;
        const fails = order((state) => {
          if (state === "ship") throw new Error("no");
        });
        const error = await failure(fails.run({ store, inputs: { n: 3 } }));
        const mended = await order().resume(error.run.runId, { store });
        expect(mended.stateHistory).toEqual(["draft", "count", "ship"]);
        expect(calls).toEqual(["draft.0", "count.1", "ship.2", "ship.2"]);

        const { opened, open } = gate();
        const handle = order((state) =>
          state === "count" ? opened.then(() => next("ship", { n: 3 })) : undefined,
        ).start({
          store,
          inputs: { n: 3 },
        });
        await until(() => calls.at(-1) === "count.1" && calls.length === 6);
        const pausing = handle.pause();
        open();
        const paused = await pausing;
        expect(paused.status).toBe("paused");
        expect((await order().resume(paused.runId, { store })).value).toEqual({ n: 3 });
      });

      it("use a provided value like a returned one", async () => {
        const pausing = () =>
          order((state) => {
            if (state === "ship" && calls.length === 3) throw new PauseRun("ask");
          });
        const { runId, status, pauseReason } = await pausing().run({ store, inputs: { n: 3 } });
        expect([status, pauseReason]).toEqual(["paused", "ask"]);
        const wrong = await failure(pausing().resume(runId, { store, provide: { count: 1 } }));
        expect(wrong.message).toContain('"ship"');
        const run = await pausing().resume(runId, { store, provide: { ship: 0 } });
        expect(run.stateHistory).toEqual(["draft", "count", "ship", "count", "count", "count", "count", "ship"]);
        expect(run.get("ship.0")).toBe(0);
      });

      it("keep queued events, and continue to wait", async () => {
        const make = () => {
          const fsm = new Fsm<any>("events");
          fsm.state("open", { initial: true }, () => waitForEvent({ PAID: "paid" }));
          fsm.state("paid", (amount: number) => (calls.push(`paid ${amount}`), waitForEvent({ SENT: "done" })));
          fsm.state("done", (by: string, ctx: any) => stop(`${by} ${ctx.trigger}`));
          return fsm;
        };
        const waiting = await make().run({ store });
        expect(waiting).toMatchObject({ status: "waiting", pauseReason: 'waits for "PAID"' });
        const paid = await make().resume(waiting.runId, { store, send: { PAID: 5 } });
        expect(paid).toMatchObject({ status: "waiting", currentState: "paid" });
        const done = await make().resume(waiting.runId, { store: another(), send: { SENT: "ups" } });
        expect([done.status, done.value]).toEqual(["completed", "ups SENT"]);
        expect(calls).toEqual(["paid 5"]);

        const handle = make().start({ store });
        const early = handle.send("SENT", "dhl");
        await until(async () => (await count("events where taken_at is null")) === 1);
        expect((await handle.pause()).status).toBe("paused");
        await early;
        const last = await make().resume(handle.runId, { store, send: { PAID: 1 } });
        expect(last.value).toBe("dhl SENT");
        expect(await count("events where taken_at is null")).toBe(0);

        const first = another();
        const crashing = make().start({ store: first });
        crashing.result.catch(() => {});
        crashing.send("SENT", "fedex").catch(() => {});
        await until(async () => (await count("events where taken_at is null")) === 1);
        await crash(first);
        expect((await make().resume(crashing.runId, { store, send: { PAID: 2 } })).value).toBe("fedex SENT");
      });

      it("wait no longer than before they were paused", async () => {
        const fsm = new Fsm<any>("timed");
        fsm.state("open", { initial: true }, () => waitForEvent({ PAID: "paid" }, { after: [2000, "late"] }));
        fsm.state("paid", () => stop("paid"));
        fsm.state("late", () => stop("late"));
        const handle = fsm.start({ store });
        await until(async () => (await store.getRun(handle.runId))?.cycles[0]?.status === "completed");
        await handle.pause();
        const { at } = (await store.getRun(handle.runId))!.cycles[0].wait!.after!;
        await until(() => Date.now() > at);
        const run = await fsm.resume(handle.runId, { store });
        expect(run.value).toBe("late");
        // It did not wait anew.
        expect((await store.getRun(handle.runId))!.cycles[0].wait!.after!.at).toBe(at);
      });

      it("are rejected if their states have changed", async () => {
        const { runId } = await order(() => {
          throw new PauseRun();
        }).run({ store, inputs: { n: 1 } });
        const other = order();
        other.state("extra", () => stop());
        expect((await failure(other.resume(runId, { store }))).message).toContain('added "extra"');
        expect((await other.resume(runId, { store, allowChanges: true })).status).toBe("completed");
      });
    });
  });
}
