import { isDeepStrictEqual } from "node:util";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { copyOf, Uncopyable } from "../../lib/base/copy.js";
import { structuralKey } from "../../lib/base/structural-key.js";
import { anything, Declined, HeldAside, Hidden, Money, Rows, Tagged, When } from "../support/values.js";

/** All mutable objects in a value. */
function objectsIn(value: unknown, found = new Set<object>()): Set<object> {
  if (typeof value !== "object" || value === null || found.has(value)) return found;
  found.add(value);
  if (ArrayBuffer.isView(value)) objectsIn(value.buffer, found);
  if (value instanceof Map)
    for (const entry of value as Map<unknown, unknown>) entry.forEach((part) => objectsIn(part, found));
  if (value instanceof Set) for (const item of value as Set<unknown>) objectsIn(item, found);
  for (const key of Reflect.ownKeys(value)) objectsIn((value as Record<PropertyKey, unknown>)[key], found);
  return found;
}

describe("A copy", () => {
  it("is deeply equal, of the same classes, and shares no object", { tags: "slow" }, () => {
    fc.assert(
      fc.property(anything, (value) => {
        const copy = copyOf(value);
        expect(isDeepStrictEqual(copy, value)).toBe(true);
        expect(structuralKey(copy)).toBe(structuralKey(value));
        const originals = objectsIn(value);
        for (const object of objectsIn(copy)) expect(originals.has(object)).toBe(false);
      }),
      { numRuns: 3000 },
    );
  });

  it("keeps circular and repeated references", () => {
    const part = { n: 1 };
    const value: any = { a: part, list: [part], map: new Map<unknown, unknown>([[part, part]]), set: new Set([part]) };
    value.self = value;
    value.map.set("self", value.map);
    value.error = new Error("no", { cause: value });
    const copy = copyOf(value);
    expect(copy.self).toBe(copy);
    expect(copy.a).not.toBe(part);
    expect(copy.list[0]).toBe(copy.a);
    expect(copy.map.get(copy.a)).toBe(copy.a);
    expect(copy.set.has(copy.a)).toBe(true);
    expect(copy.map.get("self")).toBe(copy.map);
    expect(copy.error.cause).toBe(copy);
  });

  it("lets views share a buffer as in the original, and reduces the buffer of a partial view to that part", () => {
    const bytes = new Uint8Array([1, 2, 3, 4]);
    const copy = copyOf({ bytes, words: new Uint16Array(bytes.buffer), buffer: bytes.buffer });
    copy.bytes[0] = 9;
    expect([copy.words[0] & 255, new Uint8Array(copy.buffer)[0], bytes[0]]).toEqual([9, 9, 1]);
    const slice = copyOf(bytes.subarray(1, 3));
    expect([slice, slice.buffer.byteLength]).toEqual([new Uint8Array([2, 3]), 2]);
    expect(Buffer.isBuffer(copyOf(Buffer.from("a")))).toBe(true);
  });

  it("keeps the classes, stacks, causes and fields of errors", () => {
    const error = Object.assign(new Declined("no", { cause: new AggregateError([{ n: 1 }], "many") }), { code: 5 });
    const copy = copyOf(error) as any;
    expect(copy).toBeInstanceOf(Declined);
    expect([copy.stack, copy.message, copy.code]).toEqual([error.stack, "no", 5]);
    expect(copy.cause).toBeInstanceOf(AggregateError);
    expect(copy.cause.errors).toEqual([{ n: 1 }]);
    expect(copy.cause).not.toBe(error.cause);
    expect(Object.keys(copy)).toEqual(["code"]);
    let invalid: any;
    try {
      invalid = new URL("no url");
    } catch (thrown) {
      invalid = thrown;
    }
    expect(copyOf({ invalid }).invalid).toMatchObject({
      name: "TypeError",
      code: "ERR_INVALID_URL",
      message: invalid.message,
    });
  });

  it("calls no constructor and no setter", () => {
    class Odd {
      n = 1;
      constructor(required: object) {
        Object.keys(required);
      }
    }
    class Guarded {
      static {
        Object.defineProperty(this.prototype, "n", {
          set() {
            throw new Error("called");
          },
        });
      }
    }
    class Sized extends Array<number> {
      constructor() {
        super();
        throw new Error("called");
      }
    }
    const guarded = Object.defineProperty(new Guarded(), "n", { value: 1, enumerable: true });
    const sized: unknown[] = Object.setPrototypeOf([1], Sized.prototype);
    const copy = copyOf({ odd: new Odd({}), guarded, sized }) as any;
    expect([copy.odd.n, copy.guarded.n, copy.sized[0], copy.sized instanceof Sized]).toEqual([1, 1, 1, true]);
  });

  it("keeps non-enumerable and symbol properties, and special names such as __proto__", () => {
    const tag = Symbol("tag");
    const value = Object.defineProperty({ [tag]: { n: 1 } }, "hidden", { value: [1] }) as any;
    const copy = copyOf(value);
    expect([copy[tag], copy[tag] === value[tag], copy.hidden, Object.keys(copy)]).toEqual([{ n: 1 }, false, [1], []]);
    const odd = JSON.parse('{"__proto__": {"a": 1}, "constructor": 1}') as object;
    expect(Object.entries(copyOf(odd))).toEqual([
      ["__proto__", { a: 1 }],
      ["constructor", 1],
    ]);
    expect(copyOf(Object.assign(/a/gu, { lastIndex: 3 })).lastIndex).toBe(3);
  });

  it("does not recurse, and copies long sparse arrays quickly", () => {
    let deep: unknown[] = [];
    for (let i = 0; i < 200_000; i++) deep = [deep];
    let copy = copyOf(deep);
    let depth = 0;
    for (; copy.length > 0; depth++) copy = copy[0] as unknown[];
    expect(depth).toBe(200_000);
    const few = Object.assign(new Array(4e9), { 5: "a" }) as unknown[];
    expect([copyOf(few).length, copyOf(few)[5], Object.keys(copyOf(few))]).toEqual([4e9, "a", ["5"]]);
  });

  it("works for values of other realms", () => {
    const other = runInNewContext("({ list: [1, { a: new Map([[1, new Date(5)]]) }] })") as any;
    const copy = copyOf(other);
    copy.list[1].a.clear();
    expect([other.list[1].a.size, Array.isArray(copy.list)]).toEqual([1, true]);
  });

  it.each<[RegExp, unknown]>([
    [/^it is function max$/u, () => Math.max],
    [/^"rows\[0\]\.f" is function/u, () => ({ rows: [{ f: () => 1 }] })],
    [/^"get\("k"\)" is function max/u, () => new Map([["k", Math.max]])],
    [/^"p" is an instance of Promise, which may hide its data/u, () => ({ p: new Promise(() => {}) })],
    [/^"list\[1\]" is an instance of Hidden, which has private members/u, () => ({ list: [1, new Hidden()] })],
    [/is an instance of HeldAside, which keeps its data in a separate map/u, () => new HeldAside(1)],
    [
      /has getters but no properties that hold their data/u,
      () =>
        new (class Masked {
          get a() {
            return 1;
          }
        })(),
    ],
    [/has a hidden getter "a"/u, () => Object.defineProperty({}, "a", { get: () => 1 })],
    [/^"b" is a view of shared memory/u, () => ({ b: new Uint8Array(new SharedArrayBuffer(1)) })],
    [/is a resizable buffer/u, () => Reflect.construct(ArrayBuffer, [1, { maxByteLength: 2 }])],
    [/^it can't be read: .*incompatible receiver/u, () => Object.create(Map.prototype)],
    [/^"x" can't be read: locked/u, () => ({ x: Object.defineProperty({}, "a", { get: locked, enumerable: true }) })],
  ])("is refused with the reason and the path: %s", (message, make) => {
    const value = (make as () => unknown)();
    expect(() => copyOf(value)).toThrow(Uncopyable);
    expect(() => copyOf(value)).toThrow(message);
  });

  it("keeps subclasses of native classes", () => {
    const values = [
      new Money([1]),
      Rows.from([1]),
      new Tagged([[1, 2]]),
      new When(5),
      Object.assign(new Tagged(), { a: [1] }),
    ];
    for (const value of values) {
      const copy = copyOf(value);
      expect(copy).toStrictEqual(value);
      expect(copy).not.toBe(value);
    }
    expect((copyOf(new When(5)) as Date).getTime()).toBe(5);
  });
});

function locked(): never {
  throw new Error("locked");
}
