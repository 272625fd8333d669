import { describe, expect, it, vi } from "vitest";
import {
  CircuitOpenError,
  circuits,
  circuitState,
  Dag,
  ExecutionError,
  Fsm,
  node,
  resetCircuit,
  Scheduler,
  type CircuitBreakerOptions,
  type Context,
  type RunEvent,
  type RunResult,
} from "dagwright";
import { outcome, pass, rejection, sleep, useFakeTime } from "../support/fake-time.js";

useFakeTime();

let keys = 0;

/** A dag of one node with its own circuit, which does as `behave.now` says. */
function service(options: CircuitBreakerOptions = {}, more = {}) {
  const key = `service ${keys++}`;
  const behave = { now: "fail" as "fail" | "fail late" | "work" | "hang" };
  const fn = vi.fn((signal: AbortSignal) => {
    const fail = () => Promise.reject(new Error("down"));
    if (behave.now.startsWith("fail")) return behave.now === "fail" ? fail() : sleep(1000).then(fail);
    return behave.now === "work" ? "up" : sleep(1000).then(() => (signal.throwIfAborted(), "late"));
  });
  const dag = new Dag("service");
  dag.node("call", { circuitBreaker: { key, ...options }, ...more }, (ctx: Context) => fn(ctx.signal));
  const call = () => dag.run().then(({ value }) => value);
  const fail = async (times: number) => {
    for (let i = 0; i < times; i++) await rejection(dag.run());
  };
  return { key, behave, fn, dag, call, fail };
}

/** An observer that collects circuit events. */
function changesSeen() {
  const changes: RunEvent[] = [];
  const observers = [(event: RunEvent) => event.type.startsWith("circuit") && changes.push(event)];
  return { changes, observers };
}

describe("circuitBreaker", () => {
  it("opens after 5 consecutive failures, and then fails without calling the node", async () => {
    const { key, fn, dag, fail } = service();
    await fail(4);
    expect(circuitState(key)).toBe("closed");
    await fail(1);
    expect(circuitState(key)).toBe("open");
    const error = await rejection(dag.run());
    expect(error).toBeInstanceOf(CircuitOpenError);
    expect(error).toMatchObject({ code: "CIRCUIT_OPEN", node: "call", attempt: 0 });
    expect(error.message).toMatch(/"call" was not called: the circuit "service \d+" is open for 30000 ms more/u);
    expect(fn).toHaveBeenCalledTimes(5);
    expect(error.run.nodes.get("call")).toMatchObject({ status: "failed", attempts: 0 });
  });

  it("counts only consecutive failures", async () => {
    const { key, behave, call, fail } = service({ failureThreshold: 2 });
    await fail(1);
    behave.now = "work";
    await call();
    behave.now = "fail";
    await fail(1);
    expect(circuitState(key)).toBe("closed");
  });

  it("is half-open after resetAfter; a probe that succeeds closes it, one that fails opens it again", async () => {
    const { key, behave, fn, call, fail } = service({ failureThreshold: 2, resetAfter: 100 });
    await fail(2);
    await pass(99);
    expect(circuitState(key)).toBe("open");
    await pass(1);
    expect(circuitState(key)).toBe("half-open");
    await fail(1);
    expect(fn).toHaveBeenCalledTimes(3);
    expect(circuitState(key)).toBe("open");
    await pass(100);
    behave.now = "work";
    expect(await call()).toBe("up");
    expect(circuitState(key)).toBe("closed");
  });

  it("limits the probes in flight", async () => {
    const { behave, fn, dag, fail } = service({ failureThreshold: 1, resetAfter: 100, halfOpenProbes: 2 });
    await fail(1);
    await pass(100);
    behave.now = "hang";
    const probes = [dag.run(), dag.run()];
    const error = await dag.run().catch((e: unknown) => e);
    expect(error).toBeInstanceOf(CircuitOpenError);
    expect((error as Error).message).toMatch(/open while probes are under way/u);
    expect(fn).toHaveBeenCalledTimes(3);
    expect((await outcome(Promise.all(probes))).map(({ value }) => value)).toEqual(["late", "late"]);
  });

  it("ignores cancellation, and lets another probe through after a cancelled one", async () => {
    const { key, behave, dag, fail, call } = service({ failureThreshold: 1, resetAfter: 100 });
    behave.now = "hang";
    await dag.start().cancel();
    expect(circuitState(key)).toBe("closed");
    behave.now = "fail";
    await fail(1);
    await pass(100);
    behave.now = "hang";
    const probe = dag.start();
    await pass(1);
    await probe.cancel();
    probe.result.catch(() => {});
    expect(circuitState(key)).toBe("half-open");
    behave.now = "work";
    expect(await call()).toBe("up");
    expect(circuitState(key)).toBe("closed");
  });

  it("ignores a full queue", async () => {
    const scheduler = new Scheduler({ maxConcurrency: 1, maxQueueSize: 1 });
    const { key, behave, dag } = service({ failureThreshold: 1 });
    behave.now = "hang";
    const runs = [1, 2, 3].map(() => dag.run({ scheduler }).catch((error: Error) => error));
    const [, , third] = await outcome(Promise.all(runs));
    expect(third).toMatchObject({ code: "QUEUE_FULL" });
    expect(circuitState(key)).toBe("closed");
  });

  it("ignores full queues and conflicting limits, however often retried, but counts a failed call among them", async () => {
    const scheduler = new Scheduler({ maxConcurrency: 1, maxQueueSize: 1 });
    const retry = { retries: 1, delay: 100 };
    const { key, behave, dag } = service({ failureThreshold: 1 }, { retry });
    const hog = new Dag("hog");
    hog.node("a", (ms: number) => sleep(ms));
    const busy = (ms: number) => [1, 2].map(() => hog.run({ scheduler, inputs: { ms } }));
    const runs = busy(200);
    await pass(1);
    expect(await rejection(dag.run({ scheduler }))).toMatchObject({ code: "RETRY_EXHAUSTED" });
    await outcome(Promise.all(runs));
    expect(circuitState(key)).toBe("closed");
    const limit = { key: `limit of ${key}` };
    const other = new Dag("other");
    other.node("a", { concurrencyKey: { ...limit, limit: 2 } }, () => sleep(100));
    const holding = other.run();
    const refused = service({ failureThreshold: 1 }, { concurrencyKey: limit });
    await rejection(refused.dag.run());
    await holding;
    expect(circuitState(refused.key)).toBe("closed");
    const more = busy(40);
    await pass(1);
    behave.now = "fail";
    await rejection(dag.run({ scheduler }));
    await outcome(Promise.all(more));
    expect(circuitState(key)).toBe("open");
  });

  it("counts the failure of an inner run whose node was not called", async () => {
    const inner = service({ failureThreshold: 1 });
    await inner.fail(1);
    const key = `outer ${keys++}`;
    const outer = new Dag("outer");
    outer.node("call", { circuitBreaker: { key, failureThreshold: 1 } }, async () => (await inner.dag.run()).value);
    expect((await outer.run().catch((error: unknown) => error)) as Error).toBeInstanceOf(ExecutionError);
    expect(circuitState(key)).toBe("open");
  });

  it("is not closed by a late success of a call from before it opened", async () => {
    const { key, behave, dag, fail } = service({ failureThreshold: 1 });
    const { changes, observers } = changesSeen();
    behave.now = "hang";
    const late = dag.run({ observers });
    behave.now = "fail";
    await fail(1);
    const value = await outcome(late);
    expect(value.value).toBe("late");
    expect(circuitState(key)).toBe("open");
    expect(changes).toEqual([]);
  });

  it("lets no extra probe through when a call from before it opened is cancelled", async () => {
    const { key, behave, dag } = service({ failureThreshold: 1, resetAfter: 100 });
    const end = (run: Promise<RunResult<any>>) =>
      run.then(
        ({ status }) => status,
        ({ code }) => code as string,
      );
    behave.now = "hang";
    const late = dag.start();
    const ends = [end(late.result)];
    await pass(1);
    behave.now = "fail";
    ends.push(end(dag.run()));
    await pass(101);
    expect(circuitState(key)).toBe("half-open");
    await late.cancel();
    behave.now = "hang";
    for (let i = 0; i < 2; i++) ends.push(end(dag.run()));
    expect(await outcome(Promise.all(ends))).toEqual(["CANCELLED", "EXECUTION", "completed", "CIRCUIT_OPEN"]);
  });

  it("is not opened by a late failure of a call from before it opened, once it has closed again", async () => {
    const { key, behave, dag } = service({ failureThreshold: 1, resetAfter: 100 });
    const { changes, observers } = changesSeen();
    behave.now = "fail late";
    const late = dag.run({ observers }).catch((error: unknown) => error);
    behave.now = "fail";
    const early = dag.run().catch((error: unknown) => error);
    await pass(1);
    expect(circuitState(key)).toBe("open");
    await pass(100);
    behave.now = "work";
    expect((await dag.run()).value).toBe("up");
    expect(circuitState(key)).toBe("closed");
    await pass(1000);
    expect([await early, await late]).toEqual([expect.any(ExecutionError), expect.any(ExecutionError)]);
    expect(circuitState(key)).toBe("closed");
    expect(changes).toEqual([]);
  });

  it("counts a call with all its retries once", async () => {
    const { key, fn, fail } = service({ failureThreshold: 2 }, { retry: { retries: 3, delay: 0 } });
    await fail(1);
    expect(fn).toHaveBeenCalledTimes(4);
    expect(circuitState(key)).toBe("closed");
    await fail(1);
    expect(circuitState(key)).toBe("open");
  });

  it("is inside cache and fallback", async () => {
    const { dag, fail, fn } = service({ failureThreshold: 1 }, { fallback: "stand-in" });
    expect((await dag.run()).value).toBe("stand-in");
    expect((await dag.run()).value).toBe("stand-in");
    expect(fn).toHaveBeenCalledTimes(1);
    const cached = service({ failureThreshold: 1 }, { cache: {} });
    cached.behave.now = "work";
    await cached.call();
    const other = new Dag("other");
    other.node("x", { circuitBreaker: { key: cached.key, failureThreshold: 1 } }, () => {
      throw new Error("down");
    });
    await rejection(other.run());
    expect(circuitState(cached.key)).toBe("open");
    expect(await cached.call()).toBe("up");
    void fail;
  });

  it("is shared by key across dags and fsms", async () => {
    const { key, fail } = service({ failureThreshold: 1 });
    await fail(1);
    const fsm = new Fsm("other");
    fsm.state("s", { initial: true, terminal: true, circuitBreaker: { key } }, () => 1);
    expect(await rejection(fsm.run())).toBeInstanceOf(CircuitOpenError);
    resetCircuit(key);
    expect(circuitState(key)).toBe("closed");
    expect((await fsm.run()).status).toBe("completed");
  });

  it("belongs to one node of a workflow without a key, and is the same in every dag of a class", async () => {
    let calls = 0;
    class Service {
      @node({ circuitBreaker: { failureThreshold: 1 } }) call(): string {
        calls++;
        throw new Error("down");
      }
    }
    class Other extends Service {}
    await rejection(Dag.from(Service).run());
    expect(await rejection(Dag.from(Service).run())).toBeInstanceOf(CircuitOpenError);
    expect(await rejection(Dag.from(Other).run())).not.toBeInstanceOf(CircuitOpenError);
    expect(calls).toBe(2);
    const define = () => {
      const dag = new Dag("d");
      dag.node("a", { circuitBreaker: { failureThreshold: 1 } }, () => {
        throw new Error("down");
      });
      return dag;
    };
    await rejection(define().run());
    expect(await rejection(define().run())).not.toBeInstanceOf(CircuitOpenError);
  });

  it('counts errors for which "when" is false as successes, which close it after a probe', async () => {
    const key = `when ${keys++}`;
    let status = 404;
    const when = vi.fn(async (error: unknown) => (error as { status: number }).status >= 500);
    const dag = new Dag("d");
    dag.node("call", { circuitBreaker: { key, failureThreshold: 2, resetAfter: 50, when }, retry: 0 }, () => {
      throw Object.assign(new Error("no"), { status });
    });
    for (let i = 0; i < 5; i++) await rejection(dag.run());
    expect(circuitState(key)).toBe("closed");
    status = 503;
    await rejection(dag.run());
    await rejection(dag.run());
    expect(circuitState(key)).toBe("open");
    status = 404;
    await pass(60);
    expect(await rejection(dag.run())).not.toBeInstanceOf(CircuitOpenError);
    expect(circuitState(key)).toBe("closed");
    expect(when).toHaveBeenCalledTimes(8);
  });

  it('passes "when" the node\'s own error, retried or not; an error in "when" fails the node and releases the probe', async () => {
    const key = `when ${keys++}`;
    const down = new Error("down");
    const seen: unknown[] = [];
    let answer: () => boolean = () => true;
    const when = (error: unknown) => (seen.push(error), answer());
    const dag = new Dag("d");
    dag.node("call", { circuitBreaker: { key, failureThreshold: 1, resetAfter: 10, when }, retry: 1 }, () => {
      throw down;
    });
    await rejection(dag.run());
    expect(seen).toEqual([down]);
    await pass(20);
    answer = () => {
      throw new Error("when is broken");
    };
    expect((await rejection(dag.run())).message).toMatch(/"circuitBreaker.when" threw: when is broken/u);
    answer = () => false;
    expect(await rejection(dag.run())).not.toBeInstanceOf(CircuitOpenError);
    expect(circuitState(key)).toBe("closed");
  });

  it("tells observers when it opens and closes, and rejected calls when to retry", async () => {
    const { key, dag, behave } = service({ failureThreshold: 2, resetAfter: 100 });
    const { changes, observers } = changesSeen();
    for (let i = 0; i < 2; i++) await rejection(dag.run({ observers }));
    await pass(40);
    expect(await rejection(dag.run({ observers }))).toMatchObject({ key, retryAfter: 60 });
    await pass(70);
    behave.now = "work";
    for (let i = 0; i < 2; i++) await outcome(dag.run({ observers }));
    expect(changes).toMatchObject([
      { type: "circuit.opened", node: "call", key },
      { type: "circuit.closed", node: "call", key },
    ]);
  });

  it("is listed with its counters", async () => {
    const { key, behave, call, fail } = service({ failureThreshold: 2, resetAfter: 100 });
    behave.now = "work";
    await call();
    behave.now = "fail";
    await fail(2);
    await rejection(call());
    const report = () => circuits().find((circuit) => circuit.key === key);
    const seen = { key, successes: 1, failures: 2, rejected: 1, failuresInRow: 0 };
    expect(report()).toEqual({ ...seen, state: "open", retryAfter: 100 });
    resetCircuit(key);
    expect(report()).toEqual({ ...seen, state: "closed", retryAfter: 0, successes: 0, failures: 0, rejected: 0 });
  });

  it("is closed before its first call", () => {
    expect(circuitState("nobody")).toBe("closed");
    expect(() => resetCircuit("nobody")).not.toThrow();
  });

  it.each([
    [{ key: "" }, /"circuitBreaker.key" of node "a" must be a non-empty string; received ""/u],
    [{ failureThreshold: 0 }, /"circuitBreaker.failureThreshold" of node "a" must be a whole number, at least 1/u],
    [
      { resetAfter: "30s" },
      /"circuitBreaker.resetAfter" of node "a" must be a number of milliseconds; received "30s"/u,
    ],
    [{ halfOpenProbes: 1.5 }, /"circuitBreaker.halfOpenProbes" of node "a" must be a whole number/u],
    [{ threshold: 3 }, /Unknown option "threshold" of "circuitBreaker" of node "a"/u],
    [{ when: 500 }, /"circuitBreaker.when" of node "a" must be a function; received 500/u],
    [true, /The options of "circuitBreaker" of node "a" must be an object; received true/u],
  ])("refuses %j", (circuitBreaker, message) => {
    expect(() => new Dag("d").node("a", { circuitBreaker } as never, () => 1)).toThrow(message);
  });
});
