import { checkOneOf } from "../base/check.js";
import { checkHistoryLimit, checkMaxCycles, type FsmOptions } from "../definition/specs/state-spec.js";
import {
  checkRun,
  COMMON_RULES,
  OTHER_MODES,
  type CommonRunOptions,
  type Mode,
  type RuleMap,
  type Rules,
} from "../engine/options.js";

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

export const FSM_RULES: RuleMap = new Map(
  Object.entries({
    ...COMMON_RULES,
    mode: (value) => checkOneOf("mode", value, ["sequential", "async"], OTHER_MODES),
    maxCycles: checkMaxCycles,
    onMaxCycles: (value) => checkOneOf("onMaxCycles", value, ["error", "stop"]),
    historyLimit: checkHistoryLimit,
  } satisfies Rules<FsmRunOptions>),
);

/** @throws {TypeError} | {RangeError} naming the option, its rule and the value received */
export function checkFsmRunOptions(options: FsmRunOptions, inputs?: () => Iterable<string>): void {
  checkRun(options, FSM_RULES, inputs);
}
