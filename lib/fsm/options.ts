import { oneOf, type Rules } from "../base/check.js";
import { FSM_LIMIT_RULES, type FsmOptions } from "../definition/specs/state-spec.js";
import { checkRun, COMMON_RULES, OTHER_MODES, type CommonRunOptions, type Mode } from "../engine/options.js";

/** The options of an fsm's run. All are optional. */
export interface FsmRunOptions<I extends object = Record<string, any>> extends CommonRunOptions<I> {
  /** An fsm's states execute one after the other in either. @defaultValue "sequential" */
  mode?: Exclude<Mode, "parallel"> | undefined;
  /** How many cycles the run may have. @defaultValue that of the fsm, otherwise 1000 */
  maxCycles?: number | undefined;
  /** What happens when it needs more: reject with a `MaxCyclesError`, or resolve with the last value. @defaultValue "error" */
  onMaxCycles?: "error" | "stop" | undefined;
  /** How many cycles are kept in the history. @defaultValue that of the fsm, otherwise all */
  historyLimit?: number | undefined;
}

/** The options of an fsm. */
export interface FsmSettings<I extends object = Record<string, any>> extends FsmOptions {
  /** Defaults of every run's options. */
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
