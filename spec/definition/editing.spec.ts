import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { Dag, Fsm, type DagJson, next, node, state, stop, ValidationError, workflow } from "dagwright";

/** load → parse → report, where the last two are wired by name. */
function pipeline(): Dag<any> {
  const dag = new Dag<any>("pipe.line", { description: "reads" });
  dag.node("load", (path: string, limit = 10) => `${path} ${limit}`);
  dag.node("parse", { needs: ["load"] }, (text: string) => ({ words: text.split(" "), size: text.length }));
  dag.node("report", { needs: ["parse.size"], after: ["load"] }, (size: number) => size);
  return dag;
}

describe("A dag describes itself", () => {
  it("with its edges and inputs", () => {
    const dag = pipeline();
    const plain = { output: undefined, optional: false, orderOnly: false, stream: false };
    expect(dag.edges).toEqual([
      { ...plain, from: "load", to: "parse" },
      { ...plain, from: "load", to: "report", orderOnly: true },
      { ...plain, from: "parse", to: "report", output: "size" },
    ]);
    expect(dag.inputs).toEqual([
      { name: "path", required: true },
      { name: "limit", required: false },
    ]);
  });

  it("in one line, and as JSON", () => {
    const dag = pipeline();
    expect(String(dag)).toBe('Dag "pipe.line" { load, parse, report }');
    expect(inspect(dag)).toBe(String(dag));
    const { name, description, nodes } = JSON.parse(JSON.stringify(dag)) as DagJson;
    expect([name, description, nodes.map((entry) => entry.name)]).toEqual([
      "pipe.line",
      "reads",
      ["load", "parse", "report"],
    ]);
    const many = new Dag<any>("many");
    for (let i = 0; i < 1000; i++) many.node(`n${i}`, () => i);
    expect(String(many)).toMatch(/^Dag "many" \{ n0, .* n9, … 990 more \}$/u);
    expect(String(new Dag("none"))).toBe('Dag "none" { }');
  });

  it("as does an fsm", () => {
    class Light {
      @state({ initial: true }) red() {
        return next("green");
      }
      @state({ terminal: true }) green() {
        return stop();
      }
    }
    const fsm = Fsm.from(Light);
    expect(fsm.initialState).toBe("red");
    expect([...fsm.terminalStates]).toEqual(["green"]);
    fsm.addTerminalState("red").setInitialState("green");
    expect([fsm.initialState, [...fsm.terminalStates].sort()]).toEqual(["green", ["green", "red"]]);
    expect(String(fsm)).toBe('Fsm "Light" { red, green }');
    expect(inspect(fsm)).toBe(String(fsm));
    expect(JSON.parse(JSON.stringify(fsm))).toEqual({
      version: 1,
      kind: "fsm",
      name: "Light",
      states: [
        { name: "red", initial: true },
        { name: "green", terminal: true },
      ],
      initialState: "green",
      terminalStates: ["red"],
    });
  });

  it("with names that contain dots", async () => {
    class Jobs {
      @node a() {
        return 1;
      }
    }
    @workflow({ name: "acme.jobs" })
    class Named extends Jobs {}
    const dag = Dag.from(Named);
    expect((await dag.run()).workflow).toBe("acme.jobs");
    expect(() => new Dag("")).toThrow('The name of a workflow must be a non-empty string; received "".');
    expect(() => new Fsm(3 as never)).toThrow("The name of a workflow must be a non-empty string; received 3.");
  });
});

describe("A connection", () => {
  it("goes to the parameter named like its output, or its source, or to the first free one", async () => {
    const dag = new Dag<any>("ml");
    dag.node("split", () => ({ train: "TRAIN", test: "TEST" }));
    dag.node("rate", () => 2);
    dag.node("evaluate", (first: number, train: string, rate: number, test: string) => [first, train, rate, test]);
    dag.node("one", () => 1);
    dag.connect("split", "evaluate", { output: "test" }).connect("split", "evaluate", { output: "train" });
    dag.connect("rate", "evaluate").connect("one", "evaluate");
    expect((await dag.run()).get("evaluate")).toEqual([1, "TRAIN", 2, "TEST"]);
  });

  it("is removed by disconnect, and no other is", async () => {
    const dag = new Dag<any>("d");
    dag.node("a", () => 1);
    dag.node("b", () => 2);
    dag.node("sum", (x: number, y = 10) => x + y);
    dag.connect("a", "sum").connect("b", "sum");
    expect((await dag.run()).get("sum")).toBe(3);
    dag.disconnect("b", "sum");
    expect((await dag.run()).get("sum")).toBe(11);
    expect(() => dag.disconnect("b", "sum")).toThrow(ValidationError);
    expect(() => dag.disconnect("nobody", "sum")).toThrow(/has no node "nobody"/u);
    expect(() => pipeline().disconnect("load", "parse")).toThrow(
      'connect() added no connection from "load" to "parse". Where "parse" needs it by itself, call configureNode("parse", { needs }).',
    );
  });
});

describe("configureNode", () => {
  it("changes the given options, and keeps the others", async () => {
    const dag = new Dag<any>("d");
    let calls = 0;
    dag.node("a", { retry: { retries: 0 }, description: "first" }, () => {
      if (++calls < 3) throw new Error("not yet");
      return calls;
    });
    dag.node("b", () => 7);
    dag.node("c", { needs: ["a"] }, (x: number) => x);
    await expect(dag.run()).rejects.toThrow(/not yet/u);
    calls = 0;
    dag.configureNode("a", { retry: { retries: 2, delay: 0 } });
    expect((await dag.run()).get("c")).toBe(3);
    expect(dag.nodes.get("a")?.description).toBe("first");
    dag.configureNode("c", { needs: ["b"] });
    expect((await dag.run()).get("c")).toBe(7);
  });

  it("keeps the instance of a method, and refuses invalid options", async () => {
    class Counter {
      private readonly by = 5;
      @node add(x: number) {
        return x + this.by;
      }
    }
    const dag = Dag.from(Counter);
    dag.configureNode("add", { timeout: 1000 });
    expect((await dag.run({ inputs: { x: 1 } })).get("add")).toBe(6);
    expect(() => dag.configureNode("add", { name: "plus" } as never)).toThrow(
      'Node "add" can\'t be renamed. Remove it and define it again.',
    );
    expect(() => dag.configureNode("add", { timeout: "1s" } as never)).toThrow(/"timeout" of node "add"/u);
    expect(() => dag.configureNode("sub" as never, {})).toThrow(/no node "sub"/u);
  });

  it("plans anew when a workflow inside is removed, however often either has changed", async () => {
    const inner = new Dag<any>("inner");
    inner.node("x", () => 1);
    const dag = new Dag<any>("outer");
    dag.node("a", () => 1);
    dag.node("inner", inner);
    expect((await dag.run()).results).toEqual({ a: 1, inner: 1 });
    dag.removeNode("inner");
    expect(dag.executionOrder).toEqual(["a"]);
    expect((await dag.run()).results).toEqual({ a: 1 });
  });
});
