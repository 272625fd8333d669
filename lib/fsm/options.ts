import { oneOf, type Rules } from "../base/check.js";
import type { EventSchemas } from "../definition/specs/event-schemas.js";
import type { InputSchemas } from "../definition/specs/input-schemas.js";
import { FSM_LIMIT_RULES, type FsmOption, type WorkflowOptions } from "../definition/specs/workflow-options.js";
import { checkRun, COMMON_RULES, OTHER_MODES, type CommonRunOptions, type Mode } from "../engine/options.js";

/** The options of a run of an fsm. All are optional. */
export interface FsmRunOptions<I extends object = Record<string, any>> extends CommonRunOptions<I> {
  /** The states of an fsm execute one at a time in either mode. @defaultValue "sequential" */
  mode?: Exclude<Mode, "parallel" | "hybrid"> | undefined;
  /** The maximum number of cycles of the run. @defaultValue that of the fsm, or else 1000 */
  maxCycles?: number | undefined;
  /**
   * What to do if the run needs more cycles: reject with a `MaxCyclesError`, or resolve with the last value.
   * @defaultValue "error"
   */
  onMaxCycles?: "error" | "stop" | undefined;
  /** The number of cycles that the history keeps. @defaultValue that of the fsm, or else all */
  historyLimit?: number | undefined;
}

/** The options of an fsm. */
export interface FsmOptions<I extends object = Record<string, any>, E = Record<string, any>> extends Pick<
  WorkflowOptions,
  Exclude<FsmOption, "inputs" | "events">
> {
  /** See {@link WorkflowOptions.inputs}. They also type the inputs of its runs. */
  inputs?: InputSchemas<I> | undefined;
  /** See {@link WorkflowOptions.events}. They also type the payloads that are sent. */
  events?: EventSchemas<E> | undefined;
  /** The default options of its runs. */
  runOptions?: FsmRunOptions<Partial<I>> | undefined;
}

export const FSM_RUN_RULES: Rules<FsmRunOptions> = {
  ...COMMON_RULES,
  ...FSM_LIMIT_RULES,
  mode: oneOf(["sequential", "async"], OTHER_MODES),
  onMaxCycles: oneOf(["error", "stop"]),
};

/** @throws {TypeError} | {RangeError} naming the option, its rule and the value received */
export function checkFsmRunOptions(options: FsmRunOptions, inputs?: () => Iterable<string>): void {
  checkRun(options, FSM_RUN_RULES, inputs);
}
