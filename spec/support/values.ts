import fc from "fast-check";

export class Money {
  constructor(readonly amount: unknown) {}
}
export const OtherMoney = (() => {
  class Money {
    constructor(readonly amount: unknown) {}
    double() {
      return [this.amount, this.amount];
    }
  }
  return Money;
})();
/** Classes with the same name and source, which differ in what they close over. */
export const inCurrency = (currency: string) =>
  class Price {
    constructor(readonly amount: unknown) {}
    text() {
      return `${String(this.amount)} ${currency}`;
    }
  };
export const [Euros, Dollars] = [inCurrency("EUR"), inCurrency("USD")];
export class Rows extends Array<unknown> {}
export class Tagged extends Map<unknown, unknown> {}
class Tags extends Set<unknown> {}
export class When extends Date {}
class Bytes extends Uint8Array {}
export class Declined extends Error {}

/** Its private state is not visible. */
export class Hidden {
  currency = "EUR";
  #amount = 1;
  get() {
    return this.#amount;
  }
}

const amounts = new WeakMap<object, number>();
/** Its state is in a WeakMap. */
export class HeldAside {
  currency = "EUR";
  constructor(amount: number) {
    amounts.set(this, amount);
  }
}

/** Values that are easily confused. */
const leaves = fc.constantFrom<unknown>(
  ...[0, -0, 1, NaN, 0n, 1n, "", "0", "1", "NaN", "#0", "|", "a,b", '"1:a', "\0", "\ud800", "\ud801", "\ud83d\ude00"],
  ...[true, "true", null, "null", undefined, "undefined"],
);
/** Properties that can't be assigned to lists, views and instances. */
const TAKEN = ["length", "0", "__proto__"];
/** Values of all kinds without invisible state. */
export const { value: anything } = fc.letrec<{ value: unknown }>((tie) => {
  const value = tie("value");
  const key = fc.constantFrom("a", "b", "0", "amount", "length", "__proto__", "\ud800");
  const properties = fc.dictionary(key, value, { maxKeys: 2, noNullPrototype: false });
  const pairs = fc.array(fc.tuple(value, value), { maxLength: 2 });
  const list = fc.array(value, { maxLength: 3 });
  const bytes = fc.constantFrom([], [1], [255, 1]);
  const withProperties = (made: object, more: Record<string, unknown>) =>
    Object.assign(made, Object.fromEntries(Object.entries(more).filter(([key]) => !TAKEN.includes(key))));
  return {
    value: fc.oneof(
      { maxDepth: 3, depthIdentifier: "value" },
      { arbitrary: leaves, weight: 6 },
      { arbitrary: list, weight: 2 },
      { arbitrary: properties, weight: 2 },
      fc.sparseArray(value, { maxNumElements: 2, maxLength: 3 }),
      fc.constantFrom(Money, OtherMoney, Euros, Dollars).chain((Class) => value.map((amount) => new Class(amount))),
      fc.tuple(list, properties).map(([items, more]) => withProperties([...items], more)),
      fc.tuple(list, properties).map(([items, more]) => withProperties(Rows.from(items), more)),
      fc.tuple(pairs, properties).map(([entries, more]) => withProperties(new Map(entries), more)),
      fc.tuple(pairs, properties).map(([entries, more]) => withProperties(new Tagged(entries), more)),
      fc.tuple(list, properties).map(([items, more]) => withProperties(new Set(items), more)),
      fc.tuple(list, properties).map(([items, more]) => withProperties(new Tags(items), more)),
      fc
        .tuple(fc.constantFrom(Date, When), fc.constantFrom(0, 5), properties)
        .map(([Class, time, more]) => withProperties(new Class(time), more)),
      fc
        .tuple(fc.constantFrom(Int8Array, Uint8Array, Uint16Array, Bytes), bytes, properties)
        .map(([Class, data, more]) => withProperties(new Class(data), more)),
      bytes.map((data) => Buffer.from(data)),
      bytes.map((data) => new Uint8Array(data).buffer),
      fc
        .tuple(fc.constantFrom(Error, TypeError, Declined), fc.constantFrom("a", "b"), value, properties)
        .map(([Class, message, cause, more]) => withProperties(new Class(message, { cause }), more)),
      fc
        .tuple(fc.constantFrom("a", "b"), fc.constantFrom("g", "y"), fc.nat(1))
        .map(([source, flags, lastIndex]) => Object.assign(new RegExp(source, flags), { lastIndex })),
      fc.constantFrom<unknown>(Object(0), Object("0"), Object(0n), Object(true), Object(-0)),
    ),
  };
});
