import type { NodeHooks } from "../definition/specs/node-options.js";

/** No hooks at all: one list for all runs, so that it can be told by identity. */
export const NO_HOOKS: readonly NodeHooks[] = Object.freeze([]);

/** The hooks that all nodes of a run get: the workflow's, then the run's. */
export function hooksOf(shared: NodeHooks | undefined, own: NodeHooks | undefined): readonly NodeHooks[] {
  if (shared === undefined && own === undefined) return NO_HOOKS;
  return [shared, own].filter((hooks) => hooks !== undefined);
}
