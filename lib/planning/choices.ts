import { groupBy, type Digraph } from "../graph/digraph.js";
import { isChoice, type NodeSpec } from "../definition/specs/node-spec.js";
import { Edge, type AnyNeed, type Choice, type ChoiceCondition, type Choices } from "./plan.js";
import { Regions } from "./regions.js";

/** The choices as they are wired. */
interface Wired {
  readonly specs: readonly NodeSpec[];
  readonly anyNeeds: ReadonlyMap<number, readonly AnyNeed[]>;
  readonly conditions: ReadonlyMap<number, ChoiceCondition>;
}

/**
 * Finds the gates of a plan's choices. Pure.
 * Cost: O(nodes + edges), times the logarithm of how deep choices are nested.
 * @param order - a complete topological order
 * @param branchOf - the branch of its choice that an edge belongs to; undefined for conditions and all other nodes
 */
export function findChoices(
  { specs, anyNeeds, conditions }: Wired,
  { size, start, target }: Digraph,
  flags: Uint8Array | undefined,
  order: Int32Array,
  branchOf: (edge: number) => number | undefined,
): Omit<Choices, "roles"> {
  const regions = new Regions();
  const regionOf = new Int32Array(size);
  const branches = new Map<number, readonly number[]>();
  for (let k = size - 1; k >= 0; k--) {
    const node = order[k];
    let region = -1;
    for (let e = start[node]; e < start[node + 1] && region !== Regions.ROOT; e++) {
      if (flags !== undefined && flags[e] & Edge.order) continue;
      const branch = branches.has(target[e]) ? branchOf(e) : undefined;
      const entered =
        branch === undefined ? regionOf[target[e]] : (branches.get(target[e]) as readonly number[])[branch];
      region = region < 0 ? entered : regions.common(region, entered);
    }
    regionOf[node] = Math.max(region, Regions.ROOT);
    const needs = isChoice(specs[node].kind) ? anyNeeds.get(node) : undefined;
    if (needs !== undefined) branches.set(node, regions.add(node, specs[node].kind, needs.length, regionOf[node]));
  }
  const gateOf = regionOf.map((region) => regions.gateOf(region));
  const handledBy = regionOf.map((region) => regions.handlerOf(region));
  const of = new Map<number, Choice>();
  for (const [node, inner] of branches) {
    const needs = anyNeeds.get(node) as readonly AnyNeed[];
    const gates = inner.map((region) => regions.ownGate(region));
    of.set(node, { condition: conditions.get(node), needs, gates });
    if (specs[node].kind === "coalesce") for (const { source } of needs) handledBy[source] = node;
  }
  specs.forEach(({ options }, node) => {
    if (options.errorStrategy === "failFast") handledBy[node] = -1;
  });
  const ownerOf = Int32Array.from(regions.gateOwners);
  // Key 0 is of the nodes without a gate.
  const { start: first, order: grouped } = groupBy(
    ownerOf.length + 1,
    gateOf.map((gate) => gate + 1),
  );
  return { of, gateOf, ownerOf, members: { start: first.subarray(1), order: grouped }, handledBy };
}
