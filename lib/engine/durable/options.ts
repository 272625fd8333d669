import { checkNonEmptyString, checkOptions, integer, label, type OptionName, type Rules } from "../../base/check.js";
import type { RunStore } from "../../stores/store.js";
import { checkRun, checkStore } from "../options.js";

/** The run options that a continuing run takes from its record. */
export type Recorded = "inputs" | "metadata" | "context" | "runId" | "store" | "overrides" | "ifExists";

/** The common options with which recorded runs continue. */
export interface Continuing {
  /** Where the run is recorded. */
  store: RunStore;
  /**
   * Whether a run may continue with a workflow that has changed. Nodes keep their results if they and all their
   * ancestors are unchanged.
   * @defaultValue false
   */
  allowChanges?: boolean | undefined;
}

/** The options of `recover`. */
export interface Recovering {
  /** How many runs continue at once. @defaultValue 10 */
  concurrency?: number | undefined;
  /**
   * Whether to wait for the runs that other processes drive, until each has ended, or is continued here because its
   * process is gone. `signal` ends the waiting.
   * @defaultValue false
   */
  wait?: boolean | undefined;
}

/** The options of `send`. */
export interface SendOptions {
  /** Where the run is recorded. */
  store: RunStore;
  /** Of several events with the same key, sent by any process, a run takes only the first. */
  key?: string | undefined;
}

const SEND_RULES: Rules<SendOptions> = { store: (_, store) => checkStore(store), key: checkNonEmptyString };

/** @throws {TypeError} | {RangeError} naming the option, its rule and the value received */
export function checkSendOptions(options: SendOptions): void {
  checkOptions(options, SEND_RULES, "send");
  if (options.store === undefined) throw new TypeError('send needs the "store" that the run is recorded in.');
}

/** The rule of an option that is taken from the record. */
export function refuseRecorded(option: OptionName): never {
  throw new TypeError(`${label(option)} is not an option here: it is recorded with the run.`);
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
export function checkContinuing(options: Partial<Continuing>, rules: Rules<any>, method: string): void {
  checkRun(options, rules);
  if (options.store !== undefined) return;
  throw new TypeError(`${method} needs the "store" that the run is recorded in.`);
}
