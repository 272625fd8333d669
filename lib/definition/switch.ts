import { show } from "../base/check.js";
import { InvalidNodeError } from "../base/errors.js";
import { isRoute, type Route } from "./decisions.js";

/** What happens to a value: a function of it, the node's further needs, and the context. */
export type Case = (this: any, value: any, ...others: any[]) => unknown;

/** Cases by label. `default` takes all labels that have none. */
export type CaseTable = Readonly<Record<string, Case>>;

/** The results of cases. */
export type CaseResult<C extends CaseTable> = Awaited<ReturnType<C[keyof C]>>;

/** A function that sends `route(label, value)` on to the case of its label. Made by {@link cases}. */
export interface Switch<C extends CaseTable = CaseTable> {
  (item: Route<string, any>, ...others: any[]): ReturnType<C[keyof C]>;
  /** The cases. */
  readonly [CASES]: ReadonlyMap<string, Case>;
}

// Shared by all copies of this module in a process, such as an ESM and a CommonJS one.
export const CASES: unique symbol = Symbol.for("dagwright:cases") as never;

/**
 * A function that sends `route(label, value)` on to the case of its label, with the value in place of the route. In a
 * class, it is what a field with {@link switchOn} holds; cases are called with the instance as `this`.
 *
 * A label that has no case goes to `default`; without one, it is an error that lists the labels.
 * @throws {InvalidNodeError} INVALID_NODE unless there are cases, and all are functions
 */
export function cases<const C extends CaseTable>(table: C): Switch<C> {
  const byLabel = casesIn("cases", table);
  function send(this: unknown, item: unknown, ...others: unknown[]): unknown {
    const { branch, value } = routeIn(item);
    const found = byLabel.get(branch) ?? byLabel.get("default");
    if (found !== undefined) return found.call(this, value, ...others);
    const labels = Array.from(byLabel.keys(), (label) => `"${label}"`).join(", ");
    throw new TypeError(
      `There is no case ${show(branch)}; the cases are ${labels}. Route to one of them, or add a "default" case.`,
    );
  }
  return Object.defineProperty(send, CASES, { value: byLabel }) as unknown as Switch<C>;
}

/** The cases of a function that {@link cases} made; undefined for others. */
export function casesOf(fn: unknown): ReadonlyMap<string, Case> | undefined {
  return typeof fn === "function" ? (fn as Partial<Switch>)[CASES] : undefined;
}

/** @throws {InvalidNodeError} INVALID_NODE naming what is no case */
export function casesIn(owner: string, table: unknown): ReadonlyMap<string, Case> {
  if (typeof table !== "object" || table === null || Array.isArray(table)) {
    throw new InvalidNodeError(`${owner} takes functions by label, as { label: fn }; received ${show(table)}.`);
  }
  const entries = Object.entries(table);
  if (entries.length === 0) throw new InvalidNodeError(`${owner} takes at least one case; received none.`);
  for (const [label, fn] of entries) {
    if (typeof fn === "function") continue;
    throw new InvalidNodeError(`The case "${label}" of ${owner} must be a function; received ${show(fn)}.`);
  }
  return new Map(entries as [string, Case][]);
}

/** A route that came from another thread or a file is a plain record. @throws {TypeError} for anything else */
function routeIn(item: unknown): Route {
  const isLike = isRoute(item) || (isRecord(item) && Object.keys(item).sort().join() === "branch,value");
  if (isLike && typeof item.branch === "string") return item as Route;
  throw new TypeError(
    `A switch takes route(label, value); received ${show(item)}. ` +
      `Return a route from the node that it needs, which must not be a select: that passes only its value on.`,
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
