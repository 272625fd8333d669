import { runInNewContext } from "node:vm";
import { afterAll, describe, expect, it } from "vitest";
import { ExecutionError, NotCloneableError, ThreadPool, type Dag, type RunEvent, type RunResult } from "dagwright";
import { chain, contexts, data, failing, forked, keeps, lets } from "../support/threaded.js";
import { failure } from "../support/waiting.js";

const pool = new ThreadPool({ maxWorkers: 2 });
const parallel = { mode: "parallel", pool } as const;
afterAll(() => pool.close());

/** Runs one node and what it needs. */
const only = (dag: Dag, name: string, options = {}): Promise<RunResult<any>> =>
  dag.runUntil(name, { ...parallel, ...options });

describe("Data", () => {
  it("that can't be cloned fails the node, naming the path", async () => {
    const cases: [string, object, string][] = [
      ["rows", {}, "result.rows[1].fn"],
      ["point", {}, "result.at"],
      ["metrics", {}, "result.of"],
      ["proxy", {}, "result"],
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
      ["echo", { value: [new Proxy({}, {})] }, "inputs.value[0]"],
    ];
    for (const [name, inputs, path] of cases) {
      const error = await failure(only(data, name, { inputs: { shared: 0, value: 0, ...inputs } }));
      expect(error).toBeInstanceOf(NotCloneableError);
      expect(error).toMatchObject({ code: "NOT_CLONEABLE", path, node: name });
    }
    let deep: unknown = () => 1;
    for (let i = 0; i < 500; i++) deep = [deep];
    const error = await failure(only(data, "echo", { inputs: { shared: 0, value: deep } }));
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
    const error = await failure(only(data, "echo", { inputs: { shared: 0, value: hidden } }));
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
    const told = events.flatMap((event) => {
      if (event.type === "node.progress") return [[event.fraction, event.message]];
      return event.type === "node.log" ? [[event.level, event.message]] : [];
    });
    expect(told).toEqual([
      [0.5, "half"],
      ["info", "a line"],
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
