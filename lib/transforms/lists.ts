/** Transforms of lists. */
import { show } from "../base/check.js";
import { requireFunction, requireList, requireSettled } from "./operands.js";

/**
 * One item of each list. The further arguments that a node may get are typed `any`, and are none of the lists.
 */
export type Zipped<T extends readonly unknown[]> = T extends readonly [infer First, ...infer Others]
  ? [First, ...Tail<Others>]
  : T[number][];

type Tail<T extends readonly unknown[]> = T extends readonly [infer First, ...infer Others]
  ? [First, ...Tail<Others>]
  : unknown extends T[number]
    ? []
    : T[number][];

/** The lists of items with equal indices. Ends with the shortest list. @throws {TypeError} naming an operand that is no list */
export function zip<T extends readonly unknown[]>(...lists: { [K in keyof T]: readonly T[K][] }): Zipped<T>[] {
  const operands: readonly (readonly unknown[])[] = lists;
  operands.forEach((list, i) => requireList(`Operand ${i + 1} of zip`, list));
  const length = operands.reduce((least, list) => Math.min(least, list.length), operands[0]?.length ?? 0);
  return Array.from({ length }, (_, index) => operands.map((list) => list[index])) as never;
}

/**
 * A function that calls `fn` with each item of a list, and its index from 0, and returns the list of what it gave.
 * @throws {TypeError} unless `fn` is a function; the function throws for an operand that is no list, and for promises
 */
export function mapEach<T, R>(fn: (item: T, index: number) => R): (list: readonly T[]) => R[] {
  requireFunction("mapEach", fn);
  return (list) => {
    requireList("The operand of mapEach", list);
    return Array.from(list, (item, index) => {
      const result = fn(item, index);
      requireSettled("mapEach", index, result);
      return result;
    });
  };
}

/**
 * A function that returns the items for which `fn` is true.
 * @throws {TypeError} unless `fn` is a function; the function throws for an operand that is no list, and if `fn` returns
 *   something other than a boolean
 */
export function filter<T, S extends T>(fn: (item: T, index: number) => item is S): (list: readonly T[]) => S[];
export function filter<T>(fn: (item: T, index: number) => boolean): (list: readonly T[]) => T[];
export function filter<T>(fn: (item: T, index: number) => boolean): (list: readonly T[]) => T[] {
  const test = tester("filter", fn);
  return (list) => itemsOf("filter", list).filter(test);
}

/**
 * A function that returns whether `fn` is true for all items of a list; true for an empty one. Throws as {@link filter}
 * does.
 */
export function every<T>(fn: (item: T, index: number) => boolean): (list: readonly T[]) => boolean {
  const test = tester("every", fn);
  return (list) => itemsOf("every", list).every(test);
}

/**
 * A function that returns whether `fn` is true for at least one item of a list; false for an empty one. Throws as
 * {@link filter} does.
 */
export function some<T>(fn: (item: T, index: number) => boolean): (list: readonly T[]) => boolean {
  const test = tester("some", fn);
  return (list) => itemsOf("some", list).some(test);
}

/** The items of an operand, without holes. */
function itemsOf<T>(transform: string, list: readonly T[]): T[] {
  requireList(`The operand of ${transform}`, list);
  return Array.from(list);
}

function tester<T>(transform: string, fn: (item: T, index: number) => unknown): (item: T, index: number) => boolean {
  requireFunction(transform, fn);
  return (item, index) => {
    const answer = fn(item, index);
    requireSettled(transform, index, answer);
    if (typeof answer === "boolean") return answer;
    throw new TypeError(
      `The function of ${transform} must return a boolean; for item ${index} it returned ${show(answer)}.`,
    );
  };
}
