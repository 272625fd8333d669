import type { NodeHooks } from "../definition/specs/node-options.js";

/** The list of a run without hooks. It is shared, so that it can be compared by identity. */
export const NO_HOOKS: readonly NodeHooks[] = Object.freeze([]);

/** The hooks of all nodes of a run: the default hooks of its workflow, then its own. */
export function hooksOf(shared: NodeHooks | undefined, own: NodeHooks | undefined): readonly NodeHooks[] {
  if (shared === undefined && own === undefined) return NO_HOOKS;
  return [shared, own].filter((hooks) => hooks !== undefined);
}
