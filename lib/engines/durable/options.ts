import { checkName, checkNumber, checkOptions, checkRecord, checkType, show } from "../../base/check.js";
import type { Next, Stop, WaitForEvent } from "../../definition/transitions.js";
import type { RunStore } from "../../stores/store.js";
import {
  check,
  checkStore,
  DAG_RULES,
  FSM_RULES,
  type FsmRunOptions,
  type RuleMap,
  type RunOptions,
} from "../run-options.js";

/** What a run has from its record when it goes on. */
type Recorded = "inputs" | "metadata" | "context" | "runId" | "store" | "overrides" | "ifExists";

interface Continuing {
  /** Where the run is recorded. */
  store: RunStore;
  /**
   * Goes on with a workflow that has changed: with the results of the nodes that are as they were, and whose ancestors all
   * are. @defaultValue false: it is refused
   */
  allowChanges?: boolean | undefined;
}

interface Recovering {
  /** How many runs go on at once. @defaultValue 10 */
  concurrency?: number | undefined;
  /**
   * Waits for the runs that other processes drive now as well, until each has ended, or its process is gone and it is taken up;
   * until `signal` aborts, at the latest. @defaultValue false
   */
  wait?: boolean | undefined;
}

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

/** How an fsm's recorded runs go on. */
export interface FsmContinueOptions extends Omit<FsmRunOptions, Recorded>, Continuing {}

/** The options of an fsm's recovery. */
export interface FsmRecoverOptions extends FsmContinueOptions, Recovering {}

/** The options of an fsm's resumption. */
export interface FsmResumeOptions<S = Record<string, unknown>, E = Record<string, any>> extends FsmContinueOptions {
  /** A value for the state that paused the run, as if it had returned it. */
  provide?: { readonly [K in keyof S]?: S[K] | Next<string, S[K]> | Stop<S[K]> | WaitForEvent } | undefined;
  /** Events for the run, in order: all of them, or none. They are sent now: too late for a wait whose time is over. */
  send?: EventsToSend<E> | undefined;
}

/** Events with their payloads, as a list, which may repeat them, or by name, unless an object has no order for the names. */
export type EventsToSend<E = Record<string, any>> =
  readonly { [K in keyof E]: readonly [event: K, payload?: E[K]] }[keyof E][] | Readonly<Partial<E>>;

/** The options of `fsm.send`. */
export interface FsmSendOptions {
  /** Where the run is recorded. */
  store: RunStore;
  /** Of several events that a run is sent with the same key, by whatever process, it takes the first; the others are ignored. */
  key?: string | undefined;
}

const recorded = (option: string) => [option, () => refuse(option)] as const;

function refuse(option: string): never {
  throw new TypeError(`"${option}" is not asked for here: it is recorded with the run.`);
}

const CONTINUING: readonly (readonly [string, (value: unknown) => void])[] = [
  ["allowChanges", (value) => checkType("allowChanges", value, "boolean")],
  recorded("inputs"),
];
const IDENTITY = [recorded("metadata"), recorded("context"), recorded("runId"), recorded("ifExists")];
const RESUMING = [...CONTINUING, ...IDENTITY, recorded("from")];
const RECOVERING: typeof CONTINUING = [
  ["concurrency", (value) => checkNumber("concurrency", value, { min: 1, integer: true })],
  ["wait", (value) => checkType("wait", value, "boolean")],
];
const PROVIDING = ["provide", (value: unknown) => checkRecord("provide", value)] as const;

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

const FSM_RESUMING = [...CONTINUING, ...IDENTITY];
const SENDING = ["send", checkEvents] as const;
const FSM_RESUME_RULES: RuleMap = new Map([...FSM_RULES, ...FSM_RESUMING, PROVIDING, SENDING]);
const FSM_CONTINUE_RULES: RuleMap = new Map([...FSM_RULES, ...FSM_RESUMING]);
const FSM_RECOVER_RULES: RuleMap = new Map([...FSM_CONTINUE_RULES, ...RECOVERING]);

/** @throws {TypeError} | {RangeError} naming the option, its rule and the value received */
export function checkFsmResumeOptions(options: FsmResumeOptions, method = "resume"): void {
  checkContinuing(options, FSM_RESUME_RULES, method);
}

/** @throws {TypeError} | {RangeError} naming the option, its rule and the value received */
export function checkFsmContinueOptions(options: FsmContinueOptions): void {
  checkContinuing(options, FSM_CONTINUE_RULES, "attachAll");
}

/** @throws {TypeError} | {RangeError} naming the option, its rule and the value received */
export function checkFsmSendOptions(options: FsmSendOptions): void {
  checkOptions(options, ["store", "key"], "send");
  if (options.store === undefined) throw new TypeError('send needs the "store" that the run is recorded in.');
  checkStore(options.store);
  if (options.key === undefined) return;
  checkName("key", options.key);
  if (options.key === "") throw new RangeError('"key" must be a non-empty string; received "".');
}

function checkEvents(send: unknown): void {
  if (!Array.isArray(send)) {
    checkRecord("send", send);
    return checkOrder(Object.keys(send as object));
  }
  for (const pair of send) {
    if (Array.isArray(pair) && typeof pair[0] === "string" && pair.length <= 2) continue;
    throw new TypeError(`"send" must be a list of [event, payload], or an object; it has ${show(pair)}.`);
  }
}

/** JavaScript puts names that are whole numbers before all others, in their own order. */
function checkOrder(names: readonly string[]): void {
  const number = names.find((name) => /^(?:0|[1-9]\d*)$/u.test(name));
  if (number === undefined || names.length === 1) return;
  throw new TypeError(
    `"send" must be a list, [event, payload] each: an object has no order for names like "${number}".`,
  );
}

/** @throws {TypeError} | {RangeError} naming the option, its rule and the value received */
export function checkFsmRecoverOptions(options: FsmRecoverOptions): void {
  checkContinuing(options, FSM_RECOVER_RULES, "recover");
}

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

function checkContinuing(options: Partial<Continuing>, rules: RuleMap, what: string): void {
  check(options, rules);
  if (options.store !== undefined) return;
  throw new TypeError(`${what} needs the "store" that the run is recorded in.`);
}

function checkRerun(rerun: unknown): void {
  if (!Array.isArray(rerun) || rerun.length === 0) {
    throw new TypeError(`"rerun" must be an array of at least one node; received ${show(rerun)}.`);
  }
  for (const name of rerun) checkName("rerun", name);
}
