import { runInNewContext } from "node:vm";
import { isMainThread } from "node:worker_threads";
import { afterAll, afterEach, describe, expect, it, vi } from "vitest";
import {
  BackendError,
  CancelledError,
  Dag,
  ExecutionError,
  NodeTimeoutError,
  NotCloneableError,
  RunTimeoutError,
  Scheduler,
  ThreadPool,
  type RunEvent,
  type RunOptions,
  type RunResult,
} from "dagwright";
import { fieldsOf } from "../../lib/backends/thread/instance-fields.js";
import {
  Binding,
  chain,
  classFor,
  closures,
  contexts,
  control,
  crashing,
  data,
  endless,
  failing,
  forked,
  given,
  givenHiding,
  givenInstance,
  givenTwins,
  growing,
  hiding,
  Holder,
  keeps,
  keyed,
  lateDag,
  lets,
  Local,
  marked,
  numbered,
  outer,
  plain,
  Plain,
  plainClass,
  plainTraced,
  policed,
  refreshed,
  Shop,
  stateful,
  Traced,
  twins,
  unhurried,
} from "../support/threaded.js";
import { newFlag, next } from "../support/stuck.js";
import { until } from "../support/waiting.js";

const pool = new ThreadPool({ maxWorkers: 2 });
const parallel = { mode: "parallel", pool } as const;
afterAll(() => pool.close());

const caught = <E = ExecutionError>(work: Promise<unknown>): Promise<E> =>
  work.then(
    () => Promise.reject(new Error("should have failed")),
    (error: E) => error,
  );
/** Runs one node and what it needs. */
const only = (dag: Dag, name: string, options = {}): Promise<RunResult<any>> =>
  dag.runUntil(name, { ...parallel, ...options });

describe("Mode parallel", () => {
  it("gives what the other modes give", async () => {
    const run = await plain.run(parallel);
    const inline = await plain.run();
    for (const name of ["source", "sum", "big", "either", "both"]) expect(run.get(name)).toEqual(inline.get(name));
    expect(run.get("both")).toEqual({ sum: 30, source: [0, 10, 20] });
    expect(run.nodes.get("small")).toMatchObject({ status: "skipped", skippedBy: "isBig.false" });
    const small = await plain.run({ ...parallel, inputs: { size: 2 } });
    expect(small.get("either")).toBe("SMALL 10");
  });

  it("runs plain nodes on threads, forks and nodes marked inline on this one, and says so", async () => {
    const run = await plain.run(parallel);
    expect(run.get("where")).toMatchObject({ isMainThread: false });
    expect(run.get("kept")).toMatchObject({ isMainThread: true });
    expect(run.get("isBig")).toEqual([30, { isMainThread: true, threadId: 0 }]);
    expect(run.nodes.get("sum")).toMatchObject({ backend: "thread", backendReason: undefined });
    expect(run.nodes.get("kept")).toMatchObject({ backend: "inline", backendReason: undefined });
    expect(run.nodes.get("isBig")?.backendReason).toMatch(/conditions and selects run inline/u);
    const dry = plain.dryRun({ mode: "parallel" });
    expect(dry.nodes.map(({ name, backend, reason }) => [name, backend, reason])).toEqual(
      dry.nodes.map(({ name }) => [name, run.nodes.get(name)?.backend, run.nodes.get(name)?.backendReason]),
    );
  });

  it("puts a node on a thread in every mode when the node says so", async () => {
    expect((await plain.run({ mode: "async" })).get("where")).toMatchObject({ isMainThread: true });
    for (const mode of ["sequential", "async"] as const) {
      const run = await marked.run({ mode, pool });
      expect(run.nodes.get("where")).toMatchObject({ backend: "thread" });
      expect(run.get("where")).toMatchObject({ isMainThread: false });
      expect(run.get("here")).toMatchObject({ isMainThread: true });
    }
    expect(() => marked.runSync()).toThrow(/runSync can't wait for worker threads/u);
  });

  it("lets no more nodes onto threads at once than maxWorkers, and inline nodes besides", async () => {
    const events: RunEvent[] = [];
    await plain.run({ ...parallel, maxWorkers: 1, observers: [(event) => events.push(event)] });
    let running = 0;
    let most = 0;
    for (const event of events) {
      const threaded = "node" in event && !["kept", "isBig"].includes(event.node);
      if (threaded && event.type === "attempt.started") most = Math.max(most, ++running);
      if (threaded && event.type === "node.completed") running--;
    }
    expect(most).toBe(1);
    for (const maxWorkers of [0, -1, 1.5, Infinity]) {
      await expect(plain.run({ mode: "parallel", maxWorkers })).rejects.toThrow(RangeError);
    }
  });

  it("wires parameters whose names a compiler numbered, and those that only look like one's", async () => {
    expect(String(numbered.nodes.get("tell")?.fn)).toMatch(/^\(label\d, ctx\d\)/u);
    const run = await numbered.run(parallel);
    expect(run.outputs).toEqual({ tell: "inner, not outer or other, in tell false", see: ["red", false] });
  });

  it("executes a workflow that a node runs", async () => {
    expect((await outer.run(parallel)).value).toEqual([false, false]);
  });
});

describe("Instances", () => {
  it("are made again in a worker, from their fields, one a run; those of a class by its constructor", async () => {
    const one = new ThreadPool({ maxWorkers: 1 });
    const dag = Dag.from(new Shop("corner"));
    for (let run = 0; run < 2; run++) {
      expect((await dag.run({ mode: "parallel", pool: one })).value).toBe("corner 2 false");
    }
    expect((await Dag.from(Shop).run({ mode: "parallel", pool: one })).value).toBe("shop 2 false");
    await one.close();
  });

  it("have the fields that they had when the run began, and are not constructed again", async () => {
    const holder = new Holder({
      since: new Date(5),
      bytes: new Uint8Array([1]),
      all: new Map([["key", new Set([1n])]]),
    });
    const { held } = holder;
    const dag = Dag.from(holder);
    const first = await dag.run(parallel);
    expect(first.get("first")).toEqual(held);
    // What a node on this thread did meanwhile counts from the next run on.
    expect(first.get("last")).toEqual([held, true, true, false]);
    expect((await dag.run(parallel)).get("first")).toEqual([held, "changed"]);
    holder.held = "set";
    (holder as { added?: unknown }).added = 1;
    expect((await dag.run(parallel)).get("first")).toBe("set");
    expect((await Dag.from(Holder).run(parallel)).get("last")).toEqual([undefined, false, true, false]);
  });

  it("share memory that is shared, of any depth", async () => {
    const memory = new SharedArrayBuffer(8);
    const run = await Dag.from(new Holder({ counts: [new Int32Array(memory)] })).run(parallel);
    const { counts } = run.get("first") as { counts: Int32Array[] };
    new Int32Array(memory)[0] = 3;
    expect(Array.from(counts[0])).toEqual([3, 0]);
    expect(run.nodes.get("first")?.backend).toBe("thread");
  });

  it("stay on this thread, with the reason, when their fields would not arrive as they are", async () => {
    class Repo {}
    class Rows extends Array<number> {}
    const self: Record<string, unknown> = {};
    const cases: [unknown, string][] = [
      [{ log: () => {} }, `"this.held.log" of its Holder is a function`],
      [[Symbol("s")], `"this.held[0]" of its Holder is a symbol`],
      [new Repo(), `"this.held" of its Holder is an instance of Repo, which would reach workers as something else`],
      [
        { deep: [new Map([["repo", new Repo()]])] },
        `"this.held.deep[0].get("repo")" of its Holder is an instance of Repo`,
      ],
      [Rows.from([1]), `"this.held" of its Holder is an instance of Rows`],
      [Buffer.from("b"), `"this.held" of its Holder is an instance of Buffer`],
      [new RangeError("r"), `"this.held" of its Holder is an instance of RangeError`],
      [new (class {})(), `"this.held" of its Holder is an instance of a class`],
      [Object.create(null), `"this.held" of its Holder has no prototype`],
      [Promise.resolve(), `"this.held" of its Holder is an instance of Promise`],
      [{ [Symbol("s")]: 1 }, `"this.held" of its Holder has properties that are hidden, or under symbols`],
      [Object.defineProperty({}, "hidden", { value: 1 }), `"this.held" of its Holder has properties that are hidden`],
    ];
    for (const [held, reason] of cases) {
      const dag = Dag.from(new Holder(held));
      expect(dag.dryRun({ mode: "parallel" }).nodes[0].reason).toContain(reason);
      const run = await dag.runUntil("first", parallel);
      expect(run.nodes.get("first")).toMatchObject({
        backend: "inline",
        backendReason: expect.stringContaining(reason),
      });
      await expect(dag.run({ ...parallel, parallel: { strict: true } })).rejects.toThrow(reason);
    }
    self.holder = new Holder(self);
    const own: [object, string][] = [
      [self.holder as object, `"this.held.holder" of its Holder is an instance of Holder`],
      [Object.assign(new Holder(), { [Symbol("s")]: 1 }), "has a field under Symbol(s)"],
      [Object.defineProperty(new Holder(), "held", { get: () => 1, enumerable: true }), `in place of the field "held"`],
      [new Proxy(new Holder(), {}), "its instance is a proxy"],
      [Object.create(new Holder()) as object, "has a prototype that is no class's"],
    ];
    for (const [object, reason] of own) {
      const run = await Dag.from(object as Holder).runUntil("first", parallel);
      expect(run.nodes.get("first")).toMatchObject({
        backend: "inline",
        backendReason: expect.stringContaining(reason),
      });
    }
    const nameless = new (class {
      f = () => 1;
    })();
    expect(fieldsOf(nameless)).toBe(`"this.f" of its instance is a function, which workers can't be sent`);
  });

  it("with private members stay on this thread, unless the worker's constructor can make one", async () => {
    expect((await hiding.run(parallel)).value).toEqual([7, false]);
    const run = await givenHiding.run(parallel);
    expect(run.value).toEqual([20, true]);
    expect(run.nodes.get("ask")?.backendReason).toContain("is an instance of Hiding, which has private members");
  });

  it("of a class without @workflow go to threads where the import makes a workflow of one", async () => {
    expect((await plainClass.run(parallel)).value).toBe(false);
    const run = await givenInstance.run({ ...parallel, parallel: { strict: true } });
    expect(run.outputs).toEqual({ ask: false, tell: "given" });
    (given as { name: string }).name = "renamed";
    expect((await givenInstance.run(parallel)).get("tell")).toBe("renamed");
    for (const twin of givenTwins) expect((await twin.run(parallel)).value).toBe(false);
    const late = (await lateDag().run(parallel)).nodes.get("ask");
    expect(late).toMatchObject({
      backend: "inline",
      backendReason: expect.stringContaining("workers look for a class"),
    });
  });

  it("are never those of another class that the same code made", async () => {
    expect((await Dag.from(Local).run(parallel)).value).toEqual([1, false]);
    const dags = [Dag.from(Local), Dag.from(new (classFor(2))())];
    for (const [i, dag] of dags.entries()) {
      const run = await dag.run(parallel);
      expect(run.value).toEqual([i + 1, true]);
      expect(run.nodes.get("ask")?.backendReason).toContain('several classes "Local"');
    }
  });
});

describe("Methods", () => {
  afterEach(() => void vi.restoreAllMocks());
  const replaced = { backend: "inline", backendReason: expect.stringContaining("its method was replaced") };

  it("that were replaced stay on this thread, where the replacement is; the others do not", async () => {
    const early = vi.spyOn(Shop.prototype, "open").mockReturnValue("spied");
    const dag = Dag.from(new Shop("corner"));
    const run = await dag.run(parallel);
    expect(run.value).toBe("spied 1 false");
    expect(run.nodes.get("open")).toMatchObject(replaced);
    early.mockRestore();
    expect((await dag.run(parallel)).value).toBe("corner 2 false");

    const shop = new Shop("own");
    vi.spyOn(shop, "open").mockReturnValue("own spied");
    const own = await Dag.from(shop).run(parallel);
    expect(own.value).toBe("own spied 1 true");
    expect(own.nodes.get("serve")?.backendReason).toContain('its instance has a hidden field "open"');

    vi.spyOn(Plain.prototype, "ask").mockReturnValue(true);
    const late = await plainClass.run(parallel);
    expect(late.value).toBe(true);
    expect(late.nodes.get("ask")).toMatchObject(replaced);
    await expect(plainClass.run({ ...parallel, parallel: { strict: true } })).rejects.toThrow(/method was replaced/u);
  });

  it("that the constructor made are made by the worker's too", async () => {
    const run = await Dag.from(Binding).run(parallel);
    expect(run.value).toBe("3 false");
    expect((await Dag.from(new Binding(4)).run(parallel)).value).toBe("4 true");
  });

  it("that another decorator wraps are found with @workflow, and else not taken for what they wrap", async () => {
    for (const dag of [Dag.from(Traced), Dag.from(new Traced())]) {
      const run = await dag.run({ ...parallel, parallel: { strict: true } });
      expect(run.value).toEqual(["traced", ["renamed", false]]);
    }
    const run = await plainTraced.run(parallel);
    expect(run.outputs).toEqual({ wrapped: ["traced", true], bare: false });
    expect(run.nodes.get("wrapped")?.backendReason).toContain("if the class has @workflow");
  });

  it("are what workers find of a class's workflow, and no node that was added", async () => {
    const dag = Dag.from(new Shop("corner"));
    dag.node("extra", { needs: ["serve"] }, (served: string) => `${served} ${isMainThread}`);
    const run = await dag.run(parallel);
    expect(run.value).toBe("corner 2 false true");
    expect(run.nodes.get("extra")?.backendReason).toContain("it was added to the workflow of a class");
  });
});

describe("Placement", () => {
  it("keeps on this thread, and says why, what no import defines", async () => {
    const dag = closures();
    const run = await dag.run(parallel);
    expect(run.value).toBe(true);
    expect(run.nodes.get("local")).toMatchObject({
      backend: "inline",
      backendReason: expect.stringContaining("its module, when imported, does not define it"),
    });
    expect(dag.dryRun({ mode: "parallel" }).nodes[0]).toMatchObject({ backend: "inline", reason: expect.any(String) });
  });

  it("never takes one workflow for another of the same name", async () => {
    for (const [i, twin] of twins.entries()) {
      const run = await twin.run(parallel);
      expect(run.value).toBe(i + 1);
      expect(run.nodes.get("n")).toMatchObject({ backend: "inline", backendReason: expect.stringContaining('"twin"') });
    }
  });

  it("is an error before anything runs under parallel: { strict: true }", async () => {
    let ran = false;
    const dag = closures();
    dag.node("other", () => (ran = true));
    const error = await caught<BackendError>(dag.run({ ...parallel, parallel: { strict: true } }));
    expect(error).toBeInstanceOf(BackendError);
    expect(error.message).toMatch(/"local": .*"other": /u);
    expect(ran).toBe(false);
    expect(() => dag.dryRun({ mode: "parallel", parallel: { strict: true } })).toThrow(BackendError);
    expect((await plain.run({ ...parallel, parallel: { strict: true } })).status).toBe("completed");
  });

  it("is found out anew for a dag that grew while a worker was asked", async () => {
    const first = growing.run(parallel);
    growing.node("b", () => "here");
    expect((await first).value).toBe(false);
    const run = await growing.run(parallel);
    expect({ ...run.results }).toEqual({ a: false, b: "here" });
    expect(run.nodes.get("b")).toMatchObject({
      backend: "inline",
      backendReason: expect.stringContaining("this node"),
    });
  });

  it("says so when a worker can't import the module", async () => {
    const dag = new Dag("lost", { module: new URL("./nowhere.mjs", import.meta.url).href });
    dag.node("a", () => 1);
    const run = await dag.run(parallel);
    expect(run.nodes.get("a")?.backendReason).toMatch(/a worker can't import its module: Cannot find module/u);
  });
});

describe("Data", () => {
  it("that can't be cloned fails the node, naming the path", async () => {
    const cases: [string, object, string][] = [
      ["rows", {}, "result.rows[1].fn"],
      ["point", {}, "result.at"],
      ["promise", {}, 'result.get("key").inner'],
      ["echo", { value: { deep: [1, { fn: () => 1 }] } }, "inputs.value.deep[1].fn"],
      [
        "echo",
        {
          value: new (class Thing {
            method() {}
          })(),
        },
        "inputs.value",
      ],
      ["echo", { value: Promise.resolve() }, "inputs.value"],
    ];
    for (const [name, inputs, path] of cases) {
      const error = await caught<NotCloneableError>(only(data, name, { inputs: { shared: 0, value: 0, ...inputs } }));
      expect(error).toBeInstanceOf(NotCloneableError);
      expect(error).toMatchObject({ code: "NOT_CLONEABLE", path, node: name });
    }
    let deep: unknown = () => 1;
    for (let i = 0; i < 500; i++) deep = [deep];
    const error = await caught<NotCloneableError>(only(data, "echo", { inputs: { shared: 0, value: deep } }));
    expect(error.path).toBe(`inputs.value${"[0]".repeat(500)}`);
    expect(error.message).toMatch(/but inputs\.value\[0\].{80,90}….{90,100}\[0\] can't be cloned/u);
  });

  it("arrives as structured clone leaves it", async () => {
    const cyclic: unknown[] = [1];
    cyclic.push(cyclic);
    const values = [
      undefined,
      null,
      -0,
      NaN,
      10n,
      new Date(5),
      /x/giu,
      new Map([[1, new Set(["a"])]]),
      new Uint8Array([1, 2]),
      [undefined, , 3], // eslint-disable-line no-sparse-arrays
      cyclic,
      Object.assign(Object.create(null), { a: 1 }),
    ];
    for (const value of values) {
      const run = await only(data, "echo", { inputs: { shared: 0, value } });
      expect(run.get("echo")).toEqual(structuredClone(value));
    }
  });

  it("may be of another realm, as what threads send is in Jest", async () => {
    const value = runInNewContext(`({
      map: new Map([["date", new Date(5)]]),
      set: new Set([/x/g]),
      bytes: new Uint8Array(3),
      buffer: new ArrayBuffer(3),
      shared: new SharedArrayBuffer(3),
      error: new RangeError("far", { cause: { deep: [1] } }),
      boxed: new String("x"),
      bare: Object.create(null),
    })`) as object;
    const { echo } = (await only(data, "echo", { inputs: { shared: 0, value } })).results as { echo: object };
    expect(echo).toEqual(structuredClone(value));
    const hidden: unknown = runInNewContext("({ list: new Map([[1, new (class { method() {} })()]]) })");
    const error = await caught<NotCloneableError>(only(data, "echo", { inputs: { shared: 0, value: hidden } }));
    expect(error).toMatchObject({ code: "NOT_CLONEABLE", path: "inputs.value.list<value 0>" });
  });

  it("in shared memory is not copied", async () => {
    const shared = new SharedArrayBuffer(8);
    await only(data, "shared", { inputs: { value: 0, shared } });
    expect(new Int32Array(shared)[0]).toBe(1);
  });

  it("that a worker's module still uses is copied, however often", async () => {
    const all = (length: number, value: number) => Buffer.from(new Float64Array(length).fill(value).buffer);
    const bytes = (value: unknown) => Buffer.from((value as Float64Array).buffer);
    for (let i = 0; i < 30; i++) {
      const inputs = { shared: 0, value: 0, key: i % 3 };
      expect(bytes((await only(data, "table", { inputs })).get("table")).equals(all(32_768, 7))).toBe(true);
      expect(bytes((await only(data, "memo", { inputs })).get("memo")).equals(all(32_768, i % 3))).toBe(true);
      const pooled = (await only(data, "pooled", { inputs })).get("pooled") as Uint8Array;
      expect(Buffer.from(pooled).toString()).toBe("pooled");
      expect(bytes((await only(data, "fresh", { inputs })).get("fresh")).equals(all(131_072, i % 3))).toBe(true);
    }
  });

  it("of one workflow's node says nothing about a node of the same name in another", async () => {
    const one = new ThreadPool({ maxWorkers: 1 });
    const options = { mode: "parallel", pool: one } as const;
    for (let i = 0; i < 100; i++) await lets.run(options);
    for (let i = 0; i < 3; i++) {
      const array = (await keeps.run(options)).value as Float64Array;
      expect(array).toHaveLength(1_048_576);
    }
    await one.close();
  });

  it("is handed on and not copied under retain: outputs, and else stays whole", async () => {
    const handed = await chain.run({ ...parallel, retain: "outputs" });
    expect(handed.value).toBe(262_144);
    const kept = await chain.run(parallel);
    expect(kept.get("make")).toHaveLength(131_072);
    expect(kept.get("double")).toHaveLength(131_072);
  });

  it("that a fork passes on stays whole", async () => {
    for (const retain of ["all", "outputs"] as const) {
      expect((await forked.run({ ...parallel, retain })).value).toBe(131_072);
    }
  });
});

describe("The context in a worker", () => {
  it("has all its fields, and what the node writes comes back", async () => {
    const events: RunEvent[] = [];
    const run = await contexts.run({
      ...parallel,
      inputs: { limit: 5 },
      context: { metadata: { shared: { n: 1 }, fn: () => 1 } },
      observers: [(event) => events.push(event)],
    });
    expect(run.get("second")).toEqual({
      first: "first's",
      got: ["first's", true, "none", false, ["first"]],
      run: [run.runId, "contexts", "second", 1, undefined],
      inputs: { limit: 5 },
      aborted: false,
    });
    expect(run.context.metadata).toMatchObject({ written: { by: "second" }, shared: { n: 2 }, dropped: true });
    expect(Object.getOwnPropertyDescriptor(run.context.metadata, "__proto__")?.value).toBe("a key");
    expect({ ...run.metrics.custom }).toEqual({ seen: 1 });
    const told = events.flatMap((event) => (event.type === "node.progress" ? [[event.fraction, event.message]] : []));
    expect(told).toEqual([
      [0.5, "half"],
      [undefined, "a line"],
    ]);
  });

  it("drops what a node wrote that fails", async () => {
    const dag = contexts.clone();
    const run = await only(dag, "third", { context: { metadata: { shared: { n: 1 } } }, inputs: { limit: 1 } });
    expect(run.get("third")).toBe(2);
    expect(run.nodes.get("third")?.attempts).toBe(2);
  });
});

describe("Errors from a worker", () => {
  it("come back with name, message, stack, cause and code", async () => {
    const run = await failing.run({ ...parallel, errorStrategy: "continue" });
    const weird = run.nodes.get("weird")?.error?.cause as Error & { code: string };
    expect(weird).toBeInstanceOf(Error);
    expect(weird).toMatchObject({
      name: "Weird",
      message: "odd",
      code: "E_WEIRD",
      cause: { name: "RangeError", message: "deep" },
    });
    expect(weird.stack).toContain("threaded.ts");
    expect(run.nodes.get("text")?.error?.cause).toBe("just text");
    expect(run.nodes.get("text")?.error).toBeInstanceOf(ExecutionError);
  });
});

describe("Control over a worker", () => {
  it("ends a node that spins when its timeout is over, and no other", async () => {
    const run = await control.run({ ...parallel, errorStrategy: "continue" });
    expect(run.nodes.get("spin")?.error).toBeInstanceOf(NodeTimeoutError);
    expect(run.get("slow")).toBe("done");
  });

  it("counts a timeout from the function's call, not from loading the module", async () => {
    const own = new ThreadPool({ maxWorkers: 1 });
    const options = { mode: "parallel", pool: own } as const;
    // It is known by then that workers find the node, but this one has not loaded its module.
    expect((await marked.run(parallel)).nodes.get("where")?.backend).toBe("thread");
    await next.run({ ...options, inputs: { flag: newFlag() } });
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const run = marked.run(options);
    for (let i = 0; i < 10; i++) await Promise.resolve();
    vi.advanceTimersByTime(6000);
    vi.useRealTimers();
    expect((await run).nodes.get("where")?.backend).toBe("thread");
    await own.close();
  });

  it("ends a node that spins when the run is aborted or takes too long", async () => {
    const controller = new AbortController();
    const running = endless.run({ ...parallel, signal: controller.signal });
    setTimeout(() => controller.abort("enough"), 200);
    const error = await caught(running);
    expect(error).toBeInstanceOf(CancelledError);
    expect(error.run.nodes.get("spin")?.status).toBe("cancelled");
    await expect(endless.run({ ...parallel, timeout: 200 })).rejects.toThrow(RunTimeoutError);
    expect((await plain.run(parallel)).status).toBe("completed");
  });

  it("survives workers that exit, throw out of band or run out of memory: only their node fails", async () => {
    const small = new ThreadPool({ maxWorkers: 3, resourceLimits: { maxOldGenerationSizeMb: 64 } });
    const run = await crashing.run({ mode: "parallel", pool: small, errorStrategy: "continue" });
    expect(run.nodes.get("exit")?.error).toMatchObject({ code: "BACKEND", exitCode: 7 });
    expect(run.nodes.get("exit")?.error).toBeInstanceOf(BackendError);
    expect(run.nodes.get("uncaught")?.error).toMatchObject({
      code: "BACKEND",
      exitCode: 1,
      cause: { message: "out of band" },
    });
    expect(run.nodes.get("hungry")?.error).toMatchObject({
      code: "BACKEND",
      cause: { code: "ERR_WORKER_OUT_OF_MEMORY" },
    });
    expect(run.get("retried")).toBe(false);
    expect(run.nodes.get("retried")?.attempts).toBe(2);
    expect(run.get("fine")).toBe("fine");
    expect((await plain.run({ mode: "parallel", pool: small })).status).toBe("completed");
    await small.close();
  });
});

describe("A run on threads that has only just begun", () => {
  it("can be paused, cancelled and stepped like any other", async () => {
    const paused = unhurried.start(parallel);
    expect(await paused.pause()).toMatchObject({ status: "paused" });
    const cancelled = unhurried.start(parallel);
    expect(await cancelled.cancel("why")).toMatchObject({ status: "cancelled" });
    await expect(cancelled.result).rejects.toThrow(CancelledError);
    expect((await unhurried.run(parallel)).value).toBe(2);
    const names: (string | undefined)[] = [];
    for (let step = await marked.step(undefined, { pool }); ; step = await marked.step(step.state)) {
      names.push(step.node);
      if (step.done) break;
    }
    expect(names).toEqual(["where", "here"]);
    expect((await plain.runFrom("sum", { ...parallel, from: await plain.run() })).get("either")).toBe("BIG 30");
    expect((await plain.run({ ...parallel, overrides: { sum: 5 } })).get("either")).toBe("SMALL 5");
  });
});

describe("ThreadPool", () => {
  it("keeps its threads between runs, is refused when closed, and checks its options", async () => {
    const own = new ThreadPool({ maxWorkers: 1 });
    const counts = [];
    for (let i = 0; i < 3; i++) counts.push((await stateful.run({ mode: "parallel", pool: own })).value);
    expect(counts).toEqual([1, 2, 3]);
    await own.close();
    await expect(stateful.run({ mode: "parallel", pool: own })).rejects.toThrow(/"pool" is closed/u);
    expect(() => new ThreadPool({ maxWorkers: 0 })).toThrow(RangeError);
    expect(() => new ThreadPool({ idle: 1 } as never)).toThrow(/Unknown option "idle"/u);
    await expect(plain.run({ mode: "parallel", pool: {} as never })).rejects.toThrow(/must be a ThreadPool/u);
  });

  it("keeps to policies: fallbacks and retries see their inputs, limits and schedulers hold", async () => {
    const scheduler = new Scheduler({ maxConcurrency: 1 });
    for (const options of [{}, { retain: "outputs" }, { scheduler }] as RunOptions[]) {
      const run = await policed.run({ ...parallel, ...options });
      expect(run.outputs).toMatchObject({ risky: 100_000, flaky: 100_000, where: { isMainThread: false } });
      expect(run.nodes.get("flaky")).toMatchObject({ attempts: 3, backend: "thread" });
    }
    expect(scheduler.stats()).toMatchObject({ running: 0, queued: 0, completed: 6 });
  });

  it("refreshes cached results on a thread, though the run is over", async () => {
    const random = vi.spyOn(Math, "random").mockReturnValue(0);
    const ask = async (n: number) => (await refreshed.run({ ...parallel, inputs: { n } })).get("value") as unknown[];
    const first = await ask(1);
    expect(first[1]).not.toBe(0);
    await new Promise((resolve) => setTimeout(resolve, 5));
    const entry = await ask(1);
    expect(entry).toEqual(first);
    random.mockReturnValue(1);
    await until(async () => (await ask(1))[3] !== first[3]);
    const later = await ask(1);
    expect(later).toEqual([1, expect.any(Number), 1, expect.any(String)]);
    expect(later[1]).not.toBe(0);
    random.mockRestore();
  });

  it("that can't have a cached node's inputs lets a run that waits for its result compute that inline", async () => {
    const inputs = { n: 1, hint: () => "can't cross" };
    let waiting: Promise<RunResult<any>> | undefined;
    const observers = [
      ({ type }: RunEvent) => {
        if (type === "attempt.started") waiting = keyed.run({ mode: "async", inputs });
      },
    ];
    const error = await caught(keyed.run({ ...parallel, inputs, observers }));
    expect(error).toBeInstanceOf(NotCloneableError);
    expect((await waiting)?.value).toBe(2);
  });

  it("serves overlapping runs, more of them than it has threads", async () => {
    const runs = await Promise.all(Array.from({ length: 20 }, () => plain.run(parallel)));
    expect(runs.every((run) => run.get("sum") === 30)).toBe(true);
  });
});
