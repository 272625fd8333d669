import { append } from "../base/append.js";
import { MissingResultError, ValidationError } from "../base/errors.js";
import { reachable, reversed } from "../graph/reachability.js";
import { reachableNodes, writtenFlow } from "./flow.js";
import { Edge, edgeText, isSink, writtenGraph, type Binding, type DagPlan } from "./plan.js";

/** The nodes that a partial run computes, as a mask: from `first` on, up to `last`, or between the two. */
export function activeNodes(plan: DagPlan, first: number | undefined, last: number | undefined): Uint8Array {
  const after = first === undefined ? undefined : reachableNodes(writtenFlow(plan), [first]);
  const before = last === undefined ? undefined : reachable(reversed(writtenGraph(plan)), [last]);
  if (after === undefined) return before as Uint8Array;
  if (before === undefined) return after;
  const between = after.map((reached, i) => reached & before[i]);
  if (first !== undefined && last !== undefined && between[first] === 0) {
    const [from, to] = [plan.specs[first].name, plan.specs[last].name];
    throw new ValidationError(
      `No path leads from "${from}" to "${to}". Name two nodes on one path, the earlier one first.`,
    );
  }
  return between;
}

/**
 * The nodes that a run computes, as a mask, if some results are given: excludes nodes that only the given ones need.
 * Sinks are always kept, since their results are the outputs of the run.
 * @param active - the nodes that a partial run computes
 * @param isGiven - whether the result of a node is given
 */
export function withoutUnneeded(
  plan: DagPlan,
  active: Uint8Array | undefined,
  isGiven: (node: number) => boolean,
): Uint8Array | undefined {
  const { start, target } = writtenGraph(plan);
  const left = active?.slice() ?? new Uint8Array(plan.size).fill(1);
  const needs = (to: number) => left[to] === 1 && !isGiven(to);
  let isChanged = false;
  for (let k = plan.size - 1; k >= 0; k--) {
    const node = plan.order[k];
    if (!needs(node) || isSink(plan, node, active)) continue;
    let isNeeded = false;
    for (let e = start[node]; e < start[node + 1] && !isNeeded; e++) isNeeded = needs(target[e]);
    if (isNeeded) continue;
    left[node] = 0;
    isChanged = true;
  }
  return isChanged ? left : active;
}

/** The nodes whose earlier results are still valid: neither they nor their ancestors are computed again. */
export function copiedNodes(plan: DagPlan, active: Uint8Array): Uint8Array {
  const computed = Array.from(active.keys()).filter((i) => active[i] === 1);
  return reachableNodes(writtenFlow(plan), computed).map((reached) => 1 - reached);
}

/**
 * @throws {MissingResultError} MISSING_RESULT naming all nodes whose results the partial run needs but that have none
 */
export function requireResults(plan: DagPlan, active: Uint8Array, available: (node: number) => boolean): void {
  const missing = new Map<number, string>();
  const unmetAny = new Map<number, number[]>();
  const metAny = new Set<number>();
  const { start, target } = plan.graph;
  for (let source = 0; source < plan.size; source++) {
    for (let edge = start[source]; edge < start[source + 1]; edge++) {
      const node = target[edge];
      if (active[node] === 0) continue;
      const flags = plan.flags === undefined ? 0 : plan.flags[edge];
      const has = active[source] === 1 || available(source);
      const isCondition = plan.choices?.of.get(node)?.condition?.source === source;
      if (isCondition && !has) missing.set(source, edgeText(plan, source, edge));
      else if (plan.anyNeeds.has(node) && (flags & Edge.order) === 0) {
        if (has) metAny.add(node);
        else append(unmetAny, node, source);
      } else if (!has && (flags & Edge.soft) === 0) missing.set(source, edgeText(plan, source, edge));
    }
  }
  for (const [node, sources] of unmetAny) {
    if (!metAny.has(node)) for (const source of sources) missing.set(source, plan.specs[source].name);
  }
  if (missing.size === 0) return;
  const names = Array.from(missing.keys(), (i) => plan.specs[i].name);
  const list = names.map((name) => `"${name}"`).join(", ");
  throw new MissingResultError(
    `This partial run needs the result of ${list}, which it does not compute and no earlier run has. ` +
      `Run more of the workflow: all of it, or with a run that has the result as "from"; in a replay, name it in "rerun".`,
    names,
  );
}

/**
 * @param isGiven - whether the result of a node is given, so that it does not run
 * @throws {MissingResultError} MISSING_RESULT naming results inside workflows that do not run
 */
export function requireInner(plan: DagPlan, isGiven: (node: number) => boolean): void {
  for (const binding of plan.bindings) {
    const inner = innerPath(binding);
    if (inner === undefined || !isGiven(inner.source)) continue;
    const { name } = plan.specs[inner.source];
    throw new MissingResultError(
      `Workflow "${plan.workflow}" needs "${name}.${inner.path}", which does not exist if "${name}" does not run. ` +
        `Let "${name}" run as well, or give a result for the node that needs it.`,
      [`${name}.${inner.path}`],
    );
  }
}

/** The node inside a workflow that a binding takes. */
function innerPath(binding: Binding): { readonly source: number; readonly path: string } | undefined {
  if (binding.type === "inner") return binding;
  if (binding.type !== "stream" || binding.output === undefined) return undefined;
  return { source: binding.source, path: binding.output };
}
