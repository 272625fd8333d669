import { describe, expect, it, vi } from "vitest";
import {
  CancelledError,
  Dag,
  decide,
  ExecutionError,
  Fsm,
  MissingInputError,
  MissingResultError,
  NodeTimeoutError,
  optional,
  route,
  RunTimeoutError,
  ValidationError,
  type Context,
  type NodeOptions,
  type RunEvent,
} from "dagwright";
import { gate, never, turns } from "../support/waiting.js";

const sleep = (ms: number, signal?: AbortSignal) =>
  new Promise<void>((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener("abort", () => (clearTimeout(timer), reject(signal.reason)));
  });
const boom = new Error("boom");
const fails = () => {
  throw boom;
};

/** a → b → c, and d on its own; b fails. */
function failing(): Dag {
  const dag = new Dag("failing");
  dag.node("a", () => 1);
  dag.node("b", { needs: ["a"] }, fails);
  dag.node("c", { needs: ["b"], params: ["x"] }, (x: unknown) => [x]);
  dag.node("d", () => "d");
  return dag;
}

const statuses = (run: { nodes: ReadonlyMap<string, { status: string }> }) =>
  Object.fromEntries(Array.from(run.nodes, ([name, { status }]) => [name, status]));

describe("Dag › run", () => {
  it("completes an empty dag, and one node", async () => {
    expect(await new Dag("none").run()).toMatchObject({ status: "completed", value: undefined });
    const dag = new Dag("one");
    dag.node("a", () => undefined);
    const run = await dag.run();
    expect(run.value).toBeUndefined();
    expect(run.has("a")).toBe(true);
    expect(Object.keys(run.outputs)).toEqual(["a"]);
  });

  it("gives the one sink's result as value, all of them as a record when there are several", async () => {
    const dag = new Dag("d");
    dag.node("a", () => 1);
    dag.node("b", { needs: ["a"] }, (x: number) => x + 1);
    expect((await dag.run()).value).toBe(2);
    dag.node("c", { needs: ["a"] }, (x: number) => x + 2);
    const run = await dag.run();
    expect({ ...(run.value as object) }).toEqual({ b: 2, c: 3 });
    expect(Object.getPrototypeOf(run.outputs)).toBeNull();
    expect(Object.getPrototypeOf(run.results)).toBeNull();
  });

  it("runs one node at a time in sequential, as many as concurrency allows in async", async () => {
    for (const [options, most] of [
      [{ mode: "sequential" }, 1],
      [{ mode: "async", concurrency: 3 }, 3],
      [{ mode: "async" }, 8],
    ] as const) {
      let now = 0;
      let peak = 0;
      const dag = new Dag("d");
      for (let i = 0; i < 8; i++) {
        dag.node(`n${i}`, async () => {
          peak = Math.max(peak, ++now);
          await sleep(2);
          now--;
        });
      }
      await dag.run(options);
      expect(peak).toBe(most);
    }
  });

  it("starts ready nodes by priority, then in order of definition", async () => {
    const order: string[] = [];
    const dag = new Dag("d");
    for (const [name, priority] of [
      ["low", "low"],
      ["n1", "normal"],
      ["high", 81],
      ["n2", undefined],
    ] as const) {
      dag.node(name, { priority }, () => order.push(name));
    }
    await dag.run();
    expect(order).toEqual(["high", "n1", "n2", "low"]);
    expect(dag.executionOrder).toEqual(order);
  });

  it("awaits thenables, and takes what only looks like one as it is", async () => {
    const dag = new Dag("d");
    dag.node("thenable", () => ({ then: (resolve: (value: number) => void) => resolve(7) }));
    dag.node("not", () => ({ then: 7 }));
    expect(await dag.run()).toMatchObject({ outputs: { thenable: 7, not: { then: 7 } } });
  });

  it("overlaps runs of one dag without mixing their results", async () => {
    const dag = new Dag("d");
    dag.node("a", { params: ["n"] }, async (n: number) => (await sleep(10 - n), n));
    dag.node("b", { needs: ["a"] }, (a: number) => a * 2);
    const runs = await Promise.all([1, 2, 3].map((n) => dag.run({ mode: "async", inputs: { n } })));
    expect(runs.map((run) => run.value)).toEqual([2, 4, 6]);
    expect(new Set(runs.map((run) => run.runId)).size).toBe(3);
  });

  it("validates, plans and runs a chain of 100,000 nodes, forwards and in reverse", async () => {
    const dag = new Dag("long");
    const size = 100_000;
    for (let i = size - 1; i > 0; i--) dag.node(`n${i}`, { needs: [`n${i - 1}`] }, (x: number) => x + 1);
    dag.node("n0", () => 0);
    dag.validateOrThrow({ strict: true });
    expect((await dag.run({ mode: "async" })).value).toBe(size - 1);
    expect(dag.runSync().value).toBe(size - 1);
    expect((await dag.run({ overrides: { n1: 10 } })).value).toBe(size + 8);
  });

  it("skips 100,000 dependents of a failure without recursion", async () => {
    const dag = new Dag("long");
    dag.node("n0", fails);
    for (let i = 1; i < 100_000; i++) dag.node(`n${i}`, { needs: [`n${i - 1}`] }, (x: number) => x);
    const run = await dag.run({ errorStrategy: "continue" });
    expect(run.nodes.get("n99999")?.status).toBe("skipped");
  });

  it("lets the event loop turn during a long chain of promises that are already settled", async () => {
    const dag = new Dag("d");
    const spin = async () => {
      for (const end = performance.now() + 0.2; performance.now() < end;);
    };
    dag.node("n0", spin);
    for (let i = 1; i < 2000; i++) dag.node(`n${i}`, { needs: [`n${i - 1}`] }, spin);
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 1);
    await expect(dag.run({ mode: "async", signal: controller.signal })).rejects.toThrow(CancelledError);
  });

  it("lets the event loop turn during a long run of synchronous nodes", async () => {
    const dag = new Dag("d");
    const spin = () => {
      for (const end = performance.now() + 5; performance.now() < end;);
    };
    for (let i = 0; i < 40; i++) dag.node(`n${i}`, spin);
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 1);
    await expect(dag.run({ signal: controller.signal })).rejects.toThrow(CancelledError);
  });
});

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

describe("Dag › forks and joins", () => {
  it("pass on the condition's own first input, or the value of decide", async () => {
    const dag = new Dag("d");
    dag.node("n", () => 5);
    dag.condition("plain", { needs: ["n"] }, (n: number) => n > 3);
    dag.condition("decided", { needs: ["n"] }, (n: number) => decide(n > 9, "small"));
    dag.node("yes", { needs: ["plain.true"] }, (n: number) => n);
    dag.node("no", { needs: ["decided.false"] }, (n: string) => n);
    dag.node("either", { needs: ["plain", "decided"] }, (a: number, b: string) => [a, b]);
    expect((await dag.run()).outputs).toEqual({ yes: 5, no: "small", either: [5, "small"] });
  });

  it("refuse results that choose no branch", async () => {
    const dag = new Dag("d");
    dag.condition("c", () => 1 as never);
    dag.node("x", { needs: ["c.true"] }, () => 1);
    await expect(dag.run()).rejects.toThrow(/Condition "c" returned 1\. Return a boolean/u);
    const other = new Dag("o");
    other.select("s", () => route("nowhere", 1));
    other.node("x", { needs: ["s.here"] }, () => 1);
    other.node("y", { needs: ["s.there"] }, () => 1);
    await expect(other.run()).rejects.toThrow(/"nowhere".*"here", "there".*"default"/su);
  });

  it("give an all with one parameter a record, with several the values in order", async () => {
    const dag = new Dag("d");
    dag.node("a", () => ({ x: 1, y: 2 }));
    dag.node("b", () => "b");
    dag.all("record", { needs: ["a", "b"] }, (r: object) => r);
    dag.all("outputs", { needs: ["a.x", "a.y", "b"] }, (r: object) => r);
    dag.all("list", { needs: ["a", "b"] }, (a: unknown, b: unknown) => [a, b]);
    dag.all("single", { needs: ["b"] }, (b: unknown) => b);
    dag.all("named", { params: ["r"] }, (r: object) => r);
    dag.connect("a", "named", { input: "left" }).connect("b", "named", { input: "right" });
    const { outputs } = await dag.run();
    expect(outputs).toEqual({
      record: { a: { x: 1, y: 2 }, b: "b" },
      outputs: { "a.x": 1, "a.y": 2, b: "b" },
      list: [{ x: 1, y: 2 }, "b"],
      single: "b",
      named: { left: { x: 1, y: 2 }, right: "b" },
    });
  });

  it("run an any once, with the first that completes", async () => {
    const seen: unknown[] = [];
    const dag = new Dag("d");
    dag.node("slow", () => sleep(50).then(() => "slow"));
    dag.node("fast", () => sleep(2).then(() => "fast"));
    dag.any("one", { needs: ["slow", "fast"] }, (value: string, ctx: Context) => seen.push([value, ctx.trigger]));
    dag.any("both", { needs: ["slow", "fast"], params: ["a", "b"] }, (a?: string, b?: string) => seen.push([a, b]));
    await dag.run({ mode: "async" });
    expect(seen).toEqual([
      ["fast", "fast"],
      [undefined, "fast"],
    ]);
    seen.length = 0;
    await dag.run();
    expect(seen).toEqual([
      ["slow", "slow"],
      ["slow", "fast"],
    ]);
  });

  it.each(["async", "sequential"] as const)("run an any for whichever branch was taken, in mode %s", async (mode) => {
    const dag = new Dag("d");
    dag.select("route", { params: ["to"] }, (to: string) => route(to, `by ${to}`));
    dag.any("sent", { needs: ["route.mail", "route.text"] }, (how: string, ctx: Context) => [how, ctx.trigger]);
    for (const to of ["mail", "text"])
      expect((await dag.run({ mode, inputs: { to } })).value).toEqual([`by ${to}`, `route.${to}`]);
  });

  it("let an any that waits for others by `after` keep its winner", async () => {
    const order: string[] = [];
    const dag = new Dag("d");
    const delays = { first: 1, second: 2, last: 3 };
    for (const [name, turn] of Object.entries(delays)) {
      dag.node(name, async () => {
        await turns(turn * 50);
        order.push(name);
        return name;
      });
    }
    const options = { needs: ["first", "second"], after: ["last"] };
    dag.any("any", options, (value: string, ctx: Context) => [value, ctx.trigger, order.join()]);
    const run = await dag.run({ mode: "async" });
    expect(run.get("any")).toEqual(["first", "first", "first,second,last"]);
  });

  it("skip an any only when every need was skipped or failed", async () => {
    const dag = new Dag("d");
    dag.node("bad", { errorStrategy: "continue" }, fails);
    dag.node("good", () => "good");
    dag.node("after-bad", { needs: ["bad"] }, (x: unknown) => x);
    dag.any("some", { needs: ["bad", "after-bad", "good"] }, (x: unknown) => x);
    dag.any("none", { needs: ["bad", "after-bad"] }, (x: unknown) => x);
    for (const mode of ["sequential", "async"] as const) {
      const run = await dag.run({ mode });
      expect(run.get("some")).toBe("good");
      expect(run.nodes.get("none")).toMatchObject({ status: "skipped", skippedBy: "after-bad" });
    }
  });

  it("order by after without passing data, released by skipped and failed nodes as well", async () => {
    const order: string[] = [];
    const dag = new Dag("d");
    dag.node("last", { after: ["bad", "slow", "skipped"] }, (...args: unknown[]) => order.push(`last ${args.length}`));
    dag.node("slow", async () => (await sleep(5), order.push("slow")));
    dag.node("bad", { errorStrategy: "continue" }, fails);
    dag.node("skipped", { needs: ["bad"] }, (x: unknown) => x);
    const run = await dag.run({ mode: "async" });
    expect(order).toEqual(["slow", "last 0"]);
    expect(Object.keys(run.outputs)).toEqual(["last", "slow"]);
  });

  it("give undefined for an optional need that was skipped or failed", async () => {
    const dag = new Dag("d");
    dag.node("bad", { errorStrategy: "continue" }, fails);
    dag.node("c", { needs: [optional("bad"), optional("bad.x")], params: ["a", "b"] }, (a: unknown, b: unknown) => [
      a,
      b,
    ]);
    expect((await dag.run()).get("c")).toEqual([undefined, undefined]);
  });
});

describe("Dag › time and cancellation", () => {
  it("aborts a run by its signal, at once, whatever the nodes do", async () => {
    const controller = new AbortController();
    const dag = new Dag("d");
    dag.node("quick", () => 1);
    dag.node("deaf", never);
    dag.node("next", { needs: ["deaf"] }, (x: unknown) => x);
    setTimeout(() => controller.abort("enough"), 5);
    const error = (await dag
      .run({ mode: "async", signal: controller.signal })
      .catch((e: unknown) => e)) as CancelledError;
    expect(error).toBeInstanceOf(CancelledError);
    expect(error).toMatchObject({ code: "CANCELLED", cause: "enough" });
    expect(error.run.status).toBe("cancelled");
    expect(statuses(error.run)).toEqual({ quick: "completed", deaf: "cancelled", next: "cancelled" });
  });

  it("starts nothing when the signal has aborted already, and listens no longer when it is over", async () => {
    const fn = vi.fn();
    const dag = new Dag("d");
    dag.node("a", { params: [] }, fn);
    await expect(dag.run({ signal: AbortSignal.abort() })).rejects.toThrow(CancelledError);
    expect(fn).not.toHaveBeenCalled();
    const { signal } = new AbortController();
    const added = vi.spyOn(signal, "addEventListener");
    const removed = vi.spyOn(signal, "removeEventListener");
    for (let i = 0; i < 3; i++) await dag.run({ signal });
    expect(removed.mock.calls.map(([, listener]) => listener)).toEqual(
      added.mock.calls.map(([, listener]) => listener),
    );
  });

  it("obeys an abort from inside a node, synchronous or not", async () => {
    for (const mode of ["sequential", "async"] as const) {
      const controller = new AbortController();
      const dag = new Dag("d");
      dag.node("a", () => controller.abort());
      dag.node("b", { after: ["a"] }, () => 1);
      const error = (await dag.run({ mode, signal: controller.signal }).catch((e: unknown) => e)) as CancelledError;
      expect(statuses(error.run)).toEqual({ a: "cancelled", b: "cancelled" });
    }
  });

  it("ends a run at its timeout with status failed", async () => {
    const dag = new Dag("d");
    dag.node("deaf", never);
    const error = (await dag.run({ timeout: 5 }).catch((e: unknown) => e)) as RunTimeoutError;
    expect(error).toBeInstanceOf(RunTimeoutError);
    expect(error.message).toMatch(/timeout of 5 ms/u);
    expect(error.run.status).toBe("failed");
    expect(statuses(error.run)).toEqual({ deaf: "cancelled" });
  });

  it("ends an attempt at its node's timeout, with that reason on its signal", async () => {
    let reason: unknown;
    const dag = new Dag("d");
    dag.node("slow", { timeout: 5 }, async (ctx: Context) => {
      await sleep(1000, ctx.signal).catch((error: unknown) => (reason = error));
      return "late";
    });
    const error = (await dag.run().catch((e: unknown) => e)) as NodeTimeoutError;
    expect(error).toBeInstanceOf(NodeTimeoutError);
    expect(error).toMatchObject({ code: "NODE_TIMEOUT", node: "slow", attempt: 1 });
    await sleep(1);
    expect(reason).toBe(error);
    expect(error.run.has("slow")).toBe(false);
  });

  it("holds synchronous functions to their timeout too, as soon as they return", () => {
    const dag = new Dag("d");
    let signal: AbortSignal | undefined;
    dag.node("spins", { timeout: 2 }, (ctx: Context) => {
      ({ signal } = ctx);
      for (const end = performance.now() + 6; performance.now() < end;);
    });
    expect(() => dag.runSync()).toThrow(NodeTimeoutError);
    expect(signal?.reason).toBeInstanceOf(NodeTimeoutError);
    dag.removeNode("spins");
    dag.node("spins", () => {
      for (const end = performance.now() + 6; performance.now() < end;);
    });
    dag.node("next", { after: ["spins"] }, () => 1);
    expect(() => dag.runSync({ timeout: 2 })).toThrow(RunTimeoutError);
  });

  it("handles the rejection of what it gave up", async () => {
    const unhandled = vi.fn();
    process.on("unhandledRejection", unhandled);
    const dag = new Dag("d");
    dag.node("late", () => sleep(10).then(fails));
    dag.node("late2", { timeout: 1000 }, () => sleep(10).then(fails));
    await expect(dag.run({ mode: "async", timeout: 2 })).rejects.toThrow(RunTimeoutError);
    await sleep(20);
    process.off("unhandledRejection", unhandled);
    expect(unhandled).not.toHaveBeenCalled();
  });

  it("cancels and pauses a started run", async () => {
    const dag = new Dag("d");
    dag.node("a", () => sleep(5).then(() => 1));
    const begun = gate();
    dag.node("b", { needs: ["a"] }, () => (begun.open(), never()));
    const started = dag.start({ runId: "mine" });
    expect(started.runId).toBe("mine");
    await sleep(0);
    const paused = await started.pause();
    expect(paused.status).toBe("paused");
    expect(statuses(paused)).toEqual({ a: "completed", b: "ready" });
    const other = dag.start();
    await begun.opened;
    const partial = await other.cancel("why");
    expect(partial.status).toBe("cancelled");
    expect(partial.get("a")).toBe(1);
    await expect(other.result).rejects.toThrow(/why/u);
    expect(await other.cancel()).toBe(partial);
  });

  it("is completed when it is paused with nothing left to do", async () => {
    const dag = new Dag("d");
    dag.node("a", () => sleep(5));
    const handle = dag.start();
    await sleep(0);
    expect((await handle.pause()).status).toBe("completed");
  });

  it.each(["sequential", "async"] as const)(
    "runs no node when it is told to end in the turn of start (%s)",
    async (mode) => {
      const ran = vi.fn(() => 1);
      const dag = new Dag("d");
      dag.node("a", ran);
      dag.node("b", { needs: ["a"] }, ran);
      const paused = dag.start({ mode }).pause();
      const cancelled = dag.start({ mode });
      cancelled.result.catch(() => {});
      const ended = cancelled.cancel();
      const aborts = new AbortController();
      const aborted = dag.start({ mode, signal: aborts.signal });
      aborts.abort();
      expect((await paused).status).toBe("paused");
      expect((await ended).status).toBe("cancelled");
      await expect(aborted.result).rejects.toThrow(CancelledError);
      expect(ran).not.toHaveBeenCalled();
    },
  );
});

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

describe("Dag › events", () => {
  it("tell all that happens, in order", async () => {
    const events: RunEvent[] = [];
    const dag = new Dag("d");
    dag.node("a", (ctx: Context) => {
      ctx.progress(0.5, "half");
      ctx.log("done");
      return 1;
    });
    dag.node("b", { needs: ["a"], errorStrategy: "continue" }, fails);
    dag.node("c", { needs: ["b"] }, (x: unknown) => x);
    const before = Date.now();
    const run = await dag.run({ observers: [(event) => void events.push(event)] });
    const after = Date.now();
    expect(events.map((event) => [event.type, "node" in event ? event.node : undefined])).toEqual([
      ["run.started", undefined],
      ["node.ready", "a"],
      ["attempt.started", "a"],
      ["node.progress", "a"],
      ["node.progress", "a"],
      ["node.completed", "a"],
      ["node.ready", "b"],
      ["attempt.started", "b"],
      ["attempt.failed", "b"],
      ["node.failed", "b"],
      ["node.skipped", "c"],
      ["run.finished", undefined],
    ]);
    expect(events[3]).toMatchObject({ fraction: 0.5, message: "half", attempt: 1 });
    for (const event of events) {
      expect(event.runId).toBe(run.runId);
      // Clocks of a process differ by fractions of a ms.
      expect(event.at).toBeGreaterThan(before - 1);
      expect(event.at).toBeLessThan(after + 1);
    }
  });

  it("keep a node from being called whose start made an observer abort the run", async () => {
    for (const options of [{}, { retry: 1 }]) {
      const dag = new Dag("d");
      dag.node("a", () => 1);
      dag.node("b", { needs: ["a"], ...options }, () => expect.unreachable());
      const abort = new AbortController();
      const observe = (event: RunEvent) => {
        if (event.type === "attempt.started" && event.node === "b") abort.abort();
      };
      const error = await dag.run({ observers: [observe], signal: abort.signal }).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: "CANCELLED" });
      expect(statuses((error as CancelledError).run!)).toEqual({ a: "completed", b: "cancelled" });
    }
  });

  it("survive observers that throw or reject, and warn of them", async () => {
    const warned = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
    const dag = new Dag("d");
    dag.node("a", () => 1);
    const late: string[] = [];
    const observers = [
      () => {
        throw boom;
      },
      () => Promise.reject(boom) as never,
      (event: RunEvent) => void late.push(event.type),
    ];
    expect((await dag.run({ observers })).value).toBe(1);
    await new Promise((resolve) => setImmediate(resolve));
    expect(late).toHaveLength(5);
    const expected = late.flatMap((type) => Array(2).fill(`An observer threw on "${type}": boom`) as string[]);
    expect(warned.mock.calls.map(([message]) => message).sort()).toEqual(expected.sort());
    warned.mockRestore();
  });
});

describe("Dag › context", () => {
  it("tells a node where it is", async () => {
    const dag = new Dag("flow");
    dag.node("a", () => 1);
    dag.node("b", { needs: ["a"], params: ["a", "n", "ctx"] }, (_a: number, _n: number, ctx: Context) => {
      ctx.metadata["seen"] = ctx.get("a");
      ctx.metrics["rows"] = 3;
      return [
        ctx.workflow,
        ctx.nodeName,
        ctx.attempt,
        ctx.inputs,
        ctx.get("b", "none"),
        ctx.has("a"),
        { ...ctx.results },
      ];
    });
    const run = await dag.run({ inputs: { n: 2 }, context: { metadata: { user: "u" } } });
    expect(run.value).toEqual(["flow", "b", 1, { n: 2 }, "none", true, { a: 1 }]);
    expect(run.context.metadata).toEqual({ user: "u", seen: 1 });
    expect(run.metrics.custom).toEqual({ rows: 3 });
    const next = await dag.run({ inputs: { n: 3 }, context: run.context });
    expect(next.context.metadata).toEqual({ user: "u", seen: 1 });
  });

  it("refuses a fraction outside 0 to 1", async () => {
    const dag = new Dag("d");
    dag.node("a", (ctx: Context) => ctx.progress(2));
    await expect(dag.run()).rejects.toMatchObject({ cause: expect.any(RangeError) });
  });
});

describe("Dag › inputs", () => {
  it("lists all missing ones before anything runs", async () => {
    const fn = vi.fn(() => 1);
    const dag = new Dag("d");
    dag.node("a", { params: [] }, fn);
    dag.node("b", { params: ["x", "y"] }, (x: number, y: number) => x + y);
    const error = (await dag.run({ inputs: {} }).catch((e: unknown) => e)) as MissingInputError;
    expect(error).toBeInstanceOf(MissingInputError);
    expect(error.missing).toEqual(["x", "y"]);
    expect(error.message).toMatch(/input "x" of node "b"; input "y" of node "b"/u);
    expect(fn).not.toHaveBeenCalled();
  });

  it("suggests the nearest known name for one that nobody takes", async () => {
    const dag = new Dag("d");
    dag.node("b", { params: ["threshold"] }, (x: number) => x);
    await expect(dag.run({ inputs: { treshold: 1 } })).rejects.toThrow(
      /takes no input "treshold"\. Did you mean "threshold"/u,
    );
    await expect(dag.run({ inputs: { treshold: 1 } })).rejects.toThrow(ValidationError);
  });

  it("leave a default value standing, and may be undefined", async () => {
    const dag = new Dag("d");
    dag.node("a", new Function("x", "y = 5", "return [x, y]") as () => unknown);
    expect((await dag.run({ inputs: { x: undefined } })).value).toEqual([undefined, 5]);
    const inherited = Object.create({ x: 1 }) as object as never;
    await expect(dag.run({ inputs: inherited })).rejects.toThrow(/"inputs" must be an object with names of its own/u);
  });

  it.each([
    [{ mode: "warp" }, RangeError, /"mode" must be one of "sequential", "async", "parallel"; received "warp"/u],
    [{ concurrency: 0 }, RangeError, /"concurrency" must be a whole number, at least 1; received 0/u],
    [{ timeout: "1s" }, TypeError, /"timeout" must be a number of milliseconds; received "1s"/u],
    [{ timeout: Infinity }, RangeError, /"timeout"/u],
    [{ signal: {} }, TypeError, /"signal" must be an AbortSignal/u],
    [{ retain: "some" }, RangeError, /"retain"/u],
    [{ observers: [1] }, TypeError, /"observers" must be a function; received 1/u],
    [{ inputs: null }, TypeError, /"inputs" must be an object; received null/u],
    [{ hooks: { cleanup: 1 } }, TypeError, /"cleanup" must be a function/u],
    [{ concurency: 1 }, TypeError, /Unknown option "concurency" of a run\. Did you mean "concurrency"/u],
    ["fast", TypeError, /options of a run must be an object; received "fast"/u],
    [{ runId: "" }, RangeError, /"runId"/u],
    [{ from: {} }, TypeError, /"from" must be the result of a run/u],
    [{ executor: "magic" }, RangeError, /"executor" must be one of "workQueue"/u],
  ] as const)("refuses the run options %j", async (options, type, message) => {
    const dag = new Dag("d");
    dag.node("a", () => 1);
    await expect(dag.run(options as never)).rejects.toThrow(type);
    await expect(dag.run(options as never)).rejects.toThrow(message);
  });
});

describe("Dag › overrides and partial runs", () => {
  const chain = (log: string[] = []) => {
    const dag = new Dag("d");
    dag.node("a", () => (log.push("a"), 1));
    dag.node("b", { needs: ["a"] }, (x: number) => (log.push("b"), x + 1));
    dag.node("c", { needs: ["b"] }, (x: number) => (log.push("c"), x + 1));
    dag.node("d", { needs: ["c", "a"] }, (x: number, y: number) => (log.push("d"), x + y));
    dag.node("side", { needs: ["a"] }, (x: number) => (log.push("side"), -x));
    return dag;
  };

  it("take results as given instead of running their nodes", async () => {
    const log: string[] = [];
    const run = await chain(log).run({ overrides: { b: 100 } });
    expect(run.get("d")).toBe(102);
    expect(log).toEqual(["a", "c", "d", "side"]);
    expect(run.nodes.get("b")).toMatchObject({ status: "completed", attempts: 0 });
    await expect(chain().run({ overrides: { bb: 1 } as never })).rejects.toThrow(/no node "bb"\. Did you mean "b"/u);
  });

  it("spare what only the overridden nodes need, its inputs too, but no output and nothing else", async () => {
    const ran: string[] = [];
    const dag = new Dag<any>("d");
    const add = (name: string, needs: string[], more = {}) =>
      dag.node(name, { needs, ...more }, (x = 0) => {
        ran.push(name);
        return x + 1;
      });
    dag.node("far", (key: string) => ran.push(key));
    add("near", ["far"]);
    add("shared", []);
    dag.node("load", { needs: ["near", "shared"] }, () => ran.push("load"));
    add("before", []); // Nobody takes its result, so that it is an output.
    add("use", ["load"], { after: ["before"] });
    add("other", ["shared"]);
    const run = await dag.run({ overrides: { load: 5 } });
    expect(ran).toEqual(["shared", "before", "use", "other"]);
    expect(run.outputs).toEqual({ before: 1, use: 6, other: 2 });
    expect([run.status, run.nodes.get("far")?.status, run.nodes.get("near")?.status]).toEqual([
      "completed",
      "skipped",
      "skipped",
    ]);
    ran.length = 0;
    expect((await dag.runUntil("use", { overrides: { load: 5 }, from: undefined })).get("use")).toBe(6);
    expect(ran).toEqual(["before", "use"]);
    ran.length = 0;
    const fresh = dag.clone();
    expect((await fresh.runBetween("load", "use", { overrides: { load: 7, before: 0 } })).get("use")).toBe(8);
    expect(ran).toEqual(["use"]);
  });

  it("run what a fork needs that is told only which branch to take", async () => {
    const dag = new Dag<any>("d");
    dag.node("x", () => 7);
    dag.condition("c", { needs: ["x"] }, () => false);
    dag.node("yes", { needs: ["c.true"] }, (x: number) => x);
    expect((await dag.run({ overrides: { c: true } })).outputs).toEqual({ yes: 7 });
    const given = await dag.run({ overrides: { c: decide(true, 9) } });
    expect([given.outputs, given.nodes.get("x")?.status]).toEqual([{ yes: 9 }, "skipped"]);
  });

  it("override a condition with its answer", async () => {
    const dag = new Dag("d");
    dag.condition("c", { params: ["n"] }, (n: number) => n > 1);
    dag.node("yes", { needs: ["c.true"] }, (n: number) => n);
    dag.node("no", { needs: ["c.false"] }, (n: number) => n);
    const run = await dag.run({ overrides: { c: decide(false, 9) }, executor: "workQueue" });
    expect(run.outputs).toEqual({ no: 9 });
    dag.node("n", () => 7);
    expect((await dag.run({ overrides: { c: true } })).outputs).toEqual({ yes: 7 });
  });

  it("run until a node, with all it needs", async () => {
    const log: string[] = [];
    const run = await chain(log).runUntil("c");
    expect(log).toEqual(["a", "b", "c"]);
    expect(run.value).toBe(3);
    expect(statuses(run)).toEqual({ a: "completed", b: "completed", c: "completed", d: "skipped", side: "skipped" });
  });

  it("run from a node, on the results of the last run or of one that is given", async () => {
    const log: string[] = [];
    const dag = chain(log);
    const first = await dag.run();
    log.length = 0;
    const run = await dag.runFrom("c", { overrides: {} });
    expect(log).toEqual(["c", "d"]);
    expect(run.get("d")).toBe(4);
    expect(run.get("side")).toBe(-1);
    expect(statuses(run)).toMatchObject({ a: "copied", b: "copied", c: "completed", side: "copied" });
    expect(dag.toMermaid({ run })).toContain("class n0,n1,n4 copied");
    const other = await dag.run({ overrides: { b: 50 } });
    expect((await dag.runFrom("c", { from: first })).get("d")).toBe(4);
    expect((await dag.runFrom("c", { from: other })).get("d")).toBe(52);
  });

  it("take the results that are given for nodes outside of what they compute", async () => {
    const log: string[] = [];
    const dag = chain(log);
    const run = await dag.runFrom("c", { overrides: { a: 1, b: 10 } });
    expect(run.get("d")).toBe(12);
    expect(log).toEqual(["c", "d"]);
    const first = await dag.run();
    expect((await dag.runFrom("c", { from: first, overrides: { b: 20 } })).get("d")).toBe(22);
  });

  it("run between two nodes", async () => {
    const log: string[] = [];
    const dag = chain(log);
    await dag.run();
    log.length = 0;
    expect((await dag.runBetween("b", "c")).value).toBe(3);
    expect(log).toEqual(["b", "c"]);
    await expect(dag.runBetween("c", "b")).rejects.toThrow(/No path leads from "c" to "b"/u);
    await expect(dag.runBetween("x", "b")).rejects.toThrow(/no node "x"/u);
  });

  it("refuse to start without the results they need", async () => {
    const log: string[] = [];
    const dag = chain(log);
    const error = (await dag.runFrom("d").catch((e: unknown) => e)) as MissingResultError;
    expect(error).toBeInstanceOf(MissingResultError);
    expect(error.missing).toEqual(["a", "c"]);
    expect(error.message).toMatch(/"a", "c"/u);
    expect(log).toEqual([]);
  });

  it("follow the branch that the earlier run took", async () => {
    const dag = new Dag("d");
    dag.condition("c", { params: ["n"] }, (n: number) => n > 1);
    dag.node("yes", { needs: ["c.true"] }, (n: number) => n);
    dag.node("no", { needs: ["c.false"] }, (n: number) => -n);
    dag.any("end", { needs: ["yes", "no"] }, (n: number) => n * 10);
    await dag.run({ inputs: { n: 5 } });
    expect((await dag.runFrom("end")).value).toBe(50);
    expect((await dag.runFrom("yes")).value).toBe(50);
    expect(statuses(await dag.runFrom("no"))).toMatchObject({ no: "skipped" });
  });

  it("skip what needs a node that the earlier run, or one before it, had skipped", async () => {
    const dag = new Dag("d");
    dag.condition("c", () => true);
    dag.node("no", { needs: ["c.false"] }, () => expect.unreachable());
    dag.node("then", { needs: ["no"] }, () => expect.unreachable());
    dag.node("last", { after: ["then"] }, () => 1);
    await dag.run();
    expect(statuses(await dag.runFrom("last"))).toMatchObject({ then: "skipped", last: "completed" });
    expect(statuses(await dag.runFrom("then"))).toMatchObject({ then: "skipped", last: "completed" });

    const failing = new Dag("d");
    failing.node("bad", { errorStrategy: "continue" }, () => Promise.reject(new Error("no")));
    failing.node("then", { needs: ["bad"] }, () => 1);
    failing.node("last", { needs: ["then"] }, () => 1);
    const failed = await failing.run({ mode: "async" });
    await expect(failing.runFrom("last", { from: failed })).rejects.toMatchObject({ missing: ["then"] });
  });

  it("need only the inputs of the nodes they compute", async () => {
    const dag = new Dag("d");
    dag.node("a", { params: ["x"] }, (x: number) => x);
    dag.node("b", { needs: ["a"] }, (a: number) => a + 1);
    await dag.run({ inputs: { x: 1 } });
    expect((await dag.runFrom("b")).value).toBe(2);
    await expect(dag.runUntil("a")).rejects.toThrow(MissingInputError);
    expect((await dag.run({ overrides: { a: 5 } })).value).toBe(6);
  });
});

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
        { name: "a", backend: "inline" },
        { name: "b", backend: "inline" },
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
      const began = Date.now();
      const running = dag.run({ mode: "async" });
      await vi.runAllTimersAsync();
      const run = await running;
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
