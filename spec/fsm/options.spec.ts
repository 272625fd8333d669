import { describe, expect, it } from "vitest";
import {
  ExecutionError,
  Fsm,
  next,
  NodeTimeoutError,
  RetryExhaustedError,
  stop,
  type FsmContext,
  type RunEvent,
} from "dagwright";
import { boom, fails } from "../support/failing.js";
import { pingPong } from "../support/ping-pong.js";
import { failure, never, sleep } from "../support/waiting.js";

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
    expect(await failure(hopeless.run())).toMatchObject({ attempts: 2, errors: [boom, boom], state: "a", cycle: 0 });
    expect(await failure(hopeless.run())).toBeInstanceOf(RetryExhaustedError);
    const rescued = new Fsm("f", { errorState: "b" });
    rescued.state("a", { initial: true, retry: { retries: 1, delay: 0 } }, fails);
    rescued.state("b", (error: unknown) => stop(error));
    expect((await rescued.run()).value).toBe(boom);
  });

  it("time a state out, attempt by attempt", async () => {
    const fsm = new Fsm("f");
    fsm.state("a", { initial: true, timeout: 10 }, never);
    const error = await failure(fsm.run());
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
  it("are called between two states, not before the first nor after the last", async () => {
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
      const error = await failure(fsm.run());
      expect(error).toBeInstanceOf(ExecutionError);
      expect(error).toMatchObject({ state: "ping", cycle: 0, cause: boom });
      expect(error.run).toMatchObject({ stateHistory: ["ping"], currentState: "ping" });
      expect(error.run.get("ping")).toBe(1);
    }
  });

  it("that veto the transition to the error state, too, end the run", async () => {
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

  it("that veto the transition under continueNone, too, end the run", async () => {
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
      const error = await failure(fsm.run({ errorStrategy: "continueNone" }));
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
