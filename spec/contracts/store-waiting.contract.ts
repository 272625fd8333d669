import { beforeEach, describe, expect, it } from "vitest";
import { Dag, Fsm, PauseRun, stop, waitForEvent, type FsmRunOptions } from "dagwright";
import type { SqlStore } from "dagwright/store";
import { useStores, type StoreSubject } from "../support/stores.js";
import { order, taken, waitsIn } from "../support/waiting-fsms.js";
import { failure, gate, until } from "../support/waiting.js";

const HOUR = 3_600_000;

/** The guarantees of every store for runs that wait for events. */
export function storeWaitingContract(name: string, connect: () => Promise<StoreSubject>): void {
  describe(`Events recorded in ${name}`, () => {
    const { another, count, crash, execute } = useStores(connect);
    let store: SqlStore;
    const waits = (runId: string, state: string) => () => waitsIn(store, runId, state);

    beforeEach(() => {
      taken.length = 0;
      store = another();
    });

    describe("do not continue a run that paused on the way from its wait", () => {
      const asked: string[] = [];
      const waiter = (ask: () => void, after?: number) => {
        const fsm = order(after);
        fsm.addStateHook((_, from, to) => {
          asked.push(`${from} to ${to}`);
          ask();
        });
        return fsm;
      };
      const paused = async (fsm: Fsm<any>, runId: string, options: FsmRunOptions = {}) => {
        const handle = fsm.start({ ...options, store, runId });
        await until(waits(runId, "created"));
        await handle.send("PAID", 5);
        expect(await handle.result).toMatchObject({ status: "paused", stateHistory: ["created"] });
      };
      const found = async (fsm: Fsm<any>) => {
        const handles = await fsm.attachAll({ store });
        return [await fsm.recover({ store }), handles];
      };

      beforeEach(() => void (asked.length = 0));

      it("until it is due, whatever is sent", async () => {
        const time = Date.now() + HOUR;
        let isOpen = false;
        const fsm = waiter(() => {
          if (!isOpen) throw new PauseRun("ask Ann", { until: time });
        });
        await paused(fsm, "by its hook");
        const failing = waiter(() => {
          throw new Error("no");
        });
        const errorHandler = (): never => {
          throw new PauseRun("ask Ann", { until: time });
        };
        await paused(failing, "by errorHandler", { errorHandler });
        for (const runId of ["by its hook", "by errorHandler"]) {
          await fsm.send(runId, "PAID", 6, { store });
          const waitingFor = { events: [], until: time };
          expect(await store.getRun(runId)).toMatchObject({ status: "paused", waitingFor });
        }
        expect(await found(fsm)).toEqual([[], []]);
        expect((await store.listRuns()).runs).toMatchObject([{ waitingFor: { until: time } }, { pauses: [{}] }]);
        expect([taken, asked.length]).toEqual([[], 2]);
        isOpen = true;
        await execute("update runs set due_at = 1");
        expect(await fsm.recover({ store })).toMatchObject([{ currentState: "paid" }, { currentState: "paid" }]);
        expect(taken).toEqual([5, 5]);
        expect(asked.slice(2)).toEqual(["created to paid", "created to paid"]);
        expect(await count("events where taken_at is null")).toBe(2);
      });

      it("until it is resumed, if it has no due time, whatever the wait's deadline", async () => {
        let isOpen = false;
        const fsm = waiter(() => {
          if (!isOpen) throw new PauseRun("ask Ann");
        }, HOUR);
        await paused(fsm, "r");
        await fsm.send("r", "PAID", 6, { store });
        expect(await store.getRun("r")).toMatchObject({ pauseReason: "ask Ann", waitingFor: undefined });
        expect(await found(fsm)).toEqual([[], []]);
        expect([asked, await count("runs where due_at is null")]).toEqual([["created to paid"], 1]);
        isOpen = true;
        expect(await fsm.resume("r", { store })).toMatchObject({
          currentState: "paid",
          stateHistory: ["created", "paid"],
        });
        expect(taken).toEqual([5]);
      });
    });

    describe("and deadlines:", () => {
      it("a run without a handle pauses until its deadline", async () => {
        const fsm = order(HOUR);
        const began = Date.now();
        const run = await fsm.run({ store, runId: "r" });
        expect(run).toMatchObject({ status: "waiting", currentState: "created" });
        const [, time] = /^waits for "PAID" until (.+)$/u.exec(run.pauseReason!)!;
        expect(Date.parse(time)).toBeGreaterThanOrEqual(began + HOUR);
        expect(await count(`runs where due_at = ${Date.parse(time)}`)).toBe(1);
        expect(await fsm.recover({ store })).toEqual([]);
        expect((await fsm.resume("r", { store })).pauseReason).toBe(run.pauseReason);
        expect(await count(`runs where due_at = ${Date.parse(time)}`)).toBe(1);

        const isDue = async () => (await count(`runs where due_at <= ${Date.now()}`)) === 1;
        const short = order(300);
        await short.run({ store, runId: "short" });
        await until(isDue);
        expect(await short.recover({ store: another() })).toMatchObject([{ runId: "short", value: "late" }]);
        expect(await count("runs where due_at is not null")).toBe(1);
        await short.run({ store, runId: "again" });
        await until(isDue);
        expect((await short.resume("again", { store })).value).toBe("late");
      });

      it("a wait without events pauses, too", async () => {
        const fsm = new Fsm<any>("delay");
        fsm.state("a", { initial: true }, () => waitForEvent({}, { after: [200, "b"] }));
        fsm.state("b", () => stop("b"));
        expect((await fsm.run({ store, runId: "r" })).pauseReason).toMatch(/^waits until \d/u);
        await until(async () => (await count(`runs where due_at <= ${Date.now()}`)) === 1);
        expect(await fsm.recover({ store })).toMatchObject([{ value: "b" }]);
      });

      it("a run whose driver died while it waited pauses with the same deadline", async () => {
        const first = another();
        const handle = order(HOUR).start({ store: first, runId: "r" });
        handle.result.catch(() => {});
        await until(waits("r", "created"));
        const due = (await store.getRun("r"))!.cycles[0].wait!.after!.at;
        await crash(first);
        expect(await order(HOUR).recover({ store })).toMatchObject([{ runId: "r", status: "waiting" }]);
        expect(await count(`runs where due_at = ${due} and owner is null`)).toBe(1);
        await order(HOUR).send("r", "PAID", 5, { store });
        expect(await order(HOUR).recover({ store })).toMatchObject([{ currentState: "paid" }]);
      });

      it("an event recorded before the deadline is taken, whenever it is read", async () => {
        // A slow machine may miss the deadline.
        for (let i = 0, isInTime = false; !isInTime; i++) {
          const runId = `rests ${i}`;
          await order(200).run({ store, runId });
          await order(200).send(runId, "PAID", 1, { store });
          const sentAt = Date.now();
          const { at } = (await store.getRun(runId))!.cycles[0].wait!.after!;
          isInTime = sentAt <= at;
          await until(() => Date.now() > at);
          const run = await order(200).resume(runId, { store });
          if (isInTime) expect(run.currentState).toBe("paid");
        }

        // Before the driver's next poll.
        for (let i = 0, isInTime = false; !isInTime; i++) {
          const handle = order(250).start({ store, runId: `driven ${i}` });
          await until(waits(`driven ${i}`, "created"));
          const { at } = (await store.getRun(`driven ${i}`))!.cycles[0].wait!.after!;
          await order(250).send(`driven ${i}`, "PAID", 2, { store: another() });
          isInTime = Date.now() <= at;
          if (isInTime) await handle.waitFor("paid");
          await handle.stop();
        }
      });

      it("an event sent after the deadline is not taken, whichever is noticed first", async () => {
        await order(50).run({ store, runId: "r" });
        await order(50).run({ store, runId: "s" });
        const handle = order(300).start({ store, runId: "blocked" });
        await until(waits("blocked", "created"));
        const { at } = (await store.getRun("blocked"))!.cycles[0].wait!.after!;
        while (Date.now() <= at + 50);
        const late = failure(handle.send("PAID", 1));
        expect((await handle.result).value).toBe("late");
        expect((await late).message).toContain("PAID");

        await order(50).send("r", "PAID", 1, { store });
        expect((await order(50).resume("r", { store })).value).toBe("late");
        expect((await order(50).resume("s", { store, send: { PAID: 1 } })).value).toBe("late");
      });
    });
  });
  describe(`An event for a run inside, recorded in ${name} between two attempts of its node`, () => {
    const { another } = useStores(connect);
    /** A workflow that fails after its first event, inside of a node that tries again when the gate opens. */
    function around(attempts: number) {
      const failed = gate();
      const again = gate();
      let calls = 0;
      const inner = new Dag<any>("inner");
      inner.event("paid", (of: number) => of);
      inner.node("charge", { needs: ["paid"] }, (paid: number) => {
        if (++calls < attempts) throw new Error("declined");
        return paid;
      });
      const outer = new Dag<any>("outer");
      const onRetry = () => (failed.open(), again.opened);
      outer.node("check", { retry: { retries: attempts - 1, delay: 0, onRetry } }, inner);
      return { outer, failed: failed.opened, tryAgain: again.open };
    }

    it("is taken when the run inside waits again", async () => {
      const store = another();
      const { outer, failed, tryAgain } = around(2);
      const handle = outer.start({ store, runId: "r" });
      await handle.send("check.paid", 1);
      await failed;
      await until(async () => (await store.getRun("r/check"))?.status === "failed");
      await outer.send("r", "check.paid", 2, { store: another() });
      tryAgain();
      expect((await handle.result).value).toBe(2);
    });

    it("is taken when it is sent by the handle", async () => {
      const { outer, failed, tryAgain } = around(2);
      const handle = outer.start({ store: another(), runId: "r" });
      await handle.send("check.paid", 1);
      await failed;
      await handle.send("check.paid", 2);
      tryAgain();
      expect((await handle.result).value).toBe(2);
    });

    it("is refused when there is no further attempt", async () => {
      const store = another();
      const { opened, open } = gate();
      const failing = new Dag<any>("failing");
      failing.event("paid", () => {
        throw new Error("declined");
      });
      const outer = new Dag<any>("outer");
      outer.node("check", failing);
      outer.node("other", () => opened);
      const handle = outer.start({ store, runId: "r", errorStrategy: "continue", mode: "async" });
      await handle.send("check.paid", 1);
      await until(async () => (await store.getRun("r"))?.nodes.get("check")?.status === "failed");
      const error = await failure(outer.send("r", "check.paid", 2, { store: another() }));
      expect(error).toMatchObject({ code: "RUN_ENDED" });
      open();
      await handle.result;
    });
  });
}
