import { beforeAll, describe, expect, it, vi } from "vitest";
import { Dag, Fsm, MissingInputError, type RunResult } from "dagwright";
import { compiled } from "../support/compiled.js";

const SOURCE = /* ts */ `
  import { node, all, any, state, next, stop } from "dagwright";
  const shout = (text: string) => text.toUpperCase();

  export class Nodes {
    @node({ params: ["ctx"] }) rows(ctx: any) { return [ctx.nodeName, 2]; }
    @node("rows") first(rows: unknown[], ctx: any) { ctx.metadata.seen = true; return rows[0] + " in " + ctx.nodeName; }
    @node({ needs: ["rows"] }) async aborts(rows: unknown[], ctx: any) { return ctx?.signal.aborted; }
    @all("rows", "first") both(values: any, ctx: any) { return values.first + ", " + ctx.nodeName; }
    @any("rows", "first") either(value: any, ctx: any) { return ctx.trigger + " " + value.length; }
    @node({ needs: ["rows"] }) second(rows: unknown[]) { return shout(String(rows[0])); }
  }
  export class Handing { @node rows() { return [1]; } @node("rows") hand(rows: unknown[], ctx: any) { return [rows, ctx]; } }
  export class Wired { @node rows() { return [1]; } @node rates() { return [2]; }
    @node("rows") join(rows: unknown[], rates: unknown[]) { return rows.concat(rates); } }
  export class Defaulting { @node base() { return 100; } @node discount() { return 0.5; }
    @node("base") price(amount: number, discount = 1) { return amount * discount; } }
  export class Asking { @node greet(name: string) { return shout(name); } }
  export class States {
    @state({ initial: true, params: ["order"] }) open(order: number) { return next("close", { order }); }
    @state({ terminal: true }) close(data: { order: number }, ctx: any) { return stop([data.order, ctx.cycle, ctx.runId !== ""]); }
  }
  export class Named {
    @state({ initial: true }) open() { return next("close", { order: 1, by: "me" }); }
    @state({ terminal: true }) close(order: number, by: string) { return stop([order, by]); }
  }
`;

type Class = new () => Record<string, (...args: any[]) => any>;
type Compiled = Readonly<Record<"Nodes" | "Defaulting" | "Handing" | "Wired" | "Asking" | "States" | "Named", Class>>;

const refusal = (work: Promise<unknown>): Promise<Error> =>
  work.then(
    () => Promise.reject(new Error("should have failed")),
    (error: Error) => error,
  );

describe.each([
  ["standard", false],
  ["legacy", true],
])("Minified names, with %s decorators", (_, legacy) => {
  let module: Compiled;
  beforeAll(async () => {
    module = await compiled(SOURCE, { legacy, minify: true });
  });

  it("are one letter each", () => {
    expect(String(module.Nodes.prototype["first"])).toMatch(/^first\(\w,\w\)/u);
  });

  it("cause a warning if a default value takes the place of a node's result", async () => {
    const warned = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
    const dag = Dag.from(module.Defaulting);
    expect((await dag.run()).get("price" as never)).toBe(100);
    expect((await dag.run()).get("price" as never)).toBe(100);
    expect(warned).toHaveBeenCalledOnce();
    const message = expect.stringMatching(/^Parameter "\w" of node "price" .* "discount" is not connected.*minifier/u);
    expect(warned).toHaveBeenCalledWith(message, "DagwrightWarning");
    expect(dag.validate()).toContainEqual(expect.objectContaining({ code: "LOST_NAME", message, severity: "warning" }));
    warned.mockRestore();
  });

  it("pass the context to the last parameter, if no need takes it and it is used like a context", async () => {
    const run: RunResult<any> = await Dag.from(module.Nodes).run();
    expect({ ...run.results }).toEqual({
      rows: ["rows", 2],
      first: "rows in first",
      aborts: false,
      both: "rows in first, both",
      either: "rows 2",
      second: "ROWS",
    });
    expect(run.context.metadata).toEqual({ seen: true });
  });

  it("are not taken for the context otherwise, but refused with a remedy", async () => {
    for (const Class of [module.Handing, module.Wired]) {
      const error = await refusal(Dag.from(Class).run());
      expect(error).toBeInstanceOf(MissingInputError);
      expect(error.message).toMatch(/lacks input "\w".*minifier.*params.*needs.*--keep-names does not/u);
    }
  });

  it("are mentioned in errors about missing or unknown inputs", async () => {
    const dag = Dag.from(module.Asking);
    expect((await refusal(dag.run())).message).toMatch(/lacks input "\w" of node "greet".*minifier/u);
    expect((await refusal(dag.run({ inputs: { name: "x" } }))).message).toMatch(/takes no input "name".*minifier/u);
    const source = new Dag("s").node("a", () => 1);
    const built = new Dag("built");
    built.node("a", () => 1);
    built.node("greet", module.Asking.prototype["greet"]);
    expect(() => built.connect(source, "greet", { input: "name" })).toThrow(/no parameter "name".*minifier/u);
    expect(() => built.node("c", { cache: { ttl: 1, key: "name" } }, module.Asking.prototype["greet"])).toThrow(
      /no parameter "name".*minifier/u,
    );
  });

  it("do not affect the value and the context of a state, and are refused if it takes values by name", async () => {
    expect((await Fsm.from(module.States).run({ inputs: { order: 5 } })).value).toEqual([5, 1, true]);
    const error = await refusal(Fsm.from(module.Named).run());
    expect(error.message).toMatch(/State "close".*lacks "\w", "\w".*minifier.*params/u);
  });
});

describe("Short names", () => {
  it("refer to nodes and run inputs, however the parameter is used", async () => {
    const dag = new Dag("short");
    dag.node("a", () => 1);
    dag.node("b", () => ({ signal: "b's" }));
    dag.node("c", { needs: ["a"] }, (a: number, b: { signal: string }) => `${a} ${b.signal}`);
    dag.node("d", { needs: ["a", "b"] }, (a: number, c: { signal: string }) => `${a} ${c.signal}`);
    expect((await dag.run()).outputs).toEqual({ c: "1 b's", d: "1 b's" });
    dag.node("e", { params: ["q"] }, (q: { signal: string }) => q.signal);
    expect((await dag.run({ inputs: { q: { signal: "q's" } } })).get("e")).toBe("q's");
  });

  it("refer to run inputs that are given, although they are used like a context", async () => {
    const dag = new Dag("short");
    dag.node("e", (q: { signal: unknown }) => q.signal);
    expect((await dag.run({ inputs: { q: { signal: "x" } } })).value).toBe("x");
    expect((await dag.run()).value).toBeInstanceOf(AbortSignal);
    const fsm = new Fsm("short");
    fsm.state("end", { initial: true, terminal: true }, (id: number, q: { signal: string }) => `${id} ${q.signal}`);
    await expect(fsm.run({ inputs: { id: 1, q: { signal: "x" } } })).rejects.toThrow(
      /takes no input "q"\. "end" is assumed to take its context as this parameter.*params: \[\.\.\., "q"\]/u,
    );
  });

  it("can't refer to properties of a state's value if they are used like a context", async () => {
    const fsm = new Fsm("short");
    const go = fsm.state("go", { initial: true }, () => ({ id: 1, q: { signal: "x" } }));
    go.to(fsm.state("end", (id: number, q: { signal: string }) => `${id} ${q.signal}`));
    await expect(fsm.run()).rejects.toThrow(/State "end" seems to take its context as "q".*params/u);
    const exact = new Fsm("exact");
    const start = exact.state("go", { initial: true }, () => ({ id: 1, q: { signal: "x" } }));
    start.to(exact.state("end", { params: ["id", "q"] }, (id: number, q: { signal: string }) => `${id} ${q.signal}`));
    expect((await exact.run()).value).toBe("1 x");
    const none = new Fsm("none");
    none
      .state("go", { initial: true }, () => null)
      .to(none.state("end", (id: unknown, q: { signal: unknown }) => [id, q.signal instanceof AbortSignal]));
    expect((await none.run()).value).toEqual([null, true]);
  });

  it("are taken for the context depending on the final needs of the node", async () => {
    const dag = new Dag("configured");
    dag.node("a", () => 1);
    dag.node("b", () => ({ signal: "b's" }));
    dag.node("n", { needs: ["a"] }, (a: number, q: { signal: unknown }) => [a, q.signal]);
    expect((await dag.run()).get("n")).toEqual([1, expect.any(AbortSignal)]);
    dag.configureNode("n", { needs: ["a", "b"] });
    expect((await dag.run()).get("n")).toEqual([1, "b's"]);
    dag.configureNode("n", { needs: ["a"], params: ["a", "b"] });
    expect((await dag.run()).get("n")).toEqual([1, "b's"]);
  });

  it("are not taken for the context if they have a default value, or are not the last parameter", async () => {
    const dag = new Dag("short");
    dag.node("f", (q = { signal: "default" }) => q.signal);
    dag.node("g", { needs: ["f"] }, (f: string, q: { signal: string }, r: number) => `${f} ${q.signal} ${r}`);
    const run = await dag.run({ inputs: { q: { signal: "given" }, r: 1 } });
    expect([run.get("f"), run.get("g")]).toEqual(["given", "given given 1"]);
  });

  it("are taken for the context in a node of the same name, also if it is cached", async () => {
    const dag = new Dag("short");
    let calls = 0;
    dag.node("a", () => 1);
    dag.node(
      "q",
      { needs: ["a"], cache: { ttl: 60_000 } },
      (a: number, q: { nodeName: string }) => `${a} ${q.nodeName} ${++calls}`,
    );
    expect([(await dag.run()).value, (await dag.run()).value]).toEqual(["1 q 1", "1 q 1"]);
    const wired = new Dag("wired");
    wired.node("a", () => 1);
    wired.node("q", () => ({ signal: "q's" }));
    wired.node(
      "n",
      { needs: ["a"], cache: { ttl: 60_000 } },
      (a: number, q: { signal: string }) => `${a} ${q.signal} ${++calls}`,
    );
    expect([(await wired.run()).value, (await wired.run()).value]).toEqual(["1 q's 2", "1 q's 2"]);
    await wired.invalidateCache("n", { a: 1, q: { signal: "q's" } });
    expect((await wired.run()).value).toBe("1 q's 3");
  });
});
