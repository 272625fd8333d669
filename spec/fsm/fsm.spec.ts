import { describe, expect, it, vi } from "vitest";
import {
  CancelledError,
  ExecutionError,
  Fsm,
  InvalidTransitionError,
  MaxCyclesError,
  MissingInputError,
  next,
  NodeTimeoutError,
  RetryExhaustedError,
  RunTimeoutError,
  stop,
  UnknownStateError,
  waitForEvent,
  type FsmContext,
  type RunEvent,
} from "dagwright";
import { never, sleep } from "../support/waiting.js";

const boom = new Error("boom");
const fails = () => {
  throw boom;
};
const caught = <E = ExecutionError>(work: Promise<unknown>): Promise<E> =>
  work.then(
    () => Promise.reject(new Error("should have failed")),
    (error: E) => error,
  );

/** ping → pong → ping … until the count reaches `limit`. */
function pingPong(limit: number, options = {}): Fsm {
  const fsm = new Fsm("ping-pong", options);
  fsm.state("ping", { initial: true }, (count = 0) => next("pong", count + 1));
  fsm.state("pong", (count: number) => (count >= limit ? stop(count) : next("ping", count)));
  return fsm;
}

describe("Fsm › run", () => {
  it("goes where next leads, and ends with stop", async () => {
    const run = await pingPong(2).run();
    expect(run).toMatchObject({
      status: "completed",
      value: 2,
      cycleCount: 4,
      currentState: "pong",
      finalState: "pong",
      isTerminated: true,
      errors: [],
    });
    expect(run.stateHistory).toEqual(["ping", "pong", "ping", "pong"]);
    expect(run.cycleResults).toEqual([
      { state: "ping", value: 1 },
      { state: "pong", value: 1 },
      { state: "ping", value: 2 },
      { state: "pong", value: 2 },
    ]);
  });

  it("finds values by state, execution and cycle", async () => {
    const run = await pingPong(3).run();
    expect(run.get("pong")).toBe(3);
    expect(run.get("pong.0")).toBe(1);
    expect(run.get("pong.2")).toBe(3);
    expect(run.get("pong.3")).toBeUndefined();
    expect(run.get("pong.3", "none")).toBe("none");
    expect(run.get("pang")).toBeUndefined();
    expect(run.getCycle("ping", 1)).toBe(2);
    expect(run.getCycle("ping", 7)).toBeUndefined();
    expect(run.getLatest("ping")).toBe(3);
    expect(run.getHistory("ping")).toEqual([1, 2, 3]);
    expect(run.getHistory("pang")).toEqual([]);
    expect(run.has("ping")).toBe(true);
    expect(run.has("ping.2")).toBe(true);
    expect(run.has("ping.3")).toBe(false);
    expect({ ...run.results }).toEqual({ ping: 3, pong: 3 });
    expect({ ...run.metrics.visits }).toEqual({ ping: 3, pong: 3 });
  });

  it("lets the fsm look into its last finished run", async () => {
    const fsm = pingPong(1);
    expect([fsm.get("ping"), fsm.stateHistory, fsm.cycleCount, fsm.isTerminated]).toEqual([undefined, [], 0, false]);
    const run = await fsm.run();
    expect(fsm.lastRun).toBe(run);
    expect(fsm.get("ping.0")).toBe(1);
    expect(fsm.getCycle("pong", 0)).toBe(1);
    expect(fsm.getLatest("pong")).toBe(1);
    expect(fsm.getHistory("pong")).toEqual([1]);
    expect(fsm.cycleResults).toEqual(run.cycleResults);
    expect(fsm.stateHistory).toEqual(["ping", "pong"]);
    expect([fsm.cycleCount, fsm.currentState, fsm.finalState, fsm.isTerminated]).toEqual([2, "pong", "pong", true]);
  });

  it("ends after a terminal state, whatever that returns", async () => {
    for (const outcome of [next("a"), next("nowhere"), stop(1), 1, waitForEvent({ GO: "a" })]) {
      const fsm = new Fsm("f");
      fsm.state("a", { initial: true }, () => next("z", 0));
      fsm.state("z", { terminal: true }, () => outcome);
      const run = await fsm.run();
      expect(run.stateHistory).toEqual(["a", "z"]);
      expect(run).toMatchObject({ status: "completed", isTerminated: true });
    }
  });

  it("executes a state that is initial and terminal once, in every run anew", async () => {
    const fsm = new Fsm("f");
    let calls = 0;
    fsm.state("only", { initial: true, terminal: true }, () => next("only", ++calls));
    expect(await fsm.run()).toMatchObject({ cycleCount: 1, value: 1, finalState: "only" });
    expect(await fsm.run()).toMatchObject({ cycleCount: 1, value: 2 });
  });

  it("ends with a plain value that no transition takes, nothing included, and in the first cycle", async () => {
    for (const value of [undefined, null, 0, "end", { x: 1 }]) {
      const fsm = new Fsm("f");
      fsm.state("a", { initial: true }, () => value);
      const run = await fsm.run();
      expect(run.value).toBe(value);
      expect(run).toMatchObject({ status: "completed", cycleCount: 1, isTerminated: true });
      expect(run.has("a")).toBe(true);
    }
    const stopped = new Fsm("f");
    stopped.state("a", { initial: true, to: [] }, () => stop("now"));
    expect((await stopped.run()).value).toBe("now");
  });

  it("takes transitions for plain values: predicates in order of declaration, the default last", async () => {
    const fsm = new Fsm("f");
    fsm.state("start", { initial: true }, (n: number) => n);
    for (const name of ["negative", "big", "other"]) fsm.state(name, (n: number) => `${name} ${n}`);
    fsm.addTransition("start", "other");
    fsm.addTransition("start", "negative", (n: number) => n < 0);
    fsm.addTransition("start", "big", (n: number) => Math.abs(n) > 100);
    expect((await fsm.run({ inputs: { n: -500 } })).value).toBe("negative -500");
    expect((await fsm.run({ inputs: { n: 500 } })).value).toBe("big 500");
    expect((await fsm.run({ inputs: { n: 5 } })).value).toBe("other 5");
  });

  it("takes what predicates answer for true or false, as JavaScript does", async () => {
    const fsm = new Fsm("f");
    fsm.state("a", { initial: true }, (answer: unknown) => answer);
    fsm.state("b", { terminal: true }, () => "b");
    fsm.addTransition("a", "b", (answer) => answer as boolean);
    for (const answer of [1, "yes", [], true]) expect((await fsm.run({ inputs: { answer } })).value).toBe("b");
    for (const answer of [0, "", null, NaN, false])
      expect((await fsm.run({ inputs: { answer } })).stateHistory).toEqual(["a"]);
  });

  it("lets next and stop win over transitions", async () => {
    const fsm = new Fsm("f");
    fsm.state("a", { initial: true }, (how: string) => (how === "next" ? next("c", 1) : stop("stopped")));
    fsm.state("b", () => "b");
    fsm.state("c", () => "c");
    fsm.addTransition("a", "b");
    expect((await fsm.run({ inputs: { how: "next" } })).value).toBe("c");
    expect((await fsm.run({ inputs: { how: "stop" } })).value).toBe("stopped");
  });

  it("is sequential or async, and refuses threads", async () => {
    expect((await pingPong(2).run({ mode: "async" })).value).toBe(2);
    await expect(pingPong(2).run({ mode: "parallel" as "async" })).rejects.toThrow(/"mode" must be one of/u);
  });

  it("awaits asynchronous states", async () => {
    const fsm = new Fsm("f");
    fsm.state("a", { initial: true }, async () => (await sleep(1), next("b", 1)));
    fsm.state("b", async (n: number) => (await sleep(1), n + 1));
    expect((await fsm.run()).value).toBe(2);
  });

  it("runs several runs of one fsm at once, each with its own history", async () => {
    const fsm = new Fsm("f");
    fsm.state("a", { initial: true }, async (n: number) => (await sleep(n), next("b", n)));
    fsm.state("b", async (n: number) => (await sleep(n), n));
    const runs = await Promise.all([5, 1, 3].map((n) => fsm.run({ inputs: { n } })));
    expect(runs.map((run) => run.value)).toEqual([5, 1, 3]);
    expect(new Set(runs.map(({ runId }) => runId)).size).toBe(3);
    expect(fsm.lastRun?.value).toBe(5);
  });

  it("keeps hostile names harmless", async () => {
    const fsm = new Fsm("f");
    fsm.state("__proto__", { initial: true }, () => next("constructor", 1));
    fsm.state("constructor", (n: number) => next("toString", n + 1));
    fsm.state("toString", (n: number) => n + 1);
    const run = await fsm.run();
    expect(run.value).toBe(3);
    expect(Object.keys(run.results)).toEqual(["__proto__", "constructor", "toString"]);
    expect(JSON.parse(JSON.stringify(run))).toMatchObject({ status: "completed", cycleCount: 3 });
  });

  it("lets the event loop turn while synchronous states run on", async () => {
    const fsm = pingPong(Infinity);
    const controller = new AbortController();
    setTimeout(() => controller.abort("enough"), 20);
    const error = await caught(fsm.run({ maxCycles: Infinity, historyLimit: 10, signal: controller.signal }));
    expect(error).toBeInstanceOf(CancelledError);
    expect(error.run.cycleCount).toBeGreaterThan(100);
  });
});

describe("A state's parameters", () => {
  it("come by name from the run's inputs in the first cycle, or from their default values", async () => {
    const fsm = new Fsm("f");
    fsm.state("a", { initial: true }, (x: number, y = 10) => x + y);
    expect((await fsm.run({ inputs: { x: 1 } })).value).toBe(11);
    expect((await fsm.run({ inputs: { y: 2, x: 1 } })).value).toBe(3);
    const error = await caught<MissingInputError>(fsm.run({ inputs: { y: 1 } }));
    expect(error).toBeInstanceOf(MissingInputError);
    expect(error.missing).toEqual(["x"]);
    await expect(fsm.run({ inputs: { x: 1, z: 1 } })).rejects.toThrow(/takes no input "z"/u);
  });

  it("take the previous value when there is one, else the run input of its name, else its default value", async () => {
    const fsm = new Fsm("f");
    fsm.state("a", { initial: true }, (value?: unknown) => next("b", value));
    fsm.state("b", (name: unknown) => name);
    fsm.state("c", (name = "default") => name);
    const a = { needless: 1 };
    expect((await fsm.run({ inputs: { value: a, name: "input" } })).value).toBe(a);
    expect((await fsm.run({ inputs: { value: null, name: "input" } })).value).toBeNull();
    expect((await fsm.run({ inputs: { value: undefined, name: "input" } })).value).toBe("input");
    const error = await caught<MissingInputError>(fsm.run({ inputs: { value: undefined } }));
    expect(error).toBeInstanceOf(MissingInputError);
    expect(error.message).toMatch(/State "b".* lacks "name"/u);
    const other = new Fsm("f");
    other.state("a", { initial: true }, () => next("b"));
    other.state("b", (name = "default") => name);
    expect((await other.run()).value).toBe("default");
  });

  it("come from the run's inputs when there are several and the previous value is no object", async () => {
    const fsm = new Fsm("f");
    fsm.state("a", { initial: true }, (before: unknown) => next("b", before));
    fsm.state("b", (length: number, x: number) => [length, x]);
    for (const before of ["text", null, 5])
      expect((await fsm.run({ inputs: { before, length: 1, x: 2 } })).value).toEqual([1, 2]);
  });

  it("come by name from the previous value's own properties when there are several, else from the run's inputs", async () => {
    const fsm = new Fsm("f");
    fsm.state("a", { initial: true }, () => next("b", { x: 1, toString: 5 }));
    fsm.state("b", (x: number, y: number, z = 3, ctx: FsmContext) => [x, y, z, ctx.cycle]);
    expect((await fsm.run({ inputs: { x: 100, y: 2 } })).value).toEqual([1, 2, 3, 1]);
    const error = await caught<MissingInputError>(fsm.run());
    expect(error).toBeInstanceOf(MissingInputError);
    expect(error.message).toContain('State "b"');
    expect(error.missing).toEqual(["y"]);
    expect(error.run).toMatchObject({ status: "failed", stateHistory: ["a", "b"] });
    const inherited = new Fsm("f");
    inherited.state("a", { initial: true }, () => next("b", {}));
    inherited.state("b", (valueOf: unknown, x = 1) => [valueOf, x]);
    expect((await caught<MissingInputError>(inherited.run())).missing).toEqual(["valueOf"]);
  });

  it("get the context wherever it stands", async () => {
    const fsm = new Fsm("f");
    const seen: unknown[] = [];
    fsm.state("a", { initial: true }, (ctx: FsmContext, n: number) => {
      ctx.metadata.a = ctx.cycle;
      seen.push([ctx.nodeName, ctx.workflow, ctx.attempt, ctx.get("b", "none"), n]);
      return next("b", n);
    });
    fsm.state("b", { params: ["n"] }, (...args: any[]) => {
      const ctx = args[1] as FsmContext;
      seen.push([ctx.nodeName, ctx.cycle, ctx.get("a"), ctx.has("a"), { ...ctx.results }, ctx.metadata, ctx.inputs]);
      ctx.metrics.done = 1;
      return args[0] as number;
    });
    const run = await fsm.run({ inputs: { n: 7 } });
    expect(seen).toEqual([
      ["a", "f", 1, "none", 7],
      ["b", 1, 7, true, { a: 7 }, { a: 0 }, { n: 7 }],
    ]);
    expect({ ...run.metrics.custom }).toEqual({ done: 1 });
    expect(run.context.metadata).toEqual({ a: 0 });
  });

  it("must have names where values come by name", async () => {
    const fsm = new Fsm("f");
    fsm.state("a", { initial: true }, ({ x }: any) => x);
    await expect(fsm.run()).rejects.toMatchObject({
      code: "INVALID_NODE",
      message: expect.stringContaining('"params"'),
    });
    const later = new Fsm("f");
    later.state("a", { initial: true }, () => next("b", { x: 1 }));
    later.state("b", ({ x }: any) => x);
    expect((await later.run()).value).toBe(1);
  });
});

describe("A state's context", () => {
  it("tells of the cycles before it", async () => {
    let seen: unknown;
    const fsm = new Fsm("f");
    fsm.state("a", { initial: true }, (n = 0) => (n < 2 ? next("a", n + 1) : next("b", "last")));
    fsm.state("b", (_: string, ctx: FsmContext) => {
      const past = [
        ctx.getHistory("a"),
        ctx.getCycle("a", 1),
        ctx.getLatest("a"),
        ctx.getHistory("b"),
        ctx.getCycle("a", 9),
      ];
      seen = [ctx.stateHistory, ctx.cycleResults, ...past];
      return stop();
    });
    await fsm.run();
    const cycles = [1, 2, "last"].map((value) => ({ state: "a", value }));
    expect(seen).toEqual([["a", "a", "a"], cycles, [1, 2, "last"], 2, "last", [], undefined]);
  });
});

describe("maxCycles", () => {
  it("allows exactly that many, 1000 by default", async () => {
    expect((await pingPong(500).run()).cycleCount).toBe(1000);
    const error = await caught(pingPong(501).run());
    expect(error).toBeInstanceOf(MaxCyclesError);
    expect(error).toMatchObject({ code: "MAX_CYCLES", cycle: 999, state: "pong" });
    expect(error.run).toMatchObject({ status: "failed", cycleCount: 1000, isTerminated: false });
    await expect(pingPong(2).run({ maxCycles: 3 })).rejects.toThrow(MaxCyclesError);
    expect((await pingPong(2).run({ maxCycles: 4 })).value).toBe(2);
  });

  it("ends the run with the last value under onMaxCycles: stop", async () => {
    const run = await pingPong(50).run({ maxCycles: 3, onMaxCycles: "stop" });
    expect(run).toMatchObject({
      status: "completed",
      value: 2,
      cycleCount: 3,
      finalState: "ping",
      isTerminated: false,
    });
  });

  it.each([0, -1, 1.5, NaN, "3"])("is not %j", async (maxCycles) => {
    await expect(pingPong(1).run({ maxCycles: maxCycles as number })).rejects.toThrow(
      /"maxCycles" must be a whole number/u,
    );
  });
});

describe("historyLimit", () => {
  it("keeps the latest cycles; indices stay absolute, the count counts all", async () => {
    const run = await pingPong(10).run({ historyLimit: 3 });
    expect(run.cycleCount).toBe(20);
    expect(run.stateHistory).toEqual(["pong", "ping", "pong"]);
    expect(run.cycleResults.map(({ value }) => value)).toEqual([9, 10, 10]);
    expect(run.getHistory("pong")).toEqual([9, 10]);
    expect(run.get("pong.9")).toBe(10);
    expect(run.get("pong.8")).toBe(9);
    expect(run.get("pong.7")).toBeUndefined();
    expect(run.getCycle("ping", 9)).toBe(10);
    expect(run.getCycle("ping", 8)).toBeUndefined();
    expect({ ...run.metrics.visits }).toEqual({ ping: 10, pong: 10 });
    const one = await pingPong(10).run({ historyLimit: 1 });
    expect([one.get("ping"), one.get("pong")]).toEqual([undefined, 10]);
  });

  it("may be set on the fsm, and overridden by a run", async () => {
    const fsm = pingPong(10, { historyLimit: 2 });
    expect((await fsm.run()).stateHistory).toEqual(["ping", "pong"]);
    expect((await fsm.run({ historyLimit: 4 })).stateHistory).toHaveLength(4);
    expect(() => new Fsm("f", { historyLimit: 0 })).toThrow(RangeError);
  });

  it("bounds the errors that led to an error state too", async () => {
    const fsm = new Fsm("f", { errorState: "again" });
    fsm.state("again", { initial: true }, () => next("fails"));
    fsm.state("fails", fails);
    const run = await fsm.run({ maxCycles: 1000, onMaxCycles: "stop", historyLimit: 3 });
    expect(run.errors.map((error) => (error as ExecutionError).cycle)).toEqual([995, 997, 999]);
  });

  it("keeps memory flat over a million cycles", () => {
    const fsm = new Fsm("f");
    fsm.state("a", { initial: true }, (last = [0], ctx: FsmContext) =>
      ctx.cycle === 999_999 ? stop() : next("a", new Array<number>(100).fill(last[0] + 1)),
    );
    const before = process.memoryUsage().heapUsed;
    fsm.runSync({ maxCycles: 1_000_000, historyLimit: 1000 });
    // All values together are 800 MB.
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(200e6);
    expect(fsm.cycleCount).toBe(1_000_000);
    expect(fsm.cycleResults).toHaveLength(1000);
  });
});

describe("Illegal transitions", () => {
  it("outside `to` are refused, by next, by a transition and by an event", async () => {
    const outcomes = {
      next: () => next("c", 1),
      plain: () => 1,
      wait: () => waitForEvent({ GO: "c" }, { after: [1, "b"] }),
    };
    for (const outcome of Object.values(outcomes)) {
      const fsm = new Fsm("f");
      fsm.state("a", { initial: true, to: ["b"] }, outcome);
      fsm.state("b", () => 1);
      fsm.state("c", () => 1);
      fsm.addTransition("a", "c");
      const error = await caught(fsm.run());
      expect(error).toBeInstanceOf(InvalidTransitionError);
      expect(error).toMatchObject({ code: "INVALID_TRANSITION", state: "a", cycle: 0 });
      expect(error.message).toContain('"to" allows only: "b"');
      expect(error.run.get("a")).toBe(outcome === outcomes.wait ? undefined : 1);
    }
  });

  it("to unknown states name the nearest one", async () => {
    const fsm = new Fsm("f");
    fsm.state("pay", { initial: true }, () => next("shiping"));
    fsm.state("shipping", () => 1);
    const error = await caught(fsm.run());
    expect(error).toBeInstanceOf(UnknownStateError);
    expect(error.message).toContain('Did you mean "shipping"?');
    expect(error.run).toMatchObject({ status: "failed", stateHistory: ["pay"] });
  });
});

describe("Failures", () => {
  function failing(options = {}): Fsm {
    const fsm = new Fsm("f", options);
    fsm.state("a", { initial: true }, () => next("b", 1));
    fsm.state("b", fails);
    fsm.state("c", (x: unknown) => ["c", x]);
    fsm.state("rescue", (error: unknown) => stop(error));
    return fsm;
  }

  it("reject with an ExecutionError that has state, cycle and the history so far", async () => {
    const error = await caught(failing().run());
    expect(error).toBeInstanceOf(ExecutionError);
    expect(error).toMatchObject({ code: "EXECUTION", state: "b", node: "b", cycle: 1, attempt: 1, cause: boom });
    expect(error.message).toContain("boom");
    expect(error.run).toMatchObject({ status: "failed", currentState: "b", isTerminated: false });
    expect(error.run.stateHistory).toEqual(["a", "b"]);
    expect(error.run.get("a")).toBe(1);
    expect(error.run.has("b")).toBe(false);
    expect(error.run.errors).toEqual([error]);
  });

  it("resolve as failed under continue, for the run, for the state, and by the error handler", async () => {
    expect(await failing().run({ errorStrategy: "continue" })).toMatchObject({ status: "failed", cycleCount: 2 });
    const own = new Fsm("f");
    own.state("a", { initial: true, errorStrategy: "continue" }, fails);
    expect(await own.run()).toMatchObject({ status: "failed", errors: [{ cause: boom }] });
    const handled = vi.fn((): "continue" => "continue");
    const run = await failing().run({ errorHandler: handled });
    expect(run.status).toBe("failed");
    expect(handled).toHaveBeenCalledExactlyOnceWith("b", run.errors[0], expect.objectContaining({ nodeName: "b" }));
    await expect(failing().run({ errorHandler: async () => "stop" as const })).rejects.toThrow("boom");
    await expect(failing().run({ errorHandler: () => "maybe" as "stop" })).rejects.toThrow(/must return "stop"/u);
  });

  it("go on with null under continueNone, and the status is failed", async () => {
    const fsm = failing();
    fsm.addTransition("b", "c", (value: unknown) => value === null);
    const run = await fsm.run({ errorStrategy: "continueNone" });
    expect(run).toMatchObject({ status: "failed", value: ["c", null], stateHistory: ["a", "b", "c"] });
    expect(run.get("b")).toBeNull();
  });

  it("lead to the error state of the state, else of the fsm, with the user's error", async () => {
    const general = await failing({ errorState: "rescue" }).run();
    expect(general).toMatchObject({ status: "completed", value: boom, stateHistory: ["a", "b", "rescue"] });
    expect(general.cycleResults[1]).toEqual({ state: "b", value: undefined });
    expect(general.errors).toMatchObject([{ state: "b", cause: boom }]);
    const own = new Fsm("f", { errorState: "nobody" });
    own.state("a", { initial: true, to: [], errorState: "rescue" }, fails);
    own.state("nobody", () => 1);
    own.state("rescue", async (error: unknown) => stop(error));
    expect((await own.run()).value).toBe(boom);
  });

  it("of the error state itself, and in it, reject", async () => {
    const fsm = new Fsm("f", { errorState: "rescue" });
    fsm.state("a", { initial: true }, fails);
    fsm.state("rescue", () => {
      throw new Error("worse");
    });
    expect(await caught(fsm.run())).toMatchObject({
      state: "rescue",
      cycle: 1,
      message: expect.stringContaining("worse"),
    });
  });

  it("that are aborts or too many cycles are not routed", async () => {
    const fsm = new Fsm("f", { errorState: "rescue" });
    fsm.state("a", { initial: true }, () => next("a"));
    fsm.state("rescue", () => "rescued");
    await expect(fsm.run({ maxCycles: 5 })).rejects.toThrow(MaxCyclesError);
    const slow = new Fsm("f", { errorState: "rescue" });
    slow.state("a", { initial: true }, never);
    slow.state("rescue", () => "rescued");
    await expect(slow.run({ signal: AbortSignal.timeout(5) })).rejects.toThrow(CancelledError);
    await expect(slow.run({ timeout: 5 })).rejects.toThrow(RunTimeoutError);
  });

  it("of a transition's condition, and wrong targets, are failures of the state", async () => {
    const fsm = new Fsm("f", { errorState: "rescue" });
    fsm.state("a", { initial: true }, () => 1);
    fsm.state("rescue", (error: unknown) => stop(error));
    fsm.addTransition("a", "rescue", fails);
    expect((await fsm.run()).value).toBe(boom);
    const lost = new Fsm("f", { errorState: "rescue" });
    lost.state("a", { initial: true }, () => next("nowhere"));
    lost.state("rescue", (error: unknown) => stop(error));
    expect((await lost.run()).value).toBeInstanceOf(UnknownStateError);
  });

  it("with undefined or null as error keep them", async () => {
    for (const thrown of [undefined, null]) {
      const fsm = new Fsm("f");
      fsm.state("a", { initial: true }, () => Promise.reject(thrown));
      expect((await caught(fsm.run())).cause).toBe(thrown);
    }
  });

  it("of unknown names offer the nearest", () => {
    const fsm = new Fsm("order");
    fsm.state("paid", { initial: true }, () => 1);
    expect(() => fsm.setNodeHooks("payed", {})).toThrow('Workflow "order" has no state "payed". Did you mean "paid"?');
  });

  it("of hooks, of the errorHandler and of error states say which state, and which cycle", async () => {
    const boom = (message: string) => () => {
      throw new Error(message);
    };
    const hooked = new Fsm("hooked");
    hooked.state("a", { initial: true }, () => next("b", 1));
    hooked.state("b", { hooks: { preExecute: boom("hook") } }, () => 2);
    expect(await caught(hooked.run())).toMatchObject({
      state: "b",
      cycle: 1,
      message: 'Hook "preExecute" of state "b" threw: hook. Correct the hook.',
    });
    const handled = new Fsm("handled");
    handled.state("a", { initial: true }, boom("own"));
    expect(await caught(handled.run({ errorHandler: boom("handler") }))).toMatchObject({
      state: "a",
      cycle: 0,
      message: 'errorHandler threw on the failure of state "a": handler. Correct the handler.',
    });
  });

  it.each([undefined, null, 0, ""])("that are %s go to the error state as well", async (thrown) => {
    const seen: unknown[] = [];
    const fsm = new Fsm("f", { errorState: "failed" });
    fsm.state("a", { initial: true }, () => {
      throw thrown;
    });
    fsm.state("failed", { terminal: true }, (error: unknown) => void seen.push(error));
    expect((await fsm.run()).finalState).toBe("failed");
    expect(seen).toEqual([thrown]);
  });
});

describe("Abort", () => {
  it("by signal and by timeout settles at once, aborts ctx.signal, and keeps the history", async () => {
    let seen: AbortSignal | undefined;
    const fsm = new Fsm("f");
    fsm.state("a", { initial: true }, () => next("b", 1));
    fsm.state("b", (_: number, ctx: FsmContext) => ((seen = ctx.signal), never()));
    const error = await caught(fsm.run({ timeout: 10 }));
    expect(error).toBeInstanceOf(RunTimeoutError);
    expect(error.run).toMatchObject({ status: "failed", stateHistory: ["a", "b"], currentState: "b" });
    expect(seen?.aborted).toBe(true);
    const controller = new AbortController();
    const running = fsm.run({ signal: controller.signal });
    controller.abort("no more");
    const cancelled = await caught(running);
    expect(cancelled).toBeInstanceOf(CancelledError);
    expect(cancelled.run.status).toBe("cancelled");
    expect(cancelled.cause).toBe("no more");
    await expect(fsm.run({ signal: AbortSignal.abort() })).rejects.toMatchObject({ run: { cycleCount: 0 } });
  });

  it("of a synchronous loop by timeout works in run and in runSync", async () => {
    const options = { timeout: 20, maxCycles: Infinity, historyLimit: 1 };
    await expect(pingPong(Infinity).run(options)).rejects.toThrow(RunTimeoutError);
    expect(() => pingPong(Infinity).runSync(options)).toThrow(RunTimeoutError);
  });
});

describe("State options", () => {
  it("retry a state within its cycle", async () => {
    let tries = 0;
    const fsm = new Fsm("f");
    fsm.state("a", { initial: true, retry: { retries: 2, delay: 0 } }, (ctx: FsmContext) =>
      ++tries < 3 ? fails() : stop(ctx.attempt),
    );
    expect(await fsm.run()).toMatchObject({ value: 3, cycleCount: 1 });
    const hopeless = new Fsm("f");
    hopeless.state("a", { initial: true, retry: { retries: 1, delay: 0 } }, fails);
    expect(await caught(hopeless.run())).toMatchObject({ attempts: 2, errors: [boom, boom], state: "a", cycle: 0 });
    expect(await caught(hopeless.run())).toBeInstanceOf(RetryExhaustedError);
    const rescued = new Fsm("f", { errorState: "b" });
    rescued.state("a", { initial: true, retry: { retries: 1, delay: 0 } }, fails);
    rescued.state("b", (error: unknown) => stop(error));
    expect((await rescued.run()).value).toBe(boom);
  });

  it("time a state out, attempt by attempt", async () => {
    const fsm = new Fsm("f");
    fsm.state("a", { initial: true, timeout: 10 }, never);
    const error = await caught(fsm.run());
    expect(error).toBeInstanceOf(NodeTimeoutError);
    expect(error).toMatchObject({ state: "a", cycle: 0 });
    expect(error.message).toMatch(/^State "a" took longer/u);
    const rescued = new Fsm("f", { errorState: "b" });
    rescued.state("a", { initial: true, timeout: 10 }, never);
    rescued.state("b", (error: unknown) => stop(error));
    expect((await rescued.run()).value).toBeInstanceOf(NodeTimeoutError);
  });

  it("cache a state's value with its transition, by its inputs", async () => {
    const calls: number[] = [];
    const fsm = new Fsm("f");
    fsm.state("a", { initial: true, cache: { ttl: 60_000 } }, (n: number) => (calls.push(n), next("b", n * 2)));
    fsm.state("b", (n: number) => stop(n));
    const events: RunEvent[] = [];
    expect((await fsm.run({ inputs: { n: 1 } })).value).toBe(2);
    expect((await fsm.run({ inputs: { n: 1 }, observers: [(event) => events.push(event)] })).value).toBe(2);
    expect((await fsm.run({ inputs: { n: 2 } })).value).toBe(4);
    expect(calls).toEqual([1, 2]);
    expect(events.find(({ type }) => type === "node.completed")).toMatchObject({ node: "a", cached: true, result: 2 });
  });

  it("surround a state with hooks that see values, not transitions", async () => {
    const seen: unknown[] = [];
    const fsm = new Fsm("f");
    fsm.state("a", { initial: true }, (n: number) => next("b", n + 1));
    fsm.state("b", (n: number) => stop(n));
    fsm.setDefaultHooks({
      preExecute: (node, inputs) => void seen.push([node.name, { ...inputs }]),
      postExecute: (node, _, result) => (node.name === "a" ? (result as number) * 10 : undefined),
      cleanup: (node) => void seen.push(["cleanup", node.name]),
    });
    const run = await fsm.run({ inputs: { n: 1 } });
    expect(run.value).toBe(20);
    expect(run.get("a")).toBe(20);
    expect(seen).toEqual([
      ["a", { n: 1 }],
      ["cleanup", "a"],
      ["b", { n: 20 }],
      ["cleanup", "b"],
    ]);
    fsm.setNodeHooks("b", { preExecute: () => ({ n: 5 }) });
    expect((await fsm.run({ inputs: { n: 1 } })).value).toBe(5);
  });

  it("are checked when the state is defined", () => {
    const fsm = new Fsm("f");
    const define = (options: object) => () => fsm.state("a", options, () => 1);
    expect(define({ initail: true })).toThrow(/Unknown option "initail" of state "a"\. Did you mean "initial"\?/u);
    expect(define({ to: "b" })).toThrow(/"to" of state "a" must be an array/u);
    expect(define({ retry: -1 })).toThrow(RangeError);
    expect(define({ needs: ["b"] })).toThrow(/Unknown option "needs"/u);
    expect(() => fsm.state("a.b", () => 1)).toThrow(/name of a state/u);
    expect(() => fsm.state("a", 5 as never)).toThrow(/needs a function/u);
    fsm.state("a", () => 1);
    expect(() => fsm.state("a", () => 1)).toThrow(/already has a state "a"/u);
    expect(() => fsm.addTransition("a", "a", 5 as never)).toThrow(TypeError);
    fsm.addTransition("a", "a");
    expect(() => fsm.addTransition("a", "a")).toThrow(/already has a default transition/u);
  });
});

describe("State hooks", () => {
  it("are asked after a state and before the next, not for the first entry nor the end", async () => {
    const calls: unknown[] = [];
    const fsm = pingPong(2);
    fsm.addStateHook((machine, from, to, result) => void calls.push([machine === fsm, from, to, result]));
    fsm.addStateHook(async () => sleep(1));
    expect((await fsm.run()).value).toBe(2);
    expect(calls).toEqual([
      [true, "ping", "pong", 1],
      [true, "pong", "ping", 1],
      [true, "ping", "pong", 2],
    ]);
  });

  it("veto a transition by throwing", async () => {
    for (const hook of [fails, async () => fails()]) {
      const fsm = pingPong(2);
      fsm.addStateHook(hook);
      const error = await caught(fsm.run());
      expect(error).toBeInstanceOf(ExecutionError);
      expect(error).toMatchObject({ state: "ping", cycle: 0, cause: boom });
      expect(error.run).toMatchObject({ stateHistory: ["ping"], currentState: "ping" });
      expect(error.run.get("ping")).toBe(1);
    }
  });

  it("that veto even the way to the error state end the run", async () => {
    const fsm = pingPong(2, { errorState: "rescue" });
    fsm.state("rescue", () => 1);
    const asked: string[] = [];
    fsm.addStateHook((_, __, to) => {
      asked.push(to);
      throw boom;
    });
    await expect(fsm.run()).rejects.toMatchObject({ cause: boom });
    expect(asked).toEqual(["pong", "rescue"]);
  });

  it("that veto even where continueNone leads end the run", async () => {
    for (const hook of [fails, async () => fails()]) {
      const asked: string[] = [];
      const fsm = new Fsm("passed over");
      fsm.state("first", { initial: true }, () => next("second"));
      fsm.state("second", () => expect.unreachable());
      fsm.addTransition("first", "second");
      fsm.addStateHook((_, __, to) => {
        asked.push(to);
        return hook();
      });
      const error = await caught(fsm.run({ errorStrategy: "continueNone" }));
      expect(error).toMatchObject({ state: "first", cycle: 0, cause: boom });
      expect([error.run.errors.length, error.run.cycleCount, asked]).toEqual([2, 1, ["second", "second"]]);
    }
  });

  it("must not be asynchronous in runSync", () => {
    const fsm = pingPong(2);
    fsm.addStateHook(async () => {});
    expect(() => fsm.runSync()).toThrow(/state hook that returned a promise/u);
  });
});

describe("Fsm › runSync", () => {
  it("runs to the end and throws what run rejects with", () => {
    const run = pingPong(3).runSync();
    expect(run).toMatchObject({ status: "completed", value: 3, cycleCount: 6 });
    expect(() => pingPong(501).runSync()).toThrow(MaxCyclesError);
    const fsm = new Fsm("f");
    fsm.state("a", { initial: true }, async () => 1);
    expect(() => fsm.runSync()).toThrow(/returned a promise, which runSync can't wait for/u);
  });

  it("waits for `after`, and for retries, by blocking", () => {
    const fsm = new Fsm("f");
    let tries = 0;
    fsm.state("a", { initial: true, retry: { retries: 1, delay: 0 } }, () =>
      tries++ === 0 ? fails() : waitForEvent({ X: "b" }, { after: [5, "b"] }),
    );
    fsm.state("b", () => stop("after"));
    const began = Date.now();
    expect(fsm.runSync().value).toBe("after");
    expect(Date.now() - began).toBeGreaterThanOrEqual(4);
    const bare = new Fsm("f");
    bare.state("a", { initial: true }, () => waitForEvent({ X: "a" }));
    expect(() => bare.runSync()).toThrow(/nobody can send events/u);
  });
});

describe("Fsm › step", () => {
  it("says what comes next, and lets the metadata be written to between steps", async () => {
    const fsm = new Fsm("light");
    fsm.state("green", { initial: true }, (ctx: FsmContext) =>
      next(ctx.metadata.emergency === true ? "off" : "green", 1),
    );
    fsm.state("off", { terminal: true }, () => stop("off"));
    const first = await fsm.step();
    expect([first.next, first.context.get("green")]).toEqual(["green", 1]);
    first.context.metadata.emergency = true;
    const second = await fsm.step(first.state);
    expect([second.node, second.next, second.done]).toEqual(["green", "off", false]);
    const last = await fsm.step(second.state);
    expect([last.node, last.next, last.done]).toEqual(["off", undefined, true]);
  });

  it("executes one state at a time", async () => {
    const fsm = pingPong(1);
    const first = await fsm.step();
    expect(first).toMatchObject({ node: "ping", result: 1, done: false, run: undefined });
    const second = await fsm.step(first.state);
    expect(second).toMatchObject({ node: "pong", result: 1, done: true, run: { status: "completed" } });
    await expect(fsm.step(first.state)).rejects.toThrow(/already stepped from/u);
    await expect(pingPong(1).step(second.state)).rejects.toThrow(/belongs to another workflow/u);
  });

  it("rejects where the state fails", async () => {
    const fsm = new Fsm("f");
    fsm.state("a", { initial: true }, () => next("b"));
    fsm.state("b", fails);
    const { state } = await fsm.step();
    await expect(fsm.step(state)).rejects.toMatchObject({ state: "b" });
  });
});

describe("Events from outside", () => {
  function order(): Fsm {
    const fsm = new Fsm("order");
    fsm.state("created", { initial: true }, () => waitForEvent({ PAID: "shipping", CANCELLED: "refunded" }));
    fsm.state("shipping", () => waitForEvent({ SENT: "delivered" }, { after: [60_000, "lost"] }));
    fsm.state("delivered", (parcel: string, ctx: FsmContext) => stop(`${parcel} by ${ctx.trigger}`));
    fsm.state("refunded", (reason = "no reason") => stop(reason));
    fsm.state("lost", () => stop("lost"));
    return fsm;
  }

  it("lead on from a state that waits; the payload is the next state's value", async () => {
    const handle = order().start();
    expect(handle.state).toBe("created");
    await handle.send("PAID", { amount: 5 });
    expect(handle.state).toBe("shipping");
    await handle.send("SENT", "parcel 7");
    const run = await handle.result;
    expect(run).toMatchObject({ status: "completed", value: "parcel 7 by SENT", runId: handle.runId });
    expect(run.stateHistory).toEqual(["created", "shipping", "delivered"]);
  });

  it("that nobody accepts yet stay queued in order, without blocking others", async () => {
    const handle = order().start();
    const log: string[] = [];
    const sent = handle.send("SENT", "early").then(() => log.push("SENT taken"));
    await sleep(5);
    expect(log).toEqual([]);
    await handle.send("PAID");
    await sent;
    expect((await handle.result).value).toBe("early by SENT");
  });

  it("are taken in the order in which they were sent, each once", async () => {
    const fsm = new Fsm("f");
    const seen: unknown[] = [];
    fsm.state("idle", { initial: true }, () => waitForEvent({ A: "work", B: "work", END: "end" }));
    fsm.state("work", async (payload: unknown) => (await sleep(1), seen.push(payload), next("idle")));
    fsm.state("end", () => stop());
    const handle = fsm.start({ maxCycles: Infinity });
    const sends = Array.from({ length: 50 }, (_, i) => handle.send(i % 3 === 0 ? "B" : "A", i));
    await Promise.all(sends);
    await handle.send("END");
    await handle.result;
    expect(seen).toEqual(Array.from({ length: 50 }, (_, i) => i));
  });

  it("are refused, by name, when the run has ended or ends first", async () => {
    const handle = order().start();
    const early = caught(handle.send("SENT"));
    await handle.send("CANCELLED", "changed my mind");
    expect((await handle.result).value).toBe("changed my mind");
    expect((await early).message).toMatch(/did not take event "SENT": it ended in state "refunded"/u);
    expect((await caught(handle.send("PAID"))).message).toContain('"PAID"');
  });

  it("that do not come in time lead where `after` says", async () => {
    const fsm = new Fsm("f");
    fsm.state("a", { initial: true }, () => waitForEvent({ GO: "b" }, { after: [10, "late"] }));
    fsm.state("b", () => stop("in time"));
    fsm.state("late", () => stop("late"));
    expect((await fsm.run()).value).toBe("late");
    const handle = fsm.start();
    await handle.send("GO");
    expect((await handle.result).value).toBe("in time");
  });

  it("are an error to wait for where nobody can send them", async () => {
    await expect(order().run()).rejects.toThrow(/waits for "PAID", "CANCELLED", but nobody can send events/u);
  });

  it("may be sent by a state to its own run", async () => {
    const fsm = new Fsm("f");
    const box: { handle?: ReturnType<Fsm["start"]> } = {};
    fsm.state("a", { initial: true }, async () => {
      await sleep(0);
      void box.handle?.send("GO", 1);
      return waitForEvent({ GO: "b" });
    });
    fsm.state("b", (n: number) => stop(n));
    box.handle = fsm.start();
    expect((await box.handle.result).value).toBe(1);
  });

  it("are waited for by name of the state: at once if it is there, never longer than the timeout", async () => {
    const handle = order().start();
    await handle.waitFor("created");
    const shipping = handle.waitFor("shipping", { timeout: 60_000 });
    await expect(handle.waitFor("delivered", { timeout: 10 })).rejects.toThrow(
      /did not enter state "delivered" within 10 ms/u,
    );
    await handle.send("PAID");
    await shipping;
    const refunded = caught(handle.waitFor("refunded"));
    await handle.send("SENT", "p");
    expect((await refunded).message).toMatch(/did not enter state "refunded": it ended in state "delivered"/u);
    await handle.waitFor("delivered");
    await expect(handle.waitFor("shipping")).rejects.toThrow(ExecutionError);
    await expect(handle.waitFor("shiping")).rejects.toThrow(/Did you mean "shipping"\?/u);
  });

  it("end with stop: the result resolves as cancelled, what was sent is refused", async () => {
    const handle = order().start();
    await sleep(1);
    const refused = caught(handle.send("SENT"));
    const run = await handle.stop();
    expect(run).toMatchObject({ status: "cancelled", stateHistory: ["created"], currentState: "created" });
    expect(await handle.result).toBe(run);
    expect((await refused).message).toContain('"SENT"');
    expect(await handle.stop()).toBe(run);
  });

  it("end with pause: at once when waiting, after the state that is executing otherwise", async () => {
    const handle = order().start();
    await sleep(1);
    expect(await handle.pause()).toMatchObject({ status: "paused", currentState: "created", finalState: undefined });
    const fsm = new Fsm("f");
    fsm.state("a", { initial: true }, async () => (await sleep(5), next("b", 1)));
    fsm.state("b", () => stop(2));
    const pausing = fsm.start();
    await sleep(1);
    const run = await pausing.pause();
    expect(run).toMatchObject({ status: "paused", value: 1, currentState: "b", cycleCount: 1 });
    const waits = new Fsm("f");
    waits.state("a", { initial: true }, async () => (await sleep(5), waitForEvent({ GO: "a" })));
    const waiting = waits.start();
    await sleep(1);
    expect(await waiting.pause()).toMatchObject({ status: "paused", currentState: "a", cycleCount: 1 });
  });

  it("execute no state in the turn of start: neither sending nor looking does, and pause and stop come first", async () => {
    const ran = vi.fn(() => waitForEvent({ GO: "b" }));
    const fsm = new Fsm("f");
    fsm.state("a", { initial: true }, ran);
    fsm.state("b", () => stop("b"));
    expect(await fsm.start().pause()).toMatchObject({ status: "paused", currentState: "a", cycleCount: 0 });
    expect(await fsm.start().stop()).toMatchObject({ status: "cancelled", cycleCount: 0 });
    const handle = fsm.start();
    expect(handle.state).toBe("a");
    const there = handle.waitFor("b");
    const sent = handle.send("GO");
    expect(ran).not.toHaveBeenCalled();
    await Promise.all([there, sent]);
    expect((await handle.result).value).toBe("b");
  });

  it("leave no timer behind when the run ends", async () => {
    const handle = order().start({ timeout: 60_000 });
    await handle.send("PAID");
    const timers = () => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
    const running = timers();
    await handle.stop();
    expect(timers()).toBe(running - 2);
  });

  it("are taken quickly, however many are queued", async () => {
    const fsm = new Fsm("f");
    fsm.state("idle", { initial: true }, () => waitForEvent({ GO: "idle", END: "end" }));
    fsm.state("end", () => stop("end"));
    const handle = fsm.start({ maxCycles: Infinity, historyLimit: 1 });
    const other = caught(handle.send("OTHER"));
    await Promise.all(Array.from({ length: 100_000 }, () => handle.send("GO")));
    await handle.send("END");
    expect(await handle.result).toMatchObject({ cycleCount: 100_002, value: "end" });
    expect((await other).message).toContain("OTHER");
    await expect(fsm.start().send(5 as never)).rejects.toThrow(TypeError);
  });

  it("are checked when a state waits for them", () => {
    expect(() => waitForEvent({})).toThrow(/at least one event/u);
    expect(() => waitForEvent({ A: 5 as never })).toThrow(TypeError);
    expect(() => waitForEvent({}, { after: [-1, "a"] })).toThrow(RangeError);
    expect(() => waitForEvent({}, { after: 5 as never })).toThrow(/\[milliseconds, state\]/u);
  });
});

describe("Events of a run", () => {
  it("come in order, with the cycle", async () => {
    const events: RunEvent[] = [];
    await pingPong(1).run({ runId: "r", observers: [(event) => events.push(event)] });
    expect(events.map(({ type, ...rest }) => [type, "cycle" in rest ? rest.cycle : undefined])).toEqual([
      ["run.started", undefined],
      ["state.entered", 0],
      ["attempt.started", undefined],
      ["node.completed", undefined],
      ["state.left", 0],
      ["state.entered", 1],
      ["attempt.started", undefined],
      ["node.completed", undefined],
      ["state.left", 1],
      ["run.finished", undefined],
    ]);
    expect(events[4]).toMatchObject({ runId: "r", node: "ping", value: 1, to: "pong" });
    expect(events[8]).toMatchObject({ node: "pong", to: undefined });
  });

  it("tell of failed attempts once", async () => {
    const types: string[] = [];
    const fsm = new Fsm("f");
    fsm.state("a", { initial: true }, fails);
    await caught(fsm.run({ observers: [({ type }) => types.push(type)] }));
    expect(types).toEqual([
      "run.started",
      "state.entered",
      "attempt.started",
      "attempt.failed",
      "node.failed",
      "run.finished",
    ]);
  });
});
