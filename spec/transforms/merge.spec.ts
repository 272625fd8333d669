import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { Dag, transforms, type ExecutionError } from "dagwright";

const { merge } = transforms;

describe("merge", () => {
  it("merges records, of which the right one wins", () => {
    expect(merge({ a: 1, b: 1 }, { b: 2, c: 2 })).toEqual({ a: 1, b: 2, c: 2 });
    expect(merge({ a: 1 }, { a: undefined })).toEqual({ a: undefined });
  });

  it("merges lists item by item, of which the right one wins", () => {
    expect(
      merge(
        [{ a: 1 }, { a: 2 }],
        [
          { a: 3, b: 3 },
          { a: 4, b: 4 },
        ],
      ),
    ).toEqual([
      { a: 3, b: 3 },
      { a: 4, b: 4 },
    ]);
    expect(merge([], [])).toEqual([]);
  });

  it("merges a record with each item of a list, on either side", () => {
    expect(merge([{ a: 1 }, { a: 2 }], { a: 9, b: 9 })).toEqual([
      { a: 9, b: 9 },
      { a: 9, b: 9 },
    ]);
    expect(merge({ a: 9, b: 9 }, [{ a: 1 }, { a: 2 }])).toEqual([
      { a: 1, b: 9 },
      { a: 2, b: 9 },
    ]);
    expect(merge({ a: 1 }, [])).toEqual([]);
  });

  it("takes any number of operands, of which the last one wins", async () => {
    expect(merge({ a: 1, b: 1, c: 1 }, { b: 2, c: 2 }, { c: 3, d: 3 })).toEqual({ a: 1, b: 2, c: 3, d: 3 });
    expect(merge({ a: 1 }, [{ b: 1 }, { b: 2 }], { c: 3 }, [{ d: 1 }, { a: 4 }])).toEqual([
      { a: 1, b: 1, c: 3, d: 1 },
      { a: 4, b: 2, c: 3 },
    ]);
    expect(() => merge({}, [{}], [{}, {}])).toThrow(
      new RangeError("merge takes lists of equal length; operand 2 has 1 items, operand 3 2."),
    );
    expect(() => merge({}, {}, 5 as never)).toThrow(/^Operand 3 of merge must be a record, .*; received 5\.$/u);
    expect(() => merge({}, {}, [5] as never)).toThrow("Item 0 of merge's operand 3 must be a record; received 5.");
    const dag = new Dag("d");
    const [a, b, c] = [1, 2, 3].map((n) => dag.node(`n${n}`, () => ({ [`n${n}`]: n })));
    const all = dag.node("all", { needs: [a, b, c] }, merge);
    expect((await dag.run()).get(all)).toEqual({ n1: 1, n2: 2, n3: 3 });
  });

  it("changes neither operand, nor shares records with them", () => {
    const left = Object.freeze([Object.freeze({ a: 1 })]);
    const right = Object.freeze({ b: 2 });
    const merged = merge(left, right);
    expect(merged[0]).not.toBe(left[0]);
    expect([left, right]).toEqual([[{ a: 1 }], { b: 2 }]);
  });

  it("refuses lists of different lengths", () => {
    expect(() => merge([{}], [{}, {}])).toThrow(
      new RangeError("merge takes lists of equal length; the left operand has 1 items, the right one 2."),
    );
  });

  it.each([
    [5, {}, "The left operand of merge must be a record, or a list of records; received 5."],
    [{}, null, "The right operand of merge must be a record, or a list of records; received null."],
    [{}, new Map(), "The right operand of merge must be a record, or a list of records; received an instance of Map."],
    [new Date(), {}, "The left operand of merge must be a record, or a list of records; received an instance of Date."],
    [[{}, 7], [{}, {}], "Item 1 of merge's left operand must be a record; received 7."],
    [{}, [[1]], "Item 0 of merge's right operand must be a record; received an array of 1."],
    [{}, new Array(1), "Item 0 of merge's right operand must be a record; received undefined."],
  ])("names the operand that is wrong: %o, %o", (left, right, message) => {
    expect(() => merge(left as object, right as object)).toThrow(new TypeError(message));
  });

  it("takes records without a prototype, and of other realms", () => {
    const bare = Object.assign(Object.create(null) as object, { a: 1 });
    expect(merge(bare, runInNewContext("({ b: 2 })") as object)).toEqual({ a: 1, b: 2 });
  });

  it("keeps a field named __proto__ a field", () => {
    const merged = merge(JSON.parse('{"__proto__":{"polluted":1}}') as object, { a: 1 });
    expect(Object.keys(merged)).toEqual(["__proto__", "a"]);
    expect(Object.getPrototypeOf(merged)).toBe(Object.prototype);
    expect("polluted" in {}).toBe(false);
  });

  it("reads a getter once, and passes on what it throws", () => {
    let reads = 0;
    const merged = merge(
      {
        get n() {
          return ++reads;
        },
      },
      {},
    );
    expect([merged.n, merged.n, reads]).toEqual([1, 1, 1]);
    const error = new Error("no");
    const hostile = {
      get n(): number {
        throw error;
      },
    };
    expect(() => merge(hostile, {})).toThrow(error);
  });

  it("is the function of a node, whose error names node and operand", async () => {
    const dag = new Dag("d");
    const a = dag.node("a", () => ({ a: 1 }));
    const b = dag.node("b", () => ({ b: 2 }));
    const both = dag.node("both", { needs: [a, b] }, merge);
    expect((await dag.run()).get(both)).toEqual({ a: 1, b: 2 });
    const failure = (await dag.run({ overrides: { b: "x" } }).catch((error: unknown) => error)) as ExecutionError;
    expect(failure.node).toBe("both");
    expect(failure.message).toContain(
      'The right operand of merge must be a record, or a list of records; received "x".',
    );
  });
});
