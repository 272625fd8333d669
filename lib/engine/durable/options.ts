import { integer, label, type OptionName, type Rules } from "../../base/check.js";
import type { RunStore } from "../../stores/store.js";
import { checkRun } from "../options.js";

/** What a run has from its record when it goes on. */
export type Recorded = "inputs" | "metadata" | "context" | "runId" | "store" | "overrides" | "ifExists";

/** Options of every recorded run that goes on. */
export interface Continuing {
  /** Where the run is recorded. */
  store: RunStore;
  /**
   * Goes on with a workflow that has changed: with the results of the nodes that are as they were, and whose ancestors all
   * are. @defaultValue false: it is refused
   */
  allowChanges?: boolean | undefined;
}

/** Options of a recovery. */
export interface Recovering {
  /** How many runs go on at once. @defaultValue 10 */
  concurrency?: number | undefined;
  /**
   * Waits for the runs that other processes drive now as well, until each has ended, or its process is gone and it is taken up;
   * until `signal` aborts, at the latest. @defaultValue false
   */
  wait?: boolean | undefined;
}

/** The rule of an option that the record has. */
export function refuseRecorded(option: OptionName): never {
  throw new TypeError(`${label(option)} is not asked for here: it is recorded with the run.`);
}

export const REPLAY_RULES = { allowChanges: "boolean", inputs: refuseRecorded } as const;

export const CONTINUE_RULES = {
  ...REPLAY_RULES,
  metadata: refuseRecorded,
  context: refuseRecorded,
  runId: refuseRecorded,
  ifExists: refuseRecorded,
} as const;

export const RECOVERY_RULES: Rules<Recovering> = { concurrency: integer(1), wait: "boolean" };

/** @throws {TypeError} | {RangeError} naming the option, its rule and the value received */
export function checkContinuing(options: Partial<Continuing>, rules: Rules<any>, what: string): void {
  checkRun(options, rules);
  if (options.store !== undefined) return;
  throw new TypeError(`${what} needs the "store" that the run is recorded in.`);
}
