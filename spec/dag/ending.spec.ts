import { describe, expect, it } from "vitest";
import { Dag, Fsm, next, stop } from "dagwright";
import { sqliteStore, type OpenDatabase } from "dagwright/store";
import { openDatabase } from "../support/sqlite.js";
import { gate, sleep } from "../support/waiting.js";

/** A database in which nothing can be written while somebody else holds its lock. */
function lockable(): { database: OpenDatabase; lock: (isLocked: boolean) => void } {
  const database = openDatabase(":memory:");
  let isLocked = false;
  const prepare: OpenDatabase["prepare"] = (sql) => {
    if (isLocked && /^\s*(?:begin|insert|update)/iu.test(sql))
      throw Object.assign(new Error("database is locked"), { code: "SQLITE_BUSY", errcode: 5 });
    return database.prepare(sql);
  };
  return { database: { close: () => database.close(), prepare }, lock: (next) => void (isLocked = next) };
}

describe("A run that has failed", () => {
  it("does not wait for its store when it is aborted before its end", async () => {
    const { database, lock } = lockable();
    const store = sqliteStore(database);
    const abort = new AbortController();
    const dag = new Dag("work");
    const { opened, open } = gate();
    dag.node("slow", { timeout: 10_000 }, () => (open(), new Promise(() => {})));
    dag.node("bad", async () => {
      await opened;
      lock(true);
      throw new Error("bad");
    });
    const failed = dag.run({
      mode: "async",
      store,
      signal: abort.signal,
      observers: [({ type }) => void (type === "node.cancelled" && abort.abort())],
    });
    await expect(failed).rejects.toThrow("bad");
    lock(false);
    await store.close();
  });
});

describe("A run that gives up what is in progress", () => {
  it("lets the hooks of that clean up for a turn of the event loop before it settles", async () => {
    const cleanup = (cleaned: string[], name: string) => async () => {
      for (let i = 0; i < 10; i++) await Promise.resolve();
      cleaned.push(name);
    };
    for (const end of ["failure", "abort", "timeout"]) {
      const cleaned: string[] = [];
      const abort = new AbortController();
      const dag = new Dag("work");
      const hooks = { cleanup: cleanup(cleaned, "slow") };
      dag.node("slow", { hooks }, () => new Promise(() => {}));
      dag.node("ends", async () => {
        if (end === "failure") throw new Error("bad");
        if (end === "abort") abort.abort();
        await new Promise(() => {});
      });
      const options = { mode: "async", signal: abort.signal, timeout: end === "timeout" ? 5 : undefined } as const;
      await expect(dag.run(options)).rejects.toThrow();
      expect(cleaned).toEqual(["slow"]);
    }
  });
});

describe("A state machine that was stopped", () => {
  it("asks no more state hooks", async () => {
    const fsm = new Fsm("work");
    fsm.state("a", { initial: true }, () => next("b"));
    fsm.state("b", () => stop());
    const begun = gate();
    const { opened, open } = gate();
    fsm.addStateHook(() => (begun.open(), opened));
    let asked = 0;
    fsm.addStateHook(() => void asked++);
    const handle = fsm.start();
    await begun.opened;
    await handle.stop();
    open();
    await sleep(5);
    expect(asked).toBe(0);
  });

  it("as it left a state is still there", async () => {
    const fsm = new Fsm("work");
    fsm.state("a", { initial: true }, () => next("b"));
    fsm.state("b", () => stop());
    const handle = fsm.start({ observers: [({ type }) => void (type === "state.left" && handle.stop())] });
    expect(await handle.result).toMatchObject({ status: "cancelled", currentState: "a" });
  });
});
