import { ValidationError } from "../../base/errors.js";
import type { DeclaredInputs } from "../../definition/specs/input-schemas.js";
import type { NodeHooks } from "../../definition/specs/node-options.js";
import { withDefaults } from "../../engine/run-defaults.js";
import { hooksOf } from "../../engine/run-hooks.js";
import { checkDagInputs, requireInputs } from "../../planning/inputs.js";
import type { DagPlan } from "../../planning/plan.js";
import type { DagRunFactory } from "../dag-run-factory.js";
import type { DagOptions } from "../options.js";
import type { LiveSource } from "./live-dag.js";
import { acceptChange } from "./schemas.js";
import { checkLiveOptions, liveDefaults, type LiveOptions } from "./options.js";

/** The dag that a live one is made of. */
interface Definition {
  readonly options: DagOptions<any, any>;
  readonly defaultHooks: NodeHooks | undefined;
  readonly declaredInputs: DeclaredInputs | undefined;
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
  const merged = withDefaults(liveDefaults(dag.options), given) as LiveOptions<any>;
  const { inputs: raw = {}, mode, hooks } = merged;
  const plan = factory.planFor(merged.inputs, merged);
  const options = factory.routed(plan, merged);
  const { declaredInputs: declared } = dag;
  if (declared === undefined) {
    checkDagInputs(plan, raw);
    requireInputs(plan, raw, () => true);
  }
  const inputs = declared === undefined ? raw : acceptChange(plan, declared, raw, {});
  refuseInputsTimeouts(plan);
  refuseWaits(plan);
  refuseStreams(plan);
  const leaves = plan.isPlaced || mode === "parallel";
  return {
    plan,
    declared,
    inputs,
    options,
    hooks: hooksOf(dag.defaultHooks, hooks),
    cacheOf: factory.caches.of,
    place: leaves ? (runId, abort) => factory.placements.of(plan, options, runId, abort) : undefined,
  };
}

function refuseStreams({ streams, specs, workflow }: DagPlan): void {
  if (streams === undefined || streams.consumers.size === 0) return;
  const names = Array.from(streams.consumers, (node) => `"${specs[node].name}"`).join(", ");
  throw new ValidationError(
    `A live dag of "${workflow}" can't have the streams that ${names} ${streams.consumers.size === 1 ? "takes" : "take"}: ` +
      `it keeps results, not items on their way. Need the whole result, without stream().`,
  );
}

function refuseWaits({ waits, specs, workflow }: DagPlan): void {
  if (waits === undefined) return;
  const names = Array.from(waits.nodes, (node) => `"${specs[node].name}"`).join(", ");
  const rule = "a live dag keeps up to date and waits for nothing";
  throw new ValidationError(`A live dag of "${workflow}" can't have nodes that wait (${names}): ${rule}. Run the dag.`);
}

function refuseInputsTimeouts({ inputsTimeouts, specs, workflow }: DagPlan): void {
  if (inputsTimeouts === undefined) return;
  const names = Array.from(inputsTimeouts.keys(), (node) => `"${specs[node].name}"`).join(", ");
  const rule = "it counts from the start of a run, and a live dag has none";
  throw new ValidationError(
    `A live dag of "${workflow}" can't have the inputsTimeout of ${names}: ${rule}. Remove it.`,
  );
}
