import { describe, expect, it } from "vitest";
import { Fsm, MissingInputError, next, stop, type FsmContext } from "dagwright";
import { failure } from "../support/waiting.js";

describe("A state's parameters", () => {
  it("come by name from the run's inputs in the first cycle, or from their default values", async () => {
    const fsm = new Fsm("f");
    fsm.state("a", { initial: true }, (x: number, y = 10) => x + y);
    expect((await fsm.run({ inputs: { x: 1 } })).value).toBe(11);
    expect((await fsm.run({ inputs: { y: 2, x: 1 } })).value).toBe(3);
    const error = await failure(fsm.run({ inputs: { y: 1 } }));
    expect(error).toBeInstanceOf(MissingInputError);
    expect(error.missing).toEqual(["x"]);
    expect(error.issues).toEqual([{ severity: "error", code: "MISSING_INPUT", message: error.message, nodes: ["a"] }]);
    await expect(fsm.run({ inputs: { x: 1, z: 1 } })).rejects.toThrow(/takes no input "z"/u);
  });

  it("are empty in the first cycle, and then the previous value, for a single rest parameter", async () => {
    const fsm = new Fsm("f");
    fsm.state("a", { initial: true }, (...all: unknown[]) => next("b", all));
    fsm.state("b", (...all: unknown[]) => all);
    expect((await fsm.run()).value).toEqual([[]]);
  });

  it("are a single one: the previous value if there is one, else the run input of its name, else its default value", async () => {
    const fsm = new Fsm("f");
    fsm.state("a", { initial: true }, (value?: unknown) => next("b", value));
    fsm.state("b", (name: unknown) => name);
    fsm.state("c", (name = "default") => name);
    const a = { needless: 1 };
    expect((await fsm.run({ inputs: { value: a, name: "input" } })).value).toBe(a);
    expect((await fsm.run({ inputs: { value: null, name: "input" } })).value).toBeNull();
    expect((await fsm.run({ inputs: { value: undefined, name: "input" } })).value).toBe("input");
    const error = await failure(fsm.run({ inputs: { value: undefined } }));
    expect(error).toBeInstanceOf(MissingInputError);
    expect(error.message).toMatch(/State "b".* lacks "name"/u);
    const other = new Fsm("f");
    other.state("a", { initial: true }, () => next("b"));
    other.state("b", (name = "default") => name);
    expect((await other.run()).value).toBe("default");
  });

  it("come from the run's inputs when there are several and the previous value is no object", async () => {
    const fsm = new Fsm("f");
    fsm.state("a", { initial: true }, (before: unknown) => next("b", before));
    fsm.state("b", (length: number, x: number) => [length, x]);
    for (const before of ["text", null, 5])
      expect((await fsm.run({ inputs: { before, length: 1, x: 2 } })).value).toEqual([1, 2]);
  });

  it("come by name from the previous value's own properties when there are several, else from the run's inputs", async () => {
    const fsm = new Fsm("f");
    fsm.state("a", { initial: true }, () => next("b", { x: 1, toString: 5 }));
    fsm.state("b", (x: number, y: number, z = 3, ctx: FsmContext) => [x, y, z, ctx.cycle]);
    expect((await fsm.run({ inputs: { x: 100, y: 2 } })).value).toEqual([1, 2, 3, 1]);
    const error = await failure(fsm.run());
    expect(error).toBeInstanceOf(MissingInputError);
    expect(error.message).toContain('State "b"');
    expect(error.missing).toEqual(["y"]);
    expect(error.run).toMatchObject({ status: "failed", stateHistory: ["a", "b"] });
    const inherited = new Fsm("f");
    inherited.state("a", { initial: true }, () => next("b", {}));
    inherited.state("b", (valueOf: unknown, x = 1) => [valueOf, x]);
    expect((await failure(inherited.run())).missing).toEqual(["valueOf"]);
  });

  it("get the context wherever it stands", async () => {
    const fsm = new Fsm("f");
    const seen: unknown[] = [];
    fsm.state("a", { initial: true }, (ctx: FsmContext, n: number) => {
      ctx.metadata.a = ctx.cycle;
      seen.push([ctx.nodeName, ctx.workflow, ctx.attempt, ctx.get("b", "none"), n]);
      return next("b", n);
    });
    fsm.state("b", { params: ["n"] }, (...args: any[]) => {
      const ctx = args[1] as FsmContext;
      seen.push([ctx.nodeName, ctx.cycle, ctx.get("a"), ctx.has("a"), { ...ctx.results }, ctx.metadata, ctx.inputs]);
      ctx.metrics.done = 1;
      return args[0] as number;
    });
    const run = await fsm.run({ inputs: { n: 7 } });
    expect(seen).toEqual([
      ["a", "f", 1, "none", 7],
      ["b", 1, 7, true, { a: 7 }, { a: 0 }, { n: 7 }],
    ]);
    expect({ ...run.metrics.custom }).toEqual({ done: 1 });
    expect(run.context.metadata).toEqual({ a: 0 });
  });

  it("that an inner run lacks are not those of the state", async () => {
    const inner = new Fsm("inner");
    inner.state("a", { initial: true }, () => next("b", {}));
    inner.state("b", (x: number, y: number) => x + y);
    const outer = new Fsm("outer");
    outer.state("calls", { initial: true }, () => inner.run());
    const error = await failure(outer.run());
    expect(error).toMatchObject({ code: "EXECUTION", cause: { code: "MISSING_INPUT", missing: ["x", "y"] } });
  });

  it("must have names where values come by name", async () => {
    const fsm = new Fsm("f");
    fsm.state("a", { initial: true }, ({ x }: any) => x);
    await expect(fsm.run()).rejects.toMatchObject({
      code: "INVALID_NODE",
      message: expect.stringContaining('"params"'),
    });
    const later = new Fsm("f");
    later.state("a", { initial: true }, () => next("b", { x: 1 }));
    later.state("b", ({ x }: any) => x);
    expect((await later.run()).value).toBe(1);
  });
});

describe("A state's context", () => {
  it("has the previous cycles", async () => {
    let seen: unknown;
    const fsm = new Fsm("f");
    fsm.state("a", { initial: true }, (n = 0) => (n < 2 ? next("a", n + 1) : next("b", "last")));
    fsm.state("b", (_: string, ctx: FsmContext) => {
      const past = [
        ctx.getHistory("a"),
        ctx.getCycle("a", 1),
        ctx.getLatest("a"),
        ctx.getHistory("b"),
        ctx.getCycle("a", 9),
      ];
      seen = [ctx.stateHistory, ctx.cycleResults, ...past];
      return stop();
    });
    await fsm.run();
    const cycles = [1, 2, "last"].map((value) => ({ state: "a", value }));
    expect(seen).toEqual([["a", "a", "a"], cycles, [1, 2, "last"], 2, "last", [], undefined]);
  });
});
