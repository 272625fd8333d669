import { checkRecord, label, show, type OptionName, type Rules } from "../../base/check.js";
import type { Next, Stop, WaitForEvent } from "../../definition/transitions.js";
import {
  checkContinuing,
  CONTINUE_RULES,
  RECOVERY_RULES,
  type Continuing,
  type Recorded,
  type Recovering,
  type SendOptions,
} from "../../engine/durable/options.js";
import { FSM_RUN_RULES, type FsmRunOptions } from "../options.js";

/** The options with which recorded runs of an fsm continue. */
export interface FsmContinueOptions extends Omit<FsmRunOptions, Recorded>, Continuing {}

/** The options of `fsm.recover`. */
export interface FsmRecoverOptions extends FsmContinueOptions, Recovering {}

/** The options of `fsm.resume` and `fsm.attach`. */
export interface FsmResumeOptions<S = Record<string, unknown>, E = Record<string, any>> extends FsmContinueOptions {
  /** A value for the state that paused the run, as if it had returned it. */
  provide?: { readonly [K in keyof S]?: S[K] | Next<string, S[K]> | Stop<S[K]> | WaitForEvent } | undefined;
  /**
   * Events to send to the run, in order: all of them, or none. They are sent now, so a wait past its deadline does not
   * take them.
   */
  send?: EventsToSend<E> | undefined;
}

/**
 * Events with their payloads: as a list, which may repeat an event, or as an object by name, if no name is a whole
 * number.
 */
export type EventsToSend<E = Record<string, any>> =
  readonly { [K in keyof E]: readonly [event: K, payload?: E[K]] }[keyof E][] | Readonly<Partial<E>>;

/** The options of `fsm.send`. */
export type FsmSendOptions = SendOptions;

const FSM_CONTINUE_RULES: Rules<FsmContinueOptions> = { ...FSM_RUN_RULES, ...CONTINUE_RULES };
const FSM_RESUME_RULES: Rules<FsmResumeOptions> = { ...FSM_CONTINUE_RULES, provide: checkRecord, send: checkEvents };
const FSM_RECOVER_RULES: Rules<FsmRecoverOptions> = { ...FSM_CONTINUE_RULES, ...RECOVERY_RULES };

/** @throws {TypeError} | {RangeError} naming the option, its rule and the value received */
export function checkFsmResumeOptions(options: FsmResumeOptions, method = "resume"): void {
  checkContinuing(options, FSM_RESUME_RULES, method);
}

/** @throws {TypeError} | {RangeError} naming the option, its rule and the value received */
export function checkFsmContinueOptions(options: FsmContinueOptions): void {
  checkContinuing(options, FSM_CONTINUE_RULES, "attachAll");
}

function checkEvents(option: OptionName, send: unknown): void {
  if (!Array.isArray(send)) {
    checkRecord(option, send);
    return checkOrder(Object.keys(send as object));
  }
  for (const pair of send) {
    if (Array.isArray(pair) && typeof pair[0] === "string" && pair.length <= 2) continue;
    throw new TypeError(
      `${label(option)} must be a list of [event, payload], or an object; it contains ${show(pair)}.`,
    );
  }
}

/** JavaScript orders the names of an object that are whole numbers before all others. */
function checkOrder(names: readonly string[]): void {
  const number = names.find((name) => /^(?:0|[1-9]\d*)$/u.test(name));
  if (number === undefined || names.length === 1) return;
  throw new TypeError(
    `"send" must be a list of [event, payload]: an object can't keep the order of names like "${number}".`,
  );
}

/** @throws {TypeError} | {RangeError} naming the option, its rule and the value received */
export function checkFsmRecoverOptions(options: FsmRecoverOptions): void {
  checkContinuing(options, FSM_RECOVER_RULES, "recover");
}
