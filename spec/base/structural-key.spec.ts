import { readFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Incomparable, structuralKey } from "../../lib/base/structural-key.js";
import {
  anything,
  Declined,
  Dollars,
  Euros,
  HeldAside,
  Hidden,
  inCurrency,
  Money,
  OtherMoney,
  Rows,
  Tagged,
  When,
} from "../support/values.js";

/** A copy of the value, with the keys of records in another order. */
function shuffled(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  const prototype = Object.getPrototypeOf(value) as object | null;
  if (prototype === Map.prototype)
    return new Map(Array.from(value as Map<unknown, unknown>, (pair) => pair.map(shuffled) as [unknown, unknown]));
  if (prototype === Set.prototype) return new Set(Array.from(value as Set<unknown>, shuffled));
  const isRecord = prototype === Object.prototype || prototype === null;
  if (!isRecord && prototype !== Array.prototype) return structuredClone(value);
  const copy = (isRecord ? Object.create(prototype) : new Array((value as unknown[]).length)) as Record<
    string,
    unknown
  >;
  for (const key of Object.keys(value).reverse()) {
    Object.defineProperty(copy, key, {
      value: shuffled((value as Record<string, unknown>)[key]),
      enumerable: true,
      configurable: true,
      writable: true,
    });
  }
  return copy;
}

const plain = fc.anything({
  withBigInt: true,
  withBoxedValues: true,
  withDate: true,
  withMap: true,
  withNullPrototype: true,
  withObjectString: true,
  withSet: true,
  withSparseArray: true,
  withTypedArray: true,
});

describe("A structural key", () => {
  it("is equal for equal values, in any order of keys", () => {
    fc.assert(
      fc.property(plain, (value) => structuralKey(shuffled(value)) === structuralKey(value)),
      { numRuns: 2000 },
    );
  });

  it("is equal only for values that are strictly deep-equal, with maps and sets in the same order", () => {
    const together = fc.array(anything, { minLength: 20, maxLength: 60 });
    let shared = 0;
    fc.assert(
      fc.property(together, (values) => {
        const found = new Map<string, unknown>();
        for (const value of values) {
          const key = structuralKey(value);
          if (found.has(key)) {
            shared++;
            expect(isDeepStrictEqual(value, found.get(key)), key).toBe(true);
          }
          found.set(key, value);
        }
      }),
      { numRuns: 400 },
    );
    expect(shared).toBeGreaterThan(1000);
  });

  it.each([
    [0, -0],
    [1, "1"],
    [1, 1n],
    [null, undefined],
    ["null", null],
    [NaN, "NaN"],
    [
      [1, 2],
      [2, 1],
    ],
    [
      [1, [2]],
      [[1], 2],
    ],
    [["a,b"], ["a", "b"]],
    [["#0"], [["#0"]]],
    [[undefined], []],
    // eslint-disable-next-line no-sparse-arrays
    [[undefined], [,]],
    [{ a: undefined }, {}],
    [{ a: 1 }, [["a", 1]]],
    [new Map([["a", 1]]), { a: 1 }],
    [
      new Map([
        [1, 2],
        [3, 4],
      ]),
      new Map([
        [3, 4],
        [1, 2],
      ]),
    ],
    [new Set([1, 2]), new Set([2, 1])],
    [new Set([1]), [1]],
    [new Date(5), 5],
    [new Date(5), new Date(6)],
    [new Date(NaN), new Date(5)],
    [new Uint8Array([1, 0]), new Uint16Array([1])],
    [new Uint8Array([1]), [1]],
    [new Uint8Array([1]).buffer, new Uint8Array([1])],
    [/a/gu, /a/u],
    [new Error("a"), new Error("b")],
    [new Error("a"), new TypeError("a")],
    [new Error("a", { cause: 1 }), new Error("a", { cause: 2 })],
    [new AggregateError([1], "a"), new AggregateError([2], "a")],
    [new URL("https://a.org"), new URL("https://b.org")],
    [new URL("https://a.org"), { URL: "https://a.org/" }],
    [Object(1), 1],
    [JSON.parse('{"__proto__":1}'), {}],
    [Object.create(null), {}],
    [Object.create(null), null],
    [Object.assign(["a"], { index: 1 }), Object.assign(["a"], { index: 2 })],
    ["xb".match(/b/u), "xxb".match(/b/u)],
    [Object.assign(/a/gu, { lastIndex: 0 }), Object.assign(/a/gu, { lastIndex: 5 })],
    [Object.assign(new Map(), { tag: 1 }), Object.assign(new Map(), { tag: 2 })],
    [Object.assign(new Map(), { tag: 1 }), new Map<unknown, unknown>([["tag", 1]])],
    [Object.assign(new Set(["a"]), { b: 1 }), new Set(["a", "b", 1])],
    [Buffer.from([1]), new Uint8Array([1])],
    [new Int8Array([-1]), new Uint8Array([255])],
    [new Uint8Array(new SharedArrayBuffer(1)), new Uint8Array(1)],
    [new Tagged([[1, 2]]), new Map([[1, 2]])],
    [new Rows(), []],
    [new When(5), new Date(5)],
    [new Declined("a"), new Error("a")],
    [new Money(1), new OtherMoney(1)],
    [new Euros(1), new Dollars(1)],
    ["\ud800", "\ud801"],
    ["\ud800", "\ufffd"],
    ["a\0b", "a\0c"],
    ["\0", "\\u0000"],
    [{ "\ud800": 1 }, { "\ud801": 1 }],
    [new URLSearchParams("a=1"), new URLSearchParams("a=2")],
  ])("differs for %o and %o", (a, b) => {
    expect(structuralKey(a)).not.toBe(structuralKey(b));
    expect(structuralKey([a])).not.toBe(structuralKey([b]));
    expect(structuralKey({ x: { y: a } })).not.toBe(structuralKey({ x: { y: b } }));
  });

  it("includes properties of long arrays and views besides their items", () => {
    const list = () => new Array<unknown>(1000).fill(0);
    expect(structuralKey(Object.assign(list(), { tag: 1 }))).not.toBe(structuralKey(list()));
    expect(structuralKey(Object.assign(new Uint8Array(1000), { tag: 1 }))).not.toBe(
      structuralKey(new Uint8Array(1000)),
    );
    expect(structuralKey(Object.assign(Buffer.alloc(1000), { tag: 1 }))).not.toBe(structuralKey(Buffer.alloc(1000)));
    const hole = list();
    Reflect.deleteProperty(hole, 999);
    expect(structuralKey(hole)).not.toBe(structuralKey(list().fill(undefined, 999)));
  });

  it("is equal for equal values of other realms", () => {
    const other: unknown = runInNewContext(
      "({ list: [1, { a: new Map([[1, new Date(5)]]) }], e: new TypeError('no') })",
    );
    const own = { list: [1, { a: new Map([[1, new Date(5)]]) }], e: new TypeError("no") };
    expect(structuralKey(other)).toBe(structuralKey(own));
  });

  it("compares instances by their class and own properties", () => {
    expect(structuralKey(new Money(1))).toBe(structuralKey(new Money(1)));
    expect(structuralKey(new Money(1))).not.toBe(structuralKey(new Money(2)));
    expect(structuralKey(new Money(1))).not.toBe(structuralKey({ amount: 1 }));
    const [first, second] = [inCurrency("EUR"), inCurrency("EUR")];
    expect(structuralKey(new first(1))).not.toBe(structuralKey(new second(1)));
  });

  it("is well-formed Unicode without NUL", () => {
    for (const value of ["\ud800", ["\0"], { "\udfff": 1 }, new Map([["\0", "\ud83d"]])]) {
      expect(Buffer.from(structuralKey(value)).toString()).toBe(structuralKey(value));
      expect(structuralKey(value)).not.toContain("\0");
    }
  });

  it("compares instances by their toJSON only if their class is listed", () => {
    class Token {
      constructor(readonly secret: string) {}
      toJSON() {
        return "***";
      }
    }
    class Cents {
      #amount: number;
      constructor(amount: number) {
        this.#amount = amount;
      }
      toJSON() {
        return this.#amount;
      }
    }
    class Never extends Cents {}
    const known = new Set([Token.prototype, Cents.prototype]);
    expect(structuralKey(new Token("a"))).not.toBe(structuralKey(new Token("b")));
    expect(structuralKey(new Token("a"), known)).toBe(structuralKey(new Token("b"), known));
    expect(structuralKey(new Cents(1), known)).toBe(structuralKey(new Cents(1), known));
    expect(structuralKey([new Cents(1)], known)).not.toBe(structuralKey([new Cents(2)], known));
    expect(() => structuralKey(new Cents(1))).toThrow(/an instance of Cents, which has private members/u);
    expect(() => structuralKey(new Never(1), known)).toThrow(
      /an instance of Never, which has private members in Cents/u,
    );
  });

  it("supports long sparse arrays", () => {
    const few = (at: number) => Object.assign(new Array(4e9), { [at]: 1 });
    expect(structuralKey(few(5))).toBe(structuralKey(few(5)));
    expect(structuralKey(few(5))).not.toBe(structuralKey(few(6)));
    expect(structuralKey(new Array(5))).not.toBe(structuralKey(new Array(6)));
  });

  it("includes the fields of errors, but not their stacks", () => {
    const failed = (code: unknown) => Object.assign(new Error("no"), { code });
    expect(structuralKey(failed(1))).toBe(structuralKey(failed(1)));
    expect(structuralKey(failed(1))).not.toBe(structuralKey(failed(2)));
    const system = (path: string) => {
      try {
        return readFileSync(path);
      } catch (error) {
        return error;
      }
    };
    expect(structuralKey(system("/none/a"))).toBe(structuralKey(system("/none/a")));
    expect(structuralKey(system("/none/a"))).not.toBe(structuralKey(system("/none/b")));
    expect(structuralKey(invalid("a b"))).not.toBe(structuralKey(invalid("c d")));
  });

  it("compares repeated objects by value", () => {
    const part = { x: [1, 2] };
    expect(structuralKey([part, part])).toBe(structuralKey([{ x: [1, 2] }, { x: [1, 2] }]));
    expect(structuralKey([part, [part]])).not.toBe(structuralKey([[part], part]));
  });

  it("supports circular values, and differs for different ones", () => {
    const ring = (...names: string[]) => {
      const nodes = names.map((name) => ({ name, next: undefined as unknown }));
      nodes.forEach((node, i) => (node.next = nodes[(i + 1) % nodes.length]));
      return nodes[0];
    };
    expect(structuralKey(ring("a", "b"))).toBe(structuralKey(ring("a", "b")));
    expect(structuralKey(ring("a", "b"))).not.toBe(structuralKey(ring("b", "a")));
    expect(structuralKey(ring("a"))).not.toBe(structuralKey(ring("a", "a")));
    const [inner, outer]: any[] = [{}, {}];
    outer.a = { b: outer };
    inner.a = { b: undefined };
    inner.a.b = inner.a;
    expect(structuralKey(outer)).not.toBe(structuralKey(inner));
    const map = new Map<string, unknown>();
    map.set("self", map);
    expect(structuralKey(map)).toContain("Map");
    const all = Array.from({ length: 60 }, () => ({ others: [] as unknown[] }));
    for (const one of all) one.others.push(...all);
    expect(structuralKey(all).length).toBeLessThan(50_000);
  });

  it("takes linear time, and does not recurse", { tags: "slow" }, () => {
    let deep: unknown[] = [];
    for (let i = 0; i < 200_000; i++) deep = [deep];
    expect(structuralKey(deep)).toBe(structuralKey(structuralDeep(200_000)));
    let shared: unknown = 1;
    for (let i = 0; i < 500; i++) shared = [shared, shared];
    expect(structuralKey(shared).length).toBeLessThan(10_000);
  });

  it.each<[RegExp, unknown]>([
    [/^The value is function \(anonymous\), which has no value to compare\.$/u, () => () => 1],
    [/^"f" is function max, which/u, () => ({ f: Math.max })],
    [/^"\[1\]" is Symbol\(s\), which has no value to compare/u, () => [1, Symbol("s")]],
    [/^"rows\[0\]\["a b"\]" is function/u, () => ({ rows: [{ "a b": () => 1 }] })],
    [/^"get\("k"\)\.f" is function max/u, () => new Map([["k", { f: Math.max }]])],
    [/^"<value 0>" is function max/u, () => new Map([[{}, Math.max]])],
    [/^"s<item 1>\[0\]" is function max/u, () => ({ s: new Set([1, [Math.max]]) })],
    [/^"cause\.f" is function max/u, () => new Error("no", { cause: { f: Math.max } })],
    [/^"p" is an instance of Promise, which may hide its data/u, () => ({ p: new Promise(() => {}) })],
    [/an instance of WeakMap, which may hide its data/u, () => new WeakMap()],
    [/an instance of Empty, which has no readable data/u, () => new (class Empty {})()],
    [/^"m" is an instance of Hidden, which has private members/u, () => ({ m: new Hidden() })],
    [/an instance of HeldAside, which keeps its data in a separate map/u, () => new HeldAside(1)],
    [/an instance of Later, which extends Promise/u, () => new (class Later extends Promise<void> {})(() => {})],
    [/has a prototype that belongs to no class/u, () => Object.create({ amount: 1 })],
    [/has a prototype that belongs to no class|may hide its data/u, () => [1][Symbol.iterator]()],
    [/^"a" has non-enumerable or symbol properties/u, () => ({ a: { [Symbol("tag")]: 1 } })],
    [
      /^The value has non-enumerable or symbol properties/u,
      () => Object.defineProperty({ k: 1 }, "amount", { value: 1 }),
    ],
    [/has non-enumerable or symbol properties/u, () => Object.defineProperty([1], "amount", { value: 1 })],
    [
      /has non-enumerable or symbol properties/u,
      () => Object.defineProperty(new Array(200).fill(1), "amount", { value: 1 }),
    ],
    [/has non-enumerable or symbol properties/u, () => Object.defineProperty(new Map(), "amount", { value: 1 })],
    [/has non-enumerable or symbol properties/u, () => Object.assign(new Uint8Array(200), { [Symbol("tag")]: 1 })],
    [/has non-enumerable or symbol properties/u, () => Object.assign(new Error("no"), { [Symbol("tag")]: 1 })],
    [/an instance of Headers, which|non-enumerable/u, () => new Headers()],
    [/can't be read: it is resizable/u, () => Reflect.construct(ArrayBuffer, [1, { maxByteLength: 2 }])],
    [/can't be read: .*incompatible receiver/u, () => Object.create(Map.prototype)],
    [/^"x" can't be read: locked/u, () => ({ x: Object.defineProperty({}, "a", { get: locked, enumerable: true }) })],
    [/^"x" can't be read: .*revoked/u, () => ({ x: revoked() })],
  ])("is refused with the reason and the path: %s", (message, make) => {
    const value = (make as () => unknown)();
    expect(() => structuralKey(value)).toThrow(Incomparable);
    expect(() => structuralKey(value)).toThrow(message);
  });
});

function locked(): never {
  throw new Error("locked");
}

function revoked(): unknown {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

function invalid(url: string): unknown {
  try {
    return new URL(url);
  } catch (error) {
    return error;
  }
}

function structuralDeep(depth: number): unknown {
  let deep: unknown[] = [];
  for (let i = 0; i < depth; i++) deep = [deep];
  return deep;
}
