import { describe, expect, it } from "vitest";
import {
  type CycleError,
  Dag,
  Fsm,
  MissingInputError,
  next,
  node,
  optional,
  state,
  subworkflow,
  ValidationError,
  workflow,
} from "dagwright";
import { failure } from "../support/waiting.js";

@workflow({ name: "validation" })
class Validation {
  @node load(order: string) {
    return `${order}!`;
  }
  @node("load") verify(load: string) {
    return load.length;
  }
  @node("verify") verdict(verify: number) {
    return verify > 3;
  }
}

@workflow({ name: "orders" })
class Orders {
  @node fetch() {
    return "book";
  }
  @node("fetch") check = subworkflow(Validation, { output: "verdict" });
  @node("check") ship(verdict: boolean) {
    return verdict ? "shipped" : "kept";
  }
}

/** A dag with one input and one node, which adds one. */
function adder(name = "adder"): Dag<any> {
  const dag = new Dag<any>(name);
  dag.node("sum", (n: number) => n + 1);
  return dag;
}

describe("A node that is a workflow", () => {
  it("runs in a class, as a field", async () => {
    const run = await Dag.from(Orders).run();
    expect(run.get("ship")).toBe("shipped");
    expect(run.get("check")).toBe(true);
    expect(run.get("check.load")).toBe("book!");
    expect(run.get("check.verify")).toBe(5);
    expect(run.has("check.verify")).toBe(true);
    expect(run.has("check.nothing")).toBe(false);
    expect(run.get("check.nothing", "absent")).toBe("absent");
    expect(run.child("check")!.status).toBe("completed");
    expect(run.child("check")!.workflow).toBe("validation");
    expect(run.child("ship")).toBeUndefined();
  });

  it.each([
    ["a class", () => Validation],
    ["an instance", () => new Validation()],
    ["a subworkflow of an instance", () => subworkflow(new Validation())],
    ["a dag", () => Dag.from(Validation)],
    ["a subworkflow", () => subworkflow(Validation)],
    ["a subworkflow of a function that returns a class", () => subworkflow(() => Validation)],
    ["a subworkflow of a function that returns a dag", () => subworkflow(() => Dag.from(Validation))],
  ])("is built from %s", async (_, source) => {
    const dag = new Dag<any>("orders");
    const fetch = dag.node("fetch", () => "book");
    const check = dag.node("check", { needs: [fetch] }, source() as any);
    dag.node("ship", { needs: [check] }, (verdict) => verdict);
    const run = await dag.run();
    expect(run.get("ship")).toBe(true);
    expect(run.get(check)).toBe(true);
    expect(run.child(check)!.get("verify")).toBe(5);
  });

  it("is built from an instance, with its fields", async () => {
    class Greeting {
      constructor(private readonly greeting: string) {}
      @node greet(name: string) {
        return `${this.greeting} ${name}`;
      }
    }
    const dag = new Dag("greetings");
    const names = dag.node("names", () => ["Ann", "Bob"]);
    dag.node("one", { needs: [dag.node("name", () => "Cid")] }, new Greeting("dear"));
    dag.map("all", { needs: [names] }, new Greeting("hello"));
    const fsm = new Fsm("letter");
    fsm.state("only", { initial: true }, new Greeting("yours"));
    const run = await dag.run();
    expect(run.get("one")).toBe("dear Cid");
    expect(run.get("all")).toEqual(["hello Ann", "hello Bob"]);
    expect((await fsm.run({ inputs: { name: "Dot" } })).value).toBe("yours Dot");
  });

  it("is built from an fsm", async () => {
    const dag = new Dag<any>("orders");
    const fsm = new Fsm<any>("counter");
    fsm.state("attempt", { to: ["attempt", "done"] }, (n: number) =>
      n < 3 ? next("attempt", n + 1) : next("done", n),
    );
    fsm.state("done", { to: [] }, (n: number) => n * 10);
    fsm.setInitialState("attempt");
    fsm.addTerminalState("done");
    dag.node("one", () => 1);
    dag.node("machine", { needs: ["one"] }, fsm);
    dag.node("first", { needs: ["machine.attempt.0"] }, (n: number) => n);
    dag.node("latest", { needs: ["machine.attempt"] }, (n: number) => n);
    const run = await dag.run();
    expect([run.get("machine"), run.get("first"), run.get("latest")]).toEqual([30, 2, 3]);
    expect(run.get("machine.attempt.1")).toBe(3);
    expect(run.child("machine")!.getHistory("attempt")).toEqual([2, 3, 3]);
  });

  it("has the value of the named output, else of its one sink, else its outputs", async () => {
    const two = new Dag<any>("two");
    two.node("a", () => 1);
    two.node("b", () => 2);
    two.node("c", { needs: ["a"] }, (a: number) => a + 10);
    const dag = new Dag<any>("outer");
    dag.node("sinks", two);
    dag.node("named", subworkflow(two, { output: "a" }));
    dag.node("sink", Dag.from(Validation) as any);
    const run = await dag.run({ inputs: { order: "x" } });
    expect(run.get("sinks")).toEqual({ b: 2, c: 11 });
    expect(run.get("named")).toBe(1);
    expect(run.get("sink")).toBe(false);
  });
});

describe("The inputs of a workflow in a dag", () => {
  const pair = () => {
    const dag = new Dag<any>("pair");
    dag.node("left", (a: string) => a);
    dag.node("right", (b = "default") => b);
    dag.node("both", { needs: ["left", "right"] }, (left: string, right: string) => `${left} ${right}`);
    return dag;
  };

  it("are listed, in order", () => {
    const dag = pair();
    expect(dag.inputs.map(({ name, required }) => [name, required])).toEqual([
      ["a", true],
      ["b", false],
    ]);
    const outer = new Dag<any>("outer");
    outer.node("inner", dag);
    expect(outer.inputs.map(({ name, required }) => [name, required])).toEqual([
      ["a", true],
      ["b", false],
    ]);
  });

  it("come first from needs, by position", async () => {
    const dag = new Dag<any>("outer");
    dag.node("a", () => "auto a");
    dag.node("b", () => "auto b");
    dag.node("x", () => "x");
    dag.node("inner", { needs: ["x"] }, pair());
    const run = await dag.run({ inputs: {} });
    expect(run.get("inner")).toBe("x auto b");
  });

  it("come from the option inputs, by name", async () => {
    const dag = new Dag<any>("outer");
    dag.node("x", () => ({ part: "p" }));
    dag.node("a", () => "auto a");
    dag.node("inner", { needs: ["a"] }, subworkflow(pair(), { inputs: { b: "x.part" } }));
    dag.node("other", subworkflow(pair(), { inputs: { a: "a", b: "inner.left" } }));
    const run = await dag.run();
    expect(run.get("inner")).toBe("auto a p");
    expect(run.get("other")).toBe("auto a auto a");
  });

  it("come from nodes and run inputs of their names, else from their defaults", async () => {
    const dag = new Dag<any>("outer");
    dag.node("a", () => "auto a");
    dag.node("inner", pair());
    expect((await dag.run()).get("inner")).toBe("auto a default");
    expect((await dag.run({ inputs: { b: "given" } })).get("inner")).toBe("auto a given");
    const other = new Dag<any>("other");
    other.node("inner", pair());
    expect((await other.run({ inputs: { a: "1", b: "2" } })).get("inner")).toBe("1 2");
  });

  it("must be given before anything starts", async () => {
    const dag = new Dag<any>("outer");
    let started = 0;
    dag.node("first", () => started++);
    dag.node("check", Dag.from(Validation) as any);
    expect(dag.isValid).toBe(true);
    const error = await failure(dag.run());
    expect(error).toBeInstanceOf(MissingInputError);
    expect(error.message).toContain('input "order" of node "check" (check.order)');
    expect(started).toBe(0);
    expect(() => dag.runSync()).toThrow(MissingInputError);
  });

  it("must be given before anything starts, also two levels down", async () => {
    const middle = new Dag<any>("middle");
    middle.node("check", Dag.from(Validation) as any);
    const dag = new Dag<any>("outer");
    let started = 0;
    dag.node("first", () => started++);
    dag.node("middle", middle);
    const error = await failure(dag.run());
    expect(error).toBeInstanceOf(MissingInputError);
    expect(error.message).toContain("middle.order");
    expect(started).toBe(0);
  });

  it("can't be given twice, nor too many", () => {
    const twice = new Dag<any>("twice");
    twice.node("x", () => 1);
    twice.node("inner", { needs: ["x"] }, subworkflow(pair(), { inputs: { a: "x" } }));
    expect(() => twice.validateOrThrow()).toThrow(ValidationError);
    expect(() => twice.validateOrThrow()).toThrow(/"a" of node "inner" has two sources: "x" and "x"/u);
    const many = new Dag<any>("many");
    for (const name of ["x", "y", "z"]) many.node(name, () => 1);
    many.node("inner", { needs: ["x", "y", "z"] }, pair());
    expect(() => many.validateOrThrow()).toThrow(ValidationError);
    expect(() => many.validateOrThrow()).toThrow(/"inner" has 3 needs.*"pair" takes 2 inputs: a, b/su);
  });

  it("must exist", () => {
    const dag = new Dag<any>("outer");
    dag.node("inner", subworkflow(pair(), { inputs: { c: "x" } }));
    expect(() => dag.validateOrThrow()).toThrow(/"inner".*"pair".*"c".*It takes: a, b/su);
    const missing = new Dag<any>("outer");
    missing.node("inner", subworkflow(pair(), { inputs: { a: "x" } }));
    expect(() => missing.validateOrThrow()).toThrow(/"inner".*"x".*no node "x"/su);
  });
});

describe("A need of a result inside", () => {
  it("is that result, whether it is a sink or not", async () => {
    const dag = new Dag<any>("outer");
    dag.node("check", Dag.from(Validation) as any);
    dag.node("both", { needs: ["check.load", "check.verdict"] }, (load: string, verdict: boolean) => [load, verdict]);
    dag.node("deep", { needs: ["check.verify"] }, (n: number) => n);
    const run = await dag.run({ inputs: { order: "book" } });
    expect(run.get("both")).toEqual(["book!", true]);
    expect(run.get("deep")).toBe(5);
  });

  it("has any depth", async () => {
    const middle = new Dag<any>("middle");
    middle.node("check", Dag.from(Validation) as any);
    const dag = new Dag<any>("outer");
    dag.node("middle", middle);
    dag.node("deep", { needs: ["middle.check.load"] }, (load: string) => load);
    dag.node("mid", { needs: ["middle.check"] }, (verdict: boolean) => verdict);
    const run = await dag.run({ inputs: { order: "book" }, mode: "async" });
    expect([run.get("deep"), run.get("mid")]).toEqual(["book!", true]);
  });

  it("must exist", () => {
    const dag = new Dag<any>("outer");
    dag.node("check", Dag.from(Validation) as any);
    dag.node("x", { needs: ["check.verdicd"] }, (x: unknown) => x);
    expect(() => dag.validateOrThrow()).toThrow(
      /"x" needs "check\.verdicd".*"validation" has no node "verdicd".*"verdict"/su,
    );
    dag.removeNode("x");
    dag.node("y", { needs: ["check.qqq"] }, (x: unknown) => x);
    expect(() => dag.validateOrThrow()).toThrow(/It has: load, verify, verdict/u);
    dag.removeNode("y");
    dag.node("z", { needs: ["check.load.more"] }, (x: unknown) => x);
    expect(() => dag.validateOrThrow()).toThrow(/"z" needs "check\.load\.more"/u);
  });

  it("of an unknown output is refused", () => {
    const dag = new Dag<any>("outer");
    dag.node("check", subworkflow(Validation, { output: "verdikt" as "verdict" }));
    expect(() => dag.validateOrThrow()).toThrow(/"check" has the output "verdikt".*has no node "verdikt"/su);
  });

  function forked() {
    const inner = new Dag<any>("forked");
    inner.condition("c", () => true);
    inner.node("yes", { needs: ["c.true"] }, () => "yes");
    inner.node("no", { needs: ["c.false"] }, () => "no");
    return inner;
  }

  it("skips its node when the node inside was skipped, unless it is optional", async () => {
    const dag = new Dag<any>("outer");
    dag.node("in", forked());
    dag.node("no", { needs: ["in.no"] }, () => "unreachable");
    dag.node("yes", { needs: ["in.yes"] }, (yes: string) => yes);
    dag.node("maybe", { needs: [optional("in.no")] }, (no: unknown) => [no]);
    dag.any("first", { needs: ["in.no", "in.yes"] }, (winner: unknown) => winner);
    dag.all("all", { needs: [optional("in.no"), "in.yes"] }, (values: object) => values);
    for (const mode of ["sequential", "async"] as const) {
      const run = await dag.run({ mode });
      expect(run.nodes.get("no")).toMatchObject({ status: "skipped", skippedBy: "in.no" });
      expect(run.get("yes")).toBe("yes");
      expect(run.get("maybe")).toEqual([undefined]);
      expect(run.get("first")).toBe("yes");
      expect(run.get("all")).toEqual({ "in.no": undefined, "in.yes": "yes" });
      expect(run.status).toBe("completed");
    }
  });
});

describe("A workflow that contains itself", () => {
  const message = (dag: Dag<any>) => {
    try {
      dag.validateOrThrow();
    } catch (error) {
      return [(error as { code: string }).code, (error as Error).message];
    }
    return [];
  };
  const cycle = (dag: Dag<any>) => {
    try {
      dag.validateOrThrow();
    } catch (error) {
      return (error as CycleError).cycle;
    }
    return undefined;
  };

  it("is a CycleError with the way", () => {
    const dag: Dag<any> = new Dag<any>("self");
    dag.node(
      "again",
      subworkflow(() => dag),
    );
    expect(message(dag)).toEqual(["CYCLE", expect.stringContaining("self › again")]);
  });

  it("is one through two others", () => {
    const [a, b, c] = ["a", "b", "c"].map((name) => new Dag<any>(name));
    a.node("x", b);
    b.node("y", c);
    c.node("z", a);
    expect(message(a)[1]).toContain("a › x › y › z");
    expect(message(b)[1]).toContain("b › y › z › x");
    expect(cycle(a)).toEqual(["x", "y", "z"]);
    expect(cycle(b)).toEqual(["y", "z", "x"]);
    const outer = new Dag<any>("outer");
    outer.node("in", b);
    expect(cycle(outer)).toEqual(["y", "z", "x"]);
  });

  it("is one in a class", () => {
    class Loop {
      @node loop: any = subworkflow(() => Loop);
    }
    expect(message(Dag.from(Loop as any))[1]).toContain("Loop › loop");
  });

  it("is one below a workflow that does not contain itself", () => {
    const inner: Dag<any> = new Dag<any>("inner");
    inner.node(
      "again",
      subworkflow(() => inner),
    );
    const outer = new Dag<any>("outer");
    outer.node("in", inner);
    expect(message(outer)[1]).toContain("again");
  });

  it("is none when it contains another twice", async () => {
    const dag = new Dag<any>("outer");
    const inner = adder();
    dag.node("one", inner);
    dag.node("two", { needs: ["one"] }, inner);
    expect((await dag.run({ inputs: { n: 1 } })).get("two")).toBe(3);
  });
});

describe("A change of a workflow inside", () => {
  it("is taken by the next run", async () => {
    const inner = adder();
    const dag = new Dag<any>("outer");
    dag.node("in", inner);
    dag.node("out", { needs: ["in"] }, (n: unknown) => n);
    expect((await dag.run({ inputs: { n: 1 } })).get("out")).toBe(2);
    inner.removeNode("sum");
    inner.node("product", (m: number) => m * 10);
    expect(dag.inputs.map(({ name }) => name)).toEqual(["m"]);
    expect((await dag.run({ inputs: { m: 2 } })).get("out")).toBe(20);
    inner.node("broken", { needs: ["nothing"] }, () => 1);
    expect(() => dag.validateOrThrow()).toThrow(/"in" is a workflow with an error.*"nothing"/su);
    inner.removeNode("broken");
    expect((await dag.run({ inputs: { m: 2 } })).get("out")).toBe(20);
  });

  it("two levels down is, too", async () => {
    const inner = adder();
    const middle = new Dag<any>("middle");
    middle.node("in", inner);
    const dag = new Dag<any>("outer");
    dag.node("mid", middle);
    expect((await dag.run({ inputs: { n: 1 } })).get("mid")).toBe(2);
    inner.node("more", { needs: ["sum"] }, (sum: number) => sum * 100);
    expect((await dag.run({ inputs: { n: 1 } })).get("mid")).toBe(200);
  });
});

@workflow({ name: "review" })
class Review {
  @state({ initial: true, to: ["done"] }) draft = subworkflow(Validation);
  @state({ to: [] }) done(ok: boolean) {
    return ok;
  }
}

describe("A state that is a workflow", () => {
  it("gives the value that transitions see", async () => {
    const fsm = Fsm.from(Review as any) as Fsm<any>;
    fsm.addTransition("draft", "done", "default");
    const run = await fsm.run({ inputs: { order: "book" } });
    expect(run.value).toBe(true);
    expect(run.get("draft.verify")).toBe(5);
  });
});
