import { ValidationError } from "../../base/errors.js";
import type { NodeHooks } from "../../definition/specs/node-options.js";
import { withDefaults } from "../../engine/run-defaults.js";
import { hooksOf } from "../../engine/run-hooks.js";
import { checkDagInputs, requireInputs } from "../../planning/inputs.js";
import type { DagPlan } from "../../planning/plan.js";
import type { DagRunFactory } from "../dag-run-factory.js";
import type { DagOptions } from "../options.js";
import type { LiveSource } from "./live-dag.js";
import { checkLiveOptions, liveDefaults, type LiveOptions } from "./options.js";

/** The dag that a live one is made of. */
interface Definition {
  readonly options: DagOptions<any, any>;
  readonly defaultHooks: NodeHooks | undefined;
}

/**
 * What a live dag is made of.
 * @throws {ValidationError} | {MissingInputError} | {TypeError} | {RangeError} when it can't be
 */
export function liveSource(
  dag: Definition,
  factory: DagRunFactory<any>,
  given: LiveOptions<any>,
): Omit<LiveSource, "never"> {
  checkLiveOptions(given);
  const options = withDefaults(liveDefaults(dag.options), given) as LiveOptions<any>;
  const { inputs = {}, mode, hooks } = options;
  const plan = factory.planFor(options.inputs, options);
  checkDagInputs(plan, inputs);
  requireInputs(plan, inputs, () => true);
  refuseInputsTimeouts(plan);
  const usesThreads = plan.usesThreads || mode === "parallel";
  return {
    plan,
    options,
    hooks: hooksOf(dag.defaultHooks, hooks),
    cacheOf: factory.caches.of,
    place: usesThreads ? (runId, abort) => factory.placements.of(plan, options, runId, abort) : undefined,
  };
}

function refuseInputsTimeouts({ inputsTimeouts, specs, workflow }: DagPlan): void {
  if (inputsTimeouts === undefined) return;
  const names = Array.from(inputsTimeouts.keys(), (node) => `"${specs[node].name}"`).join(", ");
  const rule = "it counts from the start of a run, and a live dag has none";
  throw new ValidationError(
    `A live dag of "${workflow}" can't have the inputsTimeout of ${names}: ${rule}. Remove it.`,
  );
}
