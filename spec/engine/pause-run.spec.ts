import { inspect } from "node:util";
import { describe, expect, it, vi } from "vitest";
import { circuitState, Dag, Fsm, next, PauseRun, stop, type Context } from "dagwright";
import { asking } from "../support/threaded.js";
import { sleep } from "../support/waiting.js";

/** load → approve (pauses) → publish, and separately slow → slower. */
function approval() {
  const calls: string[] = [];
  const dag = new Dag("approval");
  const called = (name: string) => calls.push(name);
  dag.node("slow", async () => {
    called("slow");
    await sleep(20);
    return "slow";
  });
  dag.node("load", () => called("load"));
  dag.node("approve", { needs: ["load"] }, () => {
    called("approve");
    throw new PauseRun("Ann has to approve");
  });
  dag.node("publish", { needs: ["approve"] }, () => called("publish"));
  dag.node("log", { after: ["approve"] }, () => called("log"));
  dag.node("slower", { needs: ["slow"] }, () => called("slower"));
  return { dag, calls };
}

describe("PauseRun", () => {
  it("pauses the run when a node throws it: nothing more starts, what is in flight finishes", async () => {
    const { dag, calls } = approval();
    const run = await dag.run({ mode: "async" });
    expect(run.status).toBe("paused");
    expect(Object.fromEntries(Array.from(run.nodes, ([name, { status }]) => [name, status]))).toEqual({
      load: "completed",
      approve: "paused",
      publish: "pending",
      log: "pending",
      slow: "completed",
      slower: "ready",
    });
    expect(calls).toEqual(["slow", "load", "approve"]);
    expect(run.errors).toEqual([]);
  });

  it("leaves its reason in the result", async () => {
    const run = await approval().dag.run({ mode: "async" });
    expect(run.pauseReason).toBe("Ann has to approve");
    expect(run.nodes.get("approve")?.pauseReason).toBe("Ann has to approve");
    expect(run.nodes.get("load")?.pauseReason).toBeUndefined();
    expect(JSON.parse(JSON.stringify(run))).toMatchObject({ status: "paused", pauseReason: "Ann has to approve" });
    expect(inspect(run)).toContain("Ann has to approve");
    const silent = new Dag("silent");
    silent.node("n", () => Promise.reject(new PauseRun()));
    expect(await silent.run()).toMatchObject({ status: "paused", pauseReason: undefined });
  });

  it("works in sequential runs, in runSync and from a worker thread", { tags: "slow" }, async () => {
    const { dag, calls } = approval();
    expect((await dag.run()).status).toBe("paused");
    expect(calls).toEqual(["slow", "load", "approve"]);
    const plain = new Dag("plain");
    plain.node("a", () => 1);
    plain.node("b", { needs: ["a"] }, () => {
      throw new PauseRun("sync");
    });
    expect(plain.runSync()).toMatchObject({ status: "paused", pauseReason: "sync" });
    const threaded = await asking.run({ mode: "parallel" });
    expect(threaded.nodes.get("ask")).toMatchObject({
      backend: "thread",
      status: "paused",
      pauseReason: "threads ask too",
    });
  });

  it("is no failure: not retried, replaced, passed to onError, or counted by a circuit breaker", async () => {
    const fallback = vi.fn();
    const onError = vi.fn();
    const cleanup = vi.fn();
    const errorHandler = vi.fn();
    const dag = new Dag("calm");
    const circuitBreaker = { key: "calm", failureThreshold: 1 };
    const options = { retry: { retries: 3, delay: 1 }, fallback, circuitBreaker, hooks: { onError, cleanup } };
    let failing = true;
    dag.node("n", options, () => {
      if (!failing) throw new PauseRun("later");
      failing = false;
      throw new Error("first");
    });
    const events: string[] = [];
    const run = await dag.run({ errorHandler, observers: [({ type }) => events.push(type)] });
    expect(run.status).toBe("paused");
    expect(run.nodes.get("n")?.attempts).toBe(2);
    expect([fallback, errorHandler].map((fn) => fn.mock.calls.length)).toEqual([0, 0]);
    expect([onError, cleanup].map((fn) => fn.mock.calls.length)).toEqual([1, 2]);
    expect(circuitState("calm")).toBe("closed");
    const rest = ["attempt.started", "attempt.failed", "attempt.started", "run.paused", "run.finished"];
    expect(events.slice(2)).toEqual(rest);
    failing = true;
    expect((await dag.run({ errorHandler })).status).toBe("paused");
  });

  it("does not pause a run that another node fails meanwhile", async () => {
    const dag = new Dag("both");
    dag.node("fails", async () => {
      await sleep(5);
      throw new Error("no");
    });
    dag.node("pauses", () => {
      throw new PauseRun("wait");
    });
    const error = await dag.run({ mode: "async" }).catch((thrown) => thrown);
    expect(error.run.status).toBe("failed");
    expect(error.run.nodes.get("pauses").status).toBe("paused");
  });

  it("pauses an fsm in the state that throws it", async () => {
    const fsm = new Fsm("order");
    fsm.state("draft", { initial: true }, () => next("review", 1));
    fsm.state("review", () => {
      throw new PauseRun("needs a look");
    });
    fsm.state("done", () => stop(2));
    const run = await fsm.run();
    expect(run).toMatchObject({ status: "paused", currentState: "review", cycleCount: 1, pauseReason: "needs a look" });
    expect(run.stateHistory).toEqual(["draft"]);
  });
});

describe("ctx.idempotencyKey", () => {
  it("is the same for all attempts of a node in a run, and different otherwise", async () => {
    const keys: string[] = [];
    const dag = new Dag("keys");
    dag.node("a", { retry: { retries: 1, delay: 0 } }, (ctx: Context) => {
      keys.push(ctx.idempotencyKey);
      if (ctx.attempt === 1) throw new Error("again");
    });
    dag.node("b", { after: ["a"] }, (ctx: Context) => keys.push(ctx.idempotencyKey));
    await dag.run({ runId: "one" });
    await dag.run({ runId: "two" });
    expect(keys[0]).toBe(keys[1]);
    expect(new Set(keys).size).toBe(4);
    expect((await asking.run({ mode: "parallel", runId: "r", overrides: { ask: 1 } })).get("key")).toBe("r/key");
  });

  it("is different in each cycle of an fsm", async () => {
    const keys: string[] = [];
    const fsm = new Fsm("keys");
    fsm.state("a", { initial: true }, (ctx) => {
      keys.push(ctx.idempotencyKey);
      return ctx.cycle < 2 ? next("a") : stop();
    });
    await fsm.run();
    expect(new Set(keys).size).toBe(3);
  });
});
