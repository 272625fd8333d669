import { describe, expect, it, vi } from "vitest";
import { Dag, type Context } from "dagwright";
import { collectGarbage } from "../support/garbage.js";
import { failure, gate, sleep, turns } from "../support/waiting.js";

function leaf(): Dag<any> {
  const dag = new Dag<any>("leaf");
  dag.node("value", async (n: number) => n);
  return dag;
}

describe("Runs inside of others", () => {
  it("leave no listeners on the signal of their run, and none of a run that is over", async () => {
    const controller = new AbortController();
    const add = vi.spyOn(controller.signal, "addEventListener");
    const remove = vi.spyOn(controller.signal, "removeEventListener");
    const dag = new Dag<any>("outer");
    dag.node("in", leaf());
    dag.node("calls", { needs: ["in"] }, async (n: number, ctx: Context) => {
      for (let i = 0; i < 100; i++) await ctx.run(leaf(), { inputs: { n } });
      return n;
    });
    for (let i = 0; i < 20; i++) await dag.run({ inputs: { n: 1 }, mode: "async", signal: controller.signal });
    expect(add.mock.calls.length).toBe(remove.mock.calls.length);
  });

  it("take no memory once they are over", async () => {
    const dag = new Dag<any>("outer");
    dag.node("in", leaf());
    dag.node(
      "calls",
      { needs: ["in"] },
      async (n: number, ctx: Context) => (await ctx.run(leaf(), { inputs: { n } })).value,
    );
    const kept: WeakRef<object>[] = [];
    for (let i = 0; i < 10_000; i++) {
      const run = await dag.run({ inputs: { n: i }, mode: "async", concurrency: 1 });
      if (i % 1000 === 0) kept.push(new WeakRef(run.child("in")!), new WeakRef(run.child("calls", 0)!));
    }
    await sleep(1);
    collectGarbage();
    expect(kept.filter((ref) => ref.deref() !== undefined).length).toBeLessThanOrEqual(2);
  });

  it("that a node forgot are cancelled with its run, and refuse no process its end", async () => {
    const aborted: string[] = [];
    const inner = new Dag<any>("inner");
    inner.node("stuck", (ctx: Context) => {
      ctx.signal.addEventListener("abort", () => aborted.push(ctx.runId));
      return new Promise(() => {});
    });
    const rejections: unknown[] = [];
    const onRejection = (reason: unknown) => void rejections.push(reason);
    process.on("unhandledRejection", onRejection);
    const dag = new Dag<any>("outer");
    dag.node("forgets", (ctx: Context) => {
      void ctx.run(inner);
      return 1;
    });
    for (const options of [{}, { mode: "async" }, { mode: "async", concurrency: 1 }] as const) {
      const run = await dag.run({ ...options, runId: "r" });
      expect(run.value).toBe(1);
    }
    await sleep(2);
    process.off("unhandledRejection", onRejection);
    expect(aborted).toEqual(["r/forgets[0]", "r/forgets[0]", "r/forgets[0]"]);
    expect(rejections).toEqual([]);
  });

  it("begin no more when their node has settled or timed out", async () => {
    const dag = new Dag<any>("outer");
    const go = gate();
    const late: Promise<any>[] = [];
    dag.node("settled", (ctx: Context) => {
      late.push(failure(go.opened.then(() => ctx.run(leaf(), { inputs: { n: 1 } }))));
      return 1;
    });
    dag.node("timed", { timeout: 2, fallback: 2 }, (ctx: Context) => {
      late.push(failure(go.opened.then(() => ctx.run(leaf(), { inputs: { n: 1 } }))));
      return new Promise(() => {});
    });
    dag.node("opens", { needs: ["settled", "timed"] }, async () => {
      go.open();
      await turns(20);
      return 3;
    });
    const run = await dag.run({ mode: "async", concurrency: 1 });
    expect(run.get("opens")).toBe(3);
    for (const error of await Promise.all(late)) expect(error.message).toMatch(/has settled/u);
    expect(run.child("settled", 0)).toBeUndefined();
  });
});
