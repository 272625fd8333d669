import { describe, expect, it, vi } from "vitest";
import {
  Dag,
  Fsm,
  NodeTimeoutError,
  PauseRun,
  RetryExhaustedError,
  Scheduler,
  stop,
  type CacheOptions,
  type CacheStore,
  type Context,
  type FsmContext,
  type NodeOptions,
  type RunEvent,
  type RunOptions,
} from "dagwright";
import { outcome, pass, sleep, useFakeTime } from "../support/fake-time.js";

useFakeTime();

const settled = (run: Promise<unknown>) => run.catch((error: unknown) => error) as Promise<any>;

/**
 * How two concurrent runs with the same inputs end: the leader, which computes, and the follower, which waits for it.
 */
async function both(dag: Dag, lead: RunOptions = {}, follow: RunOptions = {}) {
  const common = { inputs: { x: 1 }, mode: "async" } as const;
  const leader = settled(dag.run({ ...common, runId: "leader", ...lead }));
  await pass(4);
  const follower = settled(dag.run({ ...common, runId: "follower", ...follow }));
  return outcome(Promise.all([leader, follower]));
}

function failing(options: NodeOptions, fn: (x: number, ctx: Context) => unknown) {
  const dag = new Dag("failing");
  const calls = vi.fn(fn);
  dag.cachedNode("v", { ...options, cache: {} }, (x: number, ctx: Context) => calls(x, ctx));
  return { dag, calls };
}

const refusing = async () => {
  await sleep(10);
  throw new TypeError("bad");
};

describe("A run that waits for another run's result", () => {
  it.each<[string, NodeOptions, () => Promise<unknown>, number]>([
    ["throws", {}, refusing, 1],
    ["fails in all attempts", { retry: { retries: 2, delay: 1 } }, refusing, 3],
    ["takes too long", { timeout: 10 }, () => sleep(50), 1],
    ["throws a value that is not an error", {}, () => sleep(10).then(() => Promise.reject(undefined)), 1],
  ])("fails like that run when the node %s", async (_, options, fn, attempts) => {
    const { dag, calls } = failing(options, fn);
    const [a, b] = await both(dag);
    expect(b.constructor).toBe(a.constructor);
    for (const key of ["name", "code", "message", "cause", "attempts", "errors", "node"])
      expect(b[key]).toEqual(a[key]);
    expect([a.runId, b.runId, a.run.runId, b.run.runId]).toEqual(["leader", "follower", "leader", "follower"]);
    expect([b.attempt, b.run.nodes.get("v").attempts, a.run.nodes.get("v").attempts]).toEqual([0, 0, attempts]);
    expect(calls).toHaveBeenCalledTimes(attempts);
    expect(b).not.toBe(a);
  });

  it("gets errors of the same classes", async () => {
    const [, exhausted] = await both(failing({ retry: { retries: 1, delay: 1 } }, refusing).dag);
    expect(exhausted).toBeInstanceOf(RetryExhaustedError);
    const [, late] = await both(failing({ timeout: 5 }, () => sleep(50)).dag);
    expect(late).toBeInstanceOf(NodeTimeoutError);
    expect(late.stack).toContain("NodeTimeoutError");
  });

  it("fails in its own cycle when the node is a state", async () => {
    const fsm = new Fsm("f");
    fsm.state("first", { initial: true, to: ["s"] }, () => 1);
    fsm.addTransition("first", "s", "default");
    fsm.state("s", { cache: {}, retry: { retries: 1, delay: 1 } }, refusing);
    const runs = ["leader", "follower"].map((runId) => settled(fsm.run({ runId })));
    const [a, b] = await outcome(Promise.all(runs));
    expect([a, b].map(({ runId, code, state, cycle, attempts }) => [runId, code, state, cycle, attempts])).toEqual([
      ["leader", "RETRY_EXHAUSTED", "s", 1, 2],
      ["follower", "RETRY_EXHAUSTED", "s", 1, 2],
    ]);
  });

  it("applies its own fallback", async () => {
    const dag = new Dag("d");
    const fallback = (error: any, ctx: Context) => [error.code, error.runId, ctx.runId];
    dag.cachedNode("v", { cache: {}, retry: { retries: 1, delay: 1 }, fallback }, refusing);
    const [a, b] = await both(dag, { inputs: {} }, { inputs: {} });
    expect(a.value).toEqual(["RETRY_EXHAUSTED", "leader", "leader"]);
    expect(b.value).toEqual(["RETRY_EXHAUSTED", "follower", "follower"]);
  });

  const hook = async () => {
    await sleep(10);
    throw new Error("audit");
  };
  it.each<[string, RunOptions, NodeOptions?]>([
    ["a preExecute hook of that run throws", { hooks: { preExecute: hook } }],
    ["a postExecute hook of that run throws", { hooks: { postExecute: hook } }],
    ["a cleanup hook of that run throws", { hooks: { cleanup: hook } }],
    ["a hook of that run fails all attempts", { hooks: { preExecute: hook } }, { retry: { retries: 1, delay: 5 } }],
    ["that run times out", { timeout: 15 }],
  ])("computes by itself when %s", async (_, lead, options = {}) => {
    const { dag } = failing(options, async (x) => {
      await sleep(20);
      return x * 2;
    });
    const [a, b] = await both(dag, lead);
    expect(a).toBeInstanceOf(Error);
    expect([b.value, b.nodes.get("v").cached]).toEqual([2, false]);
  });

  it("computes by itself when a hook failed only some attempts of that run", async () => {
    let calls = 0;
    const { dag } = failing({ retry: { retries: 1, delay: 1 } }, async (x) => {
      await sleep(10);
      if (++calls === 1) throw new Error("once");
      return x * 2;
    });
    const audit = (_: unknown, __: unknown, { attempt }: Context) => (attempt === 2 ? hook() : undefined);
    const [a, b] = await both(dag, { hooks: { preExecute: audit } });
    expect([a.code, b.value]).toEqual(["RETRY_EXHAUSTED", 2]);
  });

  it("fails without the other run's partial result", async () => {
    const { dag } = failing({ retry: { retries: 1, delay: 1 } }, refusing);
    const [a, b] = await both(dag, {}, { errorStrategy: "continue" });
    expect([a.run.runId, b.status, b.errors[0].code, b.errors[0].run]).toEqual([
      "leader",
      "failed",
      "RETRY_EXHAUSTED",
      undefined,
    ]);
  });

  it("computes by itself when that run is paused by the node", async () => {
    const { dag } = failing({}, async (x, ctx) => {
      await sleep(10);
      if (ctx.runId === "leader") throw new PauseRun("wait");
      return x * 2;
    });
    const [a, b] = await both(dag);
    expect([a.status, b.value]).toEqual(["paused", 2]);
  });

  it("computes by itself when that run's scheduler is full", async () => {
    const scheduler = new Scheduler({ maxConcurrency: 1, maxQueueSize: 1 });
    const { dag } = failing({ retry: { retries: 1, delay: 50 } }, async (x) => {
      await sleep(20);
      return x * 2;
    });
    const hog = new Dag("hog");
    hog.node("h", () => sleep(500));
    for (let i = 0; i < 2; i++) void settled(hog.run({ mode: "async", scheduler }));
    await pass(1);
    const [a, b] = await both(dag, { scheduler });
    expect([a.code, b.value]).toEqual(["RETRY_EXHAUSTED", 2]);
  });

  it.each<[string, (ctx: Context) => unknown, RunOptions, RunOptions]>([
    ["metadata", ({ metadata }) => metadata.tenant, {}, { context: { metadata: { tenant: "ok" } } }],
    ["another input", ({ inputs }) => inputs.tenant, {}, { inputs: { x: 1, tenant: "ok" } }],
    ["another result", (ctx) => ctx.get("tenant"), {}, { overrides: { tenant: "ok" } }],
  ])("computes by itself when the node failed after reading %s of that run", async (_, look, lead, follow) => {
    const dag = new Dag("d");
    dag.node("tenant", { after: [] }, (tenant: string = "") => tenant);
    dag.cachedNode("v", { params: ["x"], after: ["tenant"], cache: {} }, async (x: number, ctx: Context) => {
      await sleep(10);
      if (look(ctx) !== "ok") throw new Error("no credentials");
      return x * 2;
    });
    const [a, b] = await both(dag, lead, follow);
    expect(a.message).toContain("no credentials");
    expect(b.get("v")).toBe(2);
  });

  it("computes by itself when a state failed after reading the history of that run", async () => {
    const fsm = new Fsm("f");
    fsm.state("first", { initial: true, to: ["s"] }, (x: number, ctx: Context) => x && ctx.runId);
    fsm.addTransition("first", "s", "default");
    fsm.state("s", { cache: { key: () => 1 } }, async (_: unknown, ctx: FsmContext) => {
      await sleep(10);
      if (ctx.getHistory("first")[0] !== "follower") throw new Error("not there yet");
      return stop("done");
    });
    const runs = ["leader", "follower"].map((runId) => settled(fsm.run({ runId, inputs: { x: 1 } })));
    const [a, b] = await outcome(Promise.all(runs));
    expect([a.code, b.value]).toEqual(["EXECUTION", "done"]);
  });

  it("computes by itself when the node looked at what can't be compared", async () => {
    const { dag, calls } = failing({}, async (_, ctx) => {
      await sleep(10);
      throw new Error(String((ctx.metadata.who as () => string)()));
    });
    const given = (name: string) => ({ context: { metadata: { who: () => name } } });
    const [a, b] = await both(dag, given("a"), given("b"));
    expect([a.cause.message, b.cause.message]).toEqual(["a", "b"]);
    expect(calls).toHaveBeenCalledTimes(2);
  });

  it("fails like that run when the node read only what both runs have in common", async () => {
    const { dag, calls } = failing({}, async (_, ctx) => {
      await sleep(10);
      throw new Error(`no ${String(ctx.metadata.tenant)}`);
    });
    const [a, b] = await both(
      dag,
      { context: { metadata: { tenant: "a", more: [1] } } },
      { context: { metadata: { more: [1], tenant: "a" } } },
    );
    expect(a.message).toContain('Node "v" failed: no a');
    expect(b.message).toBe(a.message);
    expect(calls).toHaveBeenCalledTimes(1);
  });
});

describe("A result refreshed in the background", () => {
  /** A node whose results are refreshed on every hit, and whose function fails when told to. */
  function refreshed(cache: CacheOptions = {}) {
    vi.spyOn(Math, "random").mockReturnValue(0);
    const events: RunEvent[] = [];
    const behave = { fails: false, calls: 0 };
    const dag = new Dag("rates");
    dag.cachedNode("rates", { cache: { ttl: 60_000, staleAfter: 0, ...cache } }, async () => {
      behave.calls++;
      await sleep(1);
      if (behave.fails) throw new Error("too many requests");
      return `call ${behave.calls}`;
    });
    const ask = async () => {
      const run = dag.run({ mode: "async", runId: `run ${Date.now()}`, observers: [(event) => events.push(event)] });
      await pass(2);
      return (await run).value;
    };
    const failures = () => events.filter((event) => event.type === "refresh.failed");
    return { dag, ask, behave, failures, events };
  }

  it("is retried with backoff while the refresh fails, until it succeeds", async () => {
    const { ask, behave, failures } = refreshed();
    await ask();
    behave.fails = true;
    const start = Date.now();
    for (let i = 0; i < 400; i++) expect(await ask()).toBe("call 1");
    const elapsed = Date.now() - start;
    expect(elapsed).toBe(800);
    // At once, then after 100, 200 and 400 ms.
    expect(behave.calls - 1).toBe(4);
    expect(failures().map((event) => event.type === "refresh.failed" && event.failures)).toEqual([1, 2, 3, 4]);
    behave.fails = false;
    await pass(800);
    await ask();
    expect(await ask()).toBe("call 6");
    behave.fails = true;
    await pass(10);
    await ask();
    expect(failures().at(-1)).toMatchObject({ failures: 1 });
  });

  it("reports a failed refresh to the observers of the run that caused it, even after that run has ended", async () => {
    const { ask, behave, events } = refreshed();
    await ask();
    behave.fails = true;
    await ask();
    await pass(10);
    const at = events.findIndex(({ type }) => type === "refresh.failed");
    const event = events[at] as RunEvent & { type: "refresh.failed" };
    expect(event).toMatchObject({ node: "rates", failures: 1, error: { message: "too many requests" } });
    expect(event.retryAt - event.at).toBe(100);
    const finished = events.findIndex(({ type, runId }) => type === "run.finished" && runId === event.runId);
    expect(finished).toBeLessThan(at);
    expect(finished).toBeGreaterThan(-1);
  });

  it("resets its failure count when a run computes it", async () => {
    const { ask, behave, failures } = refreshed({ ttl: 1000 });
    await ask();
    behave.fails = true;
    await ask();
    behave.fails = false;
    await pass(1000);
    await ask();
    behave.fails = true;
    await ask();
    expect(failures().map((event) => event.type === "refresh.failed" && event.failures)).toEqual([1, 1]);
  });

  it("counts failures by key, until it is invalidated", async () => {
    vi.spyOn(Math, "random").mockReturnValue(0);
    const dag = new Dag("d");
    const calls: number[] = [];
    dag.cachedNode("a", { ttl: 1000, staleAfter: 0 }, async (x: number) => {
      calls.push(x);
      if (calls.filter((call) => call === x).length > 1 && x === 1) throw new Error("no");
      return x;
    });
    const ask = async (x: number) => {
      await dag.run({ inputs: { x } });
      await pass(5);
    };
    for (const x of [1, 2, 1, 2, 1, 2]) await ask(x);
    expect(calls).toEqual([1, 2, 1, 2, 2]);
    for (const x of [3, 1]) await ask(x);
    expect(calls.splice(5)).toEqual([3]);
    await dag.invalidateCache("a", { x: 1 });
    await settled(dag.run({ inputs: { x: 1 } }));
    expect(calls.length).toBe(6);
    await pass(1200);
    await settled(dag.run({ inputs: { x: 1 } }));
    expect(calls.length).toBe(7);
  });
});

describe("An expired result", () => {
  it("stands in for a state that fails, which an observer is told of", async () => {
    let fails = false;
    const fsm = new Fsm("rates");
    fsm.state("ask", { initial: true, cache: { ttl: 1000, staleIfError: 5000 } }, () => {
      if (fails) throw new Error("down");
      return "rates";
    });
    fsm.runSync();
    fails = true;
    await pass(1000);
    const told: unknown[] = [];
    const run = fsm.run({ observers: [(event) => event.type === "node.stale" && told.push(event.node, event.error)] });
    expect((await outcome(run)).value).toBe("rates");
    expect(told).toEqual(["ask", new Error("down")]);
  });

  function expiring(cache: CacheOptions, options: NodeOptions = {}) {
    const behave = { fails: false, calls: 0 };
    const dag = new Dag("rates");
    dag.cachedNode("rates", { ...options, cache }, async () => {
      behave.calls++;
      await sleep(5);
      if (behave.fails) throw new Error("down");
      return { call: behave.calls };
    });
    return {
      dag,
      behave,
      ask: (runOptions: RunOptions = {}) => outcome(settled(dag.run({ mode: "async", ...runOptions }))),
    };
  }

  it.each<[string, () => CacheOptions]>([
    ["memory", () => ({})],
    ["a Map", () => ({ store: new Map() as CacheStore })],
  ])("is served for staleIfError when computing a new one fails, in %s", async (_, cacheOf) => {
    const { ask, behave } = expiring({ ...cacheOf(), ttl: 1000, staleIfError: 5000 });
    await ask();
    behave.fails = true;
    await pass(1000);
    const events: RunEvent[] = [];
    const run = await ask({ observers: [(event) => events.push(event)] });
    expect(run.value).toEqual({ call: 1 });
    run.value.call = 99;
    expect(run.nodes.get("rates")).toMatchObject({ status: "completed", cached: true, attempts: 1, error: undefined });
    expect(run.metrics.cache).toEqual({ hits: 0, misses: 1 });
    const types = events
      .map(({ type }) => type)
      .filter((type) => type.startsWith("node") || type.startsWith("attempt"));
    expect(types).toEqual(["node.ready", "attempt.started", "attempt.failed", "node.stale", "node.completed"]);
    const stale = events.find(({ type }) => type === "node.stale") as RunEvent & { type: "node.stale" };
    expect([stale.node, (stale.error as Error).message, stale.at - stale.storedAt >= 1000]).toEqual([
      "rates",
      "down",
      true,
    ]);
    await pass(4900);
    expect((await ask()).value).toEqual({ call: 1 });
    await pass(100);
    expect((await ask()).message).toContain("down");
    behave.fails = false;
    expect((await ask()).value).toEqual({ call: behave.calls });
  });

  it("is not served without staleIfError", async () => {
    const { ask, behave } = expiring({ ttl: 1000 });
    await ask();
    behave.fails = true;
    await pass(1000);
    expect((await ask()).message).toContain("down");
  });

  it("is served to all waiting runs", async () => {
    const { ask, behave, dag } = expiring({ ttl: 1000, staleIfError: 5000 });
    await ask();
    behave.fails = true;
    await pass(1000);
    const stale: string[] = [];
    const observers = [({ type, runId }: RunEvent) => void (type === "node.stale" && stale.push(runId))];
    const runs = ["a", "b", "c"].map((runId) => dag.run({ mode: "async", runId, observers }));
    const results = await outcome(Promise.all(runs));
    expect(results.map(({ value }) => value)).toEqual([{ call: 1 }, { call: 1 }, { call: 1 }]);
    expect(new Set(results.map(({ value }) => value)).size).toBe(3);
    expect([behave.calls, stale.sort()]).toEqual([2, ["a", "b", "c"]]);
  });

  it("is preferred to a fallback, and served while a circuit is open", async () => {
    const breaker = { circuitBreaker: { failureThreshold: 1 }, fallback: "fallback" };
    const { ask, behave } = expiring({ ttl: 1000, staleIfError: 5000 }, breaker);
    await ask();
    behave.fails = true;
    await pass(1000);
    for (let i = 0; i < 3; i++) expect((await ask()).value).toEqual({ call: 1 });
    expect(behave.calls).toBe(2);
    await pass(6000);
    expect((await ask()).value).toBe("fallback");
  });

  it("is served for states and in runSync", async () => {
    const fsm = new Fsm("f");
    const behave = { fails: false };
    fsm.state("s", { initial: true, cache: { ttl: 1000, staleIfError: 1000 } }, () => {
      if (behave.fails) throw new Error("down");
      return stop("good");
    });
    await fsm.run();
    behave.fails = true;
    await pass(1500);
    expect((await outcome(fsm.run())).value).toBe("good");
    expect(fsm.runSync().value).toBe("good");
    await pass(500);
    expect(() => fsm.runSync()).toThrow("down");
  });

  it("is not served when the run is cancelled or paused", async () => {
    const { ask, behave, dag } = expiring({ ttl: 1000, staleIfError: 5000 });
    await ask();
    await pass(1000);
    const cancelled = await ask({ timeout: 2 });
    expect(cancelled.code).toBe("RUN_TIMEOUT");
    behave.fails = false;
    const pausing = new Dag("pausing");
    let calls = 0;
    pausing.cachedNode("a", { ttl: 1000, staleIfError: 5000 }, () => {
      if (++calls > 1) throw new PauseRun("wait");
      return 1;
    });
    await pausing.run();
    await pass(1000);
    expect((await pausing.run()).status).toBe("paused");
    void dag;
  });
});
