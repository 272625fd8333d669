import { describe, expect, it, vi } from "vitest";
import { CancelledError, Dag, MissingInputError, ValidationError, type Context } from "dagwright";
import { fails } from "../support/failing.js";
import { meeting } from "../support/meeting.js";
import { sleep } from "../support/waiting.js";

describe("Dag › run", () => {
  it("completes an empty dag, and one node", async () => {
    expect(await new Dag("none").run()).toMatchObject({ status: "completed", value: undefined });
    const dag = new Dag("one");
    dag.node("a", () => undefined);
    const run = await dag.run();
    expect(run.value).toBeUndefined();
    expect(run.has("a")).toBe(true);
    expect(Object.keys(run.outputs)).toEqual(["a"]);
  });

  it("gives the one sink's result as value, all of them as a record when there are several", async () => {
    const dag = new Dag("d");
    dag.node("a", () => 1);
    dag.node("b", { needs: ["a"] }, (x: number) => x + 1);
    expect((await dag.run()).value).toBe(2);
    dag.node("c", { needs: ["a"] }, (x: number) => x + 2);
    const run = await dag.run();
    expect({ ...(run.value as object) }).toEqual({ b: 2, c: 3 });
    expect(Object.getPrototypeOf(run.outputs)).toBeNull();
    expect(Object.getPrototypeOf(run.results)).toBeNull();
  });

  it("runs one node at a time in sequential, as many as concurrency allows in async", async () => {
    for (const [options, limit] of [
      [{ mode: "sequential" }, 1],
      [{ mode: "async", concurrency: 3 }, 3],
      [{ mode: "async" }, 8],
    ] as const) {
      const { seen, attend } = meeting(limit);
      const dag = new Dag("d");
      for (let i = 0; i < 8; i++) dag.node(`n${i}`, () => attend());
      await dag.run(options);
      expect(seen.most).toBe(limit);
    }
  });

  it("starts ready nodes by priority, then in order of definition", async () => {
    const order: string[] = [];
    const dag = new Dag("d");
    for (const [name, priority] of [
      ["low", "low"],
      ["n1", "normal"],
      ["high", 81],
      ["n2", undefined],
    ] as const) {
      dag.node(name, { priority }, () => order.push(name));
    }
    await dag.run();
    expect(order).toEqual(["high", "n1", "n2", "low"]);
    expect(dag.executionOrder).toEqual(order);
  });

  it("awaits thenables, and takes what only looks like one as it is", async () => {
    const dag = new Dag("d");
    dag.node("thenable", () => ({ then: (resolve: (value: number) => void) => resolve(7) }));
    dag.node("not", () => ({ then: 7 }));
    expect(await dag.run()).toMatchObject({ outputs: { thenable: 7, not: { then: 7 } } });
  });

  it("overlaps runs of one dag without mixing their results", async () => {
    const dag = new Dag("d");
    dag.node("a", { params: ["n"] }, async (n: number) => (await sleep(10 - n), n));
    dag.node("b", { needs: ["a"] }, (a: number) => a * 2);
    const runs = await Promise.all([1, 2, 3].map((n) => dag.run({ mode: "async", inputs: { n } })));
    expect(runs.map((run) => run.value)).toEqual([2, 4, 6]);
    expect(new Set(runs.map((run) => run.runId)).size).toBe(3);
  });

  it("validates, plans and runs a chain of 100,000 nodes, forwards and in reverse", { tags: "slow" }, async () => {
    const dag = new Dag("long");
    const size = 100_000;
    for (let i = size - 1; i > 0; i--) dag.node(`n${i}`, { needs: [`n${i - 1}`] }, (x: number) => x + 1);
    dag.node("n0", () => 0);
    dag.validateOrThrow({ strict: true });
    expect((await dag.run({ mode: "async" })).value).toBe(size - 1);
    expect(dag.runSync().value).toBe(size - 1);
    expect((await dag.run({ overrides: { n1: 10 } })).value).toBe(size + 8);
  });

  it("skips 100,000 dependents of a failure without recursion", { tags: "slow" }, async () => {
    const dag = new Dag("long");
    dag.node("n0", fails);
    for (let i = 1; i < 100_000; i++) dag.node(`n${i}`, { needs: [`n${i - 1}`] }, (x: number) => x);
    const run = await dag.run({ errorStrategy: "continue" });
    expect(run.nodes.get("n99999")?.status).toBe("skipped");
  });

  it("lets the event loop turn during a long chain of promises that are already settled", async () => {
    const dag = new Dag("d");
    const spin = async () => {
      for (const end = performance.now() + 0.2; performance.now() < end;);
    };
    dag.node("n0", spin);
    for (let i = 1; i < 2000; i++) dag.node(`n${i}`, { needs: [`n${i - 1}`] }, spin);
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 1);
    await expect(dag.run({ mode: "async", signal: controller.signal })).rejects.toThrow(CancelledError);
  });

  it("lets the event loop turn during a long run of synchronous nodes", async () => {
    const dag = new Dag("d");
    const spin = () => {
      for (const end = performance.now() + 5; performance.now() < end;);
    };
    for (let i = 0; i < 40; i++) dag.node(`n${i}`, spin);
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 1);
    await expect(dag.run({ signal: controller.signal })).rejects.toThrow(CancelledError);
  });
});

describe("Dag › context", () => {
  it("tells a node where it is", async () => {
    const dag = new Dag("flow");
    dag.node("a", () => 1);
    dag.node("b", { needs: ["a"], params: ["a", "n", "ctx"] }, (_a: number, _n: number, ctx: Context) => {
      ctx.metadata["seen"] = ctx.get("a");
      ctx.metrics["rows"] = 3;
      return [
        ctx.workflow,
        ctx.nodeName,
        ctx.attempt,
        ctx.inputs,
        ctx.get("b", "none"),
        ctx.has("a"),
        { ...ctx.results },
      ];
    });
    const run = await dag.run({ inputs: { n: 2 }, context: { metadata: { user: "u" } } });
    expect(run.value).toEqual(["flow", "b", 1, { n: 2 }, "none", true, { a: 1 }]);
    expect(run.context.metadata).toEqual({ user: "u", seen: 1 });
    expect(run.metrics.custom).toEqual({ rows: 3 });
    const next = await dag.run({ inputs: { n: 3 }, context: run.context });
    expect(next.context.metadata).toEqual({ user: "u", seen: 1 });
  });

  it("refuses a fraction outside 0 to 1", async () => {
    const dag = new Dag("d");
    dag.node("a", (ctx: Context) => ctx.progress(2));
    await expect(dag.run()).rejects.toMatchObject({ cause: expect.any(RangeError) });
  });
});

describe("Dag › inputs", () => {
  it("lists all missing ones before anything runs", async () => {
    const fn = vi.fn(() => 1);
    const dag = new Dag("d");
    dag.node("a", { params: [] }, fn);
    dag.node("b", { params: ["x", "y"] }, (x: number, y: number) => x + y);
    const error = (await dag.run({ inputs: {} }).catch((e: unknown) => e)) as MissingInputError;
    expect(error).toBeInstanceOf(MissingInputError);
    expect(error.missing).toEqual(["x", "y"]);
    expect(error.message).toMatch(/input "x" of node "b"; input "y" of node "b"/u);
    expect(fn).not.toHaveBeenCalled();
  });

  it("suggests the nearest known name for one that nobody takes", async () => {
    const dag = new Dag("d");
    dag.node("b", { params: ["threshold"] }, (x: number) => x);
    await expect(dag.run({ inputs: { treshold: 1 } })).rejects.toThrow(
      /takes no input "treshold"\. Did you mean "threshold"/u,
    );
    await expect(dag.run({ inputs: { treshold: 1 } })).rejects.toThrow(ValidationError);
  });

  it("leave a default value standing, and may be undefined", async () => {
    const dag = new Dag("d");
    dag.node("a", new Function("x", "y = 5", "return [x, y]") as () => unknown);
    expect((await dag.run({ inputs: { x: undefined } })).value).toEqual([undefined, 5]);
    const inherited = Object.create({ x: 1 }) as object as never;
    await expect(dag.run({ inputs: inherited })).rejects.toThrow(/"inputs" must be an object with names of its own/u);
  });

  it.each([
    [
      { mode: "warp" },
      RangeError,
      /"mode" must be one of "sequential", "async", "parallel", "hybrid"; received "warp"/u,
    ],
    [{ concurrency: 0 }, RangeError, /"concurrency" must be a whole number, at least 1; received 0/u],
    [{ timeout: "1s" }, TypeError, /"timeout" must be a number of milliseconds; received "1s"/u],
    [{ timeout: Infinity }, RangeError, /"timeout"/u],
    [{ signal: {} }, TypeError, /"signal" must be an AbortSignal/u],
    [{ retain: "some" }, RangeError, /"retain"/u],
    [{ observers: () => {} }, TypeError, /"observers" must be an array of functions/u],
    [{ observers: [1] }, TypeError, /"observers" must be a function; received 1/u],
    [{ inputs: null }, TypeError, /"inputs" must be an object; received null/u],
    [{ hooks: { cleanup: 1 } }, TypeError, /"cleanup" must be a function/u],
    [{ concurency: 1 }, TypeError, /Unknown option "concurency" of a run\. Did you mean "concurrency"/u],
    ["fast", TypeError, /options of a run must be an object; received "fast"/u],
    [{ runId: "" }, RangeError, /"runId"/u],
    [{ from: {} }, TypeError, /"from" must be the result of a run/u],
    [{ executor: "magic" }, RangeError, /"executor" must be one of "workQueue"/u],
  ] as const)("refuses the run options %j", async (options, type, message) => {
    const dag = new Dag("d");
    dag.node("a", () => 1);
    await expect(dag.run(options as never)).rejects.toThrow(type);
    await expect(dag.run(options as never)).rejects.toThrow(message);
  });
});
