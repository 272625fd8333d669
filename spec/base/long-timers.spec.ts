import { describe, expect, it, vi } from "vitest";
import { Dag, Fsm, stop, ThreadPool, waitForEvent } from "dagwright";
import { sqliteStore } from "dagwright/store";
import { pass, rejection, useFakeTime } from "../support/fake-time.js";
import { never } from "../support/waiting.js";

useFakeTime();

const DAY = 86_400_000;
/** Longer than Node's timers support; one of this length would fire immediately. */
const LONG = 30 * DAY;

/** Tracks whether a promise has settled. */
function watched<T>(promise: Promise<T>) {
  const state = { isOver: false, result: promise };
  const over = () => void (state.isOver = true);
  promise.then(over, over);
  return state;
}

/** Expects a promise to settle after `ms`, within a second. */
async function settlesAfter<T>(ms: number, promise: Promise<T>): Promise<T> {
  const state = watched(promise);
  await pass(ms - 1000);
  expect(state.isOver).toBe(false);
  await pass(2000);
  expect(state.isOver).toBe(true);
  return state.result;
}

describe("A time of more than 24.8 days", () => {
  it("works for an fsm that waits for an event", { tags: "slow" }, async () => {
    const fsm = new Fsm<any>("trial");
    fsm.state("trial", { initial: true }, () => waitForEvent({ PAID: "paid" }, { after: [LONG, "expired"] }));
    fsm.state("paid", () => stop("paid"));
    fsm.state("expired", () => stop("expired"));
    expect((await settlesAfter(LONG, fsm.start().result)).value).toBe("expired");
    expect((await settlesAfter(LONG, fsm.run())).value).toBe("expired");
    const handle = fsm.start();
    await pass(26 * DAY);
    await handle.send("PAID");
    expect((await handle.result).value).toBe("paid");
    expect(vi.getTimerCount()).toBe(0);
  });

  it("works for waitFor", { tags: "slow" }, async () => {
    const fsm = new Fsm<any>("idle");
    fsm.state("idle", { initial: true }, () => waitForEvent({ GO: "end" }));
    fsm.state("end", () => stop());
    const handle = fsm.start();
    const error = await settlesAfter(
      LONG,
      handle.waitFor("end", { timeout: LONG }).catch((thrown: unknown) => thrown),
    );
    expect(String(error)).toContain(`within ${LONG} ms`);
    await handle.stop();
  });

  it("works for retries, timeouts, throttles and input timeouts", async () => {
    const retry = new Dag<any>("retry");
    let calls = 0;
    const options = { retry: { retries: 1, delay: LONG, maxDelay: LONG } };
    retry.node("n", options, () => {
      if (calls++ === 0) throw new Error("not yet");
      return calls;
    });
    expect((await settlesAfter(LONG, retry.run())).value).toBe(2);

    const slow = new Dag<any>("slow");
    slow.node("n", { timeout: LONG }, () => never());
    expect(
      await settlesAfter(
        LONG,
        slow.run().catch((thrown: unknown) => thrown),
      ),
    ).toMatchObject({
      code: "NODE_TIMEOUT",
    });
    const endless = new Dag<any>("endless");
    endless.node("n", () => never());
    expect(
      await settlesAfter(
        LONG,
        endless.run({ timeout: LONG }).catch((thrown: unknown) => thrown),
      ),
    ).toMatchObject({
      code: "RUN_TIMEOUT",
    });
    const late = new Dag<any>("late");
    late.node("a", () => never());
    late.node("b", { needs: ["a"], inputsTimeout: LONG }, () => 1);
    const error = await settlesAfter(
      LONG,
      late.run({ mode: "async" }).catch((thrown: unknown) => thrown),
    );
    expect(error).toMatchObject({ code: "INPUTS_TIMEOUT" });

    const rare = new Dag<any>("rare");
    rare.node("n", { throttle: { limit: 1, interval: LONG } }, () => 1);
    await rare.run();
    await settlesAfter(LONG, rare.run());
  });

  it("works for circuit breakers and caches", async () => {
    const dag = new Dag<any>("breaks");
    let calls = 0;
    dag.node("n", { circuitBreaker: { failureThreshold: 1, resetAfter: LONG } }, () => {
      calls++;
      throw new Error("no");
    });
    await rejection(dag.run());
    await pass(LONG - DAY);
    expect(await rejection(dag.run())).toMatchObject({ code: "CIRCUIT_OPEN" });
    await pass(2 * DAY);
    await rejection(dag.run());
    expect(calls).toBe(2);
    const cached = new Dag<any>("cached");
    cached.cachedNode("n", { ttl: LONG }, () => ++calls);
    await cached.run();
    await pass(LONG - DAY);
    expect((await cached.run()).value).toBe(3);
  });

  it("is refused beyond a hundred years, and for options that use one of Node's timers", () => {
    const after = (ms: number) => () => waitForEvent({}, { after: [ms, "a"] });
    expect(after(36_525 * DAY)).not.toThrow();
    expect(after(36_525 * DAY + 1)).toThrow(RangeError);
    expect(after(Infinity)).toThrow(/from 0 to 3155760000000/u);
    expect(() => new ThreadPool({ idleTimeout: LONG })).toThrow(RangeError);
    expect(() => sqliteStore(":memory:", { lease: LONG })).toThrow(RangeError);
  });
});

describe("A wait for an event", () => {
  const delay = (ms: number) => {
    const fsm = new Fsm<any>("delay");
    fsm.state("a", { initial: true }, () => waitForEvent({}, { after: [ms, "b"] }));
    fsm.state("b", () => stop("b"));
    return fsm;
  };

  it("ends late, but once, when the machine has slept", async () => {
    const state = watched(delay(3 * DAY).run());
    await pass(DAY);
    // Timers stand still while the machine sleeps.
    vi.setSystemTime(Date.now() + 10 * DAY);
    expect(state.isOver).toBe(false);
    await pass(61_000);
    expect(state.isOver).toBe(true);
    expect((await state.result).stateHistory).toEqual(["a", "b"]);
  });

  it("adjusts to a clock that is set back", async () => {
    const state = watched(delay(2 * DAY).run());
    await pass(DAY);
    vi.setSystemTime(Date.now() - DAY);
    await pass(DAY + 120_000);
    expect(state.isOver).toBe(false);
    await pass(DAY);
    expect(state.isOver).toBe(true);
  });
});
