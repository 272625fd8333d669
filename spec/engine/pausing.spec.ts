import { describe, expect, it } from "vitest";
import { Dag, Fsm, next, PauseRun, stop, waitForEvent, type Context, type NodeOptions } from "dagwright";
import { sqliteStore } from "dagwright/store";
import { asking, confiding } from "../support/threaded.js";

const ask = (): never => {
  throw new PauseRun("ask Ann", { data: { amount: 12n }, until: new Date(2_000_000_000_000) });
};
const fail = (): never => {
  throw new Error("declined");
};
const pause = { node: "charge", reason: "ask Ann", data: { amount: 12n }, until: 2_000_000_000_000 };

/** The user's functions that may pause a node: its own, and those among its options. */
const PLACES: Record<string, [options: NodeOptions, fn: (ctx: Context) => unknown, attempts: number]> = {
  "its function": [{}, ask, 1],
  "its function, which is not tried again": [{ retry: { when: () => expect.unreachable() } }, ask, 1],
  "its function, tried again": [{ retry: { delay: 0 } }, (ctx) => (ctx.attempt === 1 ? fail() : ask()), 2],
  "a fallback": [{ retry: { retries: 1, delay: 0 }, fallback: ask }, fail, 2],
  preExecute: [{ hooks: { preExecute: ask } }, () => 1, 1],
  postExecute: [{ hooks: { postExecute: ask } }, () => 1, 1],
  onError: [{ hooks: { onError: ask } }, fail, 1],
  cleanup: [{ hooks: { cleanup: ask } }, () => 1, 1],
  "cleanup after a failure": [{ hooks: { cleanup: ask } }, fail, 1],
  "retry.when": [{ retry: { retries: 3, delay: 0, when: ask } }, fail, 1],
  "retry.when, later": [
    { retry: { retries: 3, delay: 0, when: (_, attempt) => (attempt === 1 ? true : ask()) } },
    fail,
    2,
  ],
  "retry.onRetry": [{ retry: { retries: 3, delay: 0, onRetry: ask } }, fail, 1],
  "circuitBreaker.when": [{ circuitBreaker: { when: ask } }, fail, 1],
  "a cache's key": [{ cache: { key: ask } }, () => 1, 0],
};

const later = (options: NodeOptions): NodeOptions => {
  const asynchronous = (value: unknown): unknown => {
    if (value === ask) return async () => ask();
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, asynchronous(part)]));
  };
  return asynchronous(options) as NodeOptions;
};

describe("A PauseRun from", () => {
  for (const [place, [options, fn, attempts]] of Object.entries(PLACES)) {
    it(`${place} pauses a dag and an fsm, in sync and async runs`, async () => {
      const dag = new Dag("pay");
      dag.node("charge", options, fn as () => unknown);
      dag.node("ship", { needs: ["charge"] }, () => expect.unreachable());
      const fsm = new Fsm("pay");
      fsm.state("charge", { ...options, initial: true, errorState: "failed" } as object, fn as () => unknown);
      fsm.state("failed", () => expect.unreachable());
      for (const run of [await dag.run(), dag.runSync(), await dag.run({ mode: "async" })]) {
        expect(run).toMatchObject({ status: "paused", pauseReason: "ask Ann", pauses: [pause], errors: [] });
        expect(run.nodes.get("charge")).toMatchObject({ status: "paused", attempts, pauseReason: "ask Ann" });
        expect(run.nodes.get("ship")?.status).toBe("pending");
      }
      for (const run of [await fsm.run(), fsm.runSync()]) {
        expect(run).toMatchObject({ status: "paused", pauseReason: "ask Ann", pauses: [pause], errors: [] });
        expect(run).toMatchObject({ currentState: "charge", cycleCount: 0, stateHistory: [] });
      }
    });

    if (place !== "its function" && place !== "a cache's key" && place !== "retry.when, later") {
      it(`${place} pauses a run when it comes as a rejection`, async () => {
        const dag = new Dag("pay");
        dag.node("charge", later(options), fn as () => unknown);
        expect(await dag.run()).toMatchObject({ status: "paused", pauses: [pause] });
      });
    }

    it(`${place} pauses recorded runs, whose attempt numbers continue when they are resumed`, async () => {
      const store = sqliteStore(":memory:");
      const dag = new Dag<any>("pay");
      dag.node("charge", options, fn as () => unknown);
      const { runId } = await dag.run({ store });
      const found = (await store.getRun(runId))!;
      expect(found).toMatchObject({ status: "paused", pauseReason: "ask Ann", pauses: [pause] });
      expect(found.nodes.get("charge")).toMatchObject({ status: "paused", reason: "ask Ann", attempts });
      const mended = new Dag<any>("pay");
      mended.node("charge", (ctx: Context) => ctx.attempt);
      expect((await mended.resume(runId, { store })).value).toBe(attempts + 1);
      expect((await store.getRun(runId))!.nodes.get("charge")).toMatchObject({
        status: "completed",
        attempts: attempts + 1,
      });
      expect(await dag.run({ store, runId: "provided" })).toMatchObject({ status: "paused" });
      expect((await dag.resume("provided", { store, provide: { charge: "by hand" } })).value).toBe("by hand");
      const fsm = new Fsm("pay");
      fsm.state("charge", { ...options, initial: true } as object, fn as () => unknown);
      const paused = await fsm.run({ store });
      expect(await store.getRun(paused.runId)).toMatchObject({ currentState: "charge", pauses: [pause] });
      const again = new Fsm("pay");
      again.state("charge", { initial: true }, (ctx) => stop(ctx.attempt));
      expect((await again.resume(paused.runId, { store })).value).toBe(attempts + 1);
      await store.close();
    });
  }

  it("an errorHandler leaves no errors behind, neither of a state nor of the transition to its error state", async () => {
    const fsm = new Fsm("pay");
    fsm.state("charge", { initial: true, errorState: "failed" }, fail);
    fsm.state("failed", () => expect.unreachable());
    fsm.addStateHook(fail);
    expect(await fsm.run({ errorHandler: ask })).toMatchObject({ status: "paused", errors: [], cycleCount: 0 });
  });

  it("and with unreadable properties is a failure", async () => {
    for (const part of ["data", "until"]) {
      const hostile = (): never => {
        throw Object.defineProperty(new PauseRun("ask Ann"), part, {
          get() {
            throw new Error("no");
          },
        });
      };
      const dag = new Dag("pay");
      dag.node("charge", hostile);
      const fsm = new Fsm("pay");
      fsm.state("charge", { initial: true }, hostile);
      for (const run of [dag.run(), fsm.run()]) {
        await expect(run).rejects.toMatchObject({ code: "EXECUTION", run: { status: "failed" } });
      }
    }
  });

  it("has the same reason for a caller that attaches to the paused run", async () => {
    const store = sqliteStore(":memory:");
    const dag = new Dag<any>("pay");
    dag.node("charge", ask);
    const fsm = new Fsm<any>("pay");
    fsm.state("charge", { initial: true }, ask);
    for (const [runId, workflow] of [
      ["dag", dag],
      ["fsm", fsm],
    ] as const) {
      await workflow.run({ store, runId });
      const found = await workflow.run({ store, runId, ifExists: "attach" });
      expect(found).toMatchObject({ status: "paused", pauseReason: "ask Ann", pauses: [pause] });
    }
    await store.close();
  });

  it("an errorHandler pauses the node that failed", async () => {
    for (const errorHandler of [ask, async () => ask()]) {
      const dag = new Dag("pay");
      dag.node("charge", fail);
      dag.node("ship", { needs: ["charge"] }, () => expect.unreachable());
      const run = await dag.run({ errorHandler });
      expect(run).toMatchObject({ status: "paused", pauses: [pause], errors: [] });
      expect(run.nodes.get("charge")).toMatchObject({ status: "paused", error: undefined });
      const fsm = new Fsm("pay");
      fsm.state("cart", { initial: true }, () => next("charge", 1));
      fsm.state("charge", fail);
      const stopped = await fsm.run({ errorHandler, historyLimit: 1 });
      expect(stopped).toMatchObject({ status: "paused", pauses: [pause], errors: [], cycleCount: 1 });
      expect([stopped.get("charge"), stopped.metrics.visits]).toEqual([undefined, { cart: 1, charge: 0 }]);
    }
    const dag = new Dag("pay");
    dag.node("charge", fail);
    expect(dag.runSync({ errorHandler: ask })).toMatchObject({ status: "paused", pauses: [pause] });
  });

  it("an errorHandler pauses a recorded run, whose node runs again", async () => {
    const store = sqliteStore(":memory:");
    const dag = new Dag<any>("pay");
    dag.node("charge", (ctx: Context) => (ctx.attempt === 1 ? fail() : ctx.attempt));
    const { runId } = await dag.run({ store, errorHandler: ask });
    expect((await store.getRun(runId))!.nodes.get("charge")).toMatchObject({ status: "paused", attempts: 1 });
    expect((await dag.resume(runId, { store })).value).toBe(2);
    const fsm = new Fsm("pay");
    fsm.state("charge", { initial: true }, (ctx) => (ctx.attempt === 1 ? fail() : stop(ctx.attempt)));
    const paused = await fsm.run({ store, errorHandler: ask });
    const run = await fsm.resume(paused.runId, { store });
    expect(run).toMatchObject({ status: "completed", value: 2, cycleCount: 1, errors: [] });
    await store.close();
  });

  it("a transition's condition, or a state hook, undoes the cycle, which takes place again", async () => {
    const store = sqliteStore(":memory:");
    for (const kind of ["condition", "hook", "async hook"]) {
      let isOpen = false;
      const calls: string[] = [];
      const gate = () => isOpen || ask();
      const make = () => {
        const fsm = new Fsm("order");
        fsm.state("draft", { initial: true }, () => (calls.push("draft"), next("charge", 1)));
        fsm.state("charge", (n: number) => (calls.push("charge"), n + 1));
        fsm.state("done", (n: number) => stop(n));
        fsm.addTransition("charge", "done", kind === "condition" ? gate : "default");
        if (kind !== "condition") {
          const ask = (to: string) => (to === "done" ? gate() : true);
          fsm.addStateHook(kind === "hook" ? (_, __, to) => ask(to) : async (_, __, to) => ask(to));
        }
        return fsm;
      };
      const plain = await make().run();
      expect(plain).toMatchObject({ status: "paused", currentState: "charge", stateHistory: ["draft"] });
      expect(plain.pauses).toEqual([pause]);
      if (kind !== "async hook") expect(make().runSync().status).toBe("paused");
      calls.length = 0;
      const { runId } = await make().run({ store });
      expect(await store.getRun(runId)).toMatchObject({ status: "paused", currentState: "charge", pauses: [pause] });
      isOpen = true;
      const run = await make().resume(runId, { store });
      expect(run).toMatchObject({ status: "completed", value: 2, stateHistory: ["draft", "charge", "done"] });
      expect(calls).toEqual(["draft", "charge", "charge"]);
    }
    await store.close();
  });

  it("a state hook after a wait keeps the event, for which the hook is called again", async () => {
    const store = sqliteStore(":memory:");
    let isOpen = false;
    const fsm = new Fsm("order");
    let calls = 0;
    fsm.state("cart", { initial: true }, () => (calls++, waitForEvent({ pay: "done" })));
    fsm.state("done", (payload: unknown) => stop(payload));
    fsm.addStateHook(() => isOpen || ask());
    const handle = fsm.start({ store });
    await handle.waitFor("cart");
    await handle.send("pay", { by: "Ann" });
    const paused = await handle.result;
    expect(paused).toMatchObject({ status: "paused", stateHistory: ["cart"] });
    expect(paused.pauses).toEqual([{ ...pause, node: "cart" }]);
    expect(await store.getRun(handle.runId)).toMatchObject({ waitingFor: { events: [], until: pause.until } });
    isOpen = true;
    const run = await fsm.resume(handle.runId, { store });
    expect(run).toMatchObject({ status: "completed", value: { by: "Ann" }, stateHistory: ["cart", "done"] });
    expect(calls).toBe(1);
    await store.close();
  });

  it("one run pauses no other that waits for the same cached result", async () => {
    let calls = 0;
    const dag = new Dag("shared");
    dag.node("rate", { cache: { ttl: 60_000 } }, async () => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      if (calls++ === 0) throw new PauseRun("the first");
      return "computed";
    });
    const runs = await Promise.all([dag.run(), dag.run()]);
    expect(runs.map(({ status }) => status)).toEqual(["paused", "completed"]);
  });

  it("a worker thread keeps its data and its time", { tags: "slow" }, async () => {
    const run = await asking.run({ mode: "parallel" });
    expect(run.pauses).toEqual([
      { node: "ask", reason: "threads ask too", data: { since: new Date(0) }, until: 2_000_000_000_000 },
    ]);
  });
});

describe("A pause whose data can't leave its worker thread", { tags: "slow" }, () => {
  it("fails its node, with an error that says so", async () => {
    const error = await confiding.run({ mode: "parallel" }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ node: "ask", message: expect.stringMatching(/"data.*\.fn"/u) });
  });
});

describe("new PauseRun", () => {
  it("refuses unknown options and invalid times", () => {
    expect(() => new PauseRun("r", { until: new Date(Number.NaN) })).toThrow(/"until" must be a date/u);
    for (const until of [1e300, Infinity, -Infinity, 8.64e15 + 1]) {
      expect(() => new PauseRun("r", { until })).toThrow(/"until" must be a date/u);
    }
    expect(() => new PauseRun("r", { until: "tomorrow" as never })).toThrow(TypeError);
    expect(() => new PauseRun("r", { unitl: 1 } as never)).toThrow(/Did you mean "until"/u);
    expect(new PauseRun("r", { until: 1.5 }).until).toBe(1);
    const { reason, data, until } = new PauseRun();
    expect([reason, data, until]).toEqual([undefined, undefined, undefined]);
  });
});
