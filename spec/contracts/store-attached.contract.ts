import { spawn, type ChildProcess } from "node:child_process";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Dag, Fsm, next, waitForEvent, type FsmHandle } from "dagwright";
import type { SqlStore } from "dagwright/store";
import { bundled } from "../support/bundled.js";
import { parcel, stuck } from "../support/driving.js";
import { useStores, type StoreSubject } from "../support/stores.js";
import { failure, gate, never, sleep } from "../support/waiting.js";

/** A kind of store that processes can share. */
export interface AttachedSubject extends StoreSubject {
  /** The argument with which another process opens the database. */
  readonly address: () => string;
}

/** Another process, and its output after "driving". */
interface Driver {
  readonly process: ChildProcess;
  readonly ended: Promise<string>;
}

/** @param script - the script that the process executes */
async function drive(script: string, address: string, kind: "fsm" | "dag" | "stopped", runId: string): Promise<Driver> {
  const child = spawn(process.execPath, [script, address, kind, runId]);
  let said = "";
  let errors = "";
  child.stderr.on("data", (data: Buffer) => (errors += data.toString()));
  const ended = new Promise<string>((resolve) => child.once("close", () => resolve(said.replace("driving\n", ""))));
  await new Promise<void>((resolve, reject) => {
    child.stdout.on("data", (data: Buffer) => {
      said += data.toString();
      if (said.startsWith("driving\n")) resolve();
    });
    child.once("close", () => reject(new Error(`It ended, and said: ${errors}`)));
  });
  return { process: child, ended };
}

async function kill({ process: child, ended }: Driver): Promise<void> {
  child.kill("SIGKILL");
  await ended;
}

/** The guarantees of handles for runs that another process drives. */
export function attachedContract(name: string, connect: () => Promise<AttachedSubject>): void {
  let subject: AttachedSubject;

  describe(`In ${name}, a handle of a run that another process drives`, () => {
    const script = bundled("driving");
    const { another } = useStores(async () => (subject = await connect()));
    let store: SqlStore;
    let driver: Driver | undefined;

    const attach = (options: object = {}): FsmHandle<any> =>
      parcel().start({ store, runId: "r", ifExists: "attach", ...options });
    const statesOf = async () => (await store.getRun("r"))!.cycles.map(({ state }) => state);

    /** Starts the run in another process, and returns a handle of it. */
    async function driven(): Promise<FsmHandle<any>> {
      driver = await drive(script, subject.address(), "fsm", "r");
      const handle = attach();
      await handle.recorded;
      return handle;
    }

    beforeEach(() => {
      store = another();
    });
    afterEach(async () => {
      if (driver !== undefined) await kill(driver);
      driver = undefined;
    });

    it("sends events, and shows the current state", async () => {
      const handle = await driven();
      expect(handle.state).toBe("cart");
      await handle.waitFor("cart");
      const paid = handle.waitFor("paid", { timeout: 20_000 });
      await handle.send("PAID", 5);
      await paid;
      expect(handle.state).toBe("paid");
      await handle.waitFor("paid");
      expect(attach().state).toBe("cart");
      const again = attach();
      await again.recorded;
      expect(again.state).toBe("paid");
      await again.send("SENT", "by mail");
      expect([(await handle.result).value, (await again.result).value]).toEqual(["by mail", "by mail"]);
      expect([handle.state, await driver?.ended]).toEqual(["sent", '"by mail"\n']);
      await handle.waitFor("sent");
      expect(await failure(handle.waitFor("cart"))).toMatchObject({ code: "EXECUTION" });
    });

    it("sees states that are left at once, during the run and at its end", async () => {
      const handle = await driven();
      // Let the run end between two polls.
      await sleep(800);
      const waiting = ["rushing", "hurrying", "sent"].map((state) => handle.waitFor(state));
      const inVain = failure(handle.waitFor("paid"));
      await handle.send("RUSH", 1);
      await Promise.all(waiting);
      expect(await inVain).toMatchObject({
        code: "EXECUTION",
        message: expect.stringContaining('ended in state "sent"'),
      });
      expect(await statesOf()).toEqual(["cart", "rushing", "hurrying", "sent"]);
    });

    it("waits for existing states, within the timeout", async () => {
      const handle = await driven();
      const late = await failure(handle.waitFor("sent", { timeout: 60 }));
      expect(late).toMatchObject({
        name: "ExecutionError",
        code: "EXECUTION",
        message:
          'The run of "parcel" did not enter state "sent" within 60 ms. Raise the timeout, or follow the run with events().',
        runId: "r",
      });
      expect(await failure(handle.waitFor("sold"))).toMatchObject({ code: "VALIDATION" });
      expect(await failure(handle.waitFor("sent", { timeout: -1 }))).toBeInstanceOf(RangeError);
    });

    it("delivers events in the order in which they were sent", async () => {
      const handle = await driven();
      const payloads = Array.from({ length: 20 }, (_, i) => i);
      await Promise.all(payloads.map((payload) => handle.send("NOTE", payload)));
      await handle.send("RUSH", "done");
      await handle.result;
      const { cycles } = (await store.getRun("r"))!;
      const taken = cycles.filter(({ event }) => event === "NOTE").map(({ input }) => (input as any).value);
      expect(taken).toEqual(payloads);
    });

    it("rejects invalid events like the store does, and then sends others", async () => {
      const handle = await driven();
      const [unstorable, sent] = [failure(handle.send("PAID", () => 1)), handle.send("PAID", 5)];
      expect(await unstorable).toMatchObject({ name: "StoreError", code: "UNSTORABLE" });
      expect(await failure(handle.send(7 as never))).toBeInstanceOf(TypeError);
      await sent;
      await handle.waitFor("paid");
      // Delay the next poll, to see the run's end late.
      await sleep(800);
      await parcel().send("r", "SENT", 1, { store });
      await driver?.ended;
      const ended = await failure(handle.send("SENT", 2));
      expect(["RUN_ENDED", "EXECUTION"]).toContain(ended.code);
    });

    it("can't pause the run, and names the process that can", async () => {
      const handle = await driven();
      const refused = await failure(handle.pause());
      expect(refused).toMatchObject({ name: "StoreError", code: "LEASE_HELD" });
      expect(refused.message).toMatch(
        new RegExp(`driven by .*\\b${driver?.process.pid}\\b.* Wait until the run ends`, "u"),
      );
      expect((await store.getRun("r"))?.status).toBe("running");
      await handle.send("RUSH", 1);
      expect((await handle.result).value).toBe(1);
    });

    it("stops waiting when it is stopped", async () => {
      const handle = await driven();
      const other = attach({ timeout: 100 });
      const waiting = failure(handle.waitFor("sent"));
      expect(await failure(handle.stop())).toMatchObject({ code: "CANCELLED" });
      for (const promise of [waiting, ...[handle.result, handle.pause(), handle.send("PAID", 5)].map(failure)]) {
        expect(await promise).toMatchObject({ code: "CANCELLED" });
      }
      expect(await failure(other.waitFor("sent"))).toMatchObject({ code: "RUN_TIMEOUT" });
      expect(await failure(other.result)).toMatchObject({ code: "RUN_TIMEOUT" });
      expect((await store.getRun("r"))?.status).toBe("running");
    });

    it("is served by a process that stays alive as long as the run waits", async () => {
      const handle = await driven();
      await sleep(1000);
      await parcel().send("r", "RUSH", 1, { store });
      expect((await handle.result).value).toBe(1);
      expect(await driver?.ended).toBe("1\n");

      driver = await drive(script, subject.address(), "stopped", "s");
      expect(await driver.ended).toBe("undefined\n");
      expect((await store.getRun("s"))?.status).toBe("cancelled");
    });

    it("continues the run here when the driver's process has died", async () => {
      const handle = await driven();
      const heard: string[] = [];
      const listening = (async () => {
        for await (const event of handle.events()) heard.push(event.type);
      })();
      const waiting = [handle.waitFor("paid"), handle.waitFor("sent")];
      await kill(driver as Driver);
      await handle.send("PAID", 5);
      await waiting[0];
      expect(handle.state).toBe("paid");
      await handle.send("SENT", "on foot");
      await waiting[1];
      expect((await handle.result).value).toBe("on foot");
      await listening;
      expect(heard.at(-1)).toBe("run.finished");
    });

    it("pauses the run, for all handles, as soon as the driver's process has died", async () => {
      const handle = await driven();
      const other = attach();
      await other.recorded;
      // Delay the next poll of both.
      await sleep(800);
      await kill(driver as Driver);
      expect([(await handle.pause()).status, (await other.result).status]).toEqual(["paused", "paused"]);
      expect((await handle.result).status).toBe("paused");
    });

    it("sees all states when another handle continues the run here", async () => {
      const handle = await driven();
      const other = attach();
      await other.recorded;
      const waiting = ["rushing", "hurrying", "sent"].map((state) => handle.waitFor(state));
      await sleep(800);
      await kill(driver as Driver);
      const taken = await parcel().attach("r", { store });
      await taken.send("RUSH", 1);
      await Promise.all([...waiting, other.waitFor("sent")]);
      expect((await handle.result).value).toBe(1);
    });

    it("is rejected at once for another workflow", async () => {
      await driven();
      const other = new Fsm<any>("other");
      other.state("cart", { initial: true }, () => next("cart"));
      const dag = new Dag<any>("parcel");
      dag.node("cart", () => 1);
      for (const workflow of [other, dag]) {
        const handle = workflow.start({ store, runId: "r", ifExists: "attach", timeout: 10_000 });
        for (const promise of [handle.recorded, handle.result, handle.pause()]) {
          expect(await failure(promise)).toMatchObject({ name: "ValidationError" });
        }
      }
    });

    it("pauses a dag's run, too, only after the driver's process has died", async () => {
      driver = await drive(script, subject.address(), "dag", "d");
      const { opened, open } = gate();
      const handle = stuck(() => opened).start({ store, runId: "d", ifExists: "attach" });
      expect(await failure(handle.pause())).toMatchObject({ code: "LEASE_HELD" });
      await kill(driver);
      const pausing = handle.pause();
      open();
      expect([(await pausing).status, (await handle.result).status]).toEqual(["paused", "paused"]);
    });
  });

  describe(`In ${name}, a handle of a run that may exist already`, () => {
    const { another, crash } = useStores(connect);

    it("sees states that a new run was in before it was known to be new", async () => {
      const fsm = new Fsm<any>("quick");
      fsm.state("a", { initial: true }, () => next("b"));
      fsm.state("b", () => next("c"));
      fsm.state("c", { terminal: true }, () => 1);
      const store = another();
      const handle = fsm.start({ store, runId: "q", ifExists: "attach", durability: "relaxed" });
      await handle.waitFor("b");
      expect((await handle.result).value).toBe(1);
    });

    it("starts a new run if the existing one is deleted before it is read", async () => {
      const [store, other] = [another(), another()];
      /** Deletes the run after it was found to exist. */
      const removeBeforeLook = (runId: string) => {
        const claim = store.claim.bind(store);
        vi.spyOn(store, "claim").mockImplementationOnce(async (...asked) => {
          await other.delete(runId);
          return claim(...asked);
        });
      };
      let calls = 0;
      const dag = new Dag<any>("counted");
      dag.node("a", () => ++calls);
      dag.node("b", { needs: ["a"] }, (a: number) => a);
      const begin = [
        () => dag.run({ store, runId: "d", ifExists: "attach" }),
        () => dag.start({ store, runId: "d", ifExists: "attach" }).result,
        () => dag.runUntil("a", { store, runId: "d", ifExists: "attach" }),
      ];
      await dag.run({ store, runId: "d" });
      for (const [i, run] of begin.entries()) {
        removeBeforeLook("d");
        expect((await run()).value).toBe(i + 2);
        expect((await store.getRun("d"))!.status).toBe("completed");
      }
      expect((await store.getRun("d"))!.nodes.get("b")?.status).not.toBe("completed");

      await parcel().run({ store, runId: "f" });
      removeBeforeLook("f");
      const handle = parcel().start({ store, runId: "f", ifExists: "attach" });
      const heard: string[] = [];
      const listening = (async () => {
        for await (const event of handle.events()) heard.push(event.type);
      })();
      const sent = handle.send("RUSH", 7);
      await Promise.all([handle.recorded, handle.waitFor("hurrying"), sent]);
      expect((await handle.result).value).toBe(7);
      await listening;
      expect([heard[0], heard.at(-1)]).toEqual(["run.started", "run.finished"]);
      vi.restoreAllMocks();
    });

    it("sees states that the run enters before the handle knows that it continues here", async () => {
      const fsm = (first: unknown) => {
        const made = new Fsm<any>("hasty");
        made.state("a", { initial: true }, () => first);
        made.state("b", () => next("c"));
        made.state("c", () => waitForEvent({ GO: "d" }));
        made.state("d", { terminal: true }, () => 1);
        return made;
      };
      const [store, other] = [another(), another()];
      const lost = fsm(never()).start({ store: other, runId: "h" });
      lost.result.catch(() => {});
      await lost.recorded;
      const handle = fsm(next("b")).start({ store, runId: "h", ifExists: "attach", durability: "relaxed" });
      await handle.recorded;
      const waiting = [handle.waitFor("b", { timeout: 10_000 }), handle.waitFor("c")];
      await crash(other);
      await Promise.all(waiting);
      expect((await handle.stop()).stateHistory).toEqual(["a", "b", "c"]);
    });
  });
}
