import { show } from "../base/check.js";
import { InvalidNodeError } from "../base/errors.js";
import type { Context } from "./context.js";
import { isRoute, type Route } from "./decisions.js";
import { OWN_RUN } from "./own-run.js";
import type { NodeOptions } from "./specs/node-options.js";
import { isSubworkflow, refuseEach, type Subworkflow, type WorkflowLike } from "./specs/subworkflow-spec.js";
import { subworkflowIn } from "./subworkflow.js";

/** A case that is a function: of the value, the node's further needs, and the context. */
export type CaseFunction = (this: any, value: any, ...others: any[]) => unknown;

/** What happens to a value: a function of it, or a workflow, whose first inputs are the value and the further needs. */
export type Case = CaseFunction | WorkflowLike;

/** Cases by label. `default` takes all labels that have none. */
export type CaseTable = Readonly<Record<string, Case>>;

/** The result of a case; any for a workflow without a typed output. */
type ResultOfCase<C> =
  C extends Subworkflow<infer V> ? V : C extends new () => object ? any : C extends CaseFunction ? ReturnType<C> : any;

/** The results of cases. */
export type CaseResult<C extends CaseTable> = Awaited<ResultOfCase<C[keyof C]>>;

/** A function that sends `route(label, value)` on to the case of its label. Made by {@link cases}. */
export interface Switch<C extends CaseTable = CaseTable> {
  (item: Route<string, any>, ...others: any[]): ResultOfCase<C[keyof C]>;
  /** The cases. */
  readonly [CASES]: ReadonlyMap<string, CaseFunction | Subworkflow>;
}

// Shared by all copies of this module in a process, such as an ESM and a CommonJS one.
export const CASES: unique symbol = Symbol.for("dagwright:cases") as never;

/**
 * A function that sends `route(label, value)` on to the case of its label, with the value in place of the route. In a
 * class, it is what a field with {@link switchOn} holds; cases are called with the instance as `this`.
 *
 * A label that has no case goes to `default`; without one, it is an error that lists the labels.
 * @throws {InvalidNodeError} INVALID_NODE unless there are cases, and all are functions or workflows
 */
export function cases<const C extends CaseTable>(table: C): Switch<C> {
  const byLabel = casesIn("cases", table);
  function send(this: unknown, item: unknown, ...others: unknown[]): unknown {
    const { branch, value } = routeIn(item);
    const found = byLabel.get(branch) ?? byLabel.get("default");
    if (isSubworkflow(found)) return runCase(found, [value, ...others]);
    if (found !== undefined) return found.call(this, value, ...others);
    const labels = Array.from(byLabel.keys(), (label) => `"${label}"`).join(", ");
    throw new TypeError(
      `There is no case ${show(branch)}; the cases are ${labels}. Route to one of them, or add a "default" case.`,
    );
  }
  return Object.defineProperty(send, CASES, { value: byLabel }) as unknown as Switch<C>;
}

/** Runs a workflow in the place of the node. @param args - the values of its first inputs, and the context */
async function runCase({ workflow, options: { output } }: Subworkflow, args: readonly unknown[]): Promise<unknown> {
  const ctx = args[args.length - 1] as Context;
  const values = args.slice(0, -1);
  const inputs = Object.fromEntries(workflow.inputs.slice(0, values.length).map(({ name }, i) => [name, values[i]]));
  const run = (await ctx.run(workflow, { inputs, key: OWN_RUN as never })) as {
    readonly value: unknown;
    get(name: string): unknown;
  };
  return output === undefined ? run.value : run.get(output);
}

/** The cases of a function that {@link cases} made; undefined for others. */
export function casesOf(fn: unknown): Switch[typeof CASES] | undefined {
  return typeof fn === "function" ? (fn as Partial<Switch>)[CASES] : undefined;
}

/** Whether a function may run a workflow, since one of its cases is one. */
export function runsWorkflows(fn: unknown): boolean {
  return Array.from(casesOf(fn)?.values() ?? []).some(isSubworkflow);
}

/** @throws {InvalidNodeError} INVALID_NODE naming what is no case */
export function casesIn(owner: string, table: unknown): Switch[typeof CASES] {
  if (typeof table !== "object" || table === null || Array.isArray(table)) {
    throw new InvalidNodeError(
      `${owner} takes functions or workflows by label, as { label: fn }; received ${show(table)}.`,
    );
  }
  const entries = Object.entries(table);
  if (entries.length === 0) throw new InvalidNodeError(`${owner} takes at least one case; received none.`);
  const cases = new Map<string, CaseFunction | Subworkflow>();
  for (const [label, value] of entries as [string, unknown][]) {
    const found = subworkflowIn(value) ?? value;
    if (typeof found !== "function" && !isSubworkflow(found)) {
      throw new InvalidNodeError(
        `The case "${label}" of ${owner} must be a function or a workflow; received ${show(value)}.`,
      );
    }
    if (isSubworkflow(found)) refuseEach(found, `The case "${label}" of ${owner}`);
    cases.set(label, found as CaseFunction | Subworkflow);
  }
  return cases;
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

/** The parameters of a switch: the route, and further needs by their position. The context follows them. */
function switchParams(needs: readonly unknown[] = []): string[] {
  return ["item", ...needs.slice(1).map((_, i) => String(i + 1))];
}

/** The options of a node whose function {@link cases} made. */
export function withCaseParams<O extends NodeOptions>(options: O): O {
  return { ...options, params: switchParams(options.needs) };
}
