import { describe, expect, it, vi } from "vitest";
import {
  CancelledError,
  ExecutionError,
  Fsm,
  InvalidTransitionError,
  MaxCyclesError,
  next,
  RunTimeoutError,
  stop,
  UnknownStateError,
  waitForEvent,
  type FsmContext,
} from "dagwright";
import { boom, fails } from "../support/failing.js";
import { rejection } from "../support/fake-time.js";
import { pingPong } from "../support/ping-pong.js";
import { failure, never } from "../support/waiting.js";

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
      const error = await failure(fsm.run());
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
    const error = await failure(fsm.run());
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
    const error = await failure(failing().run());
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

  it("continue with null under continueNone, and the status is failed", async () => {
    const fsm = failing();
    fsm.addTransition("b", "c", (value: unknown) => value === null);
    const run = await fsm.run({ errorStrategy: "continueNone" });
    expect(run).toMatchObject({ status: "failed", value: ["c", null], stateHistory: ["a", "b", "c"] });
    expect(run.get("b")).toBeNull();
  });

  it("lead to the error state of the state, or else of the fsm, with the user's error", async () => {
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

  it("in the error state reject", async () => {
    const fsm = new Fsm("f", { errorState: "rescue" });
    fsm.state("a", { initial: true }, fails);
    fsm.state("rescue", () => {
      throw new Error("worse");
    });
    expect(await failure(fsm.run())).toMatchObject({
      state: "rescue",
      cycle: 1,
      message: expect.stringContaining("worse"),
    });
  });

  it("that are aborts or exceeded cycles do not lead to the error state", async () => {
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
      expect((await failure(fsm.run())).cause).toBe(thrown);
    }
  });

  it("of unknown names suggest the nearest one", () => {
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
    expect(await failure(hooked.run())).toMatchObject({
      state: "b",
      cycle: 1,
      message: 'Hook "preExecute" of state "b" threw: hook. Correct the hook.',
    });
    const handled = new Fsm("handled");
    handled.state("a", { initial: true }, boom("own"));
    expect(await failure(handled.run({ errorHandler: boom("handler") }))).toMatchObject({
      state: "a",
      cycle: 0,
      message: 'errorHandler threw on the failure of state "a": handler. Correct the handler.',
    });
  });

  it.each([undefined, null, 0, ""])("that are %s lead to the error state as well", async (thrown) => {
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
    vi.useFakeTimers();
    const error = await rejection(fsm.run({ timeout: 10 })).finally(() => vi.useRealTimers());
    expect(error).toBeInstanceOf(RunTimeoutError);
    expect(error.run).toMatchObject({ status: "failed", stateHistory: ["a", "b"], currentState: "b" });
    expect(seen?.aborted).toBe(true);
    const controller = new AbortController();
    const running = fsm.run({ signal: controller.signal });
    controller.abort("no more");
    const cancelled = await failure(running);
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
