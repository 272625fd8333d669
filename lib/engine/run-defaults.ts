import { merge } from "../base/merge.js";

/** What a run has from its record when it goes on, or what names one run: no default of theirs counts then. */
const RECORDED: ReadonlySet<string> = new Set([
  "inputs",
  "metadata",
  "context",
  "runId",
  "ifExists",
  "overrides",
  "from",
]);

/** The options of a run with the defaults of its workflow. */
export function withDefaults<O extends object>(defaults: object | undefined, options: O | undefined): O | undefined {
  return defaults === undefined ? options : merge(defaults, options);
}

/** The options of a recorded run that goes on, with the defaults of its workflow. */
export function withContinuingDefaults<O extends object>(defaults: object | undefined, options: O): O {
  if (defaults === undefined) return options;
  const continuing = Object.fromEntries(Object.entries(defaults).filter(([option]) => !RECORDED.has(option)));
  return merge(continuing, options);
}

/** Likewise for recovery, where `concurrency` is a matter of runs. */
export function withRecoveryDefaults<O extends object>(defaults: object | undefined, options: O): O {
  if (defaults === undefined) return options;
  const { concurrency: nodeConcurrency, ...others } = defaults as { concurrency?: number };
  return withContinuingDefaults(nodeConcurrency === undefined ? others : { ...others, nodeConcurrency }, options);
}
