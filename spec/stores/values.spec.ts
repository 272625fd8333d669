import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Dag, NodeTimeoutError, StoreError } from "dagwright";
import { copyOf } from "../../lib/base/copy.js";
import { withJson } from "../../lib/base/json.js";
import { structuralKey } from "../../lib/base/structural-key.js";
import { Codec } from "../../lib/stores/codec.js";

const codec = new Codec();
const roundTrip = (value: unknown, by = codec) => by.decode(by.encode(value)) as any;

function rejection(value: unknown, by = codec): StoreError {
  try {
    by.encode(value);
  } catch (error) {
    if (error instanceof StoreError && error.code === "UNSTORABLE") return error;
    throw error;
  }
  throw new Error("It was encoded.");
}

class Shape {
  constructor(readonly name: string) {}
  area() {
    return 0;
  }
}
class Circle extends Shape {
  constructor(readonly r: number) {
    super("circle");
  }
  override area() {
    return this.r * this.r;
  }
}
class Declined extends TypeError {
  constructor(
    message: string,
    readonly reason: string,
  ) {
    super(message);
  }
}

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
    const mixed = roundTrip(Object.assign([, 1], { unit: "m" })); // eslint-disable-line no-sparse-arrays
    expect([mixed.length, ...Object.keys(mixed)]).toEqual([2, "1", "unit"]);
    expect(roundTrip(Object.assign(withJson([1]), { unit: "m" })).unit).toBe("m");
    const named = Object.defineProperty([1], "__proto__", { ...ENUMERABLE, value: 5 });
    expect(Object.getOwnPropertyDescriptor(roundTrip(named), "__proto__")?.value).toBe(5);
  });
});

const ENUMERABLE = { enumerable: true, configurable: true, writable: true };

describe("Classes", () => {
  it.each([[{ Shape, Circle }], [{ Circle, Shape }]])(
    "are restored exactly, whatever the order of types: %o",
    (types) => {
      const own = new Codec(types);
      const [circle, shape] = roundTrip([new Circle(3), new Shape("s")], own);
      expect(circle.constructor).toBe(Circle);
      expect(circle.area()).toBe(9);
      expect(shape.constructor).toBe(Shape);
    },
  );

  it("that nobody declared are refused, where one they extend was declared too", () => {
    expect(rejection({ a: [new Circle(3)] }, new Codec({ Shape }))).toMatchObject({ path: "a[0]" });
    expect(rejection(new Circle(3), new Codec({ Shape })).message).toMatch(
      /Circle, a subclass of the registered class "Shape".*"types"/u,
    );
    expect(rejection(new (class {})()).message).toContain("it is an instance of a class.");
  });

  class Tags extends Set<string> {}
  class List extends Array<number> {}
  class Index extends Map<string, number> {}
  class Day extends Date {}
  class Bytes extends Uint8Array {}
  class Later extends Promise<number> {}
  it.each([[new Tags(["a"])], [new List(1, 2, 3)], [new Index()], [new Day(0)], [new Bytes(3)], [Later.resolve(1)]])(
    "that extend native ones are rejected, registered or not: %o",
    (value) => {
      const { constructor } = value as object;
      expect(rejection({ a: value })).toMatchObject({ path: "a" });
      const registered = rejection({ a: value }, new Codec({ Own: constructor as any }));
      expect(registered).toMatchObject({ path: "a" });
      expect(registered.message).toMatch(/which extends .*Add \{ is, encode, decode \}/u);
    },
  );

  it("with hidden state are rejected", () => {
    // From source text, so that no compiler lowers private members.
    const classOf = (body: string, base?: unknown) => new Function("Base", `return class Own ${body}`)(base);
    const opaque = [
      classOf("{ #cents = 5; get cents() { return this.#cents } }"),
      classOf("{ #help() {} }"),
      classOf("{ static #n = 0; #m = 1; }"),
      classOf("extends Base { x = 1 }", classOf("{ #cents = 5 }")),
      classOf(
        "{ constructor() { hidden.set(this, 5) } get cents() { return hidden.get(this) } }".replaceAll(
          "hidden",
          "Base",
        ),
        new WeakMap(),
      ),
      classOf("{ constructor() { Object.defineProperty(this, 'x', { value: 1 }) } }"),
      classOf("{ constructor() { Object.defineProperty(this, 'x', { get: () => 1, enumerable: true }) } }"),
      classOf("{ constructor() { this[Symbol('x')] = 1 } }"),
      classOf("{ then(resolve) { resolve(1) } }"),
      classOf("{ get cents() { return 5 } }"),
    ];
    for (const Own of opaque) {
      expect(rejection({ a: new Own() }, new Codec({ Own })), String(Own)).toMatchObject({ path: "a" });
    }
    const visible = [
      classOf("{ static #made = 0; x = 1; static count() { return Own.#made } }"),
      classOf("{ color = '#fff'; pattern = /#x/; text = `#y` /* #z */ }"),
      classOf("{ x = 1; get twice() { return this.x * 2 } set twice(_) { throw new Error('called') } }"),
    ];
    for (const Own of visible) expect(roundTrip(new Own(), new Codec({ Own }))).toEqual(new Own());
  });

  it("are restored without calling constructors or setters", () => {
    let calls = 0;
    class Account {
      constructor() {
        calls++;
        Object.defineProperty(this, "balance", { ...ENUMERABLE, value: 5 });
      }
      set balance(_: number) {
        calls++;
      }
      get balance() {
        return calls++;
      }
    }
    const types = { Account };
    const text = new Codec(types).encode(new Account());
    calls = 0;
    const copy = new Codec(types).decode(text) as any;
    expect(Object.getOwnPropertyDescriptor(copy, "balance")?.value).toBe(5);
    expect(calls).toBe(0);
  });

  it("of errors are restored if registered, and rejected if not", () => {
    const error = Object.assign(new Declined("no", "funds"), { details: { n: 1 } });
    const copy = roundTrip({ error }, new Codec({ Declined })).error;
    expect(copy).toBeInstanceOf(Declined);
    expect(copy).toMatchObject({ message: "no", reason: "funds", details: { n: 1 }, stack: error.stack });
    expect(Object.keys(copy)).toEqual(["reason", "details"]);
    expect(rejection({ error })).toMatchObject({ path: "error" });
  });

  it("of errors need no registration if they are the platform's or this library's", async () => {
    const slow = new Dag("slow");
    const error = (thrown: unknown) => ({ thrown });
    slow.node("x", { timeout: 1, fallback: error }, () => new Promise<never>(() => {}));
    const { thrown } = (await slow.run()).value as { thrown: NodeTimeoutError };
    const restored = roundTrip(thrown);
    expect(restored).toBeInstanceOf(NodeTimeoutError);
    expect(restored).toStrictEqual(thrown);
    expect([restored.name, restored.message, restored.stack, restored.code, restored.node]).toEqual([
      "NodeTimeoutError",
      thrown.message,
      thrown.stack,
      "NODE_TIMEOUT",
      "x",
    ]);
    const aborted = roundTrip(AbortSignal.abort().reason);
    expect(aborted).toBeInstanceOf(DOMException);
    expect([aborted.name, aborted.message, aborted.code]).toEqual(["AbortError", "This operation was aborted", 20]);
    class Own extends NodeTimeoutError {}
    const own = Object.assign(new Own("late", { runId: "r" }), { extra: 1 });
    expect(rejection(own).message).toContain("Own");
    expect(roundTrip(own, new Codec({ Own }))).toStrictEqual(own);
  });

  it("may be cyclic, and so may errors", () => {
    class Item {
      parent?: Item;
      children: Item[] = [];
    }
    const root = new Item();
    root.children.push(Object.assign(new Item(), { parent: root }));
    const copy = roundTrip(root, new Codec({ Item }));
    expect(copy.children[0].parent).toBe(copy);
    const error: any = new AggregateError([new Error("a")], "b");
    error.cause = { error };
    error.errors.push(error);
    error.self = error;
    const same = roundTrip([error, error]);
    expect(same[0]).toBe(same[1]);
    expect(same[0].cause.error).toBe(same[0]);
    expect(same[0].errors[1]).toBe(same[0]);
    expect(same[0].self).toBe(same[0]);
  });

  it("with encode and decode may be of functions and symbols", () => {
    const functions = { sum: (a: number, b: number) => a + b };
    const own = new Codec({
      Function: {
        is: (value) => typeof value === "function",
        encode: ({ name }: { name: "sum" }) => name,
        decode: (name: "sum") => functions[name],
      },
      Symbol: {
        is: (value) => typeof value === "symbol",
        encode: (symbol: symbol) => Symbol.keyFor(symbol),
        decode: (key: string) => Symbol.for(key),
      },
    });
    const value = { call: functions.sum, on: [Symbol.for("dagwright:spec")] };
    expect(roundTrip(value, own)).toEqual(value);
  });

  it("with encode and decode may contain each other, but not themselves", () => {
    class Pair {
      constructor(
        readonly left: unknown,
        readonly right: unknown,
      ) {}
    }
    const own = new Codec({
      Pair: {
        is: (value) => value instanceof Pair,
        encode: ({ left, right }: Pair) => [left, right],
        decode: ([left, right]: [unknown, unknown]) => new Pair(left, right),
      },
    });
    const value = { pair: new Pair(new Pair(1, new Error("x")), new Map([[1, new Pair(2, 3)]])) };
    expect(roundTrip(value, own)).toEqual(value);
    const circle = new Pair(1, { deep: [] as unknown[] });
    (circle.right as any).deep.push(circle);
    expect(rejection({ circle }, own)).toMatchObject({ path: "circle[1].deep[0]" });
    const outer: any = {};
    outer.pair = new Pair(outer, 1);
    expect(rejection(outer, own)).toMatchObject({ code: "UNSTORABLE" });
    let deep: unknown = 1;
    for (let i = 0; i < 5000; i++) deep = new Pair(deep, i);
    expect(rejection(deep, own).message).toMatch(/too deeply nested/u);
  });

  it("whose encode or decode throws or returns a promise are rejected", () => {
    const failing = (type: object) =>
      new Codec({ T: { is: (value) => value instanceof Shape, encode: () => 1, decode: () => 2, ...type } });
    const text = failing({}).encode({ a: new Shape("s") });
    for (const decode of [
      () => {
        throw new Error("bad");
      },
      async () => 1,
      () => Promise.reject(new Error("not awaited")),
      () => {
        throw null;
      },
    ]) {
      // prettier-ignore
      expect(() => failing({ decode }).decode(text)).toThrow(StoreError);
    }
    const refused = (type: object) => rejection({ a: new Shape("s") }, failing(type));
    const bad = () => {
      throw new Error("bad");
    };
    expect(refused({ encode: bad })).toMatchObject({
      path: "a",
      message: expect.stringContaining('"encode" of type "T" failed: bad. Fix it.'),
    });
    for (const later of [async () => 1, () => Promise.reject(new Error("not awaited"))]) {
      expect(refused({ encode: later })).toMatchObject({
        path: "a",
        message: expect.stringContaining('"encode" of type "T" returned a promise. Return a value'),
      });
      expect(refused({ is: later }).message).toContain('"is" of type "T" returned a promise; it must return a boolean');
    }
    expect(() => new Codec({ T: 5 as any })).toThrow(TypeError);
  });
});

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

describe("A text that nobody wrote", () => {
  class Names extends Set<string> {}
  const types = { Shape, Declined, Names, T: { is: () => false, encode: () => 1, decode: (data: any) => data.a } };
  const own = new Codec(types);

  it.each([
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
    '[[1],["coded","T",[["undefined"]]]]',
    '[[1],["coded","Shape",[1]]]',
    '[[1],["Map",1]]',
    '[[1],["Sparse",-1,{}]]',
    '[[1],["Sparse","5",{}]]',
    '[[1],["Sparse",1e400,{}]]',
    '[[1],["RegExp","(","",0]]',
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
    "[".repeat(100_000),
    `[[1],${Array.from({ length: 50_000 }, (_, i) => `{"a":[${i + 2}]}`).join(",")},{}]`,
    `[[1],${Array.from({ length: 50_000 }, (_, i) => `[[[${i + 2}]]]`).join(",")},{}]`,
    "[[1],{},{}]",
    '[[2],{},{"a":[1]}]',
  ])("rejects %.60s", (text) => {
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

  it("returns an encodable value or throws a StoreError, whatever the text", () => {
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

  it("restores the value if the text is unchanged", () => {
    fc.assert(
      fc.property(inner, (value) => {
        expect(isDeepStrictEqual(roundTrip(value, own), value)).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });
});
