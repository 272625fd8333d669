import { requireResults } from "../planning/partial.js";
import { firstNode } from "../run/pause.js";
import type { RunState } from "../run/state.js";
import { Status } from "../run/status.js";
import { standsAlone } from "./branching.js";

/**
 * Copies an earlier run's results that are still valid into the state of a partial run. Skipped nodes stay skipped.
 * @param copied - 1 for the nodes whose earlier results are valid
 * @throws {MissingResultError} MISSING_RESULT naming results that the partial run needs and neither run has
 */
export function takeOver(
  state: RunState,
  active: Uint8Array,
  from: RunState | undefined,
  copied: Uint8Array,
  overrides: ReadonlyMap<number, unknown> | undefined,
): void {
  const { plan } = state;
  const indexIn = (i: number) => from?.plan.indexOf.get(plan.specs[i].name);
  const isKnown = (i: number) => {
    const index = indexIn(i);
    return from !== undefined && index !== undefined && (from.hasResult(index) || from.wasSkipped(index));
  };
  const isGiven = (i: number) => overrides?.has(i) === true && standsAlone(plan, i, overrides.get(i));
  const runs = active.map((isActive, i) => (isGiven(i) ? 0 : isActive));
  requireResults(plan, runs, (i) => isKnown(i) || overrides?.has(i) === true || active[i] === 1);
  for (let i = 0; i < plan.size; i++) {
    const index = copied[i] === 0 ? undefined : indexIn(i);
    if (from === undefined || index === undefined || overrides?.has(i) === true) continue;
    if (from.wasSkipped(index)) state.facts.skippedBefore.add(i);
    if (!from.hasResult(index)) continue;
    state.copy(i, from.values[index], from.branchOf(index));
    takeItems(state, i, from, index);
  }
  takeChildren(state, from);
}

/** Copies the counts of a map's items. */
function takeItems(state: RunState, node: number, from: RunState, index: number): void {
  const items = from.itemsOf(index);
  if (items === undefined) return;
  state.facts.items.set(node, { ...items });
  state.facts.itemErrors.set(node, [...from.itemErrorsOf(index)]);
}

/** Copies the results of the runs inside that belong to copied nodes. */
function takeChildren(state: RunState, from: RunState | undefined): void {
  const { indexOf } = state.plan;
  for (const [key, child] of from?.children ?? []) {
    const name = firstNode(key, (part) => indexOf.has(part));
    if (name !== undefined && state.status[indexOf.get(name) as number] === Status.copied) state.setChild(key, child);
  }
}
