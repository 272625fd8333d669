import { Dag, Fsm, getContext, type Context } from "dagwright";
import { runNode } from "dagwright/testing";
import { expect, it, vi } from "vitest";
import { z } from "zod";

it("calls the function once, without the policies of its node", async () => {
  const dag = new Dag("policies");
  let calls = 0;
  dag.node("flaky", { retry: 3, fallback: () => "fallback", cache: { ttl: 1000 }, delay: 60_000 }, () => {
    calls++;
    throw new Error("mine");
  });
  await expect(runNode(dag, "flaky")).rejects.toThrow(/^mine$/u);
  expect(calls).toBe(1);
});

it("passes default values, rest parameters, and the context wherever it stands", async () => {
  const dag = new Dag("params");
  dag.node("defaults", (a: number, b = 2) => [a, b]);
  dag.node("rest", { needs: ["defaults", "last"] }, (...all: unknown[]) => all);
  dag.node("first", (ctx: Context, a: number) => [ctx.nodeName, a]);
  dag.node("last", { params: ["x", "ctx"] }, (...args: unknown[]) => (args[1] as Context).runId);
  expect(await runNode(dag, "defaults", { inputs: { a: 1 } })).toEqual([1, 2]);
  expect(await runNode(dag, "rest", { inputs: { 0: "a", 1: "b" } })).toEqual(["a", "b"]);
  expect(await runNode(dag, "first", { inputs: { a: 1 } })).toEqual(["first", 1]);
  expect(await runNode(dag, "last", { inputs: { x: 1 }, context: { runId: "r" } })).toBe("r");
});

it("has a context like that of a run", async () => {
  const inner = new Dag("inner");
  inner.node("double", (x: number) => x * 2);
  const dag = new Dag("contexts");
  dag.node("look", async (ctx: Context) => {
    await Promise.resolve();
    const run = await ctx.run(inner, { inputs: { x: 4 }, key: "k" });
    ctx.progress(0.5);
    ctx.log("half");
    const { runId, workflow, nodeName, attempt, idempotencyKey, inputs, trigger, metadata, signal } = ctx;
    const seen = { runId, workflow, nodeName, attempt, idempotencyKey, inputs, trigger, metadata };
    return [run.value, seen, signal.aborted, ctx.has("a"), ctx.get("a", 1), getContext() === ctx];
  });
  const seen = { runId: "test", workflow: "contexts", nodeName: "look", attempt: 1, idempotencyKey: "test/look" };
  const all = [8, { ...seen, inputs: {}, trigger: undefined, metadata: {} }, false, false, 1, true];
  expect(await runNode(dag, "look")).toEqual(all);
  const fsm = new Fsm<any>("machine");
  fsm.state("state", { initial: true }, (ctx: any) => [ctx.cycle, ctx.getHistory("a"), ctx.getLatest("a")]);
  const cycleResults = [
    { state: "a", value: 1 },
    { state: "b", value: 2 },
    { state: "a", value: 3 },
  ];
  expect(await runNode(fsm, "state", { context: { cycleResults } })).toEqual([3, [1, 3], 3]);
});

it("calls what stands in the place of a method now, such as a spy", async () => {
  const { Shop } = await import("./kit-classes.js");
  const shop = new Shop();
  const dag = Dag.from(shop);
  vi.spyOn(shop, "fetch").mockReturnValue([9]);
  expect(await runNode(dag, "fetch")).toEqual([9]);
});

it("checks a result by the schema of the node", async () => {
  const dag = new Dag("schemas");
  dag.node("count", { output: z.coerce.number().int() }, (text: string) => text);
  expect(await runNode(dag, "count", { inputs: { text: "12" } })).toBe(12);
  await expect(runNode(dag, "count", { inputs: { text: "1.5" } })).rejects.toMatchObject({
    code: "VALIDATION",
    message: expect.stringContaining('Node "count" returned an invalid result'),
  });
});

it("runs a workflow that is a node, and refuses a choice", async () => {
  const inner = new Dag("inner");
  inner.node("double", (x: number) => x * 2);
  const dag = new Dag("outer");
  dag.node("inside", inner);
  dag.condition("is", () => true);
  dag.when("choice", { if: "is", then: "inside" });
  expect(await runNode(dag, "inside", { inputs: { x: 2 } })).toBe(4);
  await expect(runNode(dag, "choice")).rejects.toThrow('Node "choice" is a when, which has no function.');
});
