import type { DagPlan } from "../planning/plan.js";
import type { RunSetup } from "./run-setup.js";

/** How a node starts: as a plain call, as a coroutine of policies around one, or not at all, with a result given for it. */
export const Way = { plain: 0, managed: 1, given: 2 } as const;

/**
 * How each node of a run starts, as a {@link Way}; undefined if all are plain calls.
 * @param managesAll - whether all that run need policies
 */
export function waysOf(
  plan: DagPlan,
  { overrides, nodeLimits }: RunSetup,
  managesAll: boolean,
): Uint8Array | undefined {
  if (!managesAll && overrides === undefined && nodeLimits === undefined) return plan.managed;
  const ways = plan.managed?.slice() ?? new Uint8Array(plan.size);
  if (managesAll) ways.fill(Way.managed);
  for (const node of nodeLimits?.keys() ?? []) ways[node] = Way.managed;
  for (const node of overrides?.keys() ?? []) ways[node] = Way.given;
  return ways;
}
