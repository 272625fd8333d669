import { describe, expect, it } from "vitest";
import { Dag, ExecutionError, PauseRun, type RunEvent, type RunResult } from "dagwright";
import { failure, gate, sleep } from "../support/waiting.js";

/** A dag with two branches of two nodes each, one only for `then`, one only for `else`. */
function branching(answer: unknown) {
  const dag = new Dag("branching");
  const called: string[] = [];
  const node = (name: string, needs: string[] = [], value: unknown = name) =>
    dag.node(name, { needs, params: needs }, () => {
      called.push(name);
      return value;
    });
  node("yesFirst");
  node("yes", ["yesFirst"]);
  node("noFirst");
  node("no", ["noFirst"]);
  node("flag", [], answer);
  return { dag, called, node };
}

const skipped = (run: RunResult<any>) =>
  Object.fromEntries(
    [...run.nodes].flatMap(([name, { skippedBy }]) => (skippedBy === undefined ? [] : [[name, skippedBy]])),
  );

describe("dag.when", () => {
  it.each([
    [true, ["flag", "yesFirst", "yes"], "yes", { noFirst: "pick", no: "pick" }],
    [false, ["flag", "noFirst", "no"], "no", { yesFirst: "pick", yes: "pick" }],
  ])("runs only the branch taken, with what only that needs: %o", async (answer, names, value, others) => {
    for (const mode of ["sequential", "async", "parallel"] as const) {
      const { dag, called } = branching(answer);
      dag.when("pick", { if: "flag", then: "yes", else: "no" });
      const run = await dag.run({ mode });
      expect(called).toEqual(names);
      expect([run.value, run.status]).toEqual([value, "completed"]);
      expect(skipped(run)).toEqual(others);
    }
  });

  it("is skipped without an else when the condition is false, and its dependents with it", async () => {
    const { dag, called } = branching(false);
    const pick = dag.when("pick", { if: "flag", then: "yes" });
    dag.node("after", { needs: [pick] }, (x) => x);
    const run = await dag.run();
    expect(called).toEqual(["noFirst", "no", "flag"]);
    expect(skipped(run)).toEqual({ yesFirst: "pick", yes: "pick", pick: "flag", after: "pick" });
    expect(run.status).toBe("completed");
  });

  it("runs nodes that others need too, and nodes that both branches need, in any case", async () => {
    const { dag, called, node } = branching(true);
    node("both", [], 1);
    node("left", ["both", "yes"]);
    node("right", ["both", "no"]);
    node("other", ["noFirst"]);
    dag.when("pick", { if: "flag", then: "left", else: "right" });
    const run = await dag.run();
    expect(skipped(run)).toEqual({ no: "pick", right: "pick" });
    expect(called).toContain("other");
  });

  it("starts a node of both branches before the condition is known", async () => {
    const dag = new Dag("d");
    const order: string[] = [];
    const { opened, open } = gate();
    dag.node("flag", async () => {
      await opened;
      await sleep(1);
      order.push("flag");
      return true;
    });
    dag.node("shared", () => (open(), order.push("shared")));
    const then = dag.node("then", { needs: ["shared"] }, () => order.push("then"));
    const other = dag.node("other", { needs: ["shared"] }, () => order.push("other"));
    dag.when("pick", { if: "flag", then, else: other });
    await dag.run({ mode: "async" });
    expect(order).toEqual(["shared", "flag", "then"]);
  });

  it("does not wait for a branch that is not taken and runs anyway", async () => {
    const dag = new Dag("d");
    const order: string[] = [];
    const quick = dag.node("quick", () => 1);
    const { opened, open } = gate();
    const slow = dag.node("slow", () => opened.then(() => order.push("slow")));
    const pick = dag.when("pick", { if: dag.node("flag", () => true), then: quick, else: slow });
    dag.node("next", { needs: [pick] }, () => (open(), order.push("next")));
    dag.node("log", { needs: [slow] }, () => 1);
    await dag.run({ mode: "async" });
    expect(order).toEqual(["next", "slow"]);
  });

  it.each([[1], ["true"], [null], [undefined], [{}]])("fails if its condition gives %o", async (answer) => {
    const { dag, called } = branching(answer);
    dag.when("pick", { if: "flag", then: "yes", else: "no" });
    const error = await failure(dag.run());
    expect(error).toBeInstanceOf(ExecutionError);
    expect(error.node).toBe("pick");
    expect(error.message).toMatch(/^The condition "flag" of "pick" gave .*\. It must give true or false\.$/u);
    expect(called).toEqual(["flag"]);
    expect(skipped(error.run as RunResult)).toEqual({ yesFirst: "pick", yes: "pick", noFirst: "pick", no: "pick" });
  });

  it("is skipped with its condition", async () => {
    const { dag, called } = branching(true);
    dag.node("broken", () => {
      throw new Error("no");
    });
    dag.node("unknown", { needs: ["broken"] }, () => true);
    dag.when("pick", { if: "unknown", then: "yes", else: "no" });
    const run = await dag.run({ errorStrategy: "continue" });
    expect(called).toEqual(["flag"]);
    expect(skipped(run)).toMatchObject({ pick: "unknown", yes: "pick", no: "pick" });
  });

  it("is skipped if the branch taken has no result", async () => {
    const { dag } = branching(true);
    dag.node("bad", { needs: ["yesFirst"] }, () => {
      throw new Error("no");
    });
    dag.when("pick", { if: "flag", then: "bad", else: "no" });
    const run = await dag.run({ errorStrategy: "continue" });
    expect([run.status, skipped(run).pick]).toEqual(["failed", "bad"]);
  });

  it("takes conditions, branches of forks, and outputs", async () => {
    const dag = new Dag("d");
    const n = dag.node("n", () => 5);
    const big = dag.condition("big", { needs: [n] }, (x) => x > 3);
    const kind = dag.select("kind", { needs: [n] }, () => "email");
    const facts = dag.node("facts", () => ({ isOk: false, text: "no boolean" }));
    const [a, b] = [dag.node("a", () => "a"), dag.node("b", () => "b")];
    const picks = {
      bare: big,
      named: "big",
      onTrue: big.onTrue,
      onFalse: big.onFalse,
      email: kind.branch("email"),
      post: "kind.post",
      output: facts.output("isOk"),
    };
    for (const [name, source] of Object.entries(picks)) dag.when(name, { if: source, then: a, else: b });
    const { outputs } = await dag.run();
    expect({ ...outputs }).toEqual({
      bare: "a",
      named: "a",
      onTrue: "a",
      onFalse: "b",
      email: "a",
      post: "b",
      output: "b",
    });
    dag.when("noOutput", { if: "facts.nope", then: a });
    await expect(dag.run()).rejects.toThrow('needs "facts.nope", but the result of "facts" has only: isOk, text.');
  });

  it("takes results inside of workflows, also as candidates of a coalesce", async () => {
    const inner = new Dag("inner");
    inner.condition("flag", () => false);
    inner.node("taken", { needs: ["flag.true"] }, () => true);
    inner.node("ok", () => true);
    inner.node("five", () => 5);
    const { dag } = branching(true);
    dag.node("in", {}, inner);
    dag.when("pick", { if: "in.ok", then: "yes", else: "no" });
    dag.when("absent", { if: "in.taken", then: "yes" });
    dag.when("odd", { if: "in.five", then: "yes" });
    dag.coalesce("first", ["in.taken", "in.five", "no"]);
    const run = await dag.run({ errorStrategy: "continue" });
    expect([run.get("pick"), run.get("first")]).toEqual(["yes", 5]);
    expect(run.nodes.get("absent")?.skippedBy).toBe("in.taken");
    expect(run.errors.map(({ message }) => message)).toEqual([
      'The condition "in.five" of "odd" gave 5. It must give true or false.',
    ]);
    dag.when("unknown", { if: "in.okay", then: "yes" });
    expect(() => dag.validateOrThrow()).toThrow(/"unknown" needs "in\.okay".*has no node "okay"/u);
  });

  it("nests: what an inner when takes is needed only if the outer one takes it", async () => {
    const build = (outer: boolean, inner: boolean) => {
      const dag = new Dag("d");
      const leaf = (name: string) => dag.node(name, () => name);
      const flag = dag.node("inner", () => inner);
      const first = dag.when("first", { if: flag, then: leaf("a"), else: leaf("b") });
      dag.when("second", { if: dag.node("outer", () => outer), then: first, else: leaf("c") });
      return dag.run({ mode: "async" });
    };
    expect(skipped(await build(false, true))).toEqual({ inner: "second", a: "second", b: "second", first: "second" });
    expect(skipped(await build(true, true))).toEqual({ b: "first", c: "second" });
  });

  it("runs a branch for itself in a run that leaves the when out", async () => {
    const { dag } = branching(false);
    dag.when("pick", { if: "flag", then: "yes", else: "no" });
    expect((await dag.runUntil("yes")).value).toBe("yes");
  });

  it("names its condition when a partial run lacks it", async () => {
    const { dag } = branching(true);
    dag.when("pick", { if: "flag", then: "yes", else: "no" });
    await expect(dag.runFrom("yes")).rejects.toThrow(/needs the result of "yesFirst", "flag"|"flag"/u);
    await dag.run();
    expect((await dag.runFrom("yes")).value).toBe("yes");
  });

  it("has hooks, as every node", async () => {
    const { dag, called } = branching(1);
    dag.when("pick", { if: "flag", then: "yes", else: "no" });
    dag.setNodeHooks("pick", { postExecute: (_, inputs) => [inputs.value] });
    expect((await dag.run({ overrides: { flag: true } })).value).toEqual(["yes"]);
    called.length = 0;
    expect((await failure(dag.run())).message).toContain('The condition "flag" of "pick" gave 1.');
  });

  it("decides again when the condition is computed again", async () => {
    const answers = [true, false];
    const dag = new Dag("d");
    const flag = dag.node("flag", () => answers.shift());
    dag.when("pick", { if: flag, then: dag.node("yes", () => "yes"), else: dag.node("no", () => "no") });
    expect((await dag.run()).value).toBe("yes");
    const again = await dag.runFrom("flag");
    expect([again.value, again.nodes.get("yes")?.status]).toEqual(["no", "skipped"]);
  });

  it("takes overrides of its condition, its branches and itself", async () => {
    const { dag, called } = branching(true);
    dag.when("pick", { if: "flag", then: "yes", else: "no" });
    expect((await dag.run({ overrides: { flag: false } })).value).toBe("no");
    expect(called.splice(0)).toEqual(["noFirst", "no"]);
    expect((await dag.run({ overrides: { yes: 7 } })).value).toBe(7);
    expect(called.splice(0)).toEqual(["flag"]);
    expect((await dag.run({ overrides: { pick: 8 } })).value).toBe(8);
    expect(called).toEqual([]);
  });

  it("closes what nothing needs if it is overridden itself", async () => {
    const { dag, called, node } = branching(true);
    node("log");
    dag.configureNode("log", { after: ["yes"] });
    dag.when("pick", { if: "flag", then: "yes" });
    const run = await dag.run({ overrides: { pick: 8 } });
    expect(run.nodes.get("yes")).toMatchObject({ status: "skipped", skippedBy: "pick" });
    expect(called).toContain("log");
  });

  it("lets a pause in its condition hold the branches back", async () => {
    const { dag, called } = branching(true);
    dag.node("approve", () => {
      throw new PauseRun("ask");
    });
    dag.when("pick", { if: "approve", then: "yes", else: "no" });
    const run = await dag.run();
    expect([run.status, run.nodes.get("yes")?.status, called]).toEqual(["paused", "pending", ["flag"]]);
  });

  it("tells observers why nodes are skipped", async () => {
    const { dag } = branching(true);
    dag.when("pick", { if: "flag", then: "yes", else: "no" });
    const events: unknown[] = [];
    await dag.run({
      observers: [(event: RunEvent) => event.type === "node.skipped" && events.push([event.node, event.skippedBy])],
    });
    expect(events).toEqual([
      ["noFirst", "pick"],
      ["no", "pick"],
    ]);
  });

  it("refuses what is no branch", () => {
    const dag = new Dag("d");
    const options = (given: object) => () => dag.when("w", given as never);
    expect(options({ if: "a" })).toThrow('"then" of when "w" is missing.');
    expect(options({ then: "a" })).toThrow('"if" of when "w" is missing.');
    expect(options({ if: "a", then: "b", otherwise: "c" })).toThrow('Unknown option "otherwise"');
    expect(options({ if: 5, then: "b" })).toThrow("received 5");
    expect(() => dag.guard("g", { if: "a", then: "b", else: "c" } as never)).toThrow(
      'Unknown option "else" of guard "g"',
    );
    dag.when("w", { if: "a", then: "b" });
    expect(() => dag.validateOrThrow()).toThrow('Node "w" needs "a", but there is no node "a".');
    expect(() => dag.connect("w", "w")).toThrow("Nothing can be connected to the when");
    expect(() => dag.configureNode("w", { needs: ["b"] })).toThrow("can't be changed");
  });

  it("refuses a condition that waits for what only its branch needs", () => {
    const dag = new Dag("d");
    const branch = dag.node("branch", () => 1);
    const flag = dag.node("flag", { after: ["branch"] }, () => true);
    dag.when("w", { if: flag, then: branch });
    expect(() => dag.validateOrThrow()).toThrow("has a cycle: branch → flag → w → branch");
  });
});

describe("dag.guard", () => {
  it("is a when without else", async () => {
    const { dag } = branching(false);
    dag.guard("pick", { if: "flag", then: "yes" });
    const run = await dag.run();
    expect(skipped(run)).toEqual({ yesFirst: "pick", yes: "pick", pick: "flag" });
  });
});

describe("dag.coalesce", () => {
  const trying = (...acts: (() => unknown)[]) => {
    const dag = new Dag("trying");
    const called: string[] = [];
    const candidates = acts.map((act, i) => {
      const first = dag.node(`first${i}`, () => called.push(`first${i}`));
      return dag.node(`c${i}`, { needs: [first] }, () => {
        called.push(`c${i}`);
        return act();
      });
    });
    dag.coalesce("found", candidates);
    return { dag, called };
  };
  const fails = () => {
    throw new Error("no");
  };

  it("starts a candidate, and what only it needs, when the one before gave nothing", async () => {
    for (const nothing of [() => undefined, () => null, fails, () => Promise.reject(new Error("no"))]) {
      for (const mode of ["sequential", "async"] as const) {
        const { dag, called } = trying(
          nothing,
          () => 0,
          () => 2,
        );
        const run = await dag.run({ mode });
        expect([run.value, run.status, run.errors]).toEqual([0, "completed", []]);
        expect(called).toEqual(["first0", "c0", "first1", "c1"]);
        expect(skipped(run)).toEqual({ first2: "found", c2: "found" });
      }
    }
  });

  it("goes on when a candidate was skipped", async () => {
    const dag = new Dag("d");
    const flag = dag.node("flag", () => false);
    const guard = dag.guard("guard", { if: flag, then: dag.node("a", () => "a") });
    dag.coalesce("found", [guard, dag.node("b", () => "b")]);
    expect((await dag.run()).value).toBe("b");
  });

  it("handles failures of candidates and of what only they need, and tells them", async () => {
    const dag = new Dag("d");
    const deep = dag.node("deep", fails);
    const a = dag.node("a", { needs: [deep] }, (x) => x);
    dag.coalesce("found", [a, dag.node("b", () => 1)]);
    let asked = 0;
    const run = await dag.run({ errorHandler: () => (asked++, "stop") });
    expect([run.status, run.value, run.errors, asked]).toEqual(["completed", 1, [], 0]);
    expect(run.error("deep")?.message).toContain("no");
    expect(run.nodes.get("a")).toMatchObject({ status: "skipped", skippedBy: "deep" });
  });

  it("leaves failures of what others need as they are, and those of nodes that insist", async () => {
    const dag = new Dag("d");
    const deep = dag.node("deep", fails);
    const a = dag.node("a", { needs: [deep] }, (x) => x);
    dag.node("other", { needs: [deep] }, (x) => x);
    dag.coalesce("found", [a, dag.node("b", () => 1)]);
    expect((await failure(dag.run())).node).toBe("deep");
    const { dag: insisting } = trying(fails, () => 1);
    insisting.configureNode("c0", { errorStrategy: "failFast" });
    expect((await failure(insisting.run())).node).toBe("c0");
  });

  it("is skipped when none gives anything", async () => {
    const { dag } = trying(fails, () => null);
    const run = await dag.run();
    expect([run.status, run.value, run.nodes.get("found")?.skippedBy]).toEqual(["completed", undefined, "c1"]);
  });

  it("counts an output that is undefined or null as nothing, and refuses one that is absent", async () => {
    const dag = new Dag("d");
    dag.node("a", () => ({ x: null }));
    dag.node("b", () => ({ x: 2 }));
    dag.coalesce("found", ["a.x", "b.x"]);
    expect((await dag.run()).value).toBe(2);
    dag.coalesce("typo", ["a.y", "b.x"]);
    await expect(dag.run()).rejects.toThrow('needs "a.y", but the result of "a" has only: x.');
  });

  it("refuses what are no candidates", () => {
    const dag = new Dag("d");
    expect(() => dag.coalesce("c", [])).toThrow('coalesce "c" has no candidates.');
    expect(() => dag.coalesce("c", "a" as never)).toThrow('must be an array; received "a".');
    expect(() => dag.coalesce("c", [undefined as never])).toThrow('"candidates[0]" of coalesce "c" is missing.');
  });
});

describe("Diagrams of choices", () => {
  it("tell what each need is to them", () => {
    const { dag } = branching(true);
    dag.when("pick", { if: "flag", then: "yes", else: "no" });
    dag.coalesce("found", ["pick", "flag"]);
    const text = dag.toMermaid();
    for (const line of [
      '  n5>"pick"]',
      '  n6[\\"found"/]',
      '  n4 -->|"if"| n5',
      '  n1 -->|"then"| n5',
      '  n3 -->|"else"| n5',
      '  n5 -->|"1"| n6',
      '  n4 -->|"2"| n6',
    ])
      expect(text.split("\n")).toContain(line);
    expect(dag.toDot()).toMatch(/label="pick", shape=trapezium/u);
  });
});
