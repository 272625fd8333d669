import { merge } from "../base/merge.js";

/**
 * The defaults that do not apply to a run that continues: options that are in its record, or that belong to a single
 * run.
 */
const NOT_CONTINUED: ReadonlySet<string> = new Set([
  "inputs",
  "metadata",
  "context",
  "runId",
  "ifExists",
  "overrides",
  "from",
]);

/** The options of a run, with the defaults of its workflow. */
export function withDefaults<O extends object>(defaults: object | undefined, options: O | undefined): O | undefined {
  return defaults === undefined ? options : merge(defaults, options);
}

/** The options with which a recorded run continues, with the defaults of its workflow. */
export function withContinuingDefaults<O extends object>(defaults: object | undefined, options: O): O {
  if (defaults === undefined) return options;
  const continuing = Object.fromEntries(Object.entries(defaults).filter(([option]) => !NOT_CONTINUED.has(option)));
  return merge(continuing, options);
}

/** As {@link withContinuingDefaults}, for `recover`, whose `concurrency` limits runs instead of nodes. */
export function withRecoveryDefaults<O extends object>(defaults: object | undefined, options: O): O {
  if (defaults === undefined) return options;
  const { concurrency: nodeConcurrency, ...others } = defaults as { concurrency?: number };
  return withContinuingDefaults(nodeConcurrency === undefined ? others : { ...others, nodeConcurrency }, options);
}
