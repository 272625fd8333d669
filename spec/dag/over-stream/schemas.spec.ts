import { describe, expect, it } from "vitest";
import { z } from "zod";
import { Dag, MissingInputError, ValidationError, type StreamError } from "dagwright";
import { all } from "../../support/streams.js";
import { failure } from "../../support/waiting.js";

/** A dag that doubles a number, which is given as a text. */
function doubling(schema: z.ZodType<number, string> = z.string().regex(/^\d+$/u).transform(Number)) {
  const dag = new Dag("doubling", { inputs: { n: schema } });
  dag.node("twice", (n: number) => 2 * n);
  return dag;
}

/** The same inside of another one. */
function outer() {
  const dag = new Dag<any>("outer");
  dag.node("inner", doubling());
  return dag;
}

describe("The schemas of inputs that items of a stream give", () => {
  it.each([
    ["of the dag", doubling() as Dag<any>],
    ["of a workflow inside", outer()],
  ])("check and transform each item: %s", async (_, dag) => {
    expect(await all(dag.stream(["1", "2"], { input: "n", values: true }))).toEqual([2, 4]);
    expect(await all(dag.stream([{ n: "1" }, { n: "2" }], { values: true }))).toEqual([2, 4]);
  });

  it("may be asynchronous", async () => {
    const dag = doubling(z.string().transform(async (text) => await Promise.resolve(Number(text))));
    expect(await all(dag.stream(["1", "2"], { input: "n", values: true }))).toEqual([2, 4]);
  });

  it.each([
    ["values", { input: "n" }, ["1", "x", "3"]],
    ["records", {}, [{ n: "1" }, { n: "x" }, { n: "3" }]],
  ])("fail the items that they refuse: %s", async (_, options, source) => {
    const read = async (others: object) =>
      await all(doubling().stream(source as never, { ...options, ...others } as never));
    const error = (await failure(read({}))) as StreamError;
    expect(error).toMatchObject({ code: "STREAM", index: 1, input: source[1] });
    expect(error.cause).toBeInstanceOf(ValidationError);
    expect((error.cause as ValidationError).issues).toMatchObject([{ code: "INVALID_INPUT", path: ["n"] }]);
    expect(await read({ values: true, onItemError: "skip" })).toEqual([2, 6]);
    const letters: number[] = [];
    const deadLetter = ({ index }: { index: number }) => letters.push(index);
    expect(await read({ values: true, onItemError: "deadLetter", deadLetter })).toEqual([2, 6]);
    expect(letters).toEqual([1]);
  });

  it("fail an item that lacks its input", async () => {
    const error = (await failure(all(doubling().stream([{}] as never)))) as StreamError;
    expect(error.cause).toBeInstanceOf(MissingInputError);
  });

  it("check the inputs that all items share before anything is pulled", () => {
    const dag = new Dag("sum", { inputs: { n: z.number(), step: z.number() } });
    dag.node("sum", (n: number, step: number) => n + step);
    expect(() => dag.stream([1], { input: "n", inputs: { step: "x" as never } })).toThrow(/Input "step" is invalid/u);
    expect(() => dag.stream([1], { input: "n" })).toThrow(MissingInputError);
    expect(() => dag.stream([{ n: 1 }] as never, { inputs: { step: "x" as never } })).toThrow(ValidationError);
  });
});
