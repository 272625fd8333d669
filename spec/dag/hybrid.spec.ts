import { describe, expect, it } from "vitest";
import {
  Dag,
  node,
  subworkflow,
  workflow,
  type Backend,
  type BackendCall,
  type Context,
  type RunOptions,
} from "dagwright";
import { sqliteStore } from "dagwright/store";
import { UserBackend } from "../support/user-backend.js";
import { gate, until } from "../support/waiting.js";

const inlined = (run: { nodes: ReadonlyMap<string, { backend: string }> }) =>
  Object.fromEntries(Array.from(run.nodes, ([name, { backend }]) => [name, backend]));

/** Answers with what it was asked. */
const echo: Backend = {
  name: "echo",
  run: ({ node: { name }, inputs }: BackendCall) =>
    `${name}(${Object.keys(inputs).map((key) => `${key}=${inputs[key]}`)})`,
};

describe("Mode hybrid", () => {
  it("runs each node on its own backend, and those without one inline", async () => {
    const own = new UserBackend("own");
    const dag = new Dag("mixed", { backends: { billing: own } });
    dag.node("here", () => 1);
    dag.node("named", { backend: "billing" }, (here: number) => here + 1);
    dag.node("given", { backend: echo, needs: ["named"] }, (n: number) => n);
    const run = await dag.run({ mode: "hybrid" });
    expect(run.results).toEqual({ here: 1, named: 2, given: "given(n=2)" });
    expect(inlined(run)).toEqual({ here: "inline", named: "billing", given: "echo" });
  });

  it.each<RunOptions["mode"]>(["sequential", "async", "parallel", "hybrid"])(
    "or %s: a node's own backend goes before that of the mode",
    async (mode) => {
      const dag = new Dag("own first");
      dag.node("a", { backend: echo }, () => "inline");
      dag.node("b", { backend: "inline" }, (a: string) => a);
      const run = await dag.run({ mode });
      expect(run.get("b")).toBe("a()");
      expect(inlined(run)).toEqual({ a: "echo", b: "inline" });
    },
  );

  it("gives a backend the call: node, workflow, inputs, arguments, context, attempt and signal", async () => {
    const calls: BackendCall[] = [];
    const signals: AbortSignal[] = [];
    const spy: Backend = { name: "spy", run: (call, signal) => void (calls.push(call), signals.push(signal)) };
    const dag = new Dag("calls");
    dag.node("a", () => 7);
    dag.node("b", { backend: spy, retry: 1 }, (a: number, ctx: unknown, size: number) => [a, ctx, size]);
    const { runId } = await dag.run({ inputs: { size: 3 } });
    const [{ node: spec, workflow: name, inputs, args, ctx, attempt, signal }] = calls;
    expect([spec, name, attempt]).toEqual([dag.nodes.get("b"), "calls", 1]);
    expect({ ...inputs }).toEqual({ a: 7, size: 3 });
    expect(args).toEqual([7, ctx, 3]);
    expect([ctx.runId, ctx.nodeName, ctx.idempotencyKey, ctx.get("a")]).toEqual([runId, "b", `${runId}/b`, 7]);
    expect(signals).toEqual([signal]);
  });

  it("needs no function where the backend has what the node does", async () => {
    const dag = new Dag("without functions");
    dag.node("price", () => 5);
    dag.node("tax", { backend: echo, params: ["price", "rate"] });
    dag.node({ name: "sent", backend: echo, needs: ["tax"], params: ["text"] });
    dag.cachedNode("kept", { backend: echo, params: ["sent"], ttl: 1000 });
    dag.map("each", { backend: echo, needs: ["list"], params: ["item"] });
    dag.node("list", () => [1, 2]);
    const run = await dag.run({ mode: "hybrid", inputs: { rate: 0.2 } });
    expect(run.get("tax")).toBe("tax(price=5,rate=0.2)");
    expect(run.get("sent")).toBe("sent(text=tax(price=5,rate=0.2))");
    expect(run.get("kept")).toMatch(/^kept\(sent=/u);
    expect(run.get("each")).toEqual(["each(item=1)", "each(item=2)"]);
    expect(() => dag.node("odd", { backend: echo, needs: ["tax"] })).toThrow(
      "has no function, so its parameters have no names",
    );
    expect(() => dag.node("none", { backend: "thread" } as never)).toThrow('Node "none" needs a function');
  });

  it("takes fields of annotated classes for nodes without functions", async () => {
    @workflow({ backends: { echo } })
    class Order {
      @node price(): number {
        return 5;
      }
      @node({ backend: "echo", params: ["price"] }) tax!: (price: number) => Promise<string>;
      @node("tax") total(tax: string): string {
        return `total ${tax}`;
      }
    }
    const run = await Dag.from(Order).run({ mode: "hybrid" });
    expect(run.get("total")).toBe("total tax(price=5)");
    expect(inlined(run)).toEqual({ price: "inline", tax: "echo", total: "inline" });
  });

  it.each<RunOptions>([{ mode: "hybrid" }, { mode: "async" }, { mode: "async", concurrency: 6 }])(
    "has no more calls on a backend than its limit, and lets none hold up another: %o",
    async (options) => {
      const { opened, open } = gate();
      const inFlight: Record<string, number> = { slow: 0, quick: 0, here: 0 };
      const most: Record<string, number> = { slow: 0, quick: 0, here: 0 };
      const counted = async (name: string, work: Promise<unknown>) => {
        most[name] = Math.max(most[name], ++inFlight[name]);
        await work;
        inFlight[name]--;
      };
      const slow: Backend = { name: "slow", limit: 2, run: () => counted("slow", opened) };
      const quick: Backend = { name: "quick", limit: 8, run: () => counted("quick", Promise.resolve()) };
      const dag = new Dag("limits", { backends: { slow, quick, inline: { limit: 3 } } });
      for (let i = 0; i < 8; i++) {
        dag.node(`slow ${i}`, { backend: "slow" });
        dag.node(`quick ${i}`, { backend: "quick" });
        dag.node(`here ${i}`, () => counted("here", new Promise((resolve) => setImmediate(resolve))));
      }
      let ended = 0;
      const onProgress = () => ended++;
      const handle = dag.start({ ...options, backends: { quick: { limit: 1 } }, onProgress });
      await until(() => ended === 16);
      expect(inFlight).toEqual({ slow: 2, quick: 0, here: 0 });
      open();
      expect((await handle.result).status).toBe("completed");
      expect(most).toEqual({ slow: 2, quick: 1, here: 3 });
    },
  );

  it("counts the nodes of workflows inside in the same limits, and lets them name the same backends", async () => {
    let now = 0;
    let most = 0;
    const narrow: Backend = {
      name: "narrow",
      limit: 2,
      async run({ inputs }) {
        most = Math.max(most, ++now);
        await new Promise((resolve) => setImmediate(resolve));
        now--;
        return (inputs.item as number) * 10;
      },
    };
    const inner = new Dag("inner");
    inner.node("times", { backend: "narrow", params: ["item"] });
    const dag = new Dag("outer");
    dag.node("list", () => [1, 2, 3, 4, 5]);
    dag.map("each", { needs: ["list"] }, subworkflow(inner));
    dag.map("direct", { needs: ["list"], backend: "narrow", params: ["item"] });
    const run = await dag.run({ mode: "hybrid", backends: { narrow } });
    expect(run.get("each")).toEqual([10, 20, 30, 40, 50]);
    expect(run.get("direct")).toEqual([10, 20, 30, 40, 50]);
    expect(most).toBe(2);
  });

  it("gives the slots of a backend back when a run inside ends with calls in flight", async () => {
    const calls: unknown[] = [];
    const narrow: Backend = {
      name: "narrow",
      limit: 1,
      run({ inputs: { n } }) {
        calls.push(n);
        return n === 0 ? new Promise(() => {}) : n;
      },
    };
    const inner = new Dag("inner");
    inner.node("ask", { backend: "narrow", params: ["n"] });
    const dag = new Dag("outer");
    dag.node("asks", async (ctx: Context) => {
      const late = await ctx.run(inner, { inputs: { n: 0 }, timeout: 20 }).catch((error: Error) => error.name);
      const second = await ctx.run(inner, { inputs: { n: 1 } });
      return [late, second.get("ask")];
    });
    const run = await dag.run({ mode: "hybrid", backends: { narrow } });
    expect(run.get("asks")).toEqual(["RunTimeoutError", 1]);
    expect(calls).toEqual([0, 1]);
  });

  it("lets inline nodes and maps go on while a backend is full", async () => {
    const { opened, open } = gate();
    const stuck: Backend = { name: "stuck", limit: 1, run: () => opened };
    const dag = new Dag("full");
    for (let i = 0; i < 3; i++) dag.node(`stuck ${i}`, { backend: stuck });
    dag.node("list", () => Array.from({ length: 50 }, (_, i) => i));
    dag.map("each", { needs: ["list"] }, async (n: number) => {
      await new Promise((resolve) => setImmediate(resolve));
      return n + 1;
    });
    let sum = 0;
    dag.node("sum", { needs: ["each"] }, (each: number[]) => (sum = each.length));
    const run = dag.run({ mode: "hybrid", backends: { inline: { limit: 2 } } });
    await until(() => sum === 50);
    open();
    expect((await run).status).toBe("completed");
  });

  it("retries, times out and cancels what runs on a backend, whose signal aborts", async () => {
    const reasons: unknown[] = [];
    let calls = 0;
    const flaky: Backend = {
      name: "flaky",
      run({ attempt, node: { name } }, signal) {
        calls++;
        if (name === "retried" && attempt < 3) throw Object.assign(new RangeError("again"), { code: "E_AGAIN" });
        if (name === "retried") return attempt;
        return new Promise((_, reject) => {
          signal.addEventListener("abort", () => {
            reasons.push((signal.reason as Error).name);
            reject(signal.reason);
          });
        });
      },
    };
    const dag = new Dag("policies");
    dag.node("retried", { backend: flaky, retry: { retries: 2, delay: 0 } });
    dag.node("late", { backend: flaky, timeout: 5, after: ["retried"] });
    const run = await dag.run({ mode: "hybrid", errorStrategy: "continue" });
    expect(run.nodes.get("retried")).toMatchObject({ status: "completed", attempts: 3, backend: "flaky" });
    expect(run.nodes.get("late")?.error).toMatchObject({ name: "NodeTimeoutError", code: "NODE_TIMEOUT" });
    const endless = new Dag("endless");
    endless.node("hangs", { backend: flaky });
    const begun = calls;
    const handle = endless.start({ mode: "hybrid" });
    await until(() => calls > begun);
    await handle.cancel("enough");
    await expect(handle.result).rejects.toMatchObject({ code: "CANCELLED" });
    expect(reasons).toEqual(["NodeTimeoutError", "AbortError"]);
  });

  it("keeps the name, message, code and cause of what a backend throws", async () => {
    const thrown = Object.assign(new RangeError("odd", { cause: "deep" }), { code: "E_ODD" });
    const failing: Backend = { name: "failing", run: () => Promise.reject(thrown) };
    const dag = new Dag("thrown");
    dag.node("a", { backend: failing });
    await expect(dag.run()).rejects.toMatchObject({ code: "EXECUTION", node: "a", cause: thrown });
  });

  it("is recorded and resumed", async () => {
    await using store = sqliteStore(":memory:");
    let isUp = false;
    const calls: string[] = [];
    const remote: Backend = {
      name: "remote",
      run({ node: { name }, inputs }) {
        calls.push(name);
        if (name === "b" && !isUp) throw new Error("down");
        return `${name} after ${Object.values(inputs)}`;
      },
    };
    const dag = new Dag("recorded", { backends: { remote } });
    dag.node("a", { backend: "remote" });
    dag.node("b", { backend: "remote", needs: ["a"], params: ["a"] });
    await expect(dag.run({ mode: "hybrid", store, runId: "r" })).rejects.toThrow("down");
    isUp = true;
    const run = await dag.replay("r", { mode: "hybrid", store, rerun: ["b"] });
    expect(run.get("b")).toBe("b after a after ");
    expect(calls).toEqual(["a", "b", "b"]);
  });

  it("keeps a live dag up to date", async () => {
    const dag = new Dag("live", { backends: { echo } });
    dag.node("a", { backend: "echo", params: ["n"] });
    await using live = dag.live({ inputs: { n: 1 } });
    await live.settled();
    expect(live.get("a")).toBe("a(n=1)");
    live.set("n", 2);
    await live.settled();
    expect(live.get("a")).toBe("a(n=2)");
  });
});

describe("A plan", () => {
  const picky: Backend = {
    name: "picky",
    place: ({ name }) => name !== "odd" || "it takes only even nodes",
    run: () => "picked",
  };
  const dag = new Dag("plan", { backends: { picky } });
  dag.node("even", { backend: "picky" }, () => "here");
  dag.node("odd", { backend: "picky" }, () => "here");
  dag.node("free", () => "here");

  it("says where nodes run, and why one does not run where it should", async () => {
    const nodes = dag.dryRun({ mode: "hybrid" }).nodes.map(({ name, backend, reason }) => [name, backend, reason]);
    expect(nodes).toEqual([
      ["even", "picky", undefined],
      ["odd", "inline", "it takes only even nodes"],
      ["free", "inline", undefined],
    ]);
    const run = await dag.run({ mode: "hybrid" });
    expect(run.results).toEqual({ even: "picked", odd: "here", free: "here" });
    expect(run.nodes.get("odd")).toMatchObject({ backend: "inline", backendReason: "it takes only even nodes" });
  });

  it("is refused under strict, and for a node without a function, if a backend refuses a node", async () => {
    const strict = { parallel: { strict: true } };
    const message = `Nodes of "plan" can't run where they should. "odd": it takes only even nodes.`;
    await expect(dag.run(strict)).rejects.toMatchObject({ code: "BACKEND", message: expect.stringContaining(message) });
    const bare = new Dag("bare");
    bare.node("odd", { backend: picky });
    await expect(bare.run()).rejects.toThrow(`Backend "picky" can't execute node "odd": it takes only even nodes.`);
    expect(() => bare.dryRun()).toThrow("Without a function, it can't run inline either.");
  });

  it("is refused if a backend gives no answer", () => {
    const odd = new Dag("odd");
    odd.node("a", { backend: { ...picky, place: () => undefined as never } }, () => 1);
    expect(() => odd.dryRun()).toThrow(
      'The "place" of backend "picky" must return true, or the reason why not; for node "a"',
    );
    const throws = new Dag("throws");
    const place = () => {
      throw new Error("broken");
    };
    throws.node("a", { backend: { ...picky, place } }, () => 1);
    expect(() => throws.dryRun()).toThrow('The "place" of backend "picky" threw for node "a": broken.');
  });
});

describe("Backends are refused before anything runs", () => {
  it("under a name that nobody defines, with a suggestion", async () => {
    let calls = 0;
    const dag = new Dag("unknown", { backends: { billing: echo } });
    dag.node("first", () => ++calls);
    dag.node("a", { backend: "biling", needs: ["first"] }, (n: number) => n);
    const message = `Node "a" has the backend "biling", but there is none of that name. Did you mean "billing"?`;
    await expect(dag.run()).rejects.toMatchObject({ code: "VALIDATION", message: expect.stringContaining(message) });
    expect(() => dag.dryRun()).toThrow(message);
    expect(() => dag.start()).toThrow(message);
    expect(() => dag.live()).toThrow(message);
    expect(calls).toBe(0);
    expect((await dag.run({ backends: { biling: echo } })).get("a")).toBe("a(n=1)");
    await expect(dag.run({ backends: { biling: echo, echos: { limit: 1 } } })).rejects.toThrow(
      '"backends" has a limit for "echos", but there is no backend of that name.',
    );
  });

  it.each<[string, unknown, string]>([
    ["a reserved name", { inline: echo }, '"backends.inline" must be a limit, as { limit: 4 }'],
    ["another reserved name", { thread: echo }, "Give yours another name."],
    [
      "a backend that calls itself thread",
      { x: { ...echo, name: "thread" } },
      '"backends.x.name" must not be "thread"',
    ],
    ["no function run", { x: { name: "x", run: 1 } }, '"backends.x.run" must be a function; received 1'],
    ["no name", { x: { run: () => 1 } }, '"backends.x.name" must be a non-empty string; received undefined'],
    ["an empty name", { "": echo }, "must not have an empty name"],
    ["a limit of none", { x: { ...echo, limit: 0 } }, '"backends.x.limit" must be a whole number, at least 1'],
    ["an empty pool of threads", { thread: { limit: 0 } }, '"backends.thread.limit" must be a whole number'],
    ["neither", { x: {} }, '"backends.x" must be a backend, or a limit'],
    ["an unknown option", { thread: { limits: 3 } }, 'Did you mean "limit"?'],
    ["one backend twice", { x: echo, y: echo }, '"backends.y" is the same backend as "x". Give it one name.'],
    ["what is no backend", { x: 5 }, '"backends.x" must be an object; received 5'],
    ["a list", [echo], "received an array of 1"],
  ])("with %s", async (_, backends, message) => {
    const dag = new Dag("refused");
    dag.node("a", () => 1);
    await expect(dag.run({ backends } as RunOptions)).rejects.toThrow(message);
    const own = () => new Dag("refused", { backends } as never);
    expect(own).toThrow(message);
  });

  it("as the option of a node", () => {
    const dag = new Dag("options");
    const define = (backend: unknown) => () => dag.node("a", { backend } as never, () => 1);
    expect(define(3)).toThrow(
      '"backend" of node "a" must be "inline", "thread", a name of the option "backends", or a backend',
    );
    expect(define("")).toThrow('"backend" of node "a" must be a non-empty string');
    expect(define({ name: "x" })).toThrow('"backend.run" of node "a" must be a function');
    expect(define({ ...echo, close: 1 })).toThrow('"backend.close" of node "a" must be a function');
  });

  it("in runSync, which can't wait for them", () => {
    const dag = new Dag("sync");
    dag.node("a", { backend: echo }, () => 1);
    expect(() => dag.runSync()).toThrow(`runSync can't wait for the backend of node "a". Use run instead.`);
  });

  it("for nodes that stream", async () => {
    const dag = new Dag("stream");
    dag.node("items", { backend: echo }, function* () {
      yield 1;
    });
    await expect(dag.run()).rejects.toThrow("items don't cross to other backends");
  });
});

describe("A definition with backends", () => {
  it("is written as data, with values in the place of backends", async () => {
    const dag = new Dag("data", { backends: { echo, inline: { limit: 2 } } });
    dag.node("a", { backend: "echo", params: ["n"] });
    dag.node("b", { backend: echo, needs: ["a"] }, (a: string) => a);
    const json = dag.toJSON();
    expect(json).toMatchObject({
      backends: { echo: { $value: "backends.echo" }, inline: { limit: 2 } },
      nodes: [
        { name: "a", function: "none", backend: "echo" },
        { name: "b", backend: { $value: "nodes.b.backend" } },
      ],
    });
    const values = { "backends.echo": echo, "nodes.b.backend": echo };
    const read = Dag.fromJSON(JSON.parse(JSON.stringify(json)), { functions: { b: (a: string) => a }, values });
    expect((await read.run({ inputs: { n: 1 } })).results).toEqual({ a: "a(n=1)", b: "b(a=a(n=1))" });
    expect(read.toJSON()).toEqual(json);
  });
});
