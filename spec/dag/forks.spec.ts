import { describe, expect, it } from "vitest";
import { Dag, decide, optional, route, type Context } from "dagwright";
import { fails } from "../support/failing.js";
import { gate, sleep, turns } from "../support/waiting.js";

describe("Dag › forks and joins", () => {
  it("pass on the condition's own first input, or the value of decide", async () => {
    const dag = new Dag("d");
    dag.node("n", () => 5);
    dag.condition("plain", { needs: ["n"] }, (n: number) => n > 3);
    dag.condition("decided", { needs: ["n"] }, (n: number) => decide(n > 9, "small"));
    dag.node("yes", { needs: ["plain.true"] }, (n: number) => n);
    dag.node("no", { needs: ["decided.false"] }, (n: string) => n);
    dag.node("either", { needs: ["plain", "decided"] }, (a: number, b: string) => [a, b]);
    expect((await dag.run()).outputs).toEqual({ yes: 5, no: "small", either: [5, "small"] });
  });

  it("refuse results that choose no branch", async () => {
    const dag = new Dag("d");
    dag.condition("c", () => 1 as never);
    dag.node("x", { needs: ["c.true"] }, () => 1);
    await expect(dag.run()).rejects.toThrow(/Condition "c" returned 1\. Return a boolean/u);
    const other = new Dag("o");
    other.select("s", () => route("nowhere", 1));
    other.node("x", { needs: ["s.here"] }, () => 1);
    other.node("y", { needs: ["s.there"] }, () => 1);
    await expect(other.run()).rejects.toThrow(/"nowhere".*"here", "there".*"default"/su);
    const open = new Dag("open");
    let branch: unknown = "anywhere";
    open.select("s", () => Object.assign(route("any", 1), { branch }) as never);
    expect((await open.run()).status).toBe("completed");
    branch = 5;
    await expect(open.run()).rejects.toThrow(/Select "s" returned .*Return a branch name/u);
  });

  it("give an all with one parameter a record, with several the values in order", async () => {
    const dag = new Dag("d");
    dag.node("a", () => ({ x: 1, y: 2 }));
    dag.node("b", () => "b");
    dag.all("record", { needs: ["a", "b"] }, (r: object) => r);
    dag.all("outputs", { needs: ["a.x", "a.y", "b"] }, (r: object) => r);
    dag.all("list", { needs: ["a", "b"] }, (a: unknown, b: unknown) => [a, b]);
    dag.all("single", { needs: ["b"] }, (b: unknown) => b);
    dag.all("named", { params: ["r"] }, (r: object) => r);
    dag.connect("a", "named", { input: "left" }).connect("b", "named", { input: "right" });
    const { outputs } = await dag.run();
    expect(outputs).toEqual({
      record: { a: { x: 1, y: 2 }, b: "b" },
      outputs: { "a.x": 1, "a.y": 2, b: "b" },
      list: [{ x: 1, y: 2 }, "b"],
      single: "b",
      named: { left: { x: 1, y: 2 }, right: "b" },
    });
  });

  it("run an any once, with the first that completes", async () => {
    const seen: unknown[] = [];
    const dag = new Dag("d");
    const { opened, open } = gate();
    const note = (what: unknown[]) => void (seen.push(what) === 2 && open());
    dag.node("slow", () => opened.then(() => "slow"));
    dag.node("fast", () => sleep(2).then(() => "fast"));
    dag.any("one", { needs: ["slow", "fast"] }, (value: string, ctx: Context) => note([value, ctx.trigger]));
    dag.any("both", { needs: ["slow", "fast"], params: ["a", "b"] }, (a?: string, b?: string) => note([a, b]));
    await dag.run({ mode: "async" });
    expect(seen).toEqual([
      ["fast", "fast"],
      [undefined, "fast"],
    ]);
    seen.length = 0;
    await dag.run();
    expect(seen).toEqual([
      ["slow", "slow"],
      ["slow", "fast"],
    ]);
  });

  it.each(["async", "sequential"] as const)("run an any for whichever branch was taken, in mode %s", async (mode) => {
    const dag = new Dag("d");
    dag.select("route", { params: ["to"] }, (to: string) => route(to, `by ${to}`));
    dag.any("sent", { needs: ["route.mail", "route.text"] }, (how: string, ctx: Context) => [how, ctx.trigger]);
    for (const to of ["mail", "text"])
      expect((await dag.run({ mode, inputs: { to } })).value).toEqual([`by ${to}`, `route.${to}`]);
  });

  it("let an any that waits for others by `after` keep its winner", async () => {
    const order: string[] = [];
    const dag = new Dag("d");
    const delays = { first: 1, second: 2, last: 3 };
    for (const [name, turn] of Object.entries(delays)) {
      dag.node(name, async () => {
        await turns(turn * 50);
        order.push(name);
        return name;
      });
    }
    const options = { needs: ["first", "second"], after: ["last"] };
    dag.any("any", options, (value: string, ctx: Context) => [value, ctx.trigger, order.join()]);
    const run = await dag.run({ mode: "async" });
    expect(run.get("any")).toEqual(["first", "first", "first,second,last"]);
  });

  it("skip an any only when every need was skipped or failed", async () => {
    const dag = new Dag("d");
    dag.node("bad", { errorStrategy: "continue" }, fails);
    dag.node("good", () => "good");
    dag.node("after-bad", { needs: ["bad"] }, (x: unknown) => x);
    dag.any("some", { needs: ["bad", "after-bad", "good"] }, (x: unknown) => x);
    dag.any("none", { needs: ["bad", "after-bad"] }, (x: unknown) => x);
    for (const mode of ["sequential", "async"] as const) {
      const run = await dag.run({ mode });
      expect(run.get("some")).toBe("good");
      expect(run.nodes.get("none")).toMatchObject({ status: "skipped", skippedBy: "after-bad" });
    }
  });

  it("name the need as written that skips an any node, also when an after settles last", async () => {
    const dag = new Dag("d");
    dag.condition("c", () => decide(true, 1));
    dag.node("last", { needs: ["c"] }, (x: number) => x);
    dag.node("yes", { needs: ["c.true"] }, (x: number) => x);
    dag.any("none", { needs: ["c.false"], after: ["last"] }, (x: unknown) => x);
    expect((await dag.run()).nodes.get("none")).toMatchObject({ status: "skipped", skippedBy: "c.false" });
  });

  it("order by after without passing data, released by skipped and failed nodes as well", async () => {
    const order: string[] = [];
    const dag = new Dag("d");
    dag.node("last", { after: ["bad", "slow", "skipped"] }, (...args: unknown[]) => order.push(`last ${args.length}`));
    dag.node("slow", async () => (await sleep(5), order.push("slow")));
    dag.node("bad", { errorStrategy: "continue" }, fails);
    dag.node("skipped", { needs: ["bad"] }, (x: unknown) => x);
    const run = await dag.run({ mode: "async" });
    expect(order).toEqual(["slow", "last 0"]);
    expect(Object.keys(run.outputs)).toEqual(["last", "slow"]);
  });

  it("give undefined for an optional need that was skipped or failed", async () => {
    const dag = new Dag("d");
    dag.node("bad", { errorStrategy: "continue" }, fails);
    dag.node("c", { needs: [optional("bad"), optional("bad.x")], params: ["a", "b"] }, (a: unknown, b: unknown) => [
      a,
      b,
    ]);
    expect((await dag.run()).get("c")).toEqual([undefined, undefined]);
  });
});
