import { describe, expect, it } from "vitest";
import { Dag, optional, transforms } from "dagwright";

const { project, field, template, and, or, not, coalesce, zip, literal, mapEach, filter, every, some } = transforms;

class Order {
  constructor(readonly lines: readonly number[]) {}
  get total() {
    return this.lines.reduce((sum, line) => sum + line, 0);
  }
}

describe("project", () => {
  it("picks fields, and leaves absent ones out", () => {
    const record = Object.freeze({ a: 1, b: undefined, c: 3 });
    const picked = project("a", "b", "z")(record);
    expect(Object.entries(picked)).toEqual([
      ["a", 1],
      ["b", undefined],
    ]);
  });

  it("takes what is a field only, own or of a class", () => {
    expect(project("total")(new Order([1, 2]))).toEqual({ total: 3 });
    expect(project("toString", "constructor", "__proto__")({})).toEqual({});
    const picked = project("__proto__")(JSON.parse('{"__proto__":1}') as object);
    expect(Object.entries(picked)).toEqual([["__proto__", 1]]);
  });

  it.each([
    [null, "must be a record; received null."],
    ["text", 'must be a record; received "text".'],
    [new Map([["a", 1]]), "must be a record; received an instance of Map."],
    [[{ a: 1 }], "must be a record; received an array of 1. For each item, use mapEach(project(…))."],
  ])("refuses %o", (operand, message) => {
    expect(() => project("a")(operand as object)).toThrow(new TypeError(`The operand of project ${message}`));
  });

  it("refuses names that are none", () => {
    expect(() => project()).toThrow("project takes the names of fields; received none.");
    expect(() => project(5 as never)).toThrow("project takes the names of fields as non-empty strings; received 5.");
  });
});

describe("field", () => {
  it("reads a path, through lists and classes too", () => {
    expect(field("a.b")({ a: { b: 1 } })).toBe(1);
    expect(field("rows.1.id")({ rows: [{ id: "x" }, { id: "y" }] })).toBe("y");
    expect(field("total")(new Order([4]))).toBe(4);
    expect(field("0")(["first"])).toBe("first");
  });

  it("gives undefined where there is no field", () => {
    for (const record of [{}, { a: null }, { a: 5 }, { a: "text" }, { a: { c: 1 } }])
      expect(field("a.b")(record)).toBeUndefined();
    for (const name of ["constructor", "toString", "__proto__"]) expect(field(name)({})).toBeUndefined();
  });

  it("refuses an operand without fields, and a path that is none", () => {
    expect(() => field("a")(7 as never)).toThrow(new TypeError("The operand of field must be a record; received 7."));
    for (const path of ["", "a.", ".a", "a..b", 5]) expect(() => field(path as string)).toThrow(TypeError);
  });
});

describe("template", () => {
  it("fills fields into a text, null and undefined as nothing", () => {
    const letter = template`Dear ${"customer.name"},${"note"}${"absent"} you owe ${"total"} – ${"paid"}.`;
    expect(letter({ customer: { name: "Ada" }, note: null, total: 0, paid: false })).toBe(
      "Dear Ada, you owe 0 – false.",
    );
    expect(template`just text`({})).toBe("just text");
  });

  it("refuses operands without fields, and values without a text", () => {
    expect(() => template`${"a"}`(null as never)).toThrow("The operand of template must be a record; received null.");
    expect(() => template`${"a"}`({ a: {} })).toThrow('The field "a" of template must have a text; received an object');
    expect(() => template`${"a"}`({ a: Symbol("s") })).toThrow(TypeError);
    expect(template`${"a"}`({ a: new URL("http://x/") })).toBe("http://x/");
  });

  it("refuses what is no path, and a call that is none of a tag", () => {
    expect(() => template`${5 as never}`).toThrow('template takes the path of a field, such as "a.b"; received 5.');
    expect(() => template("a" as never)).toThrow("template is a tag");
  });
});

describe("and, or, not", () => {
  it("are those of logic", () => {
    expect([and(true, true), and(true, false), and()]).toEqual([true, false, true]);
    expect([or(false, true), or(false, false), or()]).toEqual([true, false, false]);
    expect([not(true), not(false)]).toEqual([false, true]);
  });

  it("name the operand that is no boolean, whatever the others are", () => {
    expect(() => and(false, 1 as never)).toThrow(new TypeError("Operand 2 of and must be a boolean; received 1."));
    expect(() => or("" as never, true)).toThrow(new TypeError('Operand 1 of or must be a boolean; received "".'));
    expect(() => not(undefined as never)).toThrow("The operand of not must be a boolean; received undefined.");
  });
});

describe("coalesce and literal", () => {
  it("give the first operand that is not undefined or null, and a value", () => {
    expect([coalesce(undefined, null, 0, 1), coalesce("", "x"), coalesce(null), coalesce()]).toEqual([
      0,
      "",
      undefined,
      undefined,
    ]);
    const value = {};
    expect(literal(value)()).toBe(value);
  });
});

describe("zip, mapEach, filter, every, some", () => {
  it("zip ends with the shortest list", () => {
    expect(zip([1, 2, 3], ["a", "b"])).toEqual([
      [1, "a"],
      [2, "b"],
    ]);
    expect([zip([1], []), zip(), zip([1, 2])]).toEqual([[], [], [[1], [2]]]);
  });

  it("go by item and index", () => {
    const list = Object.freeze(["a", "b", "c"]);
    expect(mapEach((item: string, i) => `${item}${i}`)(list)).toEqual(["a0", "b1", "c2"]);
    expect(filter((item: string) => item !== "b")(list)).toEqual(["a", "c"]);
    expect(mapEach(String)(new Array(2))).toEqual(["undefined", "undefined"]);
  });

  it("every is true of nothing, some is false", () => {
    const isBig = (n: number) => n > 1;
    expect([every(isBig)([]), every(isBig)([2, 1]), every(isBig)([2, 3])]).toEqual([true, false, true]);
    expect([some(isBig)([]), some(isBig)([2, 1]), some(isBig)([0, 1])]).toEqual([false, true, false]);
  });

  it("name the operand that is no list", () => {
    expect(() => zip([1], "ab" as never)).toThrow(new TypeError('Operand 2 of zip must be a list; received "ab".'));
    const all = { mapEach, filter, every, some };
    for (const [name, transform] of Object.entries(all)) {
      const make = transform as (fn: unknown) => (list: unknown) => unknown;
      const apply = make(() => true);
      expect(() => apply(new Set([1]))).toThrow(
        new TypeError(`The operand of ${name} must be a list; received an instance of Set.`),
      );
      expect(() => make(5)).toThrow(new TypeError(`${name} takes a function; received 5.`));
    }
  });

  it("refuse promises, and answers that are no booleans", () => {
    expect(() => mapEach(() => Promise.reject(new Error("unseen")))([1])).toThrow(
      "What the function of mapEach returns for item 0 must be a value, not a promise.",
    );
    expect(() => filter((() => Promise.resolve(true)) as never)([1])).toThrow("not a promise");
    expect(() => some((() => 1) as never)([1])).toThrow(
      "The function of some must return a boolean; for item 0 it returned 1.",
    );
  });
});

describe("Transforms as nodes", () => {
  it("take their needs in order, however many", async () => {
    const dag = new Dag("d");
    const people = dag.node("people", () => [
      { name: "Ada", age: 36 },
      { name: "Kid", age: 6 },
    ]);
    const adults = dag.node(
      "adults",
      { needs: [people] },
      filter((p) => p.age >= 18),
    );
    const names = dag.node("names", { needs: [adults] }, mapEach(field("name")));
    const pairs = dag.node("pairs", { needs: [names, people] }, zip);
    const yes = dag.node("yes", literal(true));
    const none = dag.node("none", () => {
      throw new Error("no");
    });
    const both = dag.node("both", { needs: [yes, yes] }, and);
    const first = dag.node("first", { needs: [optional(none), names] }, coalesce);
    const letter = dag.all("letter", { needs: [names, pairs] }, template`${"names.0"}: ${"pairs.length"}`);
    const run = await dag.run({ errorStrategy: "continue" });
    expect(run.get(pairs)).toEqual([["Ada", { name: "Ada", age: 36 }]]);
    expect([run.get(both), run.get(first), run.get(letter)]).toEqual([true, ["Ada"], "Ada: 1"]);
  });

  it("run on worker threads as well", async () => {
    const dag = new Dag("d");
    const a = dag.node("a", literal({ a: 1 }));
    dag.node("both", { needs: [a, a] }, transforms.merge);
    expect((await dag.run({ mode: "parallel" })).value).toEqual({ a: 1 });
  });
});
