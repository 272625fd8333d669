import { current } from "../../definition/current-context.js";
import { hasPolicies } from "../../definition/specs/node-options.js";
import type { MapHost, MappingRun } from "./map-host.js";

/** The function of a map whose items are plain calls. */
export interface ItemCall {
  call(item: unknown): unknown;
}

/**
 * The plain call of a map's items; undefined if they need more: policies, hooks, permits of others, or a context, which
 * any function may ask for once `getContext` is in use.
 */
export function plainCallOf(run: MappingRun, items: MapHost, node: number): ItemCall | undefined {
  const spec = items.specOf();
  const isInline = spec.subworkflow === undefined && run.calls?.has(node) !== true;
  const isObserved = items.hooksOf().length > 0 || run.telemetry !== undefined || items.tracesAll;
  const isFree = items.schedulerOf() === undefined && !isObserved;
  const needsContext = items.takesContext || current.storage !== undefined;
  if (!isInline || !isFree || hasPolicies(spec.options) || needsContext) return undefined;
  const { fn, self } = spec;
  const { args, itemAt } = items;
  if (args.length === 1) return { call: (item) => fn.call(self, item) };
  return { call: (item) => fn.apply(self, args.with(itemAt, item)) };
}
