import { spawn, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Dag, Fsm, StoreError, stop, waitForEvent } from "dagwright";
import type { SqlStore, StoreOptions } from "dagwright/store";
import { bundled } from "../support/bundled.js";
import { dying } from "../support/dying.js";
import { failure, until } from "../support/waiting.js";

/** A kind of store that processes can share, on a database that is empty before each spec. */
export interface SharedSubject {
  /** The argument with which another process opens the database. */
  readonly address: () => string;
  open(options?: StoreOptions): SqlStore;
  /** Executes a statement over a separate connection. */
  execute(statement: string): Promise<void>;
  /** Makes the database reject rows of nodes with this name. */
  refuse(node: string): Promise<void>;
  /** Blocks all writes until the returned function is called. */
  lock(): Promise<() => Promise<void>>;
  reset(): Promise<void>;
  close(): Promise<void>;
}

/** Starts a process with a script and a run. Resolves when its output matches. */
async function start(
  script: string,
  address: string,
  runId: string,
  task: string,
  says: RegExp,
): Promise<ChildProcess> {
  const child = spawn(process.execPath, [script, address, runId, task], { stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  await new Promise<void>((resolve, reject) => {
    const hear = (data: Buffer) => {
      said += data.toString();
      if (says.test(said)) resolve();
    };
    child.stdout.on("data", hear);
    child.stderr.on("data", (data: Buffer) => (said += data.toString()));
    child.on("exit", () => reject(new Error(`It ended, and said: ${said}`)));
  });
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  const gone = new Promise((resolve) => child.once("close", resolve));
  child.kill("SIGKILL");
  await gone;
}

/** The guarantees of every store for processes and runs that share it. */
export function sharingContract(name: string, connect: () => Promise<SharedSubject>): void {
  describe(`Runs that share ${name}`, () => {
    const script = bundled("dying");
    let subject: SharedSubject;
    const open: SqlStore[] = [];
    const another = (options?: StoreOptions) => {
      const store = subject.open(options);
      open.push(store);
      return store;
    };

    beforeEach(async () => {
      subject ??= await connect();
      await subject.reset();
    });
    afterEach(async () => {
      vi.restoreAllMocks();
      await Promise.all(open.splice(0).map((store) => store.close()));
    });
    afterAll(() => subject?.close());

    it("can be recovered as soon as their process is killed, before the lease expires", async () => {
      const child = await start(script, subject.address(), "r", "drive", /driving/u);
      const store = another();
      await expect(dying().resume("r", { store })).rejects.toMatchObject({ code: "LEASE_HELD" });
      expect(await dying().recover({ store })).toEqual([]);
      await kill(child);
      const [run] = await dying().recover({ store });
      expect(run.value).toBe(2);
    });

    it("are left to their driver, even if the clock of another process is ahead", async () => {
      const driver = await start(script, subject.address(), "r", "drive", /driving/u);
      await start(script, subject.address(), "r", "recover with a clock that is ahead", /recovered 0/u);
      await kill(driver);
    });

    it("are released when their store is closed", async () => {
      const first = another({ lease: 600_000 });
      const dag = new Dag<any>("d");
      let begun = () => {};
      const hasBegun = new Promise<void>((resolve) => (begun = resolve));
      dag.node("slow", () => (begun(), new Promise(() => {})));
      const lost = dag.run({ store: first, runId: "r", timeout: 20_000 }).catch((error: unknown) => error);
      await hasBegun;
      await first.close();
      const mended = new Dag<any>("d");
      mended.node("slow", () => "done");
      const [run] = await mended.recover({ store: another() });
      expect(run.value).toBe("done");
      void lost;
    });

    it("are released when a store is closed that is claiming one", async () => {
      const dag = (end: unknown) => {
        const made = new Dag<any>("d");
        made.node("slow", () => end);
        return made;
      };
      const [first, second, third] = [another(), another({ lease: 600_000 }), another()];
      const lost = dag(new Promise(() => {})).run({ store: first, runId: "r" });
      lost.catch(() => {});
      await until(async () => (await third.getRun("r"))?.attempts.length === 1);
      await first.close();
      await second.listRuns();
      // The end of the run can't be recorded.
      vi.spyOn(process, "emitWarning").mockImplementation(() => {});
      const unlock = await subject.lock();
      const claimed = dag("unseen").resume("r", { store: second });
      claimed.catch(() => {});
      await new Promise((resolve) => setTimeout(resolve, 100));
      const closed = second.close();
      await new Promise((resolve) => setTimeout(resolve, 100));
      await unlock();
      await closed;
      await expect(claimed).rejects.toBeInstanceOf(StoreError);
      expect((await dag("done").resume("r", { store: third })).value).toBe("done");
    });

    it("have one driver, even if an earlier one in the same store has not noticed its loss", async () => {
      const [store, other] = [another({ lease: 60_000 }), another()];
      const drivers: (() => void)[] = [];
      const dag = new Dag<any>("d");
      dag.node("x", async () => {
        const driver = drivers.length + 1;
        await new Promise<void>((resolve) => drivers.push(resolve));
        return `x of driver ${driver}`;
      });
      dag.node("y", { needs: ["x"] }, async (x: string) => `y after ${x}`);
      const begun = (driver: number) => until(() => drivers.length === driver);
      const first = dag.run({ store, runId: "r" }).catch((error: unknown) => error);
      await begun(1);
      await subject.execute("update runs set lease_expires_at = 0");
      const second = dag.recover({ store: other }).catch((error: unknown) => error);
      await begun(2);
      await other.close();
      const third = dag.recover({ store });
      await begun(3);
      for (const goOn of drivers.reverse()) goOn();
      expect((await third)[0].value).toBe("y after x of driver 3");
      expect(await first).toMatchObject({ code: "LEASE_LOST" });
      await second;
      expect((await store.getRun("r"))!.attempts.find(({ node }) => node === "y")!.output).toBe(
        "y after x of driver 3",
      );
    });

    it("fail alone if the database rejects their data, whatever shares the transaction", async () => {
      const store = another();
      const dag = (node: string) => {
        const made = new Dag<any>(node);
        made.node(node, async () => 1);
        made.node("then", { needs: [node] }, (x: number) => x + 1);
        return made;
      };
      await store.listRuns();
      await subject.refuse("evil");
      const innocent = Array.from({ length: 20 }, (_, i) => dag("innocent").run({ store, runId: `run ${i}` }));
      const evil = dag("evil").run({ store, runId: "evil" });
      const more = Array.from({ length: 20 }, (_, i) => dag("innocent").run({ store, runId: `more ${i}` }));
      await expect(evil).rejects.toBeInstanceOf(StoreError);
      for (const run of await Promise.all([...innocent, ...more])) expect(run.value).toBe(2);
      expect((await store.listRuns({ status: "completed" })).runs.length).toBe(40);
    });

    it("are free after their writes failed and their leases expired or their store was closed", async () => {
      const evil = new Dag<any>("evil");
      evil.node("evil", async () => 1);
      const busy = new Fsm<any>("busy");
      busy.state("idle", { initial: true }, () => waitForEvent({ GO: "idle" }));
      const [store, patient, other] = [another({ lease: 200 }), another({ lease: 600_000 }), another()];
      await other.listRuns();
      await subject.refuse("evil");
      const handle = busy.start({ store });
      await handle.waitFor("idle");
      for (const [runId, of] of Object.entries({ short: store, long: patient })) {
        await expect(evil.run({ store: of, runId })).rejects.toMatchObject({ code: "STORE" });
      }
      const isCancelled = (runId: string) =>
        other.cancel(runId).then(
          () => true,
          () => false,
        );
      await until(() => isCancelled("short"));
      await expect(other.cancel("long")).rejects.toMatchObject({ code: "LEASE_HELD" });
      await patient.close();
      await other.cancel("long");
      expect((await other.getRun(handle.runId))!.status).toBe("running");
      await handle.stop();
    });

    it("fail alone if they take a branch whose name is not storable", async () => {
      const store = another();
      const evil = (branch: string) => {
        const dag = new Dag<any>("evil");
        dag.node("value", async () => 1);
        dag.select("route", { needs: ["value"] }, async () => branch);
        return dag;
      };
      const innocent = new Dag<any>("innocent");
      innocent.node("a", async () => 1);
      innocent.node("b", { needs: ["a"] }, (x: number) => x + 1);
      const innocents = Array.from({ length: 10 }, () => innocent.run({ store }));
      for (const branch of ["left\0", "\udfff"]) {
        await expect(evil(branch).run({ store })).rejects.toMatchObject({ name: "StoreError", code: "UNSTORABLE" });
      }
      for (const run of await Promise.all(innocents)) expect(run.value).toBe(2);
    });

    it("may have outputs and parameters with names that no database stores, but no ids", async () => {
      const store = another();
      const dag = new Dag<any>("d");
      dag.node("value", () => ({ "a\0b": 1, "\ud800": 2 }));
      dag.node(
        "takes",
        { needs: ["value.a\0b", "value.\ud800"], params: ["x\0", "y\ud800"] },
        (x: number, y: number) => [x, y],
      );
      const { runId } = await dag.run({ store });
      const run = (await store.getRun(runId))!;
      expect(run.attempts.find(({ node }) => node === "takes")?.input).toEqual({ "x\0": 1, "y\ud800": 2 });
      expect((await dag.resume(runId, { store })).get("takes")).toEqual([1, 2]);
      for (const nowhere of ["\0", "\ud800", "x".repeat(5000)]) {
        expect(await store.getRun(nowhere)).toBeUndefined();
        const error = await failure(dag.resume(nowhere, { store }));
        expect(error).toMatchObject({ code: "NOT_FOUND" });
        expect(error.message).not.toMatch(/[\0\ud800]/);
        expect(error.message.length).toBeLessThan(400);
        await expect(store.cancel(nowhere)).rejects.toMatchObject({ code: "NOT_FOUND" });
        expect((await store.listRuns({ workflow: nowhere })).runs).toEqual([]);
        expect((await store.stats(nowhere)).runs.total).toBe(0);
      }
    });

    it("are rejected if their id or the name of a node exceeds the key length", async () => {
      const store = another();
      const dag = new Dag<any>("d");
      dag.node("n", () => expect.unreachable());
      await expect(dag.run({ store, runId: "é".repeat(300) })).rejects.toThrow(
        /600 bytes, and at most 512 are allowed/u,
      );
      const long = new Dag<any>("d");
      long.node("n".repeat(513), () => expect.unreachable());
      await expect(long.run({ store })).rejects.toMatchObject({ name: "StoreError", code: "UNSTORABLE" });
      const longest = new Dag<any>("d");
      const names = ["a".repeat(512), "b".repeat(512)];
      longest.node(names[0], { params: ["i".repeat(512)] }, (x: number) => x);
      longest.node(names[1], { needs: [names[0]], params: ["j".repeat(512)] }, (x: number) => x + 1);
      const run = await longest.run({ store, runId: "r".repeat(512), inputs: { ["i".repeat(512)]: 1 } });
      expect(run.value).toBe(2);
    });

    it("are rejected if the name of a workflow or parameter, or the key of an event, exceeds the key length", async () => {
      const store = another();
      // Random, because the database would compress repetitive text.
      const long = randomBytes(6000).toString("base64");
      const tooLong = {
        name: "StoreError",
        code: "UNSTORABLE",
        message: expect.stringMatching(/8000 bytes, and at most/u),
      };
      const named = new Dag<any>(long);
      named.node("n", () => expect.unreachable());
      await expect(named.run({ store })).rejects.toMatchObject(tooLong);
      const dag = new Dag<any>("d");
      dag.node("a", () => 1);
      dag.node("b", { needs: ["a"], params: [long] }, (x: number) => x);
      await expect(dag.run({ store })).rejects.toMatchObject(tooLong);
      const fsm = new Fsm<any>("f");
      fsm.state("waits", { initial: true }, () => waitForEvent({ GO: "done" }));
      fsm.state("done", () => stop(1));
      await fsm.run({ store, runId: "f" });
      await expect(fsm.send("f", "GO", 1, { store, key: long })).rejects.toMatchObject(tooLong);
      expect(await fsm.recover({ store })).toEqual([]);
      const parts = ["l", "m"].map((letter) => letter.repeat(512));
      const longest = new Dag<any>(randomBytes(256).toString("hex"));
      for (const part of parts) longest.node(part, () => 1);
      longest.all("k".repeat(512), { needs: parts }, (both: object) => Object.keys(both).length);
      expect((await longest.run({ store, runId: randomBytes(256).toString("hex") })).value).toBe(2);
    });

    it("complete and are recorded, hundreds at once", async () => {
      const store = another({ lease: 300 });
      const dag = new Dag<any>("many");
      dag.node("a", { params: ["x"] }, async (x: number) => x);
      dag.node("b", { needs: ["a"] }, async (x: number) => x + 1);
      const runs = await Promise.all(Array.from({ length: 400 }, (_, x) => dag.run({ store, inputs: { x } })));
      expect(runs.map(({ value }) => value)).toEqual(Array.from({ length: 400 }, (_, x) => x + 1));
      expect((await store.stats("many")).runs).toMatchObject({ total: 400, completed: 400 });
    });

    it("warn while their leases can't be renewed", async () => {
      const warn = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
      const fsm = new Fsm<any>("waits");
      fsm.state("idle", { initial: true }, () => waitForEvent({ GO: "idle" }));
      const store = another({ lease: 200 });
      const handle = fsm.start({ store });
      const ended = handle.result.catch(() => {});
      await until(async () => (await store.getRun(handle.runId))?.cycles.at(-1)?.wait !== undefined);
      await subject.execute("alter table runs rename to elsewhere");
      const text = "The leases of runs could not be renewed: ";
      await until(() => warn.mock.calls.some(([message]) => String(message).startsWith(text)));
      await subject.execute("alter table elsewhere rename to runs");
      await handle.stop().catch(() => {});
      await ended;
    });

    it("keep their leases while hundreds wait", async () => {
      const [store, other] = [another({ lease: 1000 }), another()];
      const fsm = new Fsm<any>("waits");
      fsm.state("idle", { initial: true, to: ["done"] }, () => waitForEvent({ GO: "done" }));
      fsm.state("done", { terminal: true }, () => "done");
      const handles = Array.from({ length: 200 }, (_, i) => fsm.start({ store, runId: `run ${i}` }));
      await Promise.all(handles.map((handle) => handle.waitFor("idle")));
      await new Promise((resolve) => setTimeout(resolve, 2500));
      expect(await fsm.recover({ store: other })).toEqual([]);
      await Promise.all(handles.map((handle) => handle.send("GO")));
      for (const { result } of handles) expect((await result).finalState).toBe("done");
    });
  });
}
