import { show } from "../base/check.js";
import { abandon, pendingOf } from "../base/coroutine.js";
import { asSentence, messageOf } from "../base/message.js";
import { suggestion } from "../base/nearest.js";
import { isNext, isStop, isWait, type WaitForEvent } from "../definition/transitions.js";
import type { FsmPlan } from "../planning/fsm-plan.js";
import { isPause } from "../run/pause.js";
import { timeOfDay } from "../stores/time.js";

/** The destination of an outcome that ends the run. */
export const END = -1;

/** The destinations of an outcome that waits for events. */
export interface Wait {
  readonly events: ReadonlyMap<string, number>;
  /** Where to go without one, and when, in ms since 1970. */
  readonly after: { readonly at: number; readonly state: number } | undefined;
}

/** What is waited for, in words. */
export function textOf({ events, after }: Wait): string {
  const names = Array.from(events.keys(), (event) => `"${event}"`).join(", ");
  const until = after === undefined ? "" : ` until ${new Date(after.at).toISOString()}`;
  return names === "" ? `waits${until}` : `waits for ${names}${until}`;
}

/** A state leads where it must not; `isKnown` says whether there is such a state at all. */
export class Misdirection extends Error {
  constructor(
    message: string,
    readonly isKnown: boolean,
  ) {
    super(message);
  }
}

/** The condition of a transition threw: the cause. */
export class ConditionThrew extends Error {
  constructor(
    message: string,
    override readonly cause: unknown,
  ) {
    super(message);
  }
}

/**
 * Where the outcome of a state leads: a state, {@link END}, or what to wait for. `next` and `stop` win over transitions,
 * and nothing leads on from a terminal state.
 * @throws {Misdirection} when that is no state, or not a legal one; {ConditionThrew}
 */
export function destination(plan: FsmPlan, from: number, outcome: unknown, value: unknown): number | Wait {
  if (plan.isTerminal[from]) return END;
  // A plain value is its own value, and may be a proxy that can't be asked.
  if (outcome !== value) {
    if (isStop(outcome)) return END;
    if (isNext(outcome)) return target(plan, from, outcome.state);
    if (isWait(outcome)) return waiting(plan, from, outcome);
  }
  for (const { to, condition } of plan.transitions[from]) {
    const answer = condition === undefined || asked(plan, from, to, () => condition(value));
    if (answer === true || (answer !== false && holds(plan, from, to, answer))) {
      return target(plan, from, plan.specs[to].name);
    }
  }
  return END;
}

/** What a condition says. @throws {ConditionThrew} */
function asked(plan: FsmPlan, from: number, to: number, condition: () => unknown): unknown {
  try {
    return condition();
  } catch (error) {
    if (isPause(error)) throw error;
    throw new ConditionThrew(
      `The condition ${wayText(plan, from, to)} threw: ${asSentence(messageOf(error))} Correct it.`,
      error,
    );
  }
}

/** A promise is true whatever it promises, and so it is no answer. */
function holds(plan: FsmPlan, from: number, to: number, answer: unknown): boolean {
  const pending = pendingOf(answer);
  if (pending === undefined) return Boolean(answer);
  abandon(pending);
  throw new TypeError(
    `The condition ${wayText(plan, from, to)} returned a promise. Return a boolean, or let the state decide.`,
  );
}

function wayText({ specs }: FsmPlan, from: number, to: number): string {
  return `from "${specs[from].name}" to "${specs[to].name}"`;
}

function waiting(plan: FsmPlan, from: number, { events, after }: WaitForEvent): Wait {
  const targets = new Map<string, number>();
  for (const [event, state] of events) targets.set(event, target(plan, from, state));
  return { events: targets, after: after && { at: timeOfDay() + after.ms, state: target(plan, from, after.state) } };
}

function target(plan: FsmPlan, from: number, name: string): number {
  const index = plan.legal[from].get(name);
  return index ?? misdirected(plan, from, name);
}

function misdirected(plan: FsmPlan, from: number, name: string): never {
  const source = plan.specs[from].name;
  if (!plan.indexOf.has(name)) {
    const hint =
      (typeof name === "string" && suggestion(name, plan.indexOf.keys())) || " Define it, or correct the name.";
    throw new Misdirection(`State "${source}" leads to ${show(name)}, but there is no such state.${hint}`, false);
  }
  const legal = Array.from(plan.legal[from].keys(), (state) => `"${state}"`).join(", ") || "nowhere";
  throw new Misdirection(
    `State "${source}" leads to "${name}", but its "to" allows only: ${legal}. Add "${name}" to it, or go elsewhere.`,
    true,
  );
}
