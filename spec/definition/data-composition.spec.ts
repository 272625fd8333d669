import { describe, expect, it } from "vitest";
import { z } from "zod";
import {
  Dag,
  Fsm,
  cases,
  map,
  next,
  node,
  optional,
  route,
  state,
  stop,
  stream,
  subworkflow,
  switchOn,
  workflow,
} from "dagwright";
import { copied, givenFor, problems } from "../support/data.js";

class Validation {
  @node verify(order: number) {
    return order > 3;
  }
  @node("verify") verdict(ok: boolean) {
    return ok ? "fine" : "too small";
  }
}

class Retry {
  @state({ initial: true }) attempt(n: number) {
    return n > 1 ? next("done", n) : next("attempt", n + 1);
  }
  @state({ terminal: true }) done(n: number) {
    return stop(n * 10);
  }
}

class Post {
  @node stamp(item: string) {
    return `${item} by post`;
  }
}

/** A dag with every kind of node that holds other workflows, functions and streams. */
function everything() {
  const check = Dag.from(Validation, { errorStrategy: "continue", metadata: { team: "risk" } });
  check.setDefaultHooks({ cleanup: () => undefined });
  check.configureNode("verify", { output: z.boolean(), retry: { retries: 1, when: () => false } });
  const dag = new Dag("everything", { inputs: { seed: z.number().default(4) } });
  dag.node("fetch", (seed: number) => seed);
  dag.node("check", { timeout: 500 }, subworkflow(check, { output: "verdict", inputs: { order: "fetch" } }));
  dag.node("machine", { needs: ["fetch"] }, Fsm.from(Retry));
  dag.node("rows", { buffer: 2 }, function* () {
    yield* [1, 2, 3];
  });
  dag.map("double", { needs: [stream("rows"), "fetch"], concurrency: 2 }, (row: number, by: number) => row * by);
  dag.node("sum", { needs: [optional(stream("double"))] }, async (items?: AsyncIterable<number>) => {
    let sum = 0;
    for await (const item of items ?? []) sum += item;
    return sum;
  });
  const reduce = { initial: { n: 0 }, fn: (all: { n: number }, one: number) => ({ n: all.n + one }) };
  dag.map("total", { needs: ["rows"], reduce, retry: 1 }, (row: number) => row);
  dag.map("verdicts", { needs: ["rows"], onItemError: "settle" }, subworkflow(check, { output: "verify" }));
  dag.map("pairs", { needs: ["rows"], flatten: true, onItemError: "skip" }, (row: number) => [row, row]);
  dag.node("letters", () => [route("email", "a"), route("post", "b"), route("x.y", "c")]);
  const table = {
    email: (item: string) => `${item} by mail`,
    post: subworkflow(Post),
    default: (item: string) => item,
  };
  dag.map("sent", { needs: ["letters"] }, { cases: { ...table, "x.y": (item: string) => `${item} by x.y` } });
  dag.node("pick", () => route("post", "d"));
  dag.switch("deliver", { needs: ["pick", "fetch"], cases: { ...table, post: Post } });
  dag.condition("isLarge", { needs: ["fetch"] }, (seed: number) => seed > 3);
  dag.node("large", () => "large");
  dag.node("small", () => "small");
  dag.when("size", { if: "isLarge", then: "large", else: "small", description: "by seed" });
  dag.guard("gift", { if: "isLarge.true", then: "large" });
  dag.node("nothing", () => null);
  dag.coalesce("first", ["nothing", "size"]);
  dag.configureNode("first", { priority: "high" });
  dag.node("reached", { needs: ["check.verify", "machine.done.0"] }, (ok: boolean, n: number) => [ok, n]);
  return dag;
}

describe("A dag with other workflows as data", () => {
  it("makes the same dag again", async () => {
    const dag = everything();
    const json = copied(dag);
    const again = Dag.fromJSON(json, givenFor(dag));
    expect(copied(again)).toEqual(json);
    expect([again.edges, again.inputs, again.executionOrder]).toEqual([dag.edges, dag.inputs, dag.executionOrder]);
    expect(again.toMermaid()).toBe(dag.toMermaid());
    expect(again.toDot()).toBe(dag.toDot());
    const [before, after] = [await dag.run(), await again.run()];
    expect(after.results).toEqual(before.results);
    expect(after.get("sent")).toEqual(["a by mail", "b by post", "c by x.y"]);
    expect(after.get("deliver")).toBe("d by post");
    expect(after.get("machine" as never)).toBe(40);
    expect(copied(Dag.fromYAML(dag.toYAML(), givenFor(dag)))).toEqual(json);
  });

  it("reads well", () => {
    const dag = new Dag("orders");
    dag.node("fetch", () => [5]);
    dag.map("check", { needs: ["fetch"], concurrency: 8 }, subworkflow(Validation, { output: "verdict" }));
    dag.node("pick", () => route("a", 1));
    dag.switch("deliver", { needs: ["pick"], cases: { a: (n: number) => n, b: subworkflow(Post) } });
    dag.when("either", { if: "fetch", then: "check", else: "deliver" });
    expect(copied(dag)).toEqual({
      version: 1,
      kind: "dag",
      name: "orders",
      nodes: [
        { name: "fetch", kind: "node" },
        {
          name: "check",
          kind: "map",
          needs: ["fetch"],
          concurrency: 8,
          subworkflow: { workflow: "check", output: "verdict" },
        },
        { name: "pick", kind: "node" },
        {
          name: "deliver",
          kind: "node",
          needs: ["pick"],
          params: ["item"],
          cases: { a: {}, b: { workflow: "deliver.b" } },
        },
        { name: "either", kind: "when", if: "fetch", then: "check", else: "deliver" },
      ],
      workflows: [
        {
          id: "check",
          kind: "dag",
          name: "Validation",
          nodes: [
            { name: "verify", kind: "node" },
            { name: "verdict", kind: "node", needs: ["verify"] },
          ],
        },
        { id: "deliver.b", kind: "dag", name: "Post", nodes: [{ name: "stamp", kind: "node" }] },
      ],
    });
  });

  it("finds the functions of a workflow inside by dotted names, or in an object under its id", async () => {
    const dag = new Dag("orders");
    dag.node("fetch", () => 5);
    dag.node("check", subworkflow(Validation, { output: "verdict", inputs: { order: "fetch" } }));
    const fetch = () => 2;
    const withObject = Dag.fromJSON(copied(dag), { functions: { fetch, check: new Validation() } });
    expect((await withObject.run()).get("check" as never)).toBe("too small");
    const functions = { fetch, "check.verify": (order: number) => order, "check.verdict": (n: number) => `is ${n}` };
    expect((await Dag.fromJSON(copied(dag), { functions }).run()).get("check" as never)).toBe("is 2");
    const found = problems(() => Dag.fromJSON(copied(dag), { functions: { fetch } }));
    expect(found).toEqual(
      ["check.verify", "check.verdict"].map(
        (name) => `UNKNOWN_FUNCTION There is no function "${name}". Pass { functions: { "${name}": … } }.`,
      ),
    );
  });

  it("takes a switch that was written by hand", async () => {
    const nodes = [
      { name: "pick", kind: "node" },
      { name: "deliver", kind: "node", needs: ["pick", "pick"], cases: { post: { workflow: "mail" } } },
    ];
    const workflows = [{ id: "mail", kind: "dag", name: "mail", nodes: [{ name: "stamp", kind: "node" }] }];
    const functions = { pick: () => route("post", "x"), "mail.stamp": (item: string) => `${item}!` };
    const dag = Dag.fromJSON({ version: 1, kind: "dag", name: "hand", nodes, workflows }, { functions });
    expect((await dag.run()).get("deliver" as never)).toBe("x!");
  });

  it("writes a workflow that several nodes use once", async () => {
    const shared = Dag.from(Validation);
    const dag = new Dag("sharing");
    dag.node("a", subworkflow(shared, { output: "verify" }));
    dag.node("b", subworkflow(shared));
    const again = Dag.fromJSON(copied(dag), givenFor(dag));
    expect(again.toJSON().workflows).toHaveLength(1);
    expect(again.subworkflows.get("a")?.workflow).toBe(again.subworkflows.get("b")?.workflow);
    // Written in full at each place, this one would have 2^60 nodes.
    let inner = shared as Dag<any>;
    for (let i = 0; i < 60; i++) {
      const outer = new Dag<any>(`level${i}`);
      outer.node("left", inner);
      outer.node("right", inner);
      inner = outer;
    }
    const json = copied(inner);
    expect(json.workflows).toHaveLength(60);
    expect(copied(Dag.fromJSON(json, givenFor(inner)))).toEqual(json);
  });

  it("keeps that a workflow contains itself, which is a cycle before and after", () => {
    const dag: Dag<any> = new Dag<any>("self");
    const inner: Dag<any> = new Dag<any>("inner");
    dag.node("child", inner);
    inner.node(
      "back",
      subworkflow(() => dag),
    );
    const again = Dag.fromJSON(copied(dag), { functions: {} });
    expect(copied(again)).toEqual(copied(dag));
    expect(again.validate().map(({ code }) => code)).toEqual(dag.validate().map(({ code }) => code));
    expect(dag.validate()[0].code).toBe("CYCLE");
  });

  it("reads a class with maps, switches and workflows in fields", async () => {
    function mail(this: { sign: string }, item: string) {
      return item + this.sign;
    }
    @workflow({ name: "mailer" })
    class Mailer {
      sign = "S";
      @node letters() {
        return [route("mail", "a"), route("post", "b")];
      }
      @map("letters", { concurrency: 1 }) sent = cases({ mail, post: subworkflow(Post) });
      @node pick() {
        return route("mail", "c");
      }
      @switchOn("pick") one = cases({ mail });
      @node check = subworkflow(Validation, { output: "verdict" });
    }
    const dag = Dag.from(Mailer);
    const functions = Object.assign(new Mailer(), {
      "sent.mail": mail,
      "one.mail": mail,
      "sent.post": new Post(),
      check: new Validation(),
    });
    const again = Dag.fromJSON(copied(dag), { functions });
    expect(copied(again)).toEqual(copied(dag));
    const inputs = { order: 9 };
    expect((await again.run({ inputs })).results).toEqual((await dag.run({ inputs })).results);
    expect((await again.run({ inputs })).get("sent")).toEqual(["aS", "b by post"]);
  });

  it("takes any depth", { tags: "slow" }, () => {
    let inner: Dag<any> = new Dag<any>("d0");
    inner.node("n", { metadata: { since: new Date(0) } }, () => 1);
    for (let depth = 1; depth <= 1000; depth++) {
      const outer = new Dag<any>(`d${depth}`);
      outer.node("i", subworkflow(inner, { output: depth === 1 ? "n" : "i" }));
      inner = outer;
    }
    const json = copied(inner);
    expect(json.workflows).toHaveLength(1000);
    expect(copied(Dag.fromJSON(json, givenFor(inner)))).toEqual(json);
    expect(copied(Dag.fromYAML(inner.toYAML(), givenFor(inner)))).toEqual(json);
  });

  it("lists all that is unknown or invalid, also inside", () => {
    const json = {
      version: 1,
      kind: "dag",
      name: "bad",
      nodes: [
        { name: "a", kind: "workflow" },
        { name: "b", kind: "workflow", subworkflow: { workflow: "nope", outputs: "x" } },
        { name: "c", kind: "map", reduce: 5, batchs: 1, subworkflow: { workflow: "in", inputs: { x: 1 } } },
        { name: "d", kind: "when", if: "a", needs: ["b"] },
        { name: "e", kind: "node", cases: { x: 5, y: {} }, needs: [{ stream: 5 }, { stream: "a", optional: "b" }] },
        { name: "f", kind: "node", subworkflow: { workflow: "in" }, retry: -1, timeout: "soon" },
        { name: "g", kind: "coalesce" },
      ],
      workflows: [
        { id: "in", kind: "dag", name: "inner", autowire: 5, nodes: [{ name: "v", kind: "node", priorty: 1 }] },
        { id: "in", kind: "dag", name: "again", nodes: [] },
        { id: "odd", kind: "tree", name: "" },
        {
          id: "fsm",
          kind: "fsm",
          name: "m",
          states: [{ name: "s", to: 5, initial: "yes" }],
          transitions: [{ from: 1 }],
        },
        7,
        { kind: "dag" },
      ],
    };
    const found = problems(() => Dag.fromJSON(json, { functions: {} }));
    for (const part of [
      '"nodes[0].subworkflow" is missing',
      '"nodes[1].subworkflow.workflow" must be the id of one of "workflows" (in, odd, fsm); received "nope"',
      'no field "nodes[1].subworkflow.outputs". Did you mean "output"?',
      '"reduce" of map "c"',
      'no field "nodes[2].batchs"',
      '"nodes[2].subworkflow.inputs.x" must be a string; received 1',
      'no field "nodes[3].needs"',
      '"then" of when "d" is missing',
      '"nodes[4].cases.x" must be an object with the id of a workflow',
      'UNKNOWN_FUNCTION There is no function "e.y"',
      'A need of node "e" must be "node"',
      'no field "nodes[5].subworkflow"',
      '"retry" of node "f"',
      '"timeout" of node "f"',
      'coalesce "g" has no candidates',
      '"autowire" must be a boolean',
      'no field "workflows[0].nodes[0].priorty". Did you mean "priority"?',
      'UNKNOWN_FUNCTION There is no function "in.v"',
      '"workflows[1].id" is "in", as that of another workflow',
      'UNKNOWN_KIND "workflows[2].kind" must be one of dag, fsm; received "tree"',
      '"workflows[2].name" must be a non-empty string; received ""',
      '"to" of state "s" must be an array',
      '"initial" of state "s" must be a boolean',
      'UNKNOWN_FUNCTION There is no function "fsm.s"',
      '"workflows[3].transitions[0].from" must be a string; received 1',
      '"workflows[4]" must be an object; received 7',
      '"workflows[5].id" must be a non-empty string; received undefined',
    ]) {
      expect(
        found.some((line) => line.includes(part)),
        `${part} in\n${found.join("\n")}`,
      ).toBe(true);
    }
  });

  it("survives hostile names and values", async () => {
    const names = ["__proto__", "constructor", "a b", "toString", "$value"];
    const dag = new Dag<any>("hostile");
    for (const name of names) {
      const inner = new Dag<any>(name);
      for (const each of names) inner.node(each, { metadata: { since: new Date(1) } }, () => each);
      dag.node(name, subworkflow(inner, { output: name }));
    }
    const table = Object.fromEntries([...names, "", ".", "x.", ".x"].map((name) => [name, () => `is ${name}`]));
    Object.defineProperty(table, "__proto__", { value: () => "is __proto__", enumerable: true });
    dag.node("pick", (label: string) => route(label, 1));
    dag.switch("go", { needs: ["pick"], cases: table });
    const json = copied(dag);
    const { functions, values } = givenFor(dag);
    const again = Dag.fromJSON(json, { functions, values });
    expect(copied(again)).toEqual(json);
    expect(copied(Dag.fromYAML(dag.toYAML(), { functions, values }))).toEqual(json);
    for (const label of Object.keys(table)) {
      const run = await again.run({ inputs: { label } });
      expect(run.get("go" as never)).toBe(`is ${label}`);
      expect(run.get("constructor" as never)).toBe("constructor");
    }
    const circle: Record<string, unknown> = { list: [] };
    circle.left = circle.right = circle;
    const nodes = [{ name: "pick", kind: "node", needs: circle, metadata: circle }];
    const bad = { version: 1, kind: "dag", name: "circle", metadata: circle, nodes, workflows: circle };
    expect(problems(() => Dag.fromJSON(bad, { functions }))).toHaveLength(4);
    expect(problems(() => Dag.fromJSON({ ...bad, __proto__: null, [Symbol.iterator]: 5 }, { functions }))).toHaveLength(
      4,
    );
  });

  it("has what nodes wait for: events, with and without functions, and delays", async () => {
    const dag = new Dag("waiting");
    dag.event(
      "paid",
      { event: "PAID", timeout: 60_000, onTimeout: null, bodyTimeout: 5_000 },
      (sum: number) => sum + 1,
    );
    dag.event("signed", { schema: z.string() });
    dag.node("late", { needs: ["paid"], delay: 5 }, (sum: number) => sum);
    const json = copied(dag) as { readonly nodes: readonly object[] };
    expect(json.nodes).toEqual([
      { name: "paid", kind: "event", event: "PAID", timeout: 60_000, onTimeout: null, bodyTimeout: 5_000 },
      { name: "signed", kind: "event", result: "payload", event: "signed", schema: { $value: "nodes.signed.schema" } },
      { name: "late", kind: "node", needs: ["paid"], delay: 5 },
    ]);
    const again = Dag.fromJSON<any>(json, givenFor(dag));
    expect(copied(again)).toEqual(json);
    const handle = again.start();
    await handle.send("PAID", 2);
    await handle.send("signed", "Ada");
    expect((await handle.result).results).toEqual({ paid: 3, signed: "Ada", late: 3 });
    const wrong = { ...json, nodes: [{ name: "signed", kind: "event", result: "all" }] };
    expect(problems(() => Dag.fromJSON(wrong, { functions: {} }))).toEqual([
      'INVALID_FIELD "nodes[0].result" must be "payload", or absent; received "all".',
    ]);
  });
});

describe("An fsm with other workflows as data", () => {
  it("makes the same fsm again", async () => {
    class Inner {
      @node twice(n: number) {
        return n * 2;
      }
    }
    const fsm = new Fsm<any>("outer", { errorState: "failed" });
    fsm.state("start", { initial: true, to: ["review"] }, (n: number) => next("review", n));
    fsm.state("review", { retry: 1, to: ["end", "failed"] }, subworkflow(Inner, { output: "twice" }));
    fsm.state("machine", Fsm.from(Retry));
    fsm.state("end", { terminal: true }, (n: number) => n);
    fsm.state("failed", { terminal: true }, (error: Error) => error.message);
    fsm.addTransition("review", "machine", (n: number) => n > 2).addTransition("review", "end");
    fsm.addTransition("machine", "end");
    const json = copied(fsm);
    expect(json.workflows.map(({ id }: { id: string }) => id)).toEqual(["review", "machine"]);
    const again = Fsm.fromJSON(json, givenFor(fsm));
    expect(copied(again)).toEqual(json);
    expect(copied(Fsm.fromYAML(fsm.toYAML(), givenFor(fsm)))).toEqual(json);
    expect([again.toMermaid(), again.toDot()]).toEqual([fsm.toMermaid(), fsm.toDot()]);
    for (const n of [1, 2]) {
      const [before, after] = [await fsm.run({ inputs: { n } }), await again.run({ inputs: { n } })];
      expect([after.value, after.stateHistory]).toEqual([before.value, before.stateHistory]);
    }
  });
});
