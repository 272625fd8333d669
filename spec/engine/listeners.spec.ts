import { getEventListeners } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeEach, describe, expect, it, vi } from "vitest";
import { CancelledError, Dag, Fsm, stop, waitForEvent, type Context } from "dagwright";
import { sqliteStore } from "dagwright/store";

const warned = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
beforeEach(() => void warned.mockClear());
afterAll(() => void warned.mockRestore());

const listening = async (ctx: Context) => {
  await delay(2, undefined, { signal: ctx.signal });
};

function wide(options = {}) {
  const dag = new Dag("wide");
  for (let i = 0; i < 20; i++) dag.node(`n${i}`, options, listening);
  return dag;
}

describe("A signal or a run with many listeners", () => {
  it("has one listener for all runs that share it, and none after them", { tags: "slow" }, async () => {
    await using store = sqliteStore(":memory:");
    const controller = new AbortController();
    const { signal } = controller;
    const count = () => getEventListeners(signal, "abort").length;
    const dag = wide();
    const runs = Array.from({ length: 1000 }, () => dag.run({ mode: "async", signal }));
    const runId = "shared";
    for (let i = 0; i < 20; i++) runs.push(dag.run({ mode: "async", signal, store, runId, ifExists: "attach" }));
    const recovered = Array.from({ length: 20 }, () => dag.recover({ store, signal, wait: true }));
    expect(count()).toBe(1);
    await Promise.all([...runs, ...recovered]);
    expect(count()).toBe(0);
    const endless = new Dag("endless");
    endless.node("waits", (ctx) => delay(60_000, undefined, { signal: ctx.signal }));
    const rest = [1, 2, 3].map(() => endless.run({ mode: "async", signal }).catch((error: unknown) => error));
    await endless.run({ mode: "async", signal, timeout: 1 }).catch(() => {});
    expect(count()).toBe(1);
    controller.abort();
    for (const error of await Promise.all(rest)) expect(error).toBeInstanceOf(CancelledError);
    expect(count()).toBe(0);
    expect(warned).not.toHaveBeenCalled();
  });

  it.each([
    ["plain nodes", {}],
    ["nodes with a retry", { retry: 1 }],
    ["nodes with a timeout", { timeout: 60_000 }],
  ])("causes no warning in %s, or in a state", async (_, options) => {
    const { signal } = new AbortController();
    const dag = new Dag("outer");
    for (let i = 0; i < 20; i++)
      dag.node(`n${i}`, options, (ctx: Context) => wide(options).run({ mode: "async", signal: ctx.signal }));
    await dag.run({ mode: "async", signal });
    const fsm = new Fsm("listening");
    fsm.state("a", { initial: true, ...options }, async (ctx: Context) => {
      await Promise.all(Array.from({ length: 20 }, () => listening(ctx)));
      return waitForEvent({ GO: "b" });
    });
    fsm.state("b", () => stop());
    const handles = Array.from({ length: 20 }, () => fsm.start({ signal }));
    await Promise.all(handles.map((handle) => handle.send("GO")));
    expect(getEventListeners(signal, "abort")).toEqual([]);
    expect(warned).not.toHaveBeenCalled();
  });

  it("causes no warning when many event streams are left early", async () => {
    const handle = wide().start({ mode: "async" });
    const all = Array.from({ length: 20 }, async () => {
      let count = 0;
      for await (const event of handle.events()) count += event.type === "node.completed" ? 1 : 0;
      return count;
    });
    for (let i = 0; i < 20; i++) {
      const events = handle.events();
      await events.next();
      await events.return?.();
    }
    expect(new Set(await Promise.all(all))).toEqual(new Set([20]));
    expect(warned).not.toHaveBeenCalled();
  });
});
