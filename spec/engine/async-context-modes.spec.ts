import { AsyncLocalStorage } from "node:async_hooks";
import { describe, expect, it } from "vitest";
import { Dag, Scheduler, type RunHandle, type RunOptions } from "dagwright";
import { sqliteStore } from "dagwright/store";
import { sleep } from "../support/waiting.js";

const caller = new AsyncLocalStorage<string>();

/** Wide layers of nodes of all kinds. Each compares the caller with the run's input. */
function crowd(options: object) {
  const dag = new Dag("crowd");
  const wrong: string[] = [];
  const look = (who: string, name: string) => {
    if (caller.getStore() !== who) wrong.push(`${name} of ${who} sees ${caller.getStore()}`);
  };
  for (let i = 0; i < 4; i++) {
    dag.node(`sync${i}`, options, (who: string) => (look(who, "sync"), i));
    dag.node(`async${i}`, { needs: [`sync${i}`], ...options }, async (_: number, who: string) => {
      look(who, "async");
      await sleep(Math.random() * 2);
      look(who, "async, later");
    });
    dag.node(`busy${i}`, { needs: [`async${i}`], ...options }, (_: unknown, who: string) => {
      look(who, "busy");
      // Uses up the run's slice of time.
      for (const end = performance.now() + 20; performance.now() < end;);
    });
  }
  return { dag, wrong };
}

const run = (dag: Dag, options: RunOptions) => dag.run(options);
const start = async (dag: Dag, options: RunOptions) => {
  const handle: RunHandle<any> = dag.start(options);
  await sleep(0);
  return handle.result;
};
const step = async (dag: Dag, options: RunOptions) => {
  let next = await dag.step(undefined, options);
  while (!next.done) next = await dag.step(next.state);
};

describe("The caller's own AsyncLocalStorage reaches the nodes", () => {
  it.each<[string, object, RunOptions, (dag: Dag, options: RunOptions) => Promise<unknown>]>([
    ["sequential", {}, {}, run],
    ["async", {}, { mode: "async" }, run],
    ["on the level executor", {}, { mode: "async", executor: "level" }, run],
    ["on the reactive executor", {}, { mode: "async", executor: "reactive" }, run],
    ["with a limit", {}, { mode: "async", concurrency: 2 }, run],
    ["with a scheduler", {}, { mode: "async", scheduler: new Scheduler({ maxConcurrency: 2 }) }, run],
    ["with a shared key", { concurrencyKey: { key: "crowd", limit: 2 } }, { mode: "async" }, run],
    ["throttled", { throttle: { limit: 5, interval: 5, key: "crowd" } }, { mode: "async" }, run],
    ["timed", { timeout: 60_000, retry: 1 }, { mode: "async" }, run],
    ["when observed", {}, { mode: "async", observers: [() => {}] }, run],
    ["from start", {}, { mode: "async" }, start],
    ["from start, sequentially", {}, {}, start],
    ["from step", {}, {}, step],
  ])("%s", async (_, options, runOptions, begin) => {
    const { dag, wrong } = crowd(options);
    const work = ["one", "two", "three"].map((who) =>
      caller.run(who, () => begin(dag, { ...runOptions, inputs: { who } })),
    );
    await Promise.all(work);
    expect(wrong).toEqual([]);
  });

  it("recorded", async () => {
    await using store = sqliteStore(":memory:");
    const { dag, wrong } = crowd({});
    const work = ["one", "two"].map((who) => caller.run(who, () => dag.run({ mode: "async", store, inputs: { who } })));
    await Promise.all(work);
    expect(wrong).toEqual([]);
  });
});
