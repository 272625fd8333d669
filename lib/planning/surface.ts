import type { Surface } from "../definition/defined.js";
import type { DeclaredInputs } from "../definition/specs/input-schemas.js";
import { schemaTrees } from "./inner-schemas.js";
import { reportInputs, type InputReport } from "./declared-inputs.js";
import { fsmInputs, type FsmPlan } from "./fsm-plan.js";
import { isSink, type DagPlan } from "./plan.js";
import type { Planning } from "./validity.js";

type Inputs = readonly InputReport[];

/** What a workflow that contains a dag sees of it. */
export function dagSurface({ plan, errors }: Planning<DagPlan>, declared: DeclaredInputs | undefined): Surface {
  const schemas = schemaTrees(plan, declared);
  return {
    inputs: reportInputs(dagInputs(plan), schemas),
    schemas,
    errors,
    get sinks() {
      return sinksOf(plan);
    },
  };
}

/** What a workflow that contains an fsm sees of it: the value of its last state is its result. */
export function fsmSurface({ plan, errors }: Planning<FsmPlan>, declared: DeclaredInputs | undefined): Surface {
  const schemas = schemaTrees(plan, declared);
  return { inputs: reportInputs(fsmInputs(plan, declared), schemas), schemas, errors, sinks: FSM_SINKS };
}

export const FSM_SINKS: readonly string[] = Object.freeze(["value"]);

/** The inputs of a dag's runs: the parameters that no node fills, and those that only a schema declares. */
export function dagInputReports(plan: DagPlan, declared: DeclaredInputs | undefined): Inputs {
  return reportInputs(dagInputs(plan), schemaTrees(plan, declared));
}

function dagInputs({ inputs }: DagPlan): { readonly name: string; readonly required: boolean }[] {
  return inputs.map(({ name, required }) => ({ name, required: required.length > 0 }));
}

/** The inputs of an fsm's runs: the parameters of all states, and those that only a schema declares. */
export function fsmInputReports(plan: FsmPlan, declared: DeclaredInputs | undefined): Inputs {
  return reportInputs(fsmInputs(plan, declared), schemaTrees(plan, declared));
}

/** The nodes whose results the runs of a dag give. */
export function sinksOf(plan: DagPlan): string[] {
  return plan.specs.filter((_, i) => isSink(plan, i)).map(({ name }) => name);
}
