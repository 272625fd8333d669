import { describe, expect, it, vi } from "vitest";
import { Dag, Fsm, InvalidNodeError, ValidationError, WorkflowRegistry, next, node, state, stop } from "dagwright";

class Orders {
  factor = 3;
  @node load(limit: number) {
    return [limit, limit + 1];
  }
  @node({ retry: { retries: 1, delay: 0 } }) total(load: number[], scale = 1) {
    return load.length * scale;
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
    expect(() => fsm.replaceState("first", () => stop())).toThrow(/State "first" takes 1 parameter \(id\)/u);
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
