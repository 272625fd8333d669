import { isPlainRecord } from "../base/objects.js";
import { wrongOperand, type PlainRecord } from "./operands.js";

/** Two records in one: the fields of `R` win, and an optional one may leave that of `L`. */
export type MergedRecord<L, R> = {
  [K in keyof L | keyof R]: K extends keyof R
    ? undefined extends R[K]
      ? K extends keyof L
        ? object extends Pick<R, K>
          ? Exclude<R[K], undefined> | L[K]
          : R[K]
        : R[K]
      : R[K]
    : K extends keyof L
      ? L[K]
      : never;
};

/** The result of {@link merge}. */
export type Merged<L, R> = 0 extends 1 & (L | R)
  ? any
  : L extends readonly (infer A)[]
    ? R extends readonly (infer B)[]
      ? MergedRecord<A, B>[]
      : MergedRecord<A, R>[]
    : R extends readonly (infer B)[]
      ? MergedRecord<L, B>[]
      : MergedRecord<L, R>;

/** The result of {@link merge} with any number of operands. Those that a node may get beyond its needs are none. */
export type MergedAll<T extends readonly unknown[]> = T extends readonly [infer L, infer R, ...infer Others]
  ? Others extends readonly [unknown, ...unknown[]]
    ? MergedAll<readonly [Merged<L, R>, ...Others]>
    : Merged<L, R>
  : never;

const OPERAND = "a record, or a list of records";

/**
 * Merges operands, of which the last one wins: records field by field; lists of equal length item by item; lists and
 * records into the list of each item merged with the records.
 *
 * Returns new records with the usual prototype, and reads each getter once. A field of a later operand wins even if it
 * is undefined. Cost: O(fields).
 * @throws {TypeError} for an operand or item that is no plain record; {RangeError} for lists of different lengths
 */
export function merge<L extends object, R extends object, T extends readonly object[] = []>(
  left: L,
  right: R,
  ...others: T
): MergedAll<[L, R, ...T]> {
  // Two records are the usual case, and preparing for lists would take longer than merging them.
  if (others.length === 0 && isPlainRecord(left) && isPlainRecord(right)) return { ...left, ...right } as never;
  return mergeAll([left, right, ...others]) as never;
}

function mergeAll(operands: readonly object[]): PlainRecord | PlainRecord[] {
  const records = operands.map((operand, i) => recordsOf(nameOf(i, operands.length), operand));
  const first = operands.findIndex((operand) => Array.isArray(operand));
  if (first < 0) return merged(records, 0);
  const { length } = operands[first] as readonly unknown[];
  operands.forEach((operand, i) => {
    if (!Array.isArray(operand) || operand.length === length) return;
    const name = nameOf(first, operands.length);
    const other = operands.length === 2 ? "the right one" : nameOf(i, operands.length);
    throw new RangeError(`merge takes lists of equal length; ${name} has ${length} items, ${other} ${operand.length}.`);
  });
  return Array.from({ length }, (_, i) => merged(records, i));
}

function nameOf(index: number, count: number): string {
  return count === 2 ? `the ${index === 0 ? "left" : "right"} operand` : `operand ${index + 1}`;
}

function merged(records: readonly ((index: number) => PlainRecord)[], index: number): PlainRecord {
  return records.reduce<PlainRecord>((before, recordAt) => ({ ...before, ...recordAt(index) }), {});
}

/** The records of an operand by index; a single one for all indices. */
function recordsOf(name: string, operand: unknown): (index: number) => PlainRecord {
  if (isPlainRecord(operand)) return () => operand;
  if (!Array.isArray(operand))
    throw wrongOperand(`${name.charAt(0).toUpperCase()}${name.slice(1)} of merge`, OPERAND, operand);
  return (index) => {
    const item: unknown = operand[index];
    if (!isPlainRecord(item))
      throw wrongOperand(`Item ${index} of merge's ${name.replace("the ", "")}`, "a record", item);
    return item;
  };
}
