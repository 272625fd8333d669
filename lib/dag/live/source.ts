import { ValidationError } from "../../base/errors.js";
import { isChoice } from "../../definition/specs/node-spec.js";
import type { NodeHooks } from "../../definition/specs/node-options.js";
import { withDefaults } from "../../engine/run-defaults.js";
import { hooksOf } from "../../engine/run-hooks.js";
import { checkDagInputs, requireInputs } from "../../planning/inputs.js";
import type { DagPlan } from "../../planning/plan.js";
import { isGenerator } from "../../planning/streams.js";
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
  refuseComposed(plan);
  const usesThreads = plan.usesThreads || mode === "parallel";
  return {
    plan,
    options,
    hooks: hooksOf(dag.defaultHooks, hooks),
    cacheOf: factory.caches.of,
    place: usesThreads ? (runId, abort) => factory.placements.of(plan, options, runId, abort) : undefined,
  };
}

/** The kinds of nodes that a live dag can't keep up to date. */
function refuseComposed({ specs, workflow }: DagPlan): void {
  const found = specs.find(
    ({ kind, subworkflow, fn }) => isChoice(kind) || kind === "map" || subworkflow !== undefined || isGenerator(fn),
  );
  if (found === undefined) return;
  const what = isGenerator(found.fn) ? "generator" : found.kind;
  throw new ValidationError(
    `A live dag of "${workflow}" can't have "${found.name}": it is a ${what}, and a live dag keeps functions, forks and ` +
      `"any" nodes up to date. Do its work in a function, or run the dag.`,
  );
}

function refuseInputsTimeouts({ inputsTimeouts, specs, workflow }: DagPlan): void {
  if (inputsTimeouts === undefined) return;
  const names = Array.from(inputsTimeouts.keys(), (node) => `"${specs[node].name}"`).join(", ");
  const rule = "it counts from the start of a run, and a live dag has none";
  throw new ValidationError(
    `A live dag of "${workflow}" can't have the inputsTimeout of ${names}: ${rule}. Remove it.`,
  );
}
