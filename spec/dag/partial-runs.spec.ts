import { describe, expect, it } from "vitest";
import { Dag, decide, type ExecutionError, MissingInputError, MissingResultError } from "dagwright";
import { statuses } from "../support/failing.js";

describe("Dag › overrides and partial runs", () => {
  const chain = (log: string[] = []) => {
    const dag = new Dag("d");
    dag.node("a", () => (log.push("a"), 1));
    dag.node("b", { needs: ["a"] }, (x: number) => (log.push("b"), x + 1));
    dag.node("c", { needs: ["b"] }, (x: number) => (log.push("c"), x + 1));
    dag.node("d", { needs: ["c", "a"] }, (x: number, y: number) => (log.push("d"), x + y));
    dag.node("side", { needs: ["a"] }, (x: number) => (log.push("side"), -x));
    return dag;
  };

  it("take results as given instead of running their nodes", async () => {
    const log: string[] = [];
    const run = await chain(log).run({ overrides: { b: 100 } });
    expect(run.get("d")).toBe(102);
    expect(log).toEqual(["a", "c", "d", "side"]);
    expect(run.nodes.get("b")).toMatchObject({ status: "completed", attempts: 0 });
    await expect(chain().run({ overrides: { bb: 1 } as never })).rejects.toThrow(/no node "bb"\. Did you mean "b"/u);
  });

  it("are there although the run fails before it reaches their nodes", async () => {
    const dag = new Dag("d");
    dag.node("bad", () => Promise.reject(new Error("no")));
    dag.node("later", () => 1);
    dag.node("end", { needs: ["bad", "later"] }, () => 2);
    const error = (await dag.run({ overrides: { later: 5 } }).catch((e: unknown) => e)) as ExecutionError;
    expect({ ...error.run.results }).toEqual({ later: 5 });
  });

  it("spare what only the overridden nodes need, its inputs too, but no output and nothing else", async () => {
    const ran: string[] = [];
    const dag = new Dag<any>("d");
    const add = (name: string, needs: string[], more = {}) =>
      dag.node(name, { needs, ...more }, (x = 0) => {
        ran.push(name);
        return x + 1;
      });
    dag.node("far", (key: string) => ran.push(key));
    add("near", ["far"]);
    add("shared", []);
    dag.node("load", { needs: ["near", "shared"] }, () => ran.push("load"));
    add("before", []); // Nobody takes its result, so that it is an output.
    add("use", ["load"], { after: ["before"] });
    add("other", ["shared"]);
    const run = await dag.run({ overrides: { load: 5 } });
    expect(ran).toEqual(["shared", "before", "use", "other"]);
    expect(run.outputs).toEqual({ before: 1, use: 6, other: 2 });
    expect([run.status, run.nodes.get("far")?.status, run.nodes.get("near")?.status]).toEqual([
      "completed",
      "skipped",
      "skipped",
    ]);
    ran.length = 0;
    expect((await dag.runUntil("use", { overrides: { load: 5 }, from: undefined })).get("use")).toBe(6);
    expect(ran).toEqual(["before", "use"]);
    ran.length = 0;
    const fresh = dag.clone();
    expect((await fresh.runBetween("load", "use", { overrides: { load: 7, before: 0 } })).get("use")).toBe(8);
    expect(ran).toEqual(["use"]);
  });

  it("run what a fork needs that is told only which branch to take", async () => {
    const dag = new Dag<any>("d");
    dag.node("x", () => 7);
    dag.condition("c", { needs: ["x"] }, () => false);
    dag.node("yes", { needs: ["c.true"] }, (x: number) => x);
    expect((await dag.run({ overrides: { c: true } })).outputs).toEqual({ yes: 7 });
    const given = await dag.run({ overrides: { c: decide(true, 9) } });
    expect([given.outputs, given.nodes.get("x")?.status]).toEqual([{ yes: 9 }, "skipped"]);
  });

  it("override a condition with its answer", async () => {
    const dag = new Dag("d");
    dag.condition("c", { params: ["n"] }, (n: number) => n > 1);
    dag.node("yes", { needs: ["c.true"] }, (n: number) => n);
    dag.node("no", { needs: ["c.false"] }, (n: number) => n);
    const run = await dag.run({ overrides: { c: decide(false, 9) }, executor: "workQueue" });
    expect(run.outputs).toEqual({ no: 9 });
    dag.node("n", () => 7);
    expect((await dag.run({ overrides: { c: true } })).outputs).toEqual({ yes: 7 });
  });

  it("run until a node, with all it needs", async () => {
    const log: string[] = [];
    const run = await chain(log).runUntil("c");
    expect(log).toEqual(["a", "b", "c"]);
    expect(run.value).toBe(3);
    expect(statuses(run)).toEqual({ a: "completed", b: "completed", c: "completed", d: "skipped", side: "skipped" });
  });

  it("run from a node, on the results of the last run or of one that is given", async () => {
    const log: string[] = [];
    const dag = chain(log);
    const first = await dag.run();
    log.length = 0;
    const run = await dag.runFrom("c", { overrides: {} });
    expect(log).toEqual(["c", "d"]);
    expect(run.get("d")).toBe(4);
    expect(run.get("side")).toBe(-1);
    expect(statuses(run)).toMatchObject({ a: "copied", b: "copied", c: "completed", side: "copied" });
    expect(dag.toMermaid({ run })).toContain("class n0,n1,n4 copied");
    const other = await dag.run({ overrides: { b: 50 } });
    expect((await dag.runFrom("c", { from: first })).get("d")).toBe(4);
    expect((await dag.runFrom("c", { from: other })).get("d")).toBe(52);
  });

  it("take the results that are given for nodes outside of what they compute", async () => {
    const log: string[] = [];
    const dag = chain(log);
    const run = await dag.runFrom("c", { overrides: { a: 1, b: 10 } });
    expect(run.get("d")).toBe(12);
    expect(log).toEqual(["c", "d"]);
    const first = await dag.run();
    expect((await dag.runFrom("c", { from: first, overrides: { b: 20 } })).get("d")).toBe(22);
  });

  it("run between two nodes", async () => {
    const log: string[] = [];
    const dag = chain(log);
    await dag.run();
    log.length = 0;
    expect((await dag.runBetween("b", "c")).value).toBe(3);
    expect(log).toEqual(["b", "c"]);
    await expect(dag.runBetween("c", "b")).rejects.toThrow(/No path leads from "c" to "b"/u);
    await expect(dag.runBetween("x", "b")).rejects.toThrow(/no node "x"/u);
  });

  it("refuse to start without the results they need", async () => {
    const log: string[] = [];
    const dag = chain(log);
    const error = (await dag.runFrom("d").catch((e: unknown) => e)) as MissingResultError;
    expect(error).toBeInstanceOf(MissingResultError);
    expect(error.missing).toEqual(["a", "c"]);
    expect(error.message).toMatch(/"a", "c"/u);
    expect(log).toEqual([]);
  });

  it("follow the branch that the earlier run took", async () => {
    const dag = new Dag("d");
    dag.condition("c", { params: ["n"] }, (n: number) => n > 1);
    dag.node("yes", { needs: ["c.true"] }, (n: number) => n);
    dag.node("no", { needs: ["c.false"] }, (n: number) => -n);
    dag.any("end", { needs: ["yes", "no"] }, (n: number) => n * 10);
    await dag.run({ inputs: { n: 5 } });
    expect((await dag.runFrom("end")).value).toBe(50);
    expect((await dag.runFrom("yes")).value).toBe(50);
    expect(statuses(await dag.runFrom("no"))).toMatchObject({ no: "skipped" });
  });

  it("skip what needs a node that the earlier run, or one before it, had skipped", async () => {
    const dag = new Dag("d");
    dag.condition("c", () => true);
    dag.node("no", { needs: ["c.false"] }, () => expect.unreachable());
    dag.node("then", { needs: ["no"] }, () => expect.unreachable());
    dag.node("last", { after: ["then"] }, () => 1);
    await dag.run();
    expect(statuses(await dag.runFrom("last"))).toMatchObject({ then: "skipped", last: "completed" });
    expect(statuses(await dag.runFrom("then"))).toMatchObject({ then: "skipped", last: "completed" });

    const failing = new Dag("d");
    failing.node("bad", { errorStrategy: "continue" }, () => Promise.reject(new Error("no")));
    failing.node("then", { needs: ["bad"] }, () => 1);
    failing.node("last", { needs: ["then"] }, () => 1);
    const failed = await failing.run({ mode: "async" });
    await expect(failing.runFrom("last", { from: failed })).rejects.toMatchObject({ missing: ["then"] });
  });

  it("need only the inputs of the nodes they compute", async () => {
    const dag = new Dag("d");
    dag.node("a", { params: ["x"] }, (x: number) => x);
    dag.node("b", { needs: ["a"] }, (a: number) => a + 1);
    await dag.run({ inputs: { x: 1 } });
    expect((await dag.runFrom("b")).value).toBe(2);
    await expect(dag.runUntil("a")).rejects.toThrow(MissingInputError);
    expect((await dag.run({ overrides: { a: 5 } })).value).toBe(6);
  });
});
