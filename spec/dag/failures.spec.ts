import { describe, expect, it } from "vitest";
import { Dag, ExecutionError, type Context } from "dagwright";
import { boom, failing, fails, statuses } from "../support/failing.js";
import { never } from "../support/waiting.js";

describe("Dag › failures", () => {
  it("failFast rejects with the first error, which has the partial run", async () => {
    const error = (await failing()
      .run()
      .catch((e: unknown) => e)) as ExecutionError;
    expect(error).toBeInstanceOf(ExecutionError);
    expect(error).toMatchObject({ name: "ExecutionError", code: "EXECUTION", node: "b", attempt: 1, cause: boom });
    expect(error.message).toContain("boom");
    expect(error.run.status).toBe("failed");
    expect(error.run.runId).toBe(error.runId);
    expect(statuses(error.run)).toEqual({ a: "completed", b: "failed", c: "cancelled", d: "cancelled" });
    expect(error.run.get("a")).toBe(1);
  });

  it("failFast aborts what is in flight and does not wait for it", async () => {
    const reasons: unknown[] = [];
    const dag = new Dag("d");
    dag.node("slow", (ctx: Context) => {
      ctx.signal.addEventListener("abort", () => reasons.push(ctx.signal.reason));
      return never();
    });
    dag.node("bad", () => Promise.reject(boom));
    const error = (await dag.run({ mode: "async" }).catch((e: unknown) => e)) as ExecutionError;
    expect(statuses(error.run)).toEqual({ slow: "cancelled", bad: "failed" });
    expect(reasons).toEqual([expect.objectContaining({ code: "CANCELLED", cause: error })]);
  });

  it("continue skips the dependents of a failure and finishes the rest", async () => {
    const run = await failing().run({ errorStrategy: "continue" });
    expect(run.status).toBe("failed");
    expect(statuses(run)).toEqual({ a: "completed", b: "failed", c: "skipped", d: "completed" });
    expect(run.nodes.get("c")?.skippedBy).toBe("b");
    expect(run.errors.map(({ cause }) => cause)).toEqual([boom]);
    expect(run.value).toBe("d");
  });

  it("continueNone gives dependents null", async () => {
    const run = await failing().run({ errorStrategy: "continueNone" });
    expect(run.status).toBe("failed");
    expect(run.get("b")).toBeNull();
    expect(run.get("c")).toEqual([null]);
  });

  it("lets a node's own strategy win over the run's, and the handler over both", async () => {
    const dag = new Dag("d");
    dag.node("a", { errorStrategy: "continue" }, fails);
    dag.node("b", () => 1);
    expect((await dag.run()).get("b")).toBe(1);
    const calls: unknown[] = [];
    const stop = dag.run({
      errorStrategy: "continue",
      errorHandler: (node, error, ctx) => {
        calls.push([node, error.cause, ctx.nodeName]);
        return "stop";
      },
    });
    await expect(stop).rejects.toThrow("boom");
    expect(calls).toEqual([["a", boom, "a"]]);
    expect((await dag.run({ mode: "async", errorHandler: async () => "continue" as const })).get("b")).toBe(1);
    await expect(dag.run({ errorHandler: () => "maybe" as never })).rejects.toThrow(/"stop" or "continue".*"maybe"/u);
    const broken = dag.run({
      errorHandler: () => {
        throw new Error("handler");
      },
    });
    await expect(broken).rejects.toThrow(/errorHandler threw on the failure of node "a": handler/u);
  });

  it.each([undefined, null, "text", 0, Object.create(null)])(
    "takes %s thrown as a failure like any other",
    async (thrown) => {
      const dag = new Dag("d");
      dag.node("sync", () => {
        throw thrown;
      });
      dag.node("async", () => Promise.reject(thrown));
      const run = await dag.run({ mode: "async", errorStrategy: "continue" });
      expect(run.errors.map((error) => ["cause" in error, error.cause])).toEqual([
        [true, thrown],
        [true, thrown],
      ]);
    },
  );

  it("names the outputs a result has when a need asks for another", async () => {
    const dag = new Dag("d");
    dag.node("a", () => ({ x: 1, y: 2 }));
    dag.node("b", { needs: ["a.z"] }, (z: unknown) => z);
    await expect(dag.run()).rejects.toThrow(/"a\.z".*x, y/u);
    const large = new Dag("large");
    large.node("a", () => Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`k${i}`, i])));
    large.node("b", { needs: ["a.z"] }, (z: unknown) => z);
    await expect(large.run()).rejects.toThrow(/k18, k19\./u);
    const none = new Dag("n");
    none.node("a", () => null);
    none.node("b", { needs: ["a.constructor"] }, (z: unknown) => z);
    await expect(none.run()).rejects.toThrow(/is null, without outputs/u);
    const proto = new Dag("p");
    proto.node("a", () => ({}));
    proto.node("b", { needs: ["a.constructor"] }, (z: unknown) => z);
    await expect(proto.run()).rejects.toThrow(ExecutionError);
  });
});
