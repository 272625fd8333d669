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

const OPERAND = "a record, or a list of records";

/**
 * Merges two operands, of which the right one wins: records field by field; lists of equal length item by item; a list and
 * a record into the list of each item merged with the record.
 *
 * Returns new records with the usual prototype, and reads each getter once. A field of the right operand wins even if it
 * is undefined. Cost: O(fields).
 * @throws {TypeError} for an operand or item that is no plain record; {RangeError} for lists of different lengths
 */
export function merge<L extends object, R extends object>(left: L, right: R): Merged<L, R> {
  if (isPlainRecord(left) && isPlainRecord(right)) return { ...left, ...right } as never;
  const [ofLeft, ofRight] = [itemsOf("left", left), itemsOf("right", right)];
  if (Array.isArray(left) && Array.isArray(right) && left.length !== right.length) {
    throw new RangeError(
      `merge takes lists of equal length; the left operand has ${left.length} items, the right one ${right.length}.`,
    );
  }
  const { length } = (Array.isArray(left) ? left : right) as readonly unknown[];
  return Array.from({ length }, (_, i) => ({ ...ofLeft(i), ...ofRight(i) })) as never;
}

/** The records of an operand by index; a single one for all indices. */
function itemsOf(side: string, operand: unknown): (index: number) => PlainRecord {
  if (isPlainRecord(operand)) return () => operand;
  if (!Array.isArray(operand)) throw wrongOperand(`The ${side} operand of merge`, OPERAND, operand);
  return (index) => {
    const item: unknown = operand[index];
    if (!isPlainRecord(item)) throw wrongOperand(`Item ${index} of merge's ${side} operand`, "a record", item);
    return item;
  };
}
