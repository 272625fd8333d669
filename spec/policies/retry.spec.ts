import { describe, expect, it, vi } from "vitest";
import {
  CancelledError,
  Dag,
  ExecutionError,
  Fsm,
  RetryExhaustedError,
  type Context,
  type RetryOptions,
} from "dagwright";
import { outcome, pass, rejection, sleep, useFakeTime } from "../support/fake-time.js";

useFakeTime();

/** A dag of one node that fails `failures` times, and records its calls in ms from the start. */
function flaky(failures: number, retry: number | RetryOptions) {
  const dag = new Dag("flaky");
  const calls: number[] = [];
  let start = Date.now();
  dag.node("a", { retry }, async () => {
    calls.push(Date.now() - start);
    if (calls.length <= failures) throw new Error(`no ${calls.length}`);
    return calls.length;
  });
  const run = (options = {}) => {
    start = Date.now();
    return dag.run(options);
  };
  return { dag, calls, run };
}

describe("retry", () => {
  it("makes n + 1 attempts, 100, 200, 400 ms apart", async () => {
    const { calls, run } = flaky(9, 3);
    const error = await rejection(run());
    expect(calls).toEqual([0, 100, 300, 700]);
    expect(error).toBeInstanceOf(RetryExhaustedError);
    expect(error).toMatchObject({ attempts: 4, attempt: 4, node: "a", code: "RETRY_EXHAUSTED" });
    expect(error.errors.map((e: Error) => e.message)).toEqual(["no 1", "no 2", "no 3", "no 4"]);
    expect(error.cause).toBe(error.errors[3]);
  });

  it("keeps whatever the attempts threw, errors or not", async () => {
    const errors = [new TypeError("one"), "two", undefined];
    const dag = new Dag("d");
    dag.node("a", { retry: { retries: 2, delay: 0 } }, (ctx: Context) => {
      throw errors[ctx.attempt - 1];
    });
    const error = await rejection(dag.run());
    expect(error).toMatchObject({ attempts: 3, errors, cause: undefined });
    expect(error.errors[0]).toBe(errors[0]);
    expect(error.run.nodes.get("a")?.attempts).toBe(3);
  });

  it("returns the result of the attempt that succeeds", async () => {
    const { run } = flaky(2, 2);
    const { value, nodes } = await outcome(run());
    expect([value, nodes.get("a")?.attempts]).toEqual([3, 3]);
    // From the first attempt on, pauses included.
    expect(nodes.get("a")?.duration).toBeCloseTo(300);
  });

  it.each<[string, RetryOptions, number[]]>([
    ["exponentially longer, by delay and factor", { retries: 3, delay: 10, factor: 3 }, [0, 10, 40, 130]],
    ["linearly longer", { retries: 3, backoff: "linear", delay: 10 }, [0, 10, 30, 60]],
    ["a fixed time", { retries: 3, backoff: "fixed", delay: 10 }, [0, 10, 20, 30]],
    ["more than 30 s if `delay` is longer", { retries: 1, delay: 60_000, backoff: "fixed" }, [0, 60_000]],
    ["up to maxDelay", { retries: 4, delay: 100, maxDelay: 250 }, [0, 100, 300, 550, 800]],
    ["not at all", { retries: 2, delay: 0 }, [0, 0, 0]],
    ["up to 30 s by default", { retries: 3, delay: 20_000 }, [0, 20_000, 50_000, 80_000]],
    ["3 times by default", { backoff: "fixed", delay: 1 }, [0, 1, 2, 3]],
  ])("waits %s", async (_, retry, expected) => {
    const { calls, run } = flaky(9, retry);
    await rejection(run());
    expect(calls).toEqual(expected);
  });

  it("takes a random part of each pause with jitter", async () => {
    vi.spyOn(Math, "random").mockReturnValueOnce(0.5).mockReturnValueOnce(0).mockReturnValueOnce(0.25);
    const { calls, run } = flaky(9, { retries: 3, jitter: true });
    await rejection(run());
    expect(calls).toEqual([0, 50, 50, 150]);
  });

  it("calls `when` after each failure but the last, and stops when it returns false", async () => {
    const when = vi.fn((error: unknown) => (error as Error).message !== "no 2");
    const error = await rejection(flaky(9, { retries: 5, when }).run());
    expect(when.mock.calls.map(([e, attempt]: any) => [e.message, attempt])).toEqual([
      ["no 1", 1],
      ["no 2", 2],
    ]);
    expect(error).toBeInstanceOf(RetryExhaustedError);
    expect(error.attempts).toBe(2);
    const never = vi.fn(async () => true);
    await rejection(flaky(9, { retries: 2, when: never }).run());
    expect(never).toHaveBeenCalledTimes(2);
  });

  it("fails without a RetryExhaustedError when nothing was retried", async () => {
    const error = await rejection(flaky(9, { retries: 5, when: () => false }).run());
    expect(error).toBeInstanceOf(ExecutionError);
    expect(error).not.toBeInstanceOf(RetryExhaustedError);
    expect(error.cause.message).toBe("no 1");
    expect((await rejection(flaky(9, { retries: 0 }).run())).cause.message).toBe("no 1");
  });

  it("calls onRetry before each pause, and waits for it", async () => {
    const told: unknown[] = [];
    const onRetry = async (error: unknown, attempt: number, delay: number) => {
      told.push([(error as Error).message, attempt, delay]);
      await sleep(5);
    };
    const { calls, run } = flaky(9, { retries: 2, onRetry });
    await rejection(run());
    expect(told).toEqual([
      ["no 1", 1, 100],
      ["no 2", 2, 200],
    ]);
    expect(calls).toEqual([0, 105, 310]);
  });

  it("fails with both errors when `when` or `onRetry` throws", async () => {
    const boom = () => {
      throw new Error("my fault");
    };
    for (const option of ["when", "onRetry"]) {
      const error = await rejection(flaky(9, { retries: 2, [option]: boom }).run());
      expect(error.message).toContain(`"retry.${option}" threw: my fault`);
      expect(error.cause.errors.map((e: Error) => e.message)).toEqual(["no 1", "my fault"]);
    }
  });

  it("ends its pause when the run is aborted, without another attempt", async () => {
    const controller = new AbortController();
    const { calls, run } = flaky(9, 3);
    const running = run({ signal: controller.signal });
    running.catch(() => {});
    await pass(50);
    controller.abort("enough");
    expect(await rejection(running)).toBeInstanceOf(CancelledError);
    expect(calls).toEqual([0]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("calls neither `when` nor `onRetry` for an attempt cancelled with the run", async () => {
    const when = vi.fn(() => true);
    const onRetry = vi.fn();
    const dag = new Dag("d");
    dag.node("a", { retry: { retries: 3, when, onRetry } }, () => sleep(100));
    const handle = dag.start();
    handle.result.catch(() => {});
    await pass(1);
    await handle.cancel();
    await pass(100);
    expect([when, onRetry].map((fn) => fn.mock.calls.length)).toEqual([0, 0]);
  });

  it("releases the run's slot during the pause", async () => {
    const dag = new Dag("d");
    const order: string[] = [];
    let failed = false;
    dag.node("a", { retry: 1 }, () => {
      order.push("a");
      if (!failed) {
        failed = true;
        throw new Error("no");
      }
    });
    dag.node("b", () => sleep(10).then(() => order.push("b")));
    await outcome(dag.run({ mode: "async", concurrency: 1 }));
    expect(order).toEqual(["a", "b", "a"]);
  });

  it("blocks the thread in runSync", () => {
    vi.useRealTimers();
    const dag = new Dag("d");
    let calls = 0;
    dag.node("a", { retry: { retries: 2, delay: 5, backoff: "fixed" } }, () => {
      if (++calls < 3) throw new Error("no");
      return calls;
    });
    const begin = performance.now();
    expect(dag.runSync().value).toBe(3);
    expect(performance.now() - begin).toBeGreaterThanOrEqual(9);
  });

  it("works for states", async () => {
    const fsm = new Fsm("f");
    let calls = 0;
    fsm.state("s", { initial: true, terminal: true, retry: { retries: 1, delay: 1000 } }, () => {
      if (++calls === 1) throw new Error("no");
      return calls;
    });
    const running = fsm.run();
    await pass(1000);
    expect((await running).value).toBe(2);
  });

  it.each([
    [{ retry: "3" }, /"retry" of node "a" must be a whole number or an object; received "3"/u],
    [{ retry: -1 }, /"retry" of node "a" must be a whole number, at least 0; received -1/u],
    [{ retry: { retrys: 1 } }, /Unknown option "retrys" of "retry" of node "a".*Did you mean "retries"/u],
    [{ retry: { backoff: "cubic" } }, /"retry.backoff" of node "a" must be one of "exponential", "linear", "fixed"/u],
    [{ retry: { delay: -5 } }, /"retry.delay" of node "a" must be a number of milliseconds/u],
    [{ retry: { factor: 0.5 } }, /"retry.factor" of node "a" must be a number, at least 1; received 0.5/u],
    [{ retry: { jitter: 1 } }, /"retry.jitter" of node "a" must be a boolean; received 1/u],
    [{ retry: { when: true } }, /"retry.when" of node "a" must be a function; received true/u],
  ])("refuses %j", (options, message) => {
    expect(() => new Dag("d").node("a", options as never, () => 1)).toThrow(message);
  });
});
