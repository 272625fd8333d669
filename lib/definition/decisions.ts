import { markData, markOf } from "../base/brand.js";
import { refusePromise } from "../base/coroutine.js";

/** The result of a condition: the branch to take, and the value to pass on. Made by {@link decide}. */
export class Decision<V = unknown, B extends boolean = boolean> {
  static {
    markData(this, "Decision");
  }

  constructor(
    /** The branch. */
    readonly condition: B,
    /** What the nodes on the branch get. */
    readonly value: V,
  ) {}
}

/** The result of a select: the branch to take, and the value to pass on. Made by {@link route}. */
export class Route<B extends string = string, V = unknown> {
  static {
    markData(this, "Route");
  }

  constructor(
    /** The name of the branch. */
    readonly branch: B,
    /** What the nodes on the branch get. */
    readonly value: V,
  ) {}
}

export function isDecision(choice: unknown): choice is Decision {
  return markOf(choice) === "Decision";
}

export function isRoute(choice: unknown): choice is Route {
  return markOf(choice) === "Route";
}

/**
 * Takes the branch `true` or `false` of a condition and passes `value` on, instead of the condition's first input.
 * @throws {TypeError} if `value` is a promise
 */
export function decide<B extends boolean, V>(condition: B, value: V): Decision<V, B> {
  refusePromise('The value of "decide"', value);
  return new Decision(condition, value);
}

/**
 * Takes a branch of a select and passes `value` on, instead of the select's first input.
 * @throws {TypeError} if `value` is a promise
 */
export function route<B extends string, V>(branch: B, value: V): Route<B, V> {
  refusePromise('The value of "route"', value);
  return new Route(branch, value);
}
