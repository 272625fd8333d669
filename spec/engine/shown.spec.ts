import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { Dag, Fsm, next, type Context, type FsmContext } from "dagwright";

/** A value as JSON, on the console, and as text. */
const shown = (value: unknown) => [JSON.parse(JSON.stringify(value)), inspect(value), String(value)];

describe("A context", () => {
  it("shows the data of a dag's node, and no internals", async () => {
    const dag = new Dag("shown");
    dag.node("first", () => 1);
    dag.node("second", { after: ["first"] }, (ctx: Context) => {
      ctx.metadata.by = ctx.nodeName;
      return shown(ctx);
    });
    const run = await dag.run({ runId: "r1", inputs: {} });
    const [json, text, name] = run.get("second") as string[];
    const all = { runId: "r1", workflow: "shown", inputs: {}, metadata: { by: "second" }, metrics: {} };
    expect(json).toEqual({ nodeName: "second", attempt: 1, ...all, results: { first: 1 } });
    expect(text.split("\n").length).toBeLessThan(15);
    expect(text).toContain("results: { first: 1 }");
    expect(name).toBe('Context of "second" in run r1 of "shown"');
    const [after, , its] = shown(run.context);
    expect(after).toMatchObject({ ...all, results: { first: 1 } });
    expect(its).toBe('Context of run r1 of "shown"');
  });

  it("shows the data of an fsm's state, and no internals", async () => {
    const fsm = new Fsm("shown");
    fsm.state("a", { initial: true }, () => next("b", 1));
    fsm.state("b", { terminal: true }, (_: number, ctx: FsmContext) => shown(ctx));
    const run = await fsm.run({ runId: "r2" });
    const [json, text, name] = run.value as string[];
    expect(json).toMatchObject({ nodeName: "b", cycle: 1, stateHistory: ["a"], results: { a: 1 }, runId: "r2" });
    expect(text.split("\n").length).toBeLessThan(18);
    expect(name).toBe('Context of "b" in run r2 of "shown"');
  });
});

describe("A run's result and a step", () => {
  it("have a text with the run and its status", async () => {
    const dag = new Dag("shown");
    dag.node("a", () => 1);
    const fsm = new Fsm("states");
    fsm.state("s", { initial: true, terminal: true }, () => 1);
    expect(String(await dag.run({ runId: "r3" }))).toBe('Run r3 of "shown" (completed)');
    expect(String(await fsm.run({ runId: "r4" }))).toBe('Run r4 of "states" (completed)');
  });

  it("can be written as JSON", async () => {
    const dag = new Dag("shown");
    dag.node("a", () => 1);
    dag.node("b", { after: ["a"] }, () => 2);
    const step = await dag.step(undefined, { runId: "r5" });
    const state = { runId: "r5", workflow: "shown", next: "b" };
    expect(JSON.parse(JSON.stringify(step))).toMatchObject({ node: "a", result: 1, state });
    expect(inspect(step.state)).toBe("{ runId: 'r5', workflow: 'shown', next: 'b' }");
  });
});
