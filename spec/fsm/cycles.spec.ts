import { describe, expect, it } from "vitest";
import { Fsm, MaxCyclesError, next, stop, type ExecutionError, type FsmContext } from "dagwright";
import { fails } from "../support/failing.js";
import { heapInUse } from "../support/garbage.js";
import { pingPong } from "../support/ping-pong.js";
import { failure } from "../support/waiting.js";

describe("maxCycles", () => {
  it("allows exactly that many, 1000 by default", async () => {
    expect((await pingPong(500).run()).cycleCount).toBe(1000);
    const error = await failure(pingPong(501).run());
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

  it("keeps memory flat over a million cycles", { tags: "slow" }, () => {
    const fsm = new Fsm("f");
    fsm.state("a", { initial: true }, (last = [0], ctx: FsmContext) =>
      ctx.cycle === 999_999 ? stop() : next("a", new Array<number>(100).fill(last[0] + 1)),
    );
    const before = heapInUse();
    fsm.runSync({ maxCycles: 1_000_000, historyLimit: 1000 });
    // All values together are 800 MB.
    expect(heapInUse() - before).toBeLessThan(20e6);
    expect(fsm.cycleCount).toBe(1_000_000);
    expect(fsm.cycleResults).toHaveLength(1000);
  });
});
