import { describe, expect, it, vi } from "vitest";
import { Dag, InvalidNodeError, optional, ValidationError } from "dagwright";

describe("The builder", () => {
  it("wires handles, names and autowired parameters", async () => {
    const dag = new Dag("etl");
    const fetch = dag.node("fetch", () => [1, 2, 3]);
    const total = dag.node("total", { needs: [fetch] }, (xs) => xs.length);
    dag.node("report", { params: ["total"] }, (n: number) => `n=${n}`);
    const run = await dag.run();
    expect(run.value).toBe("n=3");
    expect(run.get(total)).toBe(3);
  });

  it("takes a node's name from its function", async () => {
    const dag = new Dag("d");
    dag.node(function answer() {
      return 42;
    });
    dag.node({ description: "twice" }, function twice(answer: number) {
      return answer * 2;
    });
    expect((await dag.run()).value).toBe(84);
    expect(dag.nodes.get("twice")?.description).toBe("twice");
    expect(() => dag.node(() => 1)).toThrow(InvalidNodeError);
  });

  it("chains and fans out and in, by name and by handle", async () => {
    const dag = new Dag("d");
    const a = dag.node("a", () => "a");
    for (const name of ["b", "c"]) dag.node(name, { params: ["x"] }, (x: string) => x + name);
    dag.node("d", { params: ["x", "y"] }, (x: string, y: string) => `${x}|${y}`);
    dag.chain(a, ["b", "c"], "d");
    expect((await dag.run()).value).toBe("ab|ac");

    const other = new Dag("o");
    other.node("a", () => 1);
    other.node("b", { params: ["x"] }, (x: number) => x + 1);
    other.node("c", { params: ["x"] }, (x: number) => x * 10);
    other.node("sum", { params: ["p", "q"] }, (p: number, q: number) => p + q);
    other.getNode("a").to("b", "c").to("sum");
    expect((await other.run()).value).toBe(12);
  });

  it("connects outputs and inputs by name", async () => {
    const dag = new Dag("d");
    const split = dag.node("split", () => ({ left: 1, right: 2 }));
    dag.node("diff", { params: ["a", "b"] }, (a: number, b: number) => a - b);
    dag.connect("split", "diff", { output: "left", input: "b" });
    split.output("right").to("diff");
    expect((await dag.run()).value).toBe(1);
  });

  it("connects the branches of conditions and selects", async () => {
    const dag = new Dag("d");
    dag.condition("isBig", { params: ["n"] }, (n: number) => n > 10);
    dag.select("route", { params: ["n"] }, (n: number) => (n % 2 === 0 ? "even" : "odd"));
    for (const name of ["big", "small", "even", "other"]) {
      dag.node(name, { params: ["x"] }, (x: number) => `${name} ${x}`);
    }
    dag.getNode("isBig").onTrue.to("big");
    dag.getNode("isBig").onFalse.to("small");
    dag.getNode("route").branch("even").to("even");
    dag.getNode("route").branch("default").to("other");
    const run = await dag.run({ inputs: { n: 11 } });
    expect(run.outputs).toEqual({ big: "big 11", other: "other 11" });
    expect(run.nodes.get("small")).toMatchObject({ status: "skipped", skippedBy: "isBig.false" });
    expect(() => dag.getNode("big").onTrue).toThrow(/onTrue belongs to a condition, but "big" is a node/u);
    expect(() => dag.getNode("isBig").branch("x")).toThrow(ValidationError);
  });

  it("refuses a connection without a free parameter, with both nodes and a remedy in the message", () => {
    const dag = new Dag("d");
    dag.node("a", () => 1);
    dag.node("b", { params: ["x"] }, (x: number) => x);
    dag.connect("a", "b");
    expect(() => dag.connect("a", "b")).toThrow(ValidationError);
    expect(() => dag.connect("a", "b")).toThrow(/"a".*"b".*no free parameter.*after/su);
    expect(() => dag.connect("a", "b", { input: "y" })).toThrow(/no parameter "y".*It has: x/u);
    expect(() => dag.connect("aa", "b")).toThrow(/no node "aa".*Did you mean "a"/u);
    expect(() => dag.getNode("c")).toThrow(ValidationError);
  });

  it.each(["", "a.b"])("refuses the name %j", (name) => {
    expect(() => new Dag("d").node(name, () => 1)).toThrow(InvalidNodeError);
  });

  it("refuses a second node of the same name", () => {
    const dag = new Dag("d");
    dag.node("a", () => 1);
    expect(() => dag.node("a", () => 2)).toThrow(/"d" already has a node "a"/u);
  });

  it.each(["__proto__", "constructor", "toString", "hasOwnProperty", "then", "ü b"])(
    "treats %j as a name like any other",
    async (name) => {
      const dag = new Dag("d");
      dag.node(name, () => 1);
      dag.node("next", { needs: [name] }, (x: number) => x + 1);
      dag.all("all", { needs: [name, "next"] }, (r: Record<string, number>) => r);
      const run = await dag.run({ mode: "async" });
      expect(run.get(name)).toBe(1);
      expect(Object.keys(run.results)).toEqual([name, "next", "all"]);
      expect(Object.entries(run.get("all") as object)).toEqual([
        [name, 1],
        ["next", 2],
      ]);
      expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
    },
  );

  it("has no nodes with the names of Object.prototype's members", async () => {
    const dag = new Dag("d");
    dag.node("a", () => 1);
    const run = await dag.run();
    expect(run.get("constructor")).toBeUndefined();
    expect(run.has("__proto__")).toBe(false);
    expect(run.get("nope", "fallback")).toBe("fallback");
  });

  it("removes a node with its connections", async () => {
    const dag = new Dag("d");
    dag.node("a", () => 1);
    dag.node("b", { params: ["x"] }, (x = 5) => x);
    dag.connect("a", "b");
    dag.removeNode("a");
    expect([...dag]).toEqual(["b"]);
    expect(dag.size).toBe(1);
    await expect(dag.run({ inputs: { x: 7 } })).resolves.toMatchObject({ value: 7 });
  });

  it("clones a definition, which is then independent", async () => {
    const dag = new Dag("d");
    dag.node("a", () => 1);
    const copy = dag.clone();
    copy.node("b", { needs: ["a"] }, (x: number) => x + 1);
    expect([...dag]).toEqual(["a"]);
    expect((await copy.run()).value).toBe(2);
    expect(dag.lastRun).toBeUndefined();
  });

  it("plans again after a change", async () => {
    const dag = new Dag("d");
    dag.node("a", () => 1);
    expect((await dag.run()).value).toBe(1);
    dag.node("b", { needs: ["a"] }, (x: number) => x + 1);
    expect((await dag.run()).value).toBe(2);
    expect(dag.levels).toEqual([["a"], ["b"]]);
    expect(dag.entryPoints).toEqual(["a"]);
    expect(dag.executionOrder).toEqual(["a", "b"]);
  });

  it("passes the context to the parameter of its name, otherwise as an extra argument", async () => {
    const dag = new Dag("d");
    dag.node("a", () => 1);
    dag.node("first", { needs: ["a"], params: ["ctx", "x"] }, (ctx: any, x: any) => [ctx.nodeName, x]);
    dag.node("last", { needs: ["a"], params: ["x", "context"] }, (x: any, context: any) => [context.nodeName, x]);
    dag.node("extra", { needs: ["a"], params: ["x"] }, (x: any, more: any) => [more.nodeName, x]);
    dag.node("args", { needs: ["a"] }, function () {
      // eslint-disable-next-line prefer-rest-params
      return [(arguments[1] as { nodeName: string }).nodeName, arguments[0]];
    });
    dag.node("rest", { needs: ["a", "a"] }, (...xs: number[]) => xs);
    const { outputs } = await dag.run();
    expect(outputs).toEqual({
      first: ["first", 1],
      last: ["last", 1],
      extra: ["extra", 1],
      args: ["args", 1],
      rest: [1, 1],
    });
  });

  it("wires by class with wiring: type", async () => {
    class Order {}
    class Rate {}
    class EuroRate extends Rate {}
    const dag = new Dag("typed", { wiring: "type" });
    dag.node("order", { returns: Order }, () => new Order());
    dag.node("euro", { returns: EuroRate }, () => new EuroRate());
    dag.node("dollar", { returns: Rate }, () => new Rate());
    dag.node("price", { types: [Order, [Rate]], params: ["o", "rates"] }, (o: Order, rates: Rate[]) => [o, rates]);
    const [order, rates] = (await dag.run()).get("price") as [Order, Rate[]];
    expect(order).toBeInstanceOf(Order);
    expect(rates.map((rate) => rate.constructor)).toEqual([EuroRate, Rate]);
    dag.node("one", { types: [Rate], params: ["rate"] }, (rate: Rate) => rate);
    expect(() => dag.validateOrThrow()).toThrow(/"one" takes a Rate.*"euro", "dollar"/u);
    await expect(dag.run()).rejects.toThrow(ValidationError);
  });

  it("does not autowire with autowire: false", async () => {
    const dag = new Dag("d", { autowire: false });
    dag.node("a", () => 1);
    dag.node("b", { params: ["a"] }, (a: number) => a);
    await expect(dag.run()).rejects.toMatchObject({ code: "MISSING_INPUT", missing: ["a"] });
    expect((await dag.run({ inputs: { a: 3 } })).get("b")).toBe(3);
  });

  it("never wires a node to itself", async () => {
    const dag = new Dag("d");
    dag.node("a", { params: ["a"] }, (a: number) => a + 1);
    expect((await dag.run({ inputs: { a: 1 } })).value).toBe(2);
  });

  it("calls a function that takes no parameters after its needs, and skips it with them", async () => {
    const fn = vi.fn(() => "done");
    const dag = new Dag("d");
    dag.node("a", () => {
      throw new Error("no");
    });
    dag.node("b", { needs: ["a"], params: [] }, fn);
    dag.node("c", { needs: [optional("a")], params: [] }, fn);
    const run = await dag.run({ errorStrategy: "continue" });
    expect(run.nodes.get("b")?.status).toBe("skipped");
    expect(run.get("c")).toBe("done");
    expect(fn).toHaveBeenCalledTimes(1);
  });

  it.each([
    [{ retry: -1 }, /"retry" of node "a" must be a whole number.*received -1/u],
    [{ retry: "2" }, /"retry" of node "a" must be a whole number or an object; received "2"/u],
    [{ timeout: Number.NaN }, /"timeout" of node "a".*milliseconds.*received NaN/u],
    [{ priority: "urgent" }, /"priority" of node "a" must be one of .*received "urgent"/u],
    [{ priority: 101 }, /"priority" of node "a".*from 0 to 100; received 101/u],
    [{ retrys: 1 }, /Unknown option "retrys" of node "a"\. Did you mean "retry"/u],
    [{ needs: "x" }, /"needs" of node "a" must be an array; received "x"/u],
    [{ hooks: { pre: () => {} } }, /Unknown option "pre"/u],
    [{ errorStrategy: "ignore" }, /"errorStrategy" of node "a" must be one of/u],
  ])("refuses the options %j", (options, message) => {
    const define = () => new Dag("d").node("a", options as never, () => 1);
    expect(define).toThrow(message);
    expect(define).toThrow(/./u);
  });

  it("refuses more needs than parameters, and invalid needs", () => {
    const dag = new Dag("d");
    expect(() => dag.node("x", { needs: ["a", "b"], params: undefined }, new Function("p", "") as never)).toThrow(
      /2 needs but 1 parameter/u,
    );
    expect(() => dag.node("y", { needs: [3 as never] }, (p: number) => p)).toThrow(InvalidNodeError);
    expect(() => dag.node("z", { needs: ["a."] }, (p: number) => p)).toThrow(InvalidNodeError);
  });
});
