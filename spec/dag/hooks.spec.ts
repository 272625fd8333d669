import { describe, expect, it, vi } from "vitest";
import { Dag, ExecutionError, RunTimeoutError } from "dagwright";
import { boom, fails } from "../support/failing.js";
import { never } from "../support/waiting.js";

describe("Dag › hooks", () => {
  it("surround each attempt: default hooks first, then the run's, then the node's", async () => {
    const log: string[] = [];
    const hooks = (who: string) => ({
      preExecute: () => void log.push(`${who} pre`),
      postExecute: () => void log.push(`${who} post`),
      cleanup: async () => void log.push(`${who} cleanup`),
    });
    const dag = new Dag("d");
    dag.node("a", () => void log.push("run"));
    dag.setDefaultHooks(hooks("default")).setNodeHooks("a", hooks("node"));
    await dag.run({ hooks: hooks("run") });
    const of = (what: string) => ["default", "run", "node"].map((who) => `${who} ${what}`);
    expect(log).toEqual([...of("pre"), "run", ...of("post"), ...of("cleanup")]);
  });

  it("may change inputs and results", async () => {
    const seen: unknown[] = [];
    const dag = new Dag("d");
    dag.node("a", () => 1);
    dag.node(
      "b",
      {
        needs: ["a"],
        params: ["x", "y"],
        hooks: {
          preExecute: (node, inputs, ctx) => {
            seen.push(node.name, { ...inputs }, ctx.nodeName);
            return { x: 10 };
          },
          postExecute: async (_node, _inputs, result) => (result as number) + 0.5,
        },
      },
      (x: number, y: number) => x + y,
    );
    expect((await dag.run({ inputs: { y: 2 } })).value).toBe(12.5);
    expect(seen).toEqual(["b", { x: 1, y: 2 }, "b"]);
  });

  it("tell onError the user's own error, and clean up whatever happens", async () => {
    const onError = vi.fn();
    const cleanup = vi.fn();
    const dag = new Dag("d");
    dag.node("a", { hooks: { onError, cleanup }, errorStrategy: "continue" }, fails);
    await dag.run();
    expect(onError.mock.calls[0]).toMatchObject([{ name: "a" }, {}, boom, { attempt: 1 }]);
    expect(cleanup).toHaveBeenCalledTimes(1);
  });

  it.each(["preExecute", "postExecute", "cleanup", "onError"] as const)(
    "that throw in %s fail their node",
    async (hook) => {
      const bad = new Error("bad hook");
      for (const throwing of [
        () => {
          throw bad;
        },
        () => Promise.reject(bad),
      ]) {
        const dag = new Dag("d");
        dag.node("a", { hooks: { [hook]: throwing } }, hook === "onError" ? fails : () => 1);
        const error = (await dag.run().catch((e: unknown) => e)) as ExecutionError;
        expect(error).toBeInstanceOf(ExecutionError);
        expect(error.message).toMatch(new RegExp(`Hook "${hook}" of node "a" threw: bad hook`, "u"));
        if (hook === "onError") expect((error.cause as AggregateError).errors).toEqual([boom, bad]);
        else expect(error.cause).toBe(bad);
      }
    },
  );

  it.each(["onError", "cleanup"] as const)("that throw in %s after a failure leave both errors", async (hook) => {
    const bad = new Error("bad hook");
    const dag = new Dag("d");
    dag.node("a", { hooks: { [hook]: () => Promise.reject(bad) } }, fails);
    const error = (await dag.run().catch((e: unknown) => e)) as ExecutionError;
    expect((error.cause as AggregateError).errors).toEqual([boom, bad]);
    expect(error.message).toContain(`threw: bad hook, after the node itself had failed: ${boom.message}`);
  });

  it.each([5, null, "x"])("that return %j instead of inputs fail their node", async (inputs) => {
    const dag = new Dag("d");
    dag.node("a", { hooks: { preExecute: () => inputs as never } }, () => 1);
    await expect(dag.run()).rejects.toThrow(
      'Hook "preExecute" of node "a" threw: preExecute must return a record of inputs, or nothing. Correct the hook.',
    );
  });

  it("clean up after attempts that are cancelled, without calling it an error", async () => {
    const onError = vi.fn();
    const cleanup = vi.fn();
    const dag = new Dag("d");
    dag.node("deaf", { hooks: { onError, cleanup } }, never);
    await expect(dag.run({ timeout: 5 })).rejects.toThrow(RunTimeoutError);
    expect(cleanup).toHaveBeenCalledTimes(1);
    expect(onError).not.toHaveBeenCalled();
  });
});
