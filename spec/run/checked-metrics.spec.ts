import { describe, expect, it } from "vitest";
import { Dag, Fsm, stop, type Context, type FsmContext } from "dagwright";

describe("Metrics", () => {
  it("are refused by the state that sets them, unless they are finite numbers", async () => {
    const fsm = new Fsm("lamp");
    fsm.state("on", { initial: true }, (ctx: FsmContext) => {
      ctx.metrics.watts = 5;
      ctx.metrics.volts = Infinity;
      return stop();
    });
    await expect(fsm.run()).rejects.toMatchObject({
      cause: { message: 'Metric "volts" of state "on" must be a finite number; received Infinity.' },
      run: { metrics: { custom: { watts: 5 } } },
    });
  });

  it("are refused in hooks, which count as their node", async () => {
    const dag = new Dag("d");
    const preExecute = (_: unknown, __: unknown, ctx: Context) => void (ctx.metrics["a b"] = {} as never);
    dag.node("n", { hooks: { preExecute } }, () => 1);
    const error: unknown = await dag.run().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      message: expect.stringContaining(
        'Metric "a b" of node "n" must be a finite number; received an object (Object).',
      ),
    });
  });

  it("can be counted up, deleted and listed, and are shared by all nodes of a run", async () => {
    const dag = new Dag("d");
    dag.node("a", (ctx: Context) => void Object.assign(ctx.metrics, { seen: 1, old: 1 }));
    dag.node("b", { after: ["a"] }, (ctx: Context) => {
      ctx.metrics.seen++;
      delete ctx.metrics.old;
      return { ...ctx.metrics };
    });
    const run = await dag.run();
    expect(run.get("b")).toEqual({ seen: 2 });
    expect(run.metrics.custom).toEqual({ seen: 2 });
  });
});
