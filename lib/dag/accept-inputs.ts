import type { DefinedDag } from "../definition/defined.js";
import type { AcceptedInputs } from "../engine/run-factory.js";
import { checkRunInputs, type CheckedInputs } from "../planning/declared-inputs.js";
import type { InnerChecks, InnerResults } from "../planning/inner-schemas.js";
import { acceptDagInputs, checkDagInputs, requireInputs } from "../planning/inputs.js";
import type { DagPlan } from "../planning/plan.js";

export type Inputs = Readonly<Record<string, unknown>>;

/** The results that replace nodes, by index. */
export type Overrides = ReadonlyMap<number, unknown>;

export interface NewInputs extends AcceptedInputs {
  /** The inputs as parsed by asynchronous schemas. */
  readonly later?: Promise<Inputs>;
}

export const NO_INPUTS: Inputs = Object.freeze({});

/** The inputs of a run without any. */
export const NOTHING_TAKEN: NewInputs = Object.freeze({ inputs: NO_INPUTS });

/** The nodes that a run executes. */
export interface RunningPart {
  readonly active: Uint8Array | undefined;
  readonly overrides: Overrides | undefined;
  readonly sync: boolean;
  /** The checks of the outer run. */
  readonly earlier: InnerChecks | undefined;
  /** The inputs whose values are not known yet. */
  readonly unknown: ReadonlySet<string> | undefined;
}

/** All nodes of a run that is not inside another one. */
export const WHOLE: RunningPart = Object.freeze({
  active: undefined,
  overrides: undefined,
  sync: false,
  earlier: undefined,
  unknown: undefined,
});

/**
 * The inputs of a run as parsed by their schemas, now or later.
 * @param declared - the declared inputs of the dag, if there are any
 * @throws {MissingInputError} | {ValidationError} | {TypeError} when they are missing, unknown or invalid
 */
export function acceptInputs(
  plan: DagPlan,
  declared: DefinedDag["declaredInputs"],
  inputs: Inputs | undefined,
  part: RunningPart,
): NewInputs {
  const { active, overrides, sync, earlier, unknown } = part;
  const given = inputs ?? NO_INPUTS;
  const runs = (node: number) => (active === undefined || active[node] === 1) && !overrides?.has(node);
  if (declared === undefined && plan.inner === undefined) {
    if (inputs !== undefined) checkDagInputs(plan, inputs);
    requireInputs(plan, given, runs);
    return { inputs: given };
  }
  const checks = plan.inner === undefined ? undefined : new Map<string, InnerResults>();
  const accept = (checked: CheckedInputs): Inputs => {
    acceptDagInputs(plan, { declared, given, checked }, runs);
    for (const [name, results] of checked.inside ?? []) checks?.set(name, results);
    return checked.values;
  };
  const checked = checkRunInputs({ declared, plan }, given, { word: "node", runs, sync, earlier, unknown });
  if (checked instanceof Promise) return { inputs: given, checks, later: checked.then(accept) };
  return { inputs: accept(checked), checks };
}
