import { describe, expect, it } from "vitest";
import { z } from "zod";
import {
  Dag,
  Fsm,
  MissingInputError,
  stop,
  ValidationError,
  node,
  subworkflow,
  workflow,
  type StandardSchema,
} from "dagwright";
import { sqliteStore } from "dagwright/store";
import { failure } from "../support/waiting.js";

/** A schema of numbers in texts, which counts its calls. */
function counted(least = 0) {
  const calls: unknown[] = [];
  const schema = z.unknown().transform((value, ctx) => {
    if (value !== undefined) calls.push(value);
    const number = Number(value);
    if (number >= least) return number;
    ctx.addIssue({ code: "custom", message: `must be at least ${least}` });
    return z.NEVER;
  }) as unknown as StandardSchema<string, number>;
  return { calls, schema };
}

/** A workflow with one checked input, which it gives back. */
function checker(schema: StandardSchema<any, any>, name = "checker"): Dag<any> {
  const dag = new Dag<any>(name, { inputs: { order: schema } });
  dag.node("verify", (order: unknown) => order);
  return dag;
}

/** A workflow around another one, at "check", with a node before it that counts its calls. */
function around(inner: Dag<any> | Fsm<any>, options: object = {}): { dag: Dag<any>; begun: () => number } {
  let calls = 0;
  const dag = new Dag<any>("outer", options);
  dag.node("first", () => void calls++);
  dag.node("check", { after: ["first"] }, inner);
  return { dag, begun: () => calls };
}

describe("The schema of an input of a workflow inside, to which an input of the run goes", () => {
  it("checks it before anything runs, with all other problems", async () => {
    const { dag, begun } = around(checker(z.object({ id: z.number() })), { inputs: { limit: z.number() } });
    const inputs = { order: { id: "x" }, limit: "y", limits: 1 };
    const error = (await failure(dag.run({ inputs }))) as ValidationError;
    expect(error).toBeInstanceOf(ValidationError);
    expect(error.issues.map(({ code, path }) => [code, path])).toEqual([
      ["UNKNOWN_INPUT", undefined],
      ["INVALID_INPUT", ["limit"]],
      ["INVALID_INPUT", ["order", "id"]],
    ]);
    expect(error.issues[2].nodes).toEqual(["check"]);
    expect(error.message).toContain('Input "order.id" of node "check" (check.order) is invalid');
    expect(begun()).toBe(0);
    expect(() => dag.start({ inputs })).toThrow(ValidationError);
    expect(() => dag.runSync({ inputs })).toThrow(ValidationError);
  });

  it("transforms it once, for the workflow that has the schema", async () => {
    const { calls, schema } = counted();
    const { dag } = around(checker(schema));
    dag.node("plain", (order: string) => order);
    const run = await dag.run({ inputs: { order: "7" } });
    expect([run.get("check"), run.get("plain"), run.context.inputs]).toEqual([7, "7", { order: "7" }]);
    expect(run.child("check")!.context.inputs).toEqual({ order: 7 });
    expect(calls).toEqual(["7"]);
    expect(dag.runSync({ inputs: { order: "8" } }).get("check")).toBe(8);
    expect(calls).toEqual(["7", "8"]);
  });

  it("gets what the schema of the outer workflow made", async () => {
    const { dag } = around(checker(z.number().transform((n) => n + 1)), { inputs: { order: z.coerce.number() } });
    expect((await dag.run({ inputs: { order: "7" } })).get("check")).toBe(8);
    const error = (await failure(
      around(checker(z.string()), { inputs: { order: z.coerce.number() } }).dag.run({ inputs: { order: "7" } }),
    )) as ValidationError;
    expect(error.issues).toMatchObject([{ path: ["order"], nodes: ["check"] }]);
  });

  it("is one of several that each get the input", async () => {
    const numbers = counted();
    const dag = new Dag<any>("several");
    dag.node("number", checker(numbers.schema));
    dag.node("again", checker(numbers.schema, "other"));
    dag.node("text", checker(z.string().transform((text) => `${text}!`)));
    const { results } = await dag.run({ inputs: { order: "7" } });
    expect(results).toMatchObject({ number: 7, again: 7, text: "7!" });
    expect(numbers.calls).toEqual(["7"]);
    const error = (await failure(dag.run({ inputs: { order: -1 } }))) as ValidationError;
    expect(error.issues.map(({ nodes }) => nodes[0])).toEqual(["number", "again", "text"]);
  });

  it("may lie at any depth", { tags: "slow" }, async () => {
    const { calls, schema } = counted();
    let dag = checker(schema);
    for (let level = 0; level < 1500; level++) {
      const outer = new Dag<any>(`level${level}`);
      outer.node("inner", dag);
      dag = outer;
    }
    const error = (await failure(dag.run({ inputs: { order: "-1" } }))) as ValidationError;
    expect(error.issues).toHaveLength(1);
    expect(error.issues[0].message).toMatch(/Input "order" of node "inner" \(inner\.inner.*inner\.order\) is invalid/u);
    expect((await dag.run({ inputs: { order: "7" } })).value).toBe(7);
    expect(calls).toEqual(["-1", "7"]);
  });

  it("is asked once for a workflow that is used in many ways", async () => {
    const { calls, schema } = counted();
    let dag = checker(schema);
    for (let level = 0; level < 40; level++) {
      const outer = new Dag<any>(`level${level}`);
      outer.node("left", dag);
      outer.node("right", dag);
      dag = outer;
    }
    await expect(dag.run({ inputs: { order: "-1" } })).rejects.toThrow(ValidationError);
    expect(calls).toEqual(["-1"]);
  });

  it("may be asynchronous", async () => {
    const slow = z.string().transform(async (text) => await Promise.resolve(Number(text)));
    const { dag, begun } = around(checker(slow), {
      inputs: { limit: z.string().refine(async () => await Promise.resolve(true)) },
    });
    const run = await dag.run({ inputs: { order: "7", limit: "x" } });
    expect(run.get("check")).toBe(7);
    await expect(dag.run({ inputs: { order: 7, limit: "x" } })).rejects.toThrow(/"check" \(check\.order\) is invalid/u);
    expect(begun()).toBe(1);
    expect(() => around(checker(slow)).dag.runSync({ inputs: { order: "7" } })).toThrow(
      /"check\.order" returned a promise/u,
    );
  });

  it("may be of a machine, or inside the first state of one", async () => {
    const machine = new Fsm<any>("machine", { inputs: { order: z.coerce.number() } });
    machine.state("only", { initial: true }, (order: number) => stop(order));
    const { dag, begun } = around(machine);
    expect((await dag.run({ inputs: { order: "7" } })).get("check")).toBe(7);
    await expect(dag.run({ inputs: { order: "x" } })).rejects.toThrow(/"check" \(check\.order\) is invalid/u);
    expect(begun()).toBe(1);

    const { calls, schema } = counted();
    const outer = new Fsm<any>("outer");
    outer.state("review", { initial: true }, checker(schema));
    outer.addTransition("review", "again", (value: number) => value < 9);
    outer.state("again", checker(schema));
    outer.addTransition("again", "done");
    outer.state("done", (order: number) => stop(order));
    await expect(outer.run({ inputs: { order: "-1" } })).rejects.toThrow(
      /Input "order" of state "review" \(review\.order\)/u,
    );
    calls.length = 0;
    expect((await outer.run({ inputs: { order: "7" } })).value).toBe(7);
    // The second state is given the value of the first.
    expect(calls).toEqual(["7", 7]);
    const twice = new Dag<any>("twice");
    twice.node("machine", outer);
    await expect(twice.run({ inputs: { order: "-1" } })).rejects.toThrow(/\(machine\.review\.order\)/u);
  });

  it("is that of a further input of a map, not of its items", async () => {
    const { calls, schema } = counted();
    const inner = new Dag<any>("inner", { inputs: { item: z.number(), order: schema } });
    inner.node("sum", (item: number, order: number) => item + order);
    const dag = new Dag<any>("mapping");
    dag.map("sums", inner);
    expect((await dag.run({ inputs: { item: [1, 2], order: "7" } })).get("sums")).toEqual([8, 9]);
    expect(calls).toEqual(["7"]);
    await expect(dag.run({ inputs: { item: [1], order: "-1" } })).rejects.toThrow(/"sums" \(sums\.order\) is invalid/u);
  });

  it("is told by the outer workflow's inputs", () => {
    const { dag } = around(checker(z.number().default(3)));
    expect(dag.inputs).toMatchObject([{ name: "order", required: false, default: 3, schema: { type: "number" } }]);
    const outer = new Fsm<any>("outer");
    outer.state("only", { initial: true }, dag);
    expect(outer.inputs).toMatchObject([{ name: "order", required: false, default: 3, schema: { type: "number" } }]);
    dag.node("plain", (order: number) => order);
    expect(dag.inputs).toEqual([
      { name: "order", required: true, schema: expect.objectContaining({ type: "number" }) },
    ]);
    dag.node("other", checker(z.number().max(4).default(5)));
    expect(dag.inputs[0].schema).toMatchObject({ allOf: [{ type: "number" }, { maximum: 4 }] });
  });

  it("does not apply to a node that does not run, or is given another value", async () => {
    const { dag } = around(checker(z.number()));
    expect((await dag.run({ inputs: { order: "x" }, overrides: { check: 1 } })).get("check")).toBe(1);
    expect((await dag.runUntil("first", { inputs: { order: "x" } })).status).toBe("completed");
    const filled = new Dag<any>("filled");
    filled.node("order", () => "7");
    filled.node("check", checker(counted().schema));
    expect((await filled.run()).get("check")).toBe(7);
  });

  it("leaves an input that is only missing to MissingInputError, and fills its default", async () => {
    const { dag } = around(checker(z.number()));
    await expect(dag.run()).rejects.toThrow(MissingInputError);
    expect((await around(checker(z.number().default(3))).dag.run()).get("check")).toBe(3);
  });

  it("belongs to classes too", async () => {
    @workflow({ inputs: { order: z.coerce.number() } })
    class Check {
      @node verify(order: number) {
        return order;
      }
    }
    class Outer {
      @node check = subworkflow(Check, { output: "verify" });
    }
    expect((await Dag.from(Outer).run({ inputs: { order: "7" } })).get("check")).toBe(7);
    await expect(Dag.from(Outer).run({ inputs: { order: "x" } })).rejects.toThrow(/"check" \(check\.order\)/u);
  });
});

describe("A recorded run with schemas inside", () => {
  it("is refused before it is recorded, and goes on with what they made", async () => {
    await using store = sqliteStore(":memory:");
    let fails = true;
    const inner = new Dag<any>("inner", { inputs: { order: z.string().transform(Number) } });
    inner.node("verify", (order: number) => order);
    let calls = 0;
    inner.node("count", () => calls++);
    inner.node("last", { needs: ["verify"], after: ["count"] }, (order: number) => {
      if (fails) throw new Error("not yet");
      return order;
    });
    const { dag } = around(inner);
    await expect(dag.run({ store, runId: "r", inputs: { order: 7 } })).rejects.toThrow(ValidationError);
    await expect(store.read("r")).rejects.toMatchObject({ code: "NOT_FOUND" });
    await expect(dag.run({ store, runId: "r", inputs: { order: "7" } })).rejects.toThrow("not yet");
    fails = false;
    expect((await dag.resume("r", { store })).get("check.last")).toBe(7);
    expect(calls).toBe(1);
  });

  it("checks the inputs of a workflow that begins anew", async () => {
    await using store = sqliteStore(":memory:");
    let attempts = 0;
    const inner = new Dag<any>("inner", { inputs: { order: z.string().transform(Number) } });
    inner.node("verify", (order: number) => {
      if (++attempts < 3) throw new Error("not yet");
      return order;
    });
    const dag = new Dag<any>("outer");
    dag.node("check", { retry: 2 }, inner);
    expect((await dag.run({ store, inputs: { order: "7" } })).get("check")).toBe(7);
    const made = new Dag<any>("made");
    made.node("order", () => "8");
    made.node("check", { retry: 2 }, inner);
    attempts = 0;
    expect((await made.run({ store })).get("check")).toBe(8);
  });
});
