import { AsyncLocalStorage } from "node:async_hooks";
import { describe, expect, it } from "vitest";
import { Dag, Fsm, Scheduler, stop, waitForEvent } from "dagwright";
import { sqliteStore } from "dagwright/store";
import { sleep } from "../support/waiting.js";

const caller = new AsyncLocalStorage<string>();

/** A state machine that waits twice, and notes the async context of each of its functions. */
function waiting() {
  const seen: string[] = [];
  const note = (what: string) => seen.push(`${what}: ${caller.getStore()}`);
  const fsm = new Fsm("waiting");
  fsm.state("first", { initial: true }, () => {
    note("first");
    return waitForEvent({ GO: "second" });
  });
  fsm.state("second", { hooks: { preExecute: () => void note("hook") } }, async () => {
    await sleep(1);
    note("second");
    return waitForEvent({ GO: "last" }, { after: [60_000, "first"] });
  });
  fsm.state("last", () => {
    note("last");
    return stop();
  });
  fsm.addStateHook((_, from) => void note(`on from ${from}`));
  return { fsm, seen };
}

const ALL = ["first", "on from first", "hook", "second", "on from second", "last"].map((what) => `${what}: starter`);

describe("The functions of a run see the async context in which it was started", () => {
  it("not that of the sender of an event, before the run has begun or while it waits", async () => {
    const { fsm, seen } = waiting();
    const handle = caller.run("starter", () => fsm.start());
    const sent = caller.run("early", () => handle.send("GO"));
    await handle.waitFor("second");
    await sent;
    await sleep(5);
    await caller.run("late", () => handle.send("GO"));
    expect((await handle.result).status).toBe("completed");
    expect(seen).toEqual(ALL);
  });

  it("not that of the sender of an event through the store", async () => {
    await using store = sqliteStore(":memory:");
    // The first caller that polls for events does so for all.
    const other = caller.run("other", () => waiting().fsm.start({ store }));
    await other.recorded;
    const { fsm, seen } = waiting();
    const handle = caller.run("starter", () => fsm.start({ store }));
    await handle.recorded;
    for (const state of ["second", "last"] as const) {
      await caller.run("sender", () => fsm.send(handle.runId, "GO", undefined, { store }));
      await handle.waitFor(state);
    }
    await handle.result;
    await other.stop();
    expect(seen).toEqual(ALL);
  });

  it("not that of a caller that inspects, pauses or cancels a run before it has begun", async () => {
    const { fsm, seen } = waiting();
    const dag = new Dag("looked at");
    dag.node("a", () => seen.push(`a: ${caller.getStore()}`));
    const machine = caller.run("starter", () => fsm.start());
    caller.run("looker", () => machine.state);
    await sleep(5);
    await machine.stop();
    const begin = () => caller.run("starter", () => dag.start({ mode: "async" }));
    await caller.run("looker", () => begin().pause());
    const cancelled = begin();
    await caller.run("looker", () => cancelled.cancel());
    await cancelled.result.catch(() => {});
    expect(seen).toContain("first: starter");
    expect(seen.filter((line) => !line.endsWith(": starter"))).toEqual([]);
  });

  it("not that of another run that released a slot", async () => {
    const scheduler = new Scheduler({ maxConcurrency: 1 });
    const seen: string[] = [];
    const dag = new Dag("crowded");
    for (const name of ["a", "b"]) {
      dag.node(name, { concurrencyKey: { key: "crowded", limit: 1 }, retry: 1 }, async (who: string, ctx) => {
        await sleep(1);
        seen.push(`${who} ${caller.getStore()}`);
        if (ctx.attempt < 2) throw new Error("again");
      });
    }
    const runs = ["one", "two", "three"].map((who) =>
      caller.run(who, () => dag.run({ mode: "async", scheduler, inputs: { who } })),
    );
    await Promise.all(runs);
    expect(seen).toHaveLength(12);
    expect(seen.filter((line) => new Set(line.split(" ")).size > 1)).toEqual([]);
  });
});
