import { describe, expect, it, vi } from "vitest";
import {
  Dag,
  Fsm,
  InvalidNodeError,
  ValidationError,
  WorkflowRegistry,
  cases,
  next,
  node,
  route,
  state,
  stop,
  stream,
  subworkflow,
} from "dagwright";
import { copied, givenFor } from "../support/data.js";

class Orders {
  factor = 3;
  @node load(limit: number) {
    return [limit, limit + 1];
  }
  @node({ retry: { retries: 1, delay: 0 } }) total(load: number[], scale = 1) {
    return load.length * scale;
  }
}

class Validation {
  @node verify(order: number) {
    return order > 3;
  }
  @node("verify") verdict(ok: boolean, limit = 7) {
    return [ok, limit];
  }
}

describe("replaceNode", () => {
  it("keeps the wiring by position, whatever the names, and the options", async () => {
    let calls = 0;
    const dag = Dag.from(Orders).replaceNode("total", function (this: Orders, rows: number[], times = 2) {
      if (calls++ === 0) throw new Error("once");
      return [rows, times, this.factor];
    });
    const { edges, inputs } = Dag.from(Orders);
    expect([dag.edges, dag.inputs]).toEqual([edges, inputs]);
    expect((await dag.run({ inputs: { limit: 5 } })).value).toEqual([[5, 6], 2, 3]);
    expect((await dag.run({ inputs: { limit: 5, scale: 7 } })).value).toEqual([[5, 6], 7, 3]);
    expect(calls).toBe(3);
  });

  it("keeps connections, the context and branches", async () => {
    const dag = new Dag("wired");
    dag.node("a", () => 1);
    dag.node("b", (x: number) => x);
    dag.connect("a", "b");
    dag.all("record", { needs: ["a", "b"] }, (values: object) => values);
    dag.replaceNode("b", (ctx: { nodeName: string }, y: number) => [ctx.nodeName, y]);
    dag.replaceNode("record", (all: object) => Object.keys(all));
    const run = await dag.run();
    expect(run.results).toEqual({ a: 1, b: ["b", 1], record: ["a", "b"] });
    dag.configureNode("b", { description: "changed" });
    expect((await dag.clone().run()).get("b")).toEqual(["b", 1]);
  });

  it("takes mocks and bound functions, which declare no parameters", async () => {
    const mock = vi.fn((rows: number[]) => rows.length);
    const dag = Dag.from(Orders).replaceNode("total", mock);
    await dag.run({ inputs: { limit: 1 } });
    expect(mock).toHaveBeenCalledWith([1, 2], undefined);
    dag.replaceNode("total", Math.max.bind(null, 4));
    expect((await dag.run({ inputs: { limit: 1 } })).value).toBeNaN();
  });

  it("refuses unknown names, what is no function, and too few parameters", () => {
    const dag = Dag.from(Orders);
    const before = dag.nodes.get("total");
    expect(() => dag.replaceNode("totl", () => 1)).toThrow(ValidationError);
    expect(() => dag.replaceNode("totl", () => 1)).toThrow(/Did you mean "total"/u);
    expect(() => dag.replaceNode("total", 5 as never)).toThrow(InvalidNodeError);
    expect(() => dag.replaceNode("total", (rows: number[]) => rows)).toThrow(
      /Node "total" takes 2 parameters \(load, scale\), but the function in its place takes only 1/u,
    );
    expect(() => dag.replaceNode("load", () => 1)).toThrow(/takes none/u);
    const all = new Dag("all");
    all.node("a", () => 1);
    all.all("r", { needs: ["a", "a"] }, (values: object) => values);
    expect(() => all.replaceNode("r", (a: number, b: number) => a + b)).toThrow(/in one parameter/u);
    expect(dag.nodes.get("total")).toBe(before);
  });

  it("puts a workflow in the place of a function, and a function in the place of a workflow", async () => {
    const dag = new Dag<any>("orders");
    dag.node("fetch", () => 5);
    dag.node("limit", () => 9);
    dag.node("check", { needs: ["fetch"], retry: 1, hooks: { cleanup: () => undefined } }, (sum: number) => -sum);
    const { options } = dag.nodes.get("check")!;
    dag.replaceNode("check", subworkflow(Validation, { output: "verdict" }));
    const wired = [
      { from: "fetch", to: "check" },
      { from: "limit", to: "check" },
    ];
    expect(dag.edges).toMatchObject(wired);
    expect(dag.nodes.get("check")).toMatchObject({ kind: "workflow", options });
    expect((await dag.run()).get("check")).toEqual([true, 9]);
    expect(dag.clone().subworkflows.get("check")?.workflow.name).toBe("Validation");
    dag.replaceNode("check", (first: number, second: number) => [second, first]);
    expect(dag.edges).toMatchObject(wired);
    expect(dag.subworkflows.size).toBe(0);
    expect((await dag.run()).get("check")).toEqual([9, 5]);
  });

  it("keeps connections, and the sources that a workflow was given for its inputs", async () => {
    const dag = new Dag<any>("orders");
    dag.node("fetch", () => 5);
    dag.node("most", () => 1);
    dag.node("check", subworkflow(Validation, { inputs: { limit: "most", order: "fetch" } }));
    dag.replaceNode("check", (a: number, b: number) => [a, b]);
    expect((await dag.run()).get("check")).toEqual([5, 1]);
    dag.replaceNode("check", Dag.from(Validation));
    expect((await dag.run()).get("check")).toEqual([true, 1]);
    expect(copied(Dag.fromJSON(copied(dag), givenFor(dag)))).toEqual(copied(dag));
    const one = new Dag<any>("one");
    one.node("only", (order: number) => order);
    const few = dag.clone().replaceNode("check", one);
    expect(few.validate().flatMap(({ severity, message }) => (severity === "error" ? message : []))).toEqual([
      'Node "check" has a connection from "most" to its input 2, but its workflow "one" takes 1: order. Disconnect it.',
    ]);
    expect(() => dag.replaceNode("check", (a: number) => a)).toThrow(/takes 2 parameters \(order, limit\)/u);
  });

  it("replaces the work of maps, switches and generators", async () => {
    const dag = new Dag<any>("work");
    dag.node("rows", { buffer: 2 }, function* () {
      yield 1;
    });
    dag.map("mapped", { needs: [stream("rows")], concurrency: 1 }, (row: number) => row);
    dag.node("pick", () => route("post", 4));
    dag.switch("sent", { needs: ["pick"], cases: { post: (n: number) => n, mail: (n: number) => n } });
    dag.replaceNode("rows", function* () {
      yield 3;
      yield 4;
    });
    dag.replaceNode("mapped", subworkflow(Validation, { output: "verify" }));
    dag.replaceNode("sent", cases({ post: Validation }));
    const run = await dag.run();
    expect([run.get("mapped"), run.get("sent")]).toEqual([
      [false, true],
      [true, 7],
    ]);
    dag.replaceNode("mapped", (row: number, more = 2) => row * more);
    dag.replaceNode("sent", ({ branch }: { branch: string }) => branch);
    const again = await dag.run();
    expect([again.get("mapped"), again.get("sent")]).toEqual([[6, 8], "post"]);
    expect(dag.nodes.get("mapped")).toMatchObject({ kind: "map", map: { concurrency: 1 }, subworkflow: undefined });
  });

  it("refuses what can't take the place of a node's function", () => {
    const dag = new Dag<any>("kinds");
    dag.condition("is", () => true);
    dag.all("all", { needs: ["is"] }, (values: object) => values);
    dag.when("when", { if: "is", then: "all" });
    dag.coalesce("first", ["all"]);
    dag.node("far", { backend: "thread" }, () => 1);
    expect(() => dag.replaceNode("is", Validation)).toThrow(/is a condition, so no workflow can take its place/u);
    expect(() => dag.replaceNode("all", Dag.from(Validation))).toThrow(/is an all, so no workflow/u);
    expect(() => dag.replaceNode("when", (x: unknown) => x)).toThrow(/is a when, which has no function/u);
    expect(() => dag.replaceNode("first", Validation)).toThrow(/is a coalesce, so no workflow/u);
    expect(() => dag.replaceNode("far", Validation)).toThrow(/has no option "backend". Set it on the nodes inside/u);
    expect(dag.subworkflows.size).toBe(0);
  });

  it("has a counterpart for states", async () => {
    class Machine {
      @state({ initial: true, to: ["last"] }) first(id: string) {
        return next("last", { id, n: 1 });
      }
      @state last(id: string, n: number) {
        return stop(id + n);
      }
    }
    const fsm = Fsm.from(Machine).replaceState("last", (text: string, count: number) => stop([text, count]));
    expect((await fsm.run({ inputs: { id: "x" } })).value).toEqual(["x", 1]);
    const given = subworkflow(Validation, { output: "verify", inputs: { order: "x" } });
    expect(() => fsm.replaceState("last", given)).toThrow(/so its workflow has no "inputs"/u);
    fsm.configureState("first", { to: ["last"] }).addTransition("first", "last");
    fsm.replaceState("first", subworkflow(Validation, { output: "verify" }));
    fsm.replaceState("last", (id: unknown, n = 0) => [id, n]).addTerminalState("last");
    expect((await fsm.run({ inputs: { order: 8, id: 1 } })).stateHistory).toEqual(["first", "last"]);
    fsm.replaceState("first", (order: number, limit = 1) => next("last", { id: order, n: limit }));
    expect((await fsm.run({ inputs: { order: 8, id: 1 } })).value).toEqual([8, 1]);
    fsm.replaceState("first", (id: string, more = 1) => next("last", { id, n: more }));
    expect(() => fsm.replaceState("first", () => stop())).toThrow(/State "first" takes 2 parameters \(order, limit\)/u);
    expect(() => fsm.replaceState("fist", () => stop())).toThrow(ValidationError);
  });
});

describe("WorkflowRegistry", () => {
  it("finds workflows by name", async () => {
    const orders = Dag.from(Orders);
    const machine = new Fsm("machine");
    const registry = new WorkflowRegistry().add(orders).add(machine, orders);
    expect(registry.names).toEqual(["Orders", "machine"]);
    expect(registry.get("Orders")).toBe(orders);
    expect(registry.get("toString")).toBeUndefined();
    expect((await registry.get("Orders")!.run({ inputs: { limit: 1 } })).value).toBe(2);
  });

  it("refuses a second workflow of a name, and what is none", () => {
    const registry = new WorkflowRegistry().add(new Dag("one"));
    expect(() => registry.add(new Fsm("one"))).toThrow(ValidationError);
    expect(() => registry.add(Orders as never)).toThrow(/takes dags and fsms.*received function Orders/u);
    expect(registry.names).toEqual(["one"]);
  });
});
