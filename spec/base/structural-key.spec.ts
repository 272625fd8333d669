import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Incomparable, structuralKey } from "../../lib/base/structural-key.js";

const values = fc.anything({
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

/** The same value made anew, the keys of records in another order. */
function shuffled(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  const prototype = Object.getPrototypeOf(value) as object | null;
  if (Array.isArray(value)) {
    const copy: unknown[] = new Array(value.length);
    for (const key of Object.keys(value)) copy[Number(key)] = shuffled(value[Number(key)]);
    return copy;
  }
  if (prototype !== Object.prototype && prototype !== null) return structuredClone(value);
  const copy = Object.create(prototype) as Record<string, unknown>;
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

describe("A structural key", () => {
  it("is the same for equal values, whatever the order of keys", () => {
    fc.assert(
      fc.property(values, (value) => structuralKey(shuffled(value)) === structuralKey(value)),
      { numRuns: 2000 },
    );
  });

  it("differs where values do", () => {
    fc.assert(
      fc.property(values, values, (a, b) => {
        if (structuralKey(a) === structuralKey(b)) expect(isSame(a, b)).toBe(true);
      }),
      { numRuns: 5000 },
    );
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
  ])("tells %o from %o", (a, b) => {
    expect(structuralKey(a)).not.toBe(structuralKey(b));
    expect(structuralKey([a])).not.toBe(structuralKey([b]));
    expect(structuralKey({ x: { y: a } })).not.toBe(structuralKey({ x: { y: b } }));
  });

  it("counts instances by class name and own properties", () => {
    const make = (amount: number) => {
      class Order {
        constructor(readonly amount: number) {}
        total() {
          return this.amount;
        }
      }
      return new Order(amount);
    };
    expect(structuralKey(make(1))).toBe(structuralKey(make(1)));
    expect(structuralKey(make(1))).not.toBe(structuralKey(make(2)));
    expect(structuralKey(make(1))).not.toBe(structuralKey({ amount: 1 }));
  });

  it("counts shared parts by what they are", () => {
    const part = { x: [1, 2] };
    expect(structuralKey([part, part])).toBe(structuralKey([{ x: [1, 2] }, { x: [1, 2] }]));
    expect(structuralKey([part, [part]])).not.toBe(structuralKey([[part], part]));
  });

  it("comes to an end with circles, and tells them apart", () => {
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

  it("takes time in proportion to the value, and no recursion", () => {
    let deep: unknown[] = [];
    for (let i = 0; i < 200_000; i++) deep = [deep];
    expect(structuralKey(deep)).toBe(structuralKey(structuralDeep(200_000)));
    let shared: unknown = 1;
    for (let i = 0; i < 500; i++) shared = [shared, shared];
    expect(structuralKey(shared).length).toBeLessThan(10_000);
  });

  it.each([
    [() => 1, /function \(anonymous\) has no value to compare/u],
    [{ f: Math.max }, /function max has no value to compare/u],
    [[Symbol("s")], /Symbol\(s\) has no value to compare/u],
    [Promise.resolve(1), /an instance of Promise shows no data to compare/u],
    [new WeakMap(), /an instance of WeakMap shows no data/u],
    [
      new (class Hidden {
        #secret = 1;
        get() {
          return this.#secret;
        }
      })(),
      /an instance of Hidden shows no data/u,
    ],
  ])("is refused for %o", (value, message) => {
    expect(() => structuralKey(value)).toThrow(Incomparable);
    expect(() => structuralKey(value)).toThrow(message);
  });
});

function structuralDeep(depth: number): unknown {
  let deep: unknown[] = [];
  for (let i = 0; i < depth; i++) deep = [deep];
  return deep;
}

/** Deep equality, where -0 differs from 0, and prototypes of records do not count. */
function isSame(a: unknown, b: unknown): boolean {
  return isDeepStrictEqual(plain(a), plain(b));
}

function plain(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return Object.assign([], value.map(plain), { length: value.length });
  if (value instanceof Map) return new Map(Array.from(value, ([k, v]) => [plain(k), plain(v)]));
  if (value instanceof Set) return new Set(Array.from(value, plain));
  if (Object.getPrototypeOf(value) !== null && Object.getPrototypeOf(value) !== Object.prototype) return value;
  return new Map(
    Object.keys(value)
      .sort()
      .map((key) => [key, plain((value as Record<string, unknown>)[key])]),
  );
}
