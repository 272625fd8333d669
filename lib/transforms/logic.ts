/** Transforms of booleans, and of values that may be missing. */
import { requireBoolean, requireBooleans } from "./operands.js";

/** Whether all operands are true. @throws {TypeError} naming an operand that is no boolean */
export function and(...operands: readonly boolean[]): boolean {
  requireBooleans("and", operands);
  return !operands.includes(false);
}

/** Whether one operand is true. @throws {TypeError} naming an operand that is no boolean */
export function or(...operands: readonly boolean[]): boolean {
  requireBooleans("or", operands);
  return operands.includes(true);
}

/** The opposite of a boolean. @throws {TypeError} for an operand that is no boolean */
export function not(operand: boolean): boolean {
  requireBoolean("The operand of not", operand);
  return !operand;
}

/** The result of {@link coalesce}. */
export type Coalesced<T extends readonly unknown[]> = T extends readonly [infer First, ...infer Others]
  ? NonNullable<First> | (null extends First ? Coalesced<Others> : undefined extends First ? Coalesced<Others> : never)
  : Rest<T[number]> | undefined;

/** The further arguments that a node may get are typed `any`, and are none of the operands. */
type Rest<T> = 0 extends 1 & T ? undefined : NonNullable<T>;

/** The first operand that is neither undefined nor null; undefined if there is none. */
export function coalesce<const T extends readonly unknown[]>(...operands: T): Coalesced<T> {
  return operands.find((operand) => operand !== undefined && operand !== null) as Coalesced<T>;
}

/** A function without parameters that returns `value`. */
export function literal<const T>(value: T): () => T {
  return () => value;
}
