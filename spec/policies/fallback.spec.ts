import { describe, expect, it, vi } from "vitest";
import {
  CancelledError,
  Dag,
  ExecutionError,
  FallbackError,
  Fsm,
  next,
  NodeTimeoutError,
  RetryExhaustedError,
  type Context,
  type RunEvent,
} from "dagwright";
import { outcome, rejection, sleep, useFakeTime } from "../support/fake-time.js";

useFakeTime();

const boom = new Error("boom");
const fails = () => {
  throw boom;
};

describe("fallback", () => {
  it("replaces the result of a failed node, which counts as completed", async () => {
    const dag = new Dag("d");
    dag.node("a", { fallback: 7 }, fails);
    dag.node("b", { needs: ["a"] }, (x: number) => x + 1);
    const run = await dag.run();
    expect(run).toMatchObject({ status: "completed", value: 8, errors: [] });
    expect(run.nodes.get("a")).toMatchObject({ status: "completed", attempts: 1, error: undefined });
    expect(dag.runSync().value).toBe(8);
  });

  it("may be null or false, or a function of the error and the context", async () => {
    const dag = new Dag("d");
    const fallback = vi.fn(async (error: unknown, ctx: Context) => {
      await sleep(5);
      return `${(error as Error).message} of ${ctx.nodeName}, attempt ${ctx.attempt}`;
    });
    dag.node("no", { fallback: null }, fails);
    dag.node("nay", { fallback: false }, fails);
    dag.node("a", { fallback }, fails);
    const run = await outcome(dag.run());
    expect(run.results).toEqual({ no: null, nay: false, a: "boom of a, attempt 1" });
    expect(fallback.mock.calls[0][0]).toBe(boom);
  });

  it("is called only once the last attempt has failed", async () => {
    const dag = new Dag("d");
    const fallback = vi.fn(() => "stand-in");
    const fn = vi.fn(fails);
    dag.node("ok", { fallback }, () => 1);
    expect((await dag.run()).value).toBe(1);
    dag.node("a", { fallback, retry: 2 }, fn);
    const run = await outcome(dag.run());
    expect(run.get("a" as never)).toBe("stand-in");
    expect(fn).toHaveBeenCalledTimes(3);
    expect(fallback).toHaveBeenCalledTimes(1);
    expect((fallback.mock.calls as unknown[][])[0][0]).toBeInstanceOf(RetryExhaustedError);
    expect(run.nodes.get("a")?.attempts).toBe(3);
  });

  it("applies to timeouts", async () => {
    const dag = new Dag("d");
    dag.node("a", { timeout: 10, fallback: (error: unknown) => error }, () => sleep(50));
    expect((await outcome(dag.run())).value).toBeInstanceOf(NodeTimeoutError);
  });

  it("fails the node when it throws, and keeps the error it stood in for", async () => {
    const dag = new Dag("d");
    const worse = new Error("worse");
    dag.node("a", { fallback: () => Promise.reject(worse) }, fails);
    const error = await rejection(dag.run());
    expect(error).toBeInstanceOf(FallbackError);
    expect(error).toMatchObject({
      code: "FALLBACK",
      node: "a",
      attempt: 1,
      message: 'The fallback of node "a" threw: worse. It stood in for: boom. Correct the fallback.',
    });
    expect(error.cause).toBe(worse);
    expect(error.failure).toBe(boom);
  });

  it("shows in the run's nodes and metrics, with the error it stood in for", async () => {
    const dag = new Dag("d");
    dag.node("a", { fallback: "stand-in" }, fails);
    dag.node("b", { fallback: () => undefined }, () => {
      throw undefined;
    });
    dag.node("c", { fallback: "not needed" }, () => 1);
    const run = await outcome(dag.run());
    const report = run.nodes.get("a");
    expect(report).toMatchObject({ status: "completed", error: undefined });
    expect(report?.fallbackFor).toMatchObject({ name: "ExecutionError", node: "a", attempt: 1, cause: boom });
    expect(run.nodes.get("b")?.fallbackFor).toBeInstanceOf(ExecutionError);
    expect(run.nodes.get("c")?.fallbackFor).toBeUndefined();
    expect(run.metrics.fallbacks).toBe(2);
    const fsm = new Fsm("f");
    fsm.state("s", { initial: true, terminal: true, fallback: "stand-in" }, fails);
    expect((await outcome(fsm.run())).metrics.fallbacks).toBe(1);
  });

  it("does not apply to cancellation", async () => {
    const fallback = vi.fn();
    const dag = new Dag("d");
    dag.node("a", { fallback }, (ctx: Context) => sleep(50).then(() => ctx.signal.throwIfAborted()));
    const handle = dag.start();
    const error = rejection(handle.result);
    await handle.cancel();
    expect(await error).toBeInstanceOf(CancelledError);
    expect(fallback).not.toHaveBeenCalled();
  });

  it("is never cached", async () => {
    const dag = new Dag("d");
    let calls = 0;
    dag.cachedNode("a", { fallback: "stand-in" }, () => {
      if (++calls === 1) throw boom;
      return calls;
    });
    expect((await dag.run()).value).toBe("stand-in");
    expect((await dag.run()).value).toBe(2);
    expect((await dag.run()).value).toBe(2);
  });

  it("of a state is not reported as a cached result", async () => {
    const fsm = new Fsm("f");
    const circuitBreaker = { key: "fallback of a state", failureThreshold: 1 };
    fsm.state("s", { initial: true, terminal: true, circuitBreaker, fallback: "stand-in" }, fails);
    const cached: unknown[] = [];
    const observers = [(event: RunEvent) => event.type === "node.completed" && cached.push(event.cached)];
    await fsm.run({ observers });
    expect((await fsm.run({ observers })).value).toBe("stand-in");
    expect(cached).toEqual([false, false]);
  });

  it("chooses the branch of a condition, and the next state in an fsm", async () => {
    const dag = new Dag("d");
    dag.node("a", () => 5);
    dag.condition("c", { needs: ["a"], fallback: true }, fails as never);
    dag.node("yes", { needs: ["c.true"] }, (x: number) => x * 2);
    dag.node("no", { needs: ["c.false"] }, (x: number) => x);
    expect((await dag.run()).value).toBe(10);
    const fsm = new Fsm("f");
    fsm.state("s", { initial: true, fallback: () => next("t", "rescued") }, fails);
    fsm.state("t", { terminal: true }, (x: string) => x);
    expect((await fsm.run()).value).toBe("rescued");
  });
});
