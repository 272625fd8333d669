import { describe, expect, it, vi } from "vitest";
import { Dag, Fsm, ValidationError, type Context, type NodeOptions } from "dagwright";
import { failing, fails } from "../support/failing.js";
import { outcome } from "../support/fake-time.js";
import { sleep } from "../support/waiting.js";

describe("Dag › steps, dry runs and look-ups", () => {
  it("says what comes next, and shares its context between steps", async () => {
    const dag = new Dag<any>("d");
    dag.node("a", () => 1);
    dag.node("b", { needs: ["a"] }, (x: number, ctx: Context) => x + (ctx.metadata.add as number));
    dag.node("urgent", { priority: "critical", needs: ["a"] }, () => 0);
    const first = await dag.step();
    expect([first.node, first.next, first.context.get("a")]).toEqual(["a", "urgent", 1]);
    first.context.metadata.add = 10;
    const second = await dag.step(first.state);
    expect([second.node, second.next]).toEqual(["urgent", "b"]);
    const last = await dag.step(second.state);
    expect([last.result, last.next, last.done]).toEqual([11, undefined, true]);
  });

  it("runs one node a step", async () => {
    const dag = new Dag("d");
    dag.node("a", () => 1);
    dag.node("b", { needs: ["a"] }, async (x: number) => x + 1);
    const one = await dag.step();
    expect(one).toMatchObject({ node: "a", result: 1, done: false });
    const two = await dag.step(one.state);
    expect(two).toMatchObject({ node: "b", result: 2, done: true });
    expect(two.run?.value).toBe(2);
    await expect(dag.step(one.state)).rejects.toThrow(/already stepped from/u);
    await expect(new Dag("o").step(two.state)).rejects.toThrow(/another workflow/u);
    expect(await dag.step(two.state)).toMatchObject({ node: undefined, done: true });
  });

  it("rejects the step whose node fails", async () => {
    const dag = new Dag("d");
    dag.node("a", fails);
    await expect(dag.step()).rejects.toThrow(/boom/u);
  });

  it("tells what a run would do, and runs nothing", async () => {
    const fn = vi.fn(() => 1);
    const dag = new Dag("d");
    dag.node("b", { needs: ["a"] }, (x: number) => x);
    dag.node("a", { params: [] }, fn);
    expect(dag.dryRun({ mode: "async" })).toMatchObject({
      workflow: "d",
      mode: "async",
      nodes: [
        { name: "a", needs: [], backend: "inline" },
        { name: "b", needs: ["a"], backend: "inline" },
      ],
    });
    expect(fn).not.toHaveBeenCalled();
    expect(() => dag.dryRun({ inputs: { q: 1 } })).toThrow(ValidationError);
  });

  it("looks into the last finished run, also one that failed", async () => {
    const dag = failing();
    expect(dag.lastRun).toBeUndefined();
    expect(dag.get("a")).toBeUndefined();
    expect(dag.get("a", 0)).toBe(0);
    expect(dag.has("a")).toBe(false);
    await dag.run().catch(() => {});
    expect(dag.lastRun?.status).toBe("failed");
    expect(dag.get("a")).toBe(1);
    expect(dag.has("c")).toBe(false);
    expect({ ...dag.results }).toEqual({ a: 1 });
  });

  it("measures the run, its nodes and its critical path", async () => {
    const dag = new Dag("d");
    dag.node("short", () => sleep(2));
    dag.node("long", () => sleep(20));
    dag.node("end", { needs: ["short", "long"] }, () => 1);
    vi.useFakeTimers();
    try {
      vi.advanceTimersByTime(100);
      const began = Date.now();
      const run = await outcome(dag.run({ mode: "async" }));
      const { total, nodes, criticalPath } = run.metrics;
      expect(criticalPath.nodes).toEqual(["long", "end"]);
      expect([criticalPath.duration, total, nodes["short"]].map(Math.round)).toEqual([20, 20, 2]);
      expect(run.timeline().map(({ node, start }) => [node, Math.round(start)])).toEqual([
        ["short", 0],
        ["long", 0],
        ["end", 20],
      ]);
      const report = run.nodes.get("end");
      expect([(report?.startedAt ?? 0) - began, report?.duration].map((ms) => Math.round(ms ?? -1))).toEqual([20, 0]);
    } finally {
      vi.useRealTimers();
    }
  });

  it("keeps only outputs under retain: outputs, also of synchronous nodes in a row", async () => {
    const dag = new Dag<any>("d");
    dag.node("a", () => 1);
    dag.node("b", { needs: ["a"] }, (a: number) => a + 1);
    dag.node("c", { needs: ["b"] }, (b: number) => b + 1);
    for (const run of [dag.runSync({ retain: "outputs" }), await dag.run({ retain: "outputs" })]) {
      expect({ ...run.results }).toEqual({ c: 3 });
      expect([run.has("a"), run.has("b"), run.has("c")]).toEqual([false, false, true]);
    }
  });

  it("starts the clock of a node when its own function starts, not those before it", async () => {
    const dag = new Dag("d");
    dag.node("a", () => {
      for (const end = performance.now() + 10; performance.now() < end;);
      return sleep(5);
    });
    dag.node("b", () => sleep(1));
    const [a, b] = (await dag.run({ mode: "async" })).timeline();
    expect(b.start - a.start).toBeGreaterThan(9);
  });

  it("runs synchronously, and says so when a node returns a promise", () => {
    const dag = new Dag("d");
    dag.node("a", () => 1);
    expect(dag.runSync().value).toBe(1);
    dag.node("b", async () => 2);
    expect(() => dag.runSync()).toThrow(/"b" returned a promise.*Use run/u);
    expect(() => dag.runSync({ errorStrategy: "continue" })).toThrow(/"b" returned a promise/u);
    const hooks = { cleanup: async () => {} };
    dag.removeNode("b");
    dag.node("c", () => 1);
    expect(() => dag.runSync({ errorStrategy: "continue", hooks })).toThrow(
      /"a" has a hook "cleanup" that returned a promise/u,
    );
    dag.node("bad", fails);
    expect(() => dag.runSync({ errorHandler: async () => "stop" as const })).toThrow(
      /errorHandler returned a promise/u,
    );
  });

  it.each<[string, NodeOptions]>([
    ["a fallback", { fallback: async () => 1 }],
    ["a fallback", { fallback: Promise.resolve(1) }],
    ['a hook "preExecute"', { hooks: { preExecute: async () => {} } }],
    ['a hook "onError"', { hooks: { onError: async () => {} } }],
    ['a hook "cleanup"', { hooks: { cleanup: async () => {} } }],
    ['a "retry.when"', { retry: { retries: 1, when: (async () => true) as never } }],
    ['a "retry.onRetry"', { retry: { retries: 1, onRetry: async () => {} } }],
    ['a "circuitBreaker.when"', { circuitBreaker: { when: (async () => true) as never } }],
    ["a cache with a store", { cache: { store: Object.assign(new Map(), { get: async () => undefined }) } }],
  ])("says of %s that it is what runSync can't wait for", (what, options) => {
    const dag = new Dag("d");
    dag.node("a", options, fails);
    expect(() => dag.runSync()).toThrow(`Node "a" has ${what} that returned a promise, which runSync can't wait for.`);
    const fsm = new Fsm("f");
    fsm.state("a", { initial: true, ...options }, fails);
    expect(() => fsm.runSync()).toThrow(`State "a" has ${what} that returned a promise, which runSync can't wait for.`);
  });
});
