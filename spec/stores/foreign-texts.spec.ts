import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { StoreError } from "dagwright";
import { Codec } from "../../lib/stores/values/codec.js";
import { Declined, roundTrip, Shape } from "../support/codec.js";

describe("A text that nobody wrote", () => {
  class Names extends Set<string> {}
  const none = { is: () => false, encode: () => 1 };
  const types = {
    Shape,
    Declined,
    Names,
    T: { ...none, decode: (data: any) => data.a },
    Call: { ...none, decode: () => () => 1 },
  };
  const own = new Codec(types);

  it.each(
    [
      '[[1],["View",[2]],["Function","globalThis.ran = true"]]',
      '[[1],["Function","globalThis.ran = true"]]',
      '[[1],["Uint8Array",5]]',
      '[[1],["Uint8Array",[2]],{}]',
      '[[1],["Float64Array","AAAA"]]',
      '[[1],["Uint8Array"]]',
      '[[1],["class","T",{}]]',
      '[[1],["class","Names",{}]]',
      '[[1],["class","toString",{}]]',
      '[[1],["class","Declined",{}]]',
      '[[1],["Error","TypeError",{},{},"Shape"]]',
      '[[1],["Error","constructor",{},{}]]',
      '[[1],["Error","Error"]]',
      '[[1],["Error","TypeError",{},{},"Declined",5]]',
      '[[1],["coded","T",[["undefined"]]]]',
      '[[1],["coded","Shape",[1]]]',
      '[[1],["coded","Call",5]]',
      '[[1],["coded","Call",[1],5]]',
      '[[1],{"then":[2]},["coded","Call",[1]]]',
      '[[1],["Map",1]]',
      '[[1],["Sparse",-1,{}]]',
      '[[1],["Sparse","5",{}]]',
      '[[1],["Sparse",1e400,{}]]',
      '[[1],["RegExp","(","",0]]',
      '[[1],["RegExp",["a"],"",0]]',
      '[[1],["URL","x"]]',
      '[[1],["BigInt","x"]]',
      '[[1],["null",[]]]',
      '[[1],["null",{},5]]',
      "[[1,1],{}]",
      '[[" 5n"]]',
      "[[1],null]",
      "[[1],5]",
      "[[2],{}]",
      "[[0]]",
      "[[-1]]",
      "[[1.5],{}]",
      '[["length"]]',
      "[]",
      "[[]]",
      "[[1],[[[]]]]",
      `[[1],${'["coded","T",[[1],'.repeat(50_000)}${"]]".repeat(50_000)}]`,
      `[[1],${'["coded","Call",[[1],'.repeat(101)}{}${"]]".repeat(101)}]`,
      "[".repeat(100_000),
      `[[1],${Array.from({ length: 50_000 }, (_, i) => `{"a":[${i + 2}]}`).join(",")},{}]`,
      `[[1],${Array.from({ length: 50_000 }, (_, i) => `[[[${i + 2}]]]`).join(",")},{}]`,
      "[[1],{},{}]",
      '[[2],{},{"a":[1]}]',
    ].map((text) => ({ text, beginning: text.slice(0, 60) })),
  )("rejects $beginning", ({ text }) => {
    expect(() => own.decode(text)).toThrow(StoreError);
    expect((globalThis as any).ran).toBeUndefined();
  });

  const inner = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom(
        undefined,
        null,
        -0,
        NaN,
        5n,
        "",
        "__proto__",
        new Date(5),
        /a/gu,
        Buffer.from("ab"),
        new URL("http://a.b/c"),
      ),
      fc.string(),
      fc.double(),
      fc.array(tie("value"), { maxLength: 3 }),
      fc.dictionary(fc.constantFrom("a", "then", "__proto__", "constructor"), tie("value"), { maxKeys: 3 }),
      fc.array(fc.tuple(tie("value"), tie("value")), { maxLength: 2 }).map((entries) => new Map(entries)),
      fc.array(tie("value"), { maxLength: 2 }).map((items) => new Set(items)),
      fc.tuple(fc.string(), tie("value")).map(([message, cause]) => new RangeError(message, { cause })),
      tie("value").map((data) => Object.assign(new Shape("s"), { data })),
      fc.tuple(fc.string(), tie("value")).map(([m, data]) => Object.assign(new Declined(m, "r"), { data })),
      fc.constant(new Float64Array([1, 2])),
    ),
  })).value;

  it("returns an encodable value or throws a StoreError, whatever the text", { tags: "slow" }, () => {
    const tokens = ["0", "1", "2", "[", "]", "{", "}", ",", ":", '"', "null", "-1", '"Map"', '"class"', '"Error"', '"__proto__"', "[1]", '"Function"', "1e999"]; // prettier-ignore
    const edit = fc.tuple(fc.nat(), fc.nat(6), fc.constantFrom(...tokens, ""));
    const property = fc.property(inner, fc.array(edit, { minLength: 1, maxLength: 4 }), (value, edits) => {
      let text = own.encode(value);
      for (const [at, length, token] of edits) {
        const from = at % text.length;
        text = text.slice(0, from) + token + text.slice(from + length);
      }
      let read: unknown;
      try {
        read = own.decode(text);
      } catch (error) {
        expect(error).toBeInstanceOf(StoreError);
        return;
      }
      expect(own.encode(own.decode(own.encode(read)))).toBe(own.encode(read));
      expect(({} as any).polluted).toBeUndefined();
    });
    fc.assert(property, { numRuns: 20_000 });
  });

  it("restores the value if the text is unchanged", { tags: "slow" }, () => {
    fc.assert(
      fc.property(inner, (value) => {
        expect(isDeepStrictEqual(roundTrip(value, own), value)).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });
});
