/** A codec of stores, shorthands for what it does with a value, and classes of values. */
import { StoreError } from "dagwright";
import { Codec } from "../../lib/stores/values/codec.js";

export const codec = new Codec();

export const roundTrip = (value: unknown, by = codec) => by.decode(by.encode(value)) as any;

export function rejection(value: unknown, by = codec): StoreError {
  try {
    by.encode(value);
  } catch (error) {
    if (error instanceof StoreError && error.code === "UNSTORABLE") return error;
    throw error;
  }
  throw new Error("It was encoded.");
}

export class Shape {
  constructor(readonly name: string) {}
  area() {
    return 0;
  }
}

export class Circle extends Shape {
  constructor(readonly r: number) {
    super("circle");
  }
  override area() {
    return this.r * this.r;
  }
}

export class Declined extends TypeError {
  constructor(
    message: string,
    readonly reason: string,
  ) {
    super(message);
  }
}
