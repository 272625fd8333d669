import { beforeAll, describe, expect, it } from "vitest";
import { Dag, Fsm, MissingInputError, type Context, type NodeHooks } from "dagwright";
import { compiled } from "../support/compiled.js";

/** Each parameter has the name of a variable in scope, so that esbuild numbers it. */
const SOURCE = /* ts */ `
  import path from "node:path";
  import { Dag, node, condition, select, all, any, state, next, stop } from "dagwright";
  const extra = 1, ctx = 2, context = 3, rows = 4, limit = 5;
  export const used = [path.sep, extra, ctx, context, rows, limit];
  export const sources: string[] = [];

  export class Nodes {
    @node rows() { return [3, 1, 2]; }
    @node extra() { return 41; }
    @node sum(extra = 0, one = 1) { return extra + one; }
    @node file(path: string, ctx: any) { return path + " for " + ctx.nodeName; }
    @node maybe(limit = 10) { return limit; }
    @node("rows") first(rows: number[], context: any) { return rows[0] + " in " + context.nodeName; }
    @condition isLong(rows: number[]) { return rows.length > 2; }
    @node("isLong.true") long(rows: number[]) { return "long " + rows.length; }
    @select kind(extra: number) { return extra > 40 ? "big" : "small"; }
    @node("kind.big") big(extra: number) { return "big " + extra; }
    @all("rows", "extra") both(rows: any, ctx: any) { return rows.extra + rows.rows.length + " in " + ctx.nodeName; }
    @any("rows", "extra") either(rows: any, context: any) { return context.trigger + " in " + context.nodeName; }
  }
  sources.push(...Object.getOwnPropertyNames(Nodes.prototype).map((key) => String((Nodes.prototype as any)[key])));

  export class States {
    @state({ initial: true }) open(path: string, ctx: any) { return next("edit", { path: path + "!", rows: [ctx.cycle] }); }
    @state edit(path: string, rows: number[], limit = 7, context: any) { return next("close", [path, rows, limit, context.cycle]); }
    @state({ terminal: true }) close(rows: unknown[], ctx: any) { return stop([...rows, ctx.nodeName]); }
  }

  /** One parameter has the name to which esbuild renames the other. */
  export const two = (path: string, path2: string) => path + "," + path2;
  export const swapped = (path2: string, path: string) => path2 + "," + path;
  export const three = (path: string, path2: string, path3: string) => path + "," + path2 + "," + path3;
  export const self = (extra: number) => extra + 1;
  export const calls: string[] = [];
  export const plain = (path: string, limit = 5) => {
    calls.push(path);
    return path + " " + limit;
  };
`;

interface Compiled {
  readonly sources: readonly string[];
  readonly Nodes: new () => Record<string, (...args: any[]) => any>;
  readonly States: new () => Record<string, (...args: any[]) => any>;
  readonly two: (...args: any[]) => string;
  readonly swapped: (...args: any[]) => string;
  readonly three: (...args: any[]) => string;
  readonly self: (...args: any[]) => number;
  readonly calls: string[];
  readonly plain: (...args: any[]) => string;
}

describe("Names that Rollup numbered", () => {
  it("are restored", async () => {
    const dag = new Dag("rolled");
    dag.node("total", () => 2);
    dag.node("n", (total$1: number, ctx$1: Context, limit$12 = 1) => `${total$1} ${limit$12} in ${ctx$1.nodeName}`);
    expect((await dag.run({ inputs: { limit: 5 } })).value).toBe("2 5 in n");
  });

  it("are kept if the number is part of the original name", async () => {
    const dag = new Dag("exact");
    dag.node("v", () => 2);
    dag.node("n", (v0 = "default", v10 = "default") => [v0, v10]);
    expect((await dag.run()).get("n")).toEqual(["default", 2]);
    expect((await dag.run({ inputs: { v0: 0, v10: 10 } })).get("n")).toEqual([0, 10]);
  });
});

describe.each([
  ["standard", false],
  ["legacy", true],
])("Names that a compiler numbered, with %s decorators", (_, legacy) => {
  let module: Compiled;
  beforeAll(async () => {
    module = await compiled(SOURCE, { legacy });
  });

  it("are produced by esbuild", () => {
    expect(module.sources.join("\n")).toMatch(/sum\(extra2 = 0.*file\(path2, ctx2\).*first\(rows2, context2\)/su);
    expect(String(module.two)).toContain("(path2, path22)");
    expect(String(module.swapped)).toContain("(path2, path3)");
  });

  it("are bound to the nodes, the run inputs and the context that the source means", async () => {
    const dag = Dag.from(module.Nodes);
    expect(dag.validate().filter(({ severity }) => severity === "error")).toEqual([]);
    const run = await dag.run({ inputs: { path: "a.txt", limit: 20 } });
    expect({ ...run.results }).toMatchObject({
      sum: 42,
      file: "a.txt for file",
      maybe: 20,
      first: "3 in first",
      isLong: [3, 1, 2],
      long: "long 3",
      kind: 41,
      big: "big 41",
      both: "44 in both",
      either: "rows in either",
    });
    expect((await dag.run({ inputs: { path: "b" }, mode: "async", retain: "outputs" })).get("sum")).toBe(42);
    expect((await dag.run({ inputs: { path: "b" } })).get("maybe")).toBe(10);
    expect((await dag.run({ inputs: { path2: "c" } })).get("file")).toBe("c for file");
  });

  it("are run inputs if they are given under the numbered name", async () => {
    const dag = Dag.from(module.Nodes);
    const run = await dag.run({ inputs: { path: "a", extra2: 50, limit2: null } });
    expect([run.get("sum"), run.get("kind"), run.get("maybe"), run.get("extra")]).toEqual([51, 50, null, 41]);
  });

  it("are reported with both names if missing, and refused if unknown", async () => {
    const dag = Dag.from(module.Nodes);
    await expect(dag.run()).rejects.toThrow(/input "path2" \(or "path", if a compiler numbered it\) of node "file"/u);
    await expect(dag.run({ inputs: { path: "a", path3: 1 } })).rejects.toThrow(/takes no input "path3"/u);
    await expect(Fsm.from(module.States).run()).rejects.toThrow(/lacks "path2" \(or "path"/u);
  });

  it("are bound to the values, the run inputs and the context of states", async () => {
    const fsm = Fsm.from(module.States);
    const inputs = { path: "a" };
    expect((await fsm.run({ inputs })).value).toEqual(["a!", [0], 7, 1, "close"]);
    expect((await fsm.run({ inputs: { ...inputs, limit: 8 } })).value).toEqual(["a!", [0], 8, 1, "close"]);
    expect((await fsm.run({ inputs: { ...inputs, limit2: 9 } })).value).toEqual(["a!", [0], 9, 1, "close"]);
    await expect(fsm.run({ inputs: { ...inputs, limit3: 9 } })).rejects.toThrow(/takes no input "limit3"/u);
  });

  it.each([
    ["two", { path: "a", path2: "b" }, "a,b"],
    ["swapped", { path: "a", path2: "b" }, "b,a"],
    ["three", { path: "a", path2: "b", path3: "c" }, "a,b,c"],
  ] as const)("are distinguished if %s parameters have similar names", async (name, inputs, expected) => {
    const dag = new Dag("alike");
    dag.node("n", module[name]);
    expect((await dag.run({ inputs })).value).toBe(expected);
  });

  it.each([
    ["two", { path2: "b" }, "node,b"],
    ["swapped", { path2: "b" }, "b,node"],
    ["three", { path2: "b", path3: "c" }, "node,b,c"],
  ] as const)(
    "are distinguished if %s parameters have similar names, one of them a node's",
    async (name, inputs, expected) => {
      const dag = new Dag("wired");
      dag.node("path", () => "node");
      dag.node("n", module[name]);
      expect((await dag.run({ inputs })).value).toBe(expected);
      await expect(dag.run()).rejects.toThrow(MissingInputError);
    },
  );

  it("do not bind to a node if a run input of the numbered name is given", async () => {
    const dag = new Dag("given");
    dag.node("limit", (rows = 1) => {
      if (rows === 1) throw new Error("not needed");
      return rows;
    });
    dag.node("n", { params: ["path"] }, (path: string) => path);
    dag.node("plain", module.plain);
    const run = await dag.run({ inputs: { path: "a", limit2: 6 }, errorStrategy: "continue" });
    expect(run.outputs).toEqual({ n: "a", plain: "a 6" });
    expect(dag.executionOrder).toEqual(["limit", "n", "plain"]);
    expect((await dag.run({ inputs: { path: "a", rows: 2 } })).outputs).toEqual({ n: "a", plain: "a 2" });
  });

  it("are run inputs if the node itself has the name", async () => {
    const dag = new Dag("self");
    dag.node("extra", module.self);
    expect((await dag.run({ inputs: { extra: 1 } })).value).toBe(2);
  });

  it("are recognized if an input is given as an option", async () => {
    await expect(Dag.from(module.Nodes).run({ path: "a" } as object)).rejects.toThrow(/inputs: \{ path: … \}/u);
    await expect(Fsm.from(module.States).run({ path: "a" } as object)).rejects.toThrow(/inputs: \{ path: … \}/u);
  });

  it("are taken literally in params", async () => {
    const dag = new Dag("exact");
    dag.node("extra", () => 41);
    dag.node("sum", { params: ["extra2"] }, (x = 0) => x);
    expect((await dag.run()).get("sum")).toBe(0);
    expect((await dag.run({ inputs: { extra2: 5 } })).get("sum")).toBe(5);
  });

  it("are found by connect", async () => {
    const dag = new Dag("connected");
    dag.node("source", () => 6);
    dag.connect("source", dag.node("n", module.plain), { input: "limit" });
    expect((await dag.run({ inputs: { path: "a" } })).value).toBe("a 6");
    const first = new Dag("namesakes");
    first.node("source", () => ({ limit: 7, path: "b" }));
    first.node("n", module.plain);
    first.connect("source", "n", { output: "limit" }).connect("source", "n", { output: "path" });
    expect((await first.run()).value).toBe("b 7");
    expect(() => dag.connect("source", "n", { input: "paht" })).toThrow(/no parameter "paht"/u);
  });

  it.each([
    ["all inputs", undefined],
    ["a list", ["path"]],
    ["a function", ({ path }: Record<string, unknown>) => path],
  ] as const)("are found by a cache with %s as key, and by invalidateCache", async (_key, key) => {
    const { calls } = module;
    calls.length = 0;
    const dag = new Dag("cached");
    dag.node("n", { cache: { ttl: 60_000, key } }, module.plain);
    const get = async (path: string) => (await dag.run({ inputs: { path, limit: 1 } })).value;
    expect([await get("a"), await get("b"), await get("a")]).toEqual(["a 1", "b 1", "a 1"]);
    expect(calls).toEqual(["a", "b"]);
    await dag.invalidateCache("n", { path: "a", limit: 1 });
    await dag.invalidateCache("n", { path2: "none", limit2: 1 });
    expect([await get("a"), await get("b")]).toEqual(["a 1", "b 1"]);
    expect(calls).toEqual(["a", "b", "a"]);
    expect(() => dag.node("m", { cache: { ttl: 1, key: "paht" } }, module.plain)).toThrow(/no parameter "paht"/u);
  });

  it("are found under either name in the inputs that hooks get and return", async () => {
    const seen: unknown[] = [];
    const hooks = (change: (inputs: Record<string, unknown>) => Record<string, unknown> | undefined): NodeHooks => ({
      preExecute: (_node, inputs) => {
        seen.push([inputs["path"], inputs["path2"], Object.keys(inputs)]);
        return change(inputs);
      },
    });
    const run = async (change: (inputs: Record<string, unknown>) => Record<string, unknown> | undefined) => {
      const dag = new Dag("hooked");
      dag.node("n", { hooks: hooks(change) }, module.plain);
      return (await dag.run({ inputs: { path: "a" } })).value;
    };
    expect(await run(() => undefined)).toBe("a 5");
    expect(seen).toEqual([["a", "a", ["path2", "limit2"]]]);
    expect(await run(() => ({ path: "b" }))).toBe("b 5");
    expect(await run((inputs) => ({ ...inputs, path: "c", limit: 6 }))).toBe("c 6");
    expect(await run((inputs) => ({ ...inputs, path2: "d" }))).toBe("d 5");
    expect(await run((inputs) => Object.assign(inputs, { path: "e" }))).toBe("e 5");
    expect(await run((inputs) => Object.assign(inputs, { path2: "f" }))).toBe("f 5");
  });
});
