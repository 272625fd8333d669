import { describe, expect, it } from "vitest";
import { CancelledError, Fsm, MaxCyclesError, next, stop, waitForEvent, type FsmContext } from "dagwright";
import { fails } from "../support/failing.js";
import { pingPong } from "../support/ping-pong.js";
import { failure, gate, sleep, until } from "../support/waiting.js";

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

  it("gives the fsm the results of its last finished run", async () => {
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

  it("has no results before the first run", () => {
    const fsm = new Fsm("f");
    fsm.state("a", { initial: true }, () => 1);
    expect(fsm.lastRun).toBeUndefined();
    expect([fsm.has("a"), fsm.getHistory("a"), fsm.results, fsm.cycleResults]).toEqual([false, [], {}, []]);
    fsm.runSync();
    expect([fsm.has("a"), fsm.getHistory("a"), { ...fsm.results }]).toEqual([true, [1], { a: 1 }]);
    expect(fsm.cycleResults).toHaveLength(1);
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

  it("ends with a plain value that no transition takes, even undefined, even in the first cycle", async () => {
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

  it("takes the answers of predicates as truthy or falsy", async () => {
    const fsm = new Fsm("f");
    fsm.state("a", { initial: true }, (answer: unknown) => answer);
    fsm.state("b", { terminal: true }, () => "b");
    fsm.addTransition("a", "b", (answer) => answer as boolean);
    for (const answer of [1, "yes", [], true]) expect((await fsm.run({ inputs: { answer } })).value).toBe("b");
    for (const answer of [0, "", null, NaN, false])
      expect((await fsm.run({ inputs: { answer } })).stateHistory).toEqual(["a"]);
  });

  it("gives next and stop precedence over transitions", async () => {
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
    const gates = [gate(), gate(), gate()];
    const begun: string[] = [];
    fsm.state("a", { initial: true }, async (n: number) => (begun.push(`a${n}`), await sleep(1), next("b", n)));
    fsm.state("b", async (n: number) => (begun.push(`b${n}`), await gates[n].opened, n));
    const runs = [0, 1, 2].map((n) => fsm.run({ inputs: { n } }));
    await until(() => begun.length === 6);
    for (const n of [1, 2, 0]) {
      gates[n].open();
      const run = await runs[n];
      expect([run.value, run.stateHistory]).toEqual([n, ["a", "b"]]);
      expect(fsm.lastRun?.value).toBe(n);
    }
    expect(new Set((await Promise.all(runs)).map(({ runId }) => runId)).size).toBe(3);
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
    const fsm = new Fsm("f");
    let cycles = 0;
    fsm.state("a", { initial: true }, () => (cycles++, next("a")));
    const controller = new AbortController();
    const ended = failure(fsm.run({ maxCycles: Infinity, historyLimit: 10, signal: controller.signal }));
    await until(() => cycles > 100);
    controller.abort("enough");
    const error = await ended;
    expect(error).toBeInstanceOf(CancelledError);
    expect(error.run.cycleCount).toBeGreaterThan(100);
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
  it("has the next state, and metadata that may be changed between steps", async () => {
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
