import { parseExpressionAt, type Pattern } from "acorn";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { InvalidNodeError } from "dagwright";
import { readSignature } from "../../lib/definition/specs/params.js";

/** Creates the function at run time, so that no compiler rewrites its parameters. */
const fromSource = (source: string) => new Function(`return (${source})`)() as (...args: unknown[]) => unknown;
const method = (source: string) =>
  Object.values(new Function(`return ({ ${source} })`)() as Record<string, (...args: unknown[]) => unknown>)[0];

const names = (fn: (...args: any[]) => unknown) => readSignature(fn, undefined, "n").inputs.map(({ name }) => name);
const optionals = (fn: (...args: any[]) => unknown) => readSignature(fn, undefined, "n").inputs.map((p) => p.optional);

describe("readSignature", () => {
  it.each([
    ["(a, b) => 1", ["a", "b"]],
    ["a => a", ["a"]],
    ["async a => a", ["a"]],
    ["async\ta => a", ["a"]],
    ["async \t a => a", ["a"]],
    ["async (a, b) => 1", ["a", "b"]],
    ["async => async", ["async"]],
    ["function (a, b) {}", ["a", "b"]],
    ["function named(a, b,) {}", ["a", "b"]],
    ["async function* gen(a) {}", ["a"]],
    ["() => 1", []],
    ["(a = ')', b = '(', c = \"}\") => 1", ["a", "b", "c"]],
    ["(a = `)${`(${1})`}`, b) => 1", ["a", "b"]],
    ["(a = /[)/]\\/\\(/.test('x'), b = 4 / 2) => 1", ["a", "b"]],
    ["(/* (x, y) */ a /* , z */, // w, (\n b) => 1", ["a", "b"]],
    ["/* x => */ a /* y */ => 1", ["a"]],
    ["(a = (x, y) => [x, y], b = function (z) { return z; }) => 1", ["a", "b"]],
    ["({ a, b }, [c, d], e) => 1", [undefined, undefined, "e"]],
    ["({ a = ')' } = {}, b = [1, 2]) => 1", [undefined, "b"]],
    ["(größe, $x, _y) => 1", ["größe", "$x", "_y"]],
  ])("reads %s", (source, expected) => {
    expect(names(fromSource(source))).toEqual(expected);
  });

  it.each([
    ["m(a, b) {}", ["a", "b"]],
    ["async m(a) {}", ["a"]],
    ["*m(a) {}", ["a"]],
    ["async *m(a, b = 2) {}", ["a", "b"]],
    ["['(' + 'a, b)'](c) {}", ["c"]],
    ["'a (b)'(c) {}", ["c"]],
    ["get(a) {}", ["a"]],
    ["async(a) {}", ["a"]],
    ["m: (a) => a", ["a"]],
  ])("reads the method %s", (source, expected) => {
    expect(names(method(source))).toEqual(expected);
  });

  it("detects default values", () => {
    expect(optionals(fromSource("(a, b = 1, { c }, { d } = {}) => 1"))).toEqual([false, true, false, true]);
  });

  it("finds the context at any position", () => {
    expect(readSignature(fromSource("(a, ctx, b) => 1"), undefined, "n")).toMatchObject({ contextAt: 1 });
    expect(names(fromSource("(context, a) => 1"))).toEqual(["a"]);
  });

  it("refuses native and bound functions, and suggests params", () => {
    for (const fn of [Math.max, ((a: number) => a).bind(null)]) {
      expect(() => readSignature(fn, undefined, "n")).toThrow(InvalidNodeError);
      expect(() => readSignature(fn, undefined, "n")).toThrow(/"n".*params/u);
      expect(readSignature(fn, ["x"], "n").inputs.map(({ name }) => name)).toEqual(["x"]);
    }
  });

  it("refuses a class", () => {
    expect(() => readSignature(class {} as never, undefined, "n")).toThrow(/class/u);
  });

  it("reads random parameter lists as acorn does", { tags: "slow" }, () => {
    const ident = fc.constantFrom("a", "bc", "$d", "_e", "größe", "async", "of", "x1", "get");
    const value = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 3 },
        fc.constantFrom(
          "1",
          "')'",
          '"(,"',
          "/[,)(]/g",
          "`,)`",
          "a0 / 2 / 3",
          "[]",
          "{}",
          "null",
          "'\\''",
          "/\\//.source",
        ),
        tie("value").map((v) => `[${v}, ${v}]`),
        tie("value").map((v) => `({ k: ${v} })`),
        tie("value").map((v) => `((p, q = ${v}) => ${v})`),
        tie("value").map((v) => `\`(\${${v}},\${${v}})\``),
        tie("value").map((v) => `function (r = ${v}) { return ${v}; }`),
      ),
    })).value as fc.Arbitrary<string>;
    const comment = fc.constantFrom("", " ", "\n", "/* ,( */", "// )\n", "/* ' */");
    const target = fc.oneof(
      ident.map((name) => ({ text: name, name: name as string | undefined })),
      value.map((v) => ({ text: `{ k: kk = ${v} }`, name: undefined })),
      value.map((v) => ({ text: `[ll = ${v}]`, name: undefined })),
    );
    const param = fc.record({ target, comment, defaultValue: fc.option(value, { nil: undefined }) });
    const wrap = fc.constantFrom(
      (list: string) => `(${list}) => 1`,
      (list: string) => `async (${list}) => { return ")"; }`,
      (list: string) => `function (${list}) { return "("; }`,
      (list: string) => `async function* name(${list}) {}`,
    );
    fc.assert(
      fc.property(fc.uniqueArray(param, { maxLength: 4, selector: (p) => p.target.text }), wrap, (params, wrapper) => {
        const list = params.map((p) => {
          const given = p.defaultValue === undefined ? "" : ` = ${p.comment}${p.defaultValue}`;
          return `${p.comment}${p.target.text}${p.comment}${given}`;
        });
        // Two destructured parameters must not bind the same name.
        fc.pre(params.filter((p) => p.target.name === undefined).length <= 1);
        const source = wrapper(list.join(","));
        const parsed = parseExpressionAt(`(${source})`, 0, { ecmaVersion: 2022 }) as unknown as { params: Pattern[] };
        const expected = parsed.params.map((pattern) => {
          const left = pattern.type === "AssignmentPattern" ? pattern.left : pattern;
          return {
            name: left.type === "Identifier" ? left.name : undefined,
            optional: pattern.type === "AssignmentPattern",
          };
        });
        expect(readSignature(fromSource(source), undefined, "n").inputs).toEqual(expected);
      }),
      { numRuns: 1000 },
    );
  });
});
