import { checkName, checkNumber, checkType, show } from "../../base/check.js";
import {
  checkContinuing,
  CONTINUING,
  IDENTITY,
  PROVIDING,
  recorded,
  RECOVERING,
  type Continuing,
  type Recorded,
  type Recovering,
} from "../../engine/durable/options.js";
import type { RuleMap } from "../../engine/options.js";
import { DAG_RULES, type RunOptions } from "../options.js";

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

const RESUMING = [...CONTINUING, ...IDENTITY, recorded("from")];
const RESUME_RULES: RuleMap = new Map([...DAG_RULES, ...RESUMING, PROVIDING]);
const CONTINUE_RULES: RuleMap = new Map([...DAG_RULES, ...RESUMING, recorded("overrides")]);
const RECOVER_RULES: RuleMap = new Map([
  ...CONTINUE_RULES,
  ...RECOVERING,
  ["nodeConcurrency", (value) => checkNumber("nodeConcurrency", value, { min: 1, integer: true })],
]);
const REPLAY_RULES: RuleMap = new Map([
  ...DAG_RULES,
  ...CONTINUING,
  ["rerun", checkRerun],
  ["only", (value) => checkType("only", value, "boolean")],
]);

/** @throws {TypeError} | {RangeError} naming the option, its rule and the value received */
export function checkResumeOptions(options: ResumeOptions<any>, method = "resume"): void {
  checkContinuing(options, RESUME_RULES, method);
}

/** @throws {TypeError} | {RangeError} naming the option, its rule and the value received */
export function checkContinueOptions(options: ContinueOptions): void {
  checkContinuing(options, CONTINUE_RULES, "attachAll");
}

/** @throws {TypeError} | {RangeError} naming the option, its rule and the value received */
export function checkRecoverOptions(options: RecoverOptions): void {
  checkContinuing(options, RECOVER_RULES, "recover");
}

/** @throws {TypeError} | {RangeError} naming the option, its rule and the value received */
export function checkReplayOptions(options: ReplayOptions<any>): void {
  checkContinuing(options, REPLAY_RULES, "replay");
  if (options.rerun === undefined) checkRerun(options.rerun);
}

function checkRerun(rerun: unknown): void {
  if (!Array.isArray(rerun) || rerun.length === 0) {
    throw new TypeError(`"rerun" must be an array of at least one node; received ${show(rerun)}.`);
  }
  for (const name of rerun) checkName("rerun", name);
}
