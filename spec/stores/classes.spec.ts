import { describe, expect, it } from "vitest";
import { Dag, NodeTimeoutError, StoreError } from "dagwright";
import { Codec } from "../../lib/stores/values/codec.js";
import { Circle, Declined, rejection, roundTrip, Shape } from "../support/codec.js";

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
    class Odd {
      get then() {
        throw new Error("hidden");
      }
    }
    expect(rejection(new Odd()).message).toContain("it is an instance of Odd.");
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
    class Named extends Error {
      override get name() {
        return "Named";
      }
    }
    expect(Object.hasOwn(roundTrip(new Named("x"), new Codec({ Named })), "name")).toBe(false);
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
    const failing = new Dag("failing");
    failing.node("x", () => Promise.reject(new Error("no")));
    const failed = await failing.run().catch((reason: unknown) => reason as object);
    expect("run" in failed).toBe(true);
    expect("run" in roundTrip(failed)).toBe(false);
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
    deep = 1;
    while (own.canEncode(new Pair(deep, 1))) deep = new Pair(deep, 1);
    expect(roundTrip(deep, own)).toEqual(deep);
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
    class Later {
      then() {}
    }
    const later = new Codec({ T: { is: (value) => value instanceof Later, encode: () => 1, decode: () => 2 } });
    expect(rejection({ a: new Later() }, later)).toMatchObject({
      path: "a",
      message: expect.stringContaining('it has a method "then"'),
    });
    expect(() => new Codec({ T: 5 as any })).toThrow(TypeError);
  });
});
