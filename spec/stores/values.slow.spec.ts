import { isDeepStrictEqual } from "node:util";
import { describe, expect, it } from "vitest";
import { StoreError } from "dagwright";
import { copyOf } from "../../lib/base/copy.js";
import { withJson } from "../../lib/base/json.js";
import { structuralKey } from "../../lib/base/structural-key.js";
import { Codec } from "../../lib/stores/values/codec.js";
import { codec, Declined, rejection, roundTrip, Shape } from "../support/codec.js";

describe("Bytes", () => {
  it.each<[string, Buffer]>([
    ["a whole one", Buffer.concat([Buffer.alloc(9000, 1)])],
    ["one over all of a buffer", Buffer.from(new Uint8Array([1, 2, 3]).buffer)],
    ["one over the pool", Buffer.from("hello")],
    ["an empty one", Buffer.alloc(0)],
    ["a slice", Buffer.from("hello world").subarray(3, 7)],
  ])("are restored as a Buffer: %s", (_, buffer) => {
    const { deep, map } = roundTrip({ deep: [buffer], map: new Map([[buffer, buffer]]) });
    expect(Buffer.isBuffer(deep[0])).toBe(true);
    expect(deep[0]).toEqual(buffer);
    const [[key, value]] = map;
    expect(Buffer.isBuffer(key)).toBe(true);
    expect(value).toBe(deep[0]);
    expect(roundTrip(buffer).toString("utf8")).toBe(buffer.toString("utf8"));
  });

  it("of several views on a whole buffer are restored as views on one buffer", () => {
    const { buffer } = new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]);
    const copy = roundTrip({ bytes: new Uint8Array(buffer), words: new Uint16Array(buffer), buffer });
    expect(copy.bytes.buffer).toBe(copy.buffer);
    copy.bytes[0] = 9;
    expect(copy.words[0]).toBe(9 + 2 * 256);
  });

  it("are rejected in shared and resizable buffers", () => {
    expect(rejection({ a: new SharedArrayBuffer(8) }).path).toBe("a");
    expect(rejection({ a: new Uint8Array(new SharedArrayBuffer(8)) }).path).toMatch(/^a/u);
    const resizable = new (ArrayBuffer as any)(8, { maxByteLength: 16 });
    expect(rejection([resizable]).path).toBe("[0]");
  });
});

describe("Keys", () => {
  it("are data, whatever their names", () => {
    const names = ["__proto__", "constructor", "then", "toString", "hasOwnProperty", "", "a.b", "0"];
    const value = JSON.parse(`{${names.map((name, i) => `${JSON.stringify(name)}:{"n":${i}}`).join(",")}}`);
    for (const record of [value, Object.assign(Object.create(null), { a: 1 }), { deep: [value] }]) {
      expect(isDeepStrictEqual(roundTrip(record), record)).toBe(true);
    }
    const copy = roundTrip(value);
    expect(Object.keys(copy)).toEqual(Object.keys(value));
    expect(Object.getPrototypeOf(copy)).toBe(Object.prototype);
    expect(Object.getOwnPropertyDescriptor(copy, "__proto__")?.value).toEqual({ n: 0 });
    expect(({} as any).n).toBeUndefined();
  });

  it("named __proto__ are data of errors, instances and records without a prototype", () => {
    const evil = JSON.parse('{"__proto__":{"polluted":true}}');
    const types = new Codec({ Shape, Declined });
    const own = (to: object) => Object.defineProperty(to, "__proto__", { ...ENUMERABLE, value: { polluted: true } });
    for (const value of [
      own(new Error("x")),
      own(new Shape("s")),
      own(new Declined("x", "y")),
      own(Object.create(null)),
    ]) {
      const copy = roundTrip({ value, evil }, types);
      expect(Object.getPrototypeOf(copy.value)).toBe(Object.getPrototypeOf(value));
      expect(Object.getOwnPropertyDescriptor(copy.value, "__proto__")?.value).toEqual({ polluted: true });
      expect(isDeepStrictEqual(copy.evil, evil)).toBe(true);
    }
  });

  it("that would be lost are rejected with their path", () => {
    const hidden = Object.defineProperty({}, "secret", { value: 1 });
    for (const lost of [
      hidden,
      { [Symbol("s")]: 1 },
      Object.assign(new Map(), { extra: 1 }),
      Object.assign(new Set(), { extra: 1 }),
      Object.assign([, 1], { [Symbol("s")]: 1 }), // eslint-disable-line no-sparse-arrays
      Object.assign(new Date(0), { a: 1 }),
      Object.assign(Buffer.from("a"), { encoding: "utf8" }),
      Object.assign(new Uint8Array(1000), { unit: "m" }),
      Object.defineProperty(new Uint8Array(1), "secret", { value: 1 }),
      Object.defineProperty(new Float64Array(1000), "secret", { value: 1 }),
      Object.assign(new BigInt64Array(1), { [Symbol("s")]: 1 }),
      Object.assign(new DataView(new ArrayBuffer(1)), { unit: "m" }),
      Object.defineProperty(new DataView(new ArrayBuffer(1)), "secret", { value: 1 }),
      Object.assign(new Error("e"), { [Symbol("s")]: 1 }),
      Object.defineProperty(new Error("e"), Symbol("s"), { value: 1 }),
      Object.defineProperty(new Error("e"), "secret", { get: () => 1 }),
    ]) {
      expect(rejection({ list: [lost] }).path).toBe("list[0]");
    }
    const error = Object.defineProperty(new Error("e"), "retry", { value: () => 1 });
    expect(rejection({ list: [error] }).path).toBe("list[0].retry");
    expect(rejection(Object.assign(Object.create(null), { fn: () => 1 })).path).toBe("fn");
    const throwing = Object.defineProperty({}, "bad", { enumerable: true, get: () => { throw null; } }); // prettier-ignore
    expect(rejection({ a: throwing }).path).toBe("a.bad");
    expect(rejection({ set: new Set([1, () => 1]) }).path).toBe("set[1]");
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    expect(rejection({ a: proxy })).toMatchObject({ path: "a", message: expect.stringContaining("revoked") });
    expect(rejection({ a: Object.create({}) }).path).toBe("a");
    expect(rejection({ a: Object.create(Object.assign(Object.create(null), { n: 1 })) }).path).toBe("a");
    expect(rejection({ a: Object.assign(Object.create(Array.prototype), { length: 0 }) }).path).toBe("a");
  });

  it("of errors are restored, non-enumerable ones as such", () => {
    const error = Object.assign(new TypeError("e"), { shown: 1 });
    Object.defineProperty(error, "status", { value: 404 });
    Object.defineProperty(error, "body", { value: { n: 1n } });
    for (const copy of [roundTrip({ error }).error, codec.decode(codec.encodeThrown(error)) as any]) {
      expect([copy.status, copy.body]).toEqual([404, { n: 1n }]);
      expect(Object.keys(copy)).toEqual(["shown"]);
    }
    Object.defineProperty(error, "retry", { value: () => 1 });
    expect((codec.decode(codec.encodeThrown(error)) as any).status).toBe(404);
    const bare = new Error("e");
    Reflect.deleteProperty(bare, "stack");
    expect("stack" in roundTrip(bare)).toBe(false);
    const computed = Object.defineProperty(new Error("e"), "message", { get: () => "computed" });
    expect(roundTrip(computed).message).toBe("computed");
  });

  it("of arrays are restored, and so are holes", () => {
    const match = /b(?<tail>.)/u.exec("abc") as RegExpExecArray;
    const copy = roundTrip(match);
    expect({ ...copy }).toEqual({ ...match });
    expect(copy.groups.tail).toBe("c");
    const holes = roundTrip([, 1, , undefined, ,]); // eslint-disable-line no-sparse-arrays
    expect(holes.length).toBe(5);
    expect(Object.keys(holes)).toEqual(["1", "3"]);
    const huge: unknown[] = [];
    huge[4_000_000_000] = 1;
    expect(roundTrip(huge).length).toBe(4_000_000_001);
    expect(Reflect.ownKeys(roundTrip(huge))).toEqual(["4000000000", "length"]);
    const longest: unknown[] = [];
    longest.length = 2 ** 32 - 1;
    expect(Reflect.ownKeys(roundTrip(longest))).toEqual(["length"]);
    expect(roundTrip(longest).length).toBe(2 ** 32 - 1);
    expect(roundTrip(Object.assign([], { unit: "m" })).unit).toBe("m");
    const mixed = roundTrip(Object.assign([, 1], { unit: "m" })); // eslint-disable-line no-sparse-arrays
    expect([mixed.length, ...Object.keys(mixed)]).toEqual([2, "1", "unit"]);
    expect(roundTrip(Object.assign(withJson([1]), { unit: "m" })).unit).toBe("m");
    const named = Object.defineProperty([1], "__proto__", { ...ENUMERABLE, value: 5 });
    expect(Object.getOwnPropertyDescriptor(roundTrip(named), "__proto__")?.value).toBe(5);
  });
});

const ENUMERABLE = { enumerable: true, configurable: true, writable: true };

describe("Sizes", () => {
  it("beyond the maximum string length are rejected as too large", () => {
    const large = Array.from({ length: 6 }, (_, i) => String(i).repeat(100 * 2 ** 20));
    expect(rejection(large).message).toMatch(/too large/u);
    expect(rejection({ a: Buffer.alloc(2 ** 29) }).message).toMatch(/too large/u);
  });

  it("of repeated long strings count once", () => {
    const long = "x".repeat(2 ** 20);
    const text = codec.encode(Array.from({ length: 1000 }, () => long));
    expect(text.length).toBeLessThan(2 * 2 ** 20);
    expect((codec.decode(text) as string[]).every((each) => each === long)).toBe(true);
  });

  it.each<[string, (inner: unknown) => unknown]>([
    ["lists", (inner) => [inner]],
    ["records", (inner) => ({ inner })],
    ["maps", (inner) => new Map([[inner, inner]])],
    ["sets", (inner) => new Set([inner])],
    ["errors", (inner) => new Error("x", { cause: inner })],
  ])("of nested %s are limited, and within the limit can be read", (_, wrap) => {
    let value: unknown = 1;
    for (let i = 0; i < 1500; i++) value = wrap(value);
    codec.decode(codec.encode(value));
    for (let i = 0; i < 50_000; i++) value = wrap(value);
    expect(rejection(value).message).toMatch(/too deeply nested/u);
    expect(typeof codec.decode(codec.encodeThrown(value))).toBe("object");
  });

  it("of nested values that can be written can be read", () => {
    let deepest: unknown = 1;
    for (let i = 0; i < 1500; i++) deepest = [deepest];
    while (codec.canEncode([deepest])) deepest = [deepest];
    expect(codec.encode(roundTrip(deepest))).toBe(codec.encode(deepest));
  });
});

describe("The hidden toJSON", () => {
  const value = () => ({
    list: [1n, { n: 2n }],
    map: new Map([["a", 1n]]),
    set: new Set([1n]),
    bigs: new BigInt64Array([1n]),
    boxed: Object(1n) as object,
    error: Object.assign(new Error("e", { cause: { n: 1n } }), { n: 1n }),
    date: new Date(5),
    bytes: Buffer.from("a"),
    shape: Object.assign(new Shape("s"), { n: 1n }),
  });
  const own = new Codec({ Shape });
  const shown = () => own.decode(own.encode(value()), withJson) as Record<string, object>;

  it("is on objects at all depths, and not enumerable", () => {
    const read = shown();
    for (const part of [read, ...Object.values(read), read.list[1 as never], (read.error as Error).cause]) {
      expect(() => JSON.stringify(part)).not.toThrow();
      expect(Object.keys(part as object)).not.toContain("toJSON");
    }
    expect(isDeepStrictEqual({ ...read, error: 1 }, { ...value(), error: 1 })).toBe(true);
    expect(JSON.parse(JSON.stringify(read.list))).toEqual(["1", { n: "2" }]);
  });

  it("is not part of the value for stores, caches and copies", () => {
    const read = shown();
    const plainRead = own.decode(own.encode(value())) as object;
    expect(own.encode({ ...read, error: 1 })).toBe(own.encode({ ...plainRead, error: 1 }));
    expect(isDeepStrictEqual(own.decode(own.encode(read)), own.decode(own.encode(shown())))).toBe(true);
    const plain = () => ({ ...value(), error: 1 });
    expect(structuralKey({ ...read, error: 1 })).toBe(structuralKey(plain()));
    expect(isDeepStrictEqual(copyOf({ ...read, error: 1 }), plain())).toBe(true);
    copyOf(read);
  });
});

describe("A thrown value", () => {
  const thrown = (value: unknown) => codec.decode(codec.encodeThrown(value)) as any;

  it("is stored with its own properties and its cause", () => {
    const cause = Object.assign(new Declined("inner", "funds"), { at: new Date(5) });
    const error = Object.assign(new AggregateError([cause, 5], "all"), {
      cause,
      status: 404,
      body: null,
      retry: () => 1,
    });
    const copy = thrown(error);
    expect(copy).toBeInstanceOf(AggregateError);
    expect(copy).toMatchObject({ message: "all", status: 404, body: null, stack: error.stack });
    expect(copy.errors[0]).toMatchObject({ message: "inner", reason: "funds", at: new Date(5) });
    expect(copy.cause).toBe(copy.errors[0]);
    expect("retry" in copy).toBe(false);
    const never = new Codec({ Never: { is: () => false, encode: () => 1, decode: () => 1 } });
    expect("retry" in (never.decode(never.encodeThrown(error)) as object)).toBe(false);
    class Computed extends Error {
      override get name() {
        return "Computed";
      }
      override get message() {
        return "all of it";
      }
    }
    expect(thrown(new Computed())).toMatchObject({ name: "Computed", message: "all of it" });
    class Odd extends Error {
      override get name() {
        return [] as never;
      }
    }
    expect(typeof thrown(new Odd()).name).toBe("string");
    expect(thrown(new StoreError("x"))).toMatchObject({ name: "StoreError", code: "STORE", message: "x" });
    expect(Reflect.ownKeys(thrown(new TypeError("x")))).not.toContain("name");
    expect(Reflect.ownKeys(thrown(new TypeError()))).not.toContain("message");
  });

  it("is stored without the properties that can't be, or with descriptions of them", () => {
    const parts = { status: 404, shape: new Shape("s"), [Symbol("s")]: 1, data: { n: 1, call: () => 1 } };
    const cause = Promise.resolve();
    const copy = thrown(Object.assign(new Error("x", { cause }), parts));
    expect(copy).toBeInstanceOf(Error);
    expect(copy).toMatchObject({ message: "x", status: 404, cause: expect.any(String), data: { n: 1 } });
    expect(copy.data.call).toContain("function");
    expect("shape" in copy).toBe(false);
    const own = new Codec({
      Shape: {
        is: (value) => value instanceof Shape,
        encode: ({ name }: Shape) => name,
        decode: (name: string) => new Shape(name),
      },
    });
    expect((own.decode(own.encodeThrown(Object.assign(new Error("x"), parts))) as any).shape).toEqual(new Shape("s"));
  });

  it("is described where it can't be stored, whatever it is", () => {
    const trap = new Proxy({}, { get: () => { throw trap }, getPrototypeOf: () => { throw trap }, ownKeys: () => { throw trap } }); // prettier-ignore
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    const hostile = Object.defineProperties(new Error("x"), {
      message: { get: () => { throw trap } }, // prettier-ignore
      name: { value: trap },
      bad: { enumerable: true, get: () => { throw trap } }, // prettier-ignore
    });
    for (const value of [
      trap,
      proxy,
      hostile,
      Symbol("s"),
      () => 1,
      { then: () => 1 },
      Promise.resolve(),
      new Shape("s"),
    ]) {
      expect(() => thrown(value)).not.toThrow();
    }
    expect(thrown(hostile)).toBeInstanceOf(Error);
    expect(thrown(new Error("x".repeat(10), { cause: "y".repeat(2 ** 28) }))).toBeInstanceOf(Error);
  });
});
