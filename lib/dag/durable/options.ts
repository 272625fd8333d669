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

/** How a dag's recorded runs go on. */
export interface ContinueOptions extends Omit<RunOptions, Recorded>, Continuing {}

/** The options of a dag's recovery. */
export interface RecoverOptions extends Omit<ContinueOptions, "concurrency">, Recovering {
  /** How many nodes of a run may be in flight, in mode `async`; what `concurrency` is elsewhere. @defaultValue unlimited */
  nodeConcurrency?: number | undefined;
}

/** The options of a dag's resumption. */
export interface ResumeOptions<G = Record<string, unknown>> extends ContinueOptions {
  /** Results for nodes that paused the run, by name; those nodes do not run. */
  provide?: Readonly<Partial<G>> | undefined;
  /** Results for any nodes that have not completed, by name; those nodes do not run. */
  overrides?: Readonly<Partial<G>> | undefined;
}

/** The options of a replay. */
export interface ReplayOptions<G = Record<string, unknown>>
  extends Omit<RunOptions<G>, "inputs" | "store">, Continuing {
  /** The nodes that run again, and with them all that depends on them. */
  rerun: readonly (keyof G & string)[];
  /** Nothing that depends on them runs again. @defaultValue false */
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
