import {
  checkName,
  checkRecord,
  integer,
  label,
  requireOptions,
  show,
  type OptionName,
  type Rules,
} from "../../base/check.js";
import {
  checkContinuing,
  CONTINUE_RULES,
  RECOVERY_RULES,
  refuseRecorded,
  REPLAY_RULES,
  type Continuing,
  type Recorded,
  type Recovering,
} from "../../engine/durable/options.js";
import { DAG_RUN_RULES, type RunOptions } from "../options.js";

/** Options for continuing a dag's recorded runs. */
export interface ContinueOptions extends Omit<RunOptions, Recorded>, Continuing {}

/** Options of `dag.recover`. */
export interface RecoverOptions extends Omit<ContinueOptions, "concurrency">, Recovering {
  /**
   * The maximum number of nodes of a run in flight, in mode `async`: the `concurrency` of other methods.
   * @defaultValue unlimited
   */
  nodeConcurrency?: number | undefined;
}

/** Options of `dag.resume` and `dag.attach`. */
export interface ResumeOptions<G = Record<string, unknown>> extends ContinueOptions {
  /** Results for the nodes that paused the run, by name. Those nodes don't run. */
  provide?: Readonly<Partial<G>> | undefined;
  /** Results for nodes that have not completed, by name. Those nodes don't run. */
  overrides?: Readonly<Partial<G>> | undefined;
}

/** Options of `dag.replay`. */
export interface ReplayOptions<G = Record<string, unknown>>
  extends Omit<RunOptions<G>, "inputs" | "store">, Continuing {
  /** The nodes to run again, along with their dependents. */
  rerun: readonly (keyof G & string)[];
  /** Excludes their dependents. @defaultValue false */
  only?: boolean | undefined;
}

const RECORDED_DAG_RULES = { ...DAG_RUN_RULES, ...CONTINUE_RULES, from: refuseRecorded };
const DAG_RESUME_RULES: Rules<ResumeOptions> = { ...RECORDED_DAG_RULES, provide: checkRecord };
const DAG_CONTINUE_RULES = { ...RECORDED_DAG_RULES, overrides: refuseRecorded };
const DAG_RECOVER_RULES: Rules<RecoverOptions> = {
  ...DAG_CONTINUE_RULES,
  ...RECOVERY_RULES,
  nodeConcurrency: integer(1),
};
const DAG_REPLAY_RULES: Rules<ReplayOptions> = {
  ...DAG_RUN_RULES,
  ...REPLAY_RULES,
  rerun: checkRerun,
  only: "boolean",
};

/** @throws {TypeError} | {RangeError} naming the option, its rule and the value received */
export function checkResumeOptions(options: ResumeOptions<any>, method = "resume"): void {
  checkContinuing(options, DAG_RESUME_RULES, method);
}

/** @throws {TypeError} | {RangeError} naming the option, its rule and the value received */
export function checkContinueOptions(options: ContinueOptions): void {
  checkContinuing(options, DAG_CONTINUE_RULES, "attachAll");
}

/** @throws {TypeError} | {RangeError} naming the option, its rule and the value received */
export function checkRecoverOptions(options: RecoverOptions): void {
  checkContinuing(options, DAG_RECOVER_RULES, "recover");
}

/** @throws {TypeError} | {RangeError} naming the option, its rule and the value received */
export function checkReplayOptions(options: ReplayOptions<any>): void {
  checkContinuing(options, DAG_REPLAY_RULES, "replay");
  requireOptions(options, ["rerun"], DAG_REPLAY_RULES);
}

function checkRerun(option: OptionName, rerun: unknown): void {
  if (!Array.isArray(rerun) || rerun.length === 0) {
    throw new TypeError(`${label(option)} must be an array of at least one node; received ${show(rerun)}.`);
  }
  for (const name of rerun) checkName(option, name);
}
