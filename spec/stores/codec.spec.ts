import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { StoreError } from "dagwright";
import { Codec } from "../../lib/stores/values/codec.js";

const codec = new Codec();
const roundTrip = (value: unknown, by = codec) => by.decode(by.encode(value)) as any;

/** Values that can be compared without the help of their prototypes. */
const plainData = fc.anything({
  withBigInt: true,
  withDate: true,
  withMap: true,
  withSet: true,
  withSparseArray: true,
  withTypedArray: true,
  key: fc.string().filter((key) => key !== "__proto__"),
});

class Money {
  constructor(
    readonly amount: number,
    readonly currency: string,
  ) {}
  toString() {
    return `${this.amount} ${this.currency}`;
  }
}

function thrownBy(work: () => unknown): StoreError {
  try {
    work();
  } catch (error) {
    if (error instanceof StoreError) return error;
    throw error;
  }
  return expect.unreachable();
}

describe("A codec", () => {
  it("restores plain data exactly", { tags: "slow" }, () => {
    fc.assert(
      fc.property(plainData, (value) => {
        expect(roundTrip(value)).toStrictEqual(value);
      }),
      { numRuns: 2000 },
    );
  });

  it.each([[undefined], [null], [NaN], [-0], [Infinity], [10n], [new Date(5)], [/a/gu], [new URL("https://a.org/b")]])(
    "restores %o",
    (value) => {
      expect(roundTrip(value)).toStrictEqual(value);
      expect(roundTrip({ deep: [value] })).toStrictEqual({ deep: [value] });
    },
  );

  it("preserves cycles and repeated references", () => {
    const shared = { n: 1 };
    const value: any = { a: shared, b: shared, map: new Map() };
    value.self = value;
    value.map.set(shared, value);
    const copy = roundTrip(value);
    expect(copy.self).toBe(copy);
    expect(copy.a).toBe(copy.b);
    expect(copy.map.get(copy.a)).toBe(copy);
  });

  it("restores errors with class, stack, cause and properties", () => {
    const cause = new TypeError("inner");
    const error = Object.assign(new RangeError("outer", { cause }), { code: "E1", details: { n: 1 } });
    const copy = roundTrip({ error }).error;
    expect(copy).toBeInstanceOf(RangeError);
    expect(copy).toMatchObject({
      name: "RangeError",
      message: "outer",
      code: "E1",
      details: { n: 1 },
      stack: error.stack,
    });
    expect(copy.cause).toBeInstanceOf(TypeError);
    expect("cause" in roundTrip(new Error("x"))).toBe(false);
    expect("cause" in roundTrip(new Error("x", { cause: undefined }))).toBe(true);
    const custom = roundTrip(Object.defineProperty(new Error("x"), "name", { value: "Custom" }));
    expect([custom.name, Object.keys(custom)]).toEqual(["Custom", []]);
    expect(roundTrip(new AggregateError([cause], "all")).errors[0]).toBeInstanceOf(TypeError);
    const without = new AggregateError([]);
    Reflect.deleteProperty(without, "errors");
    expect("errors" in roundTrip(without)).toBe(false);
    expect(roundTrip(Object.assign(new Error("x"), { toJSON: 5 })).toJSON).toBe(5);
    const circular = new Error("circle");
    circular.cause = { circular: "no" };
    expect(roundTrip(circular).cause).toEqual({ circular: "no" });
  });

  it("restores records whose prototype is empty", () => {
    const record = Object.assign(Object.create(Object.create(null)), { a: 1 });
    expect({ ...roundTrip({ record }).record }).toEqual({ a: 1 });
  });

  it("stores only the part of a buffer that a view covers", () => {
    const buffer = new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]).buffer;
    const views = [new Uint16Array(buffer, 2, 2), new DataView(buffer, 1, 3), Buffer.from("secret").subarray(0, 2)];
    const copies = roundTrip(views);
    expect([...copies[0]]).toEqual([...(views[0] as Uint16Array)]);
    expect(copies[1].getUint8(0)).toBe(2);
    expect(copies[1].buffer.byteLength).toBe(3);
    expect(copies[2].toString()).toBe("se");
    expect(codec.encode(views)).not.toContain(Buffer.from("secret").toString("base64").slice(0, 6));
  });

  it("restores instances of registered types", () => {
    const types = {
      Money,
      Secret: {
        is: (value: unknown) => value instanceof Set && value.has("secret"),
        encode: () => undefined,
        decode: () => "hidden",
      },
    };
    const own = new Codec(types);
    const copy = roundTrip({ price: new Money(5, "EUR"), secret: new Set(["secret"]) }, own);
    expect(copy.price).toBeInstanceOf(Money);
    expect(String(copy.price)).toBe("5 EUR");
    expect(copy.secret).toBe("hidden");
    expect(() => codec.encode(new Money(5, "EUR"))).toThrow(StoreError);
  });

  const plain = "Use plain data instead.";
  const hidden = Object.defineProperty({}, "hidden", { value: 1 });
  it.each<[unknown, string, string]>([
    [{ rows: [1, { fn: () => 1 }] }, "rows[1].fn", `it is a function. ${plain}`],
    [[Symbol("s")], "[0]", `it is a symbol. ${plain}`],
    [() => 1, "", `it is a function. ${plain}`],
    [{ a: new Money(1, "EUR") }, "a", "it is an instance of Money. Use plain data, or add its class"],
    [new Map([["k", () => 1]]), '.get("k")', `it is a function. ${plain}`],
    [{ later: Promise.resolve(1) }, "later", "it is a promise. Await it, and store its value."],
    [{ hidden }, "hidden", "getters or symbols. Remove them, or add { is, encode, decode }"],
    [{ a: { then: () => 1 } }, "a", 'it has a method "then", which await would call. Remove the method.'],
  ])("rejects %o with the path and a remedy", (value, path, remedy) => {
    const error = thrownBy(() => codec.encode(value));
    expect(error).toMatchObject({ code: "UNSTORABLE", path });
    expect(error.message).toContain("can't be stored: ");
    expect(error.message).toContain(remedy);
  });

  it("abbreviates a long path in the message, but not in the error's path", () => {
    let deep: unknown = { fn: () => 1 };
    for (let i = 0; i < 1500; i++) deep = { [`key${i}`]: deep };
    const error = thrownBy(() => codec.encode(deep));
    expect(error.path!.length).toBeGreaterThan(10_000);
    expect(error.message).toMatch(/^"key1499\.key1498\..+….+\.key1\.key0\.fn" of the value can't be stored/u);
    expect(error.message.length).toBeLessThan(400);
  });

  it("shows all objects that it makes, but for those that decode gives", () => {
    const own = new Codec({
      Money: {
        is: (value) => value instanceof Money,
        encode: ({ amount }: Money) => [amount],
        decode: ([amount]: [number]) => new Money(amount, "EUR"),
      },
    });
    const shown: unknown[] = [];
    const text = own.encode({ long: "x".repeat(200), price: new Money(1, "EUR"), at: new Date(0), list: [null] });
    const value = own.decode(text, (made) => shown.push(made)) as { at: Date; list: unknown[] };
    expect(new Set(shown)).toEqual(new Set([value, value.at, value.list]));
    expect(shown).toHaveLength(3);
  });

  it("says so when a value is too deep, and when text is not its own", () => {
    let deep: unknown = 1;
    for (let i = 0; i < 200_000; i++) deep = [deep];
    expect(() => codec.encode(deep)).toThrow(/too deeply nested/u);
    for (const text of ["", "{", "[[1", "{}", "5"]) expect(() => codec.decode(text)).toThrow(StoreError);
  });
});

describe("The digest of a value", () => {
  const digestOf = (value: unknown) => codec.digestOf(value);

  it("is that of its copy, and of no other value", () => {
    fc.assert(
      fc.property(plainData, plainData, (value, other) => {
        expect(digestOf(roundTrip(value))).toBe(digestOf(value));
        if (digestOf(value) === digestOf(other)) expect(value).toStrictEqual(other);
      }),
    );
  });

  it("depends neither on the order of properties nor on which parts are one object", () => {
    const shared = { x: 1, y: [2] };
    const equal = () => ({ y: [2], x: 1 });
    expect(digestOf({ a: shared, b: [shared] })).toBe(digestOf({ b: [equal()], a: equal() }));
    expect(digestOf({ a: [5] })).not.toBe(digestOf({ a: [[5]] }));
  });

  it("is known for cycles, deep values and parts that are repeated many times", () => {
    const cycle = (n: number) => {
      const value: Record<string, unknown> = { n };
      value.list = [{ value }];
      return value;
    };
    expect(digestOf(cycle(1))).toBe(digestOf(cycle(1)));
    expect(digestOf(cycle(1))).not.toBe(digestOf(cycle(2)));
    let [deep, wide]: unknown[] = [0, 0];
    for (let i = 0; i < 1900; i++) [deep, wide] = [new Map([[i, deep]]), [wide, wide]];
    expect(digestOf(deep)).not.toBe(digestOf(wide));
  });
});
