import { show } from "../base/check.js";
import { abandon, pendingOf } from "../base/coroutine.js";
import { asSentence, messageOf } from "../base/message.js";
import { suggestion } from "../base/nearest.js";
import { isNext, isStop, isWait, type WaitForEvent } from "../definition/transitions.js";
import type { FsmPlan } from "../planning/fsm-plan.js";
import { isPause } from "../run/pause.js";

/** The destination of an outcome that ends the run. */
export const END = -1;

/** The destinations of an outcome that waits for events. */
export interface Wait {
  /** The next state by event. */
  readonly events: ReadonlyMap<string, number>;
  /** The deadline, in ms since 1970, and the state that it leads to. */
  readonly after: { readonly at: number; readonly state: number } | undefined;
}

/** A wait in words, as the predicate of a sentence. */
export function describeWait({ events, after }: Wait): string {
  const names = Array.from(events.keys(), (event) => `"${event}"`).join(", ");
  const until = after === undefined ? "" : ` until ${new Date(after.at).toISOString()}`;
  return names === "" ? `waits${until}` : `waits for ${names}${until}`;
}

/** The wait of a state for its delay, in words. */
export function untilText(until: number): string {
  return `waits until ${new Date(until).toISOString()}`;
}

/** Thrown when a state leads to an illegal state, or to one that does not exist. */
export class IllegalTarget extends Error {
  /** Whether there is such a state. */
  readonly exists: boolean;

  constructor(message: string, { exists }: { readonly exists: boolean }) {
    super(message);
    this.exists = exists;
  }
}

/** Thrown when the condition of a transition threw its `cause`. */
export class ConditionFailed extends Error {}

/**
 * The destination of a state's outcome: a state, {@link END}, or a wait. `next` and `stop` take precedence over
 * transitions, and a terminal state ends the run whatever it returned.
 * @throws {IllegalTarget} | {ConditionFailed}
 */
export function destination(
  plan: FsmPlan,
  from: number,
  outcome: unknown,
  value: unknown,
  clock: { timeOfDay(): number },
): number | Wait {
  if (plan.isTerminal[from]) return END;
  // A plain value is its own value. It is not inspected, since it may be a proxy that throws.
  if (outcome !== value) {
    if (isStop(outcome)) return END;
    if (isNext(outcome)) return target(plan, from, outcome.state);
    if (isWait(outcome)) return waitFrom(plan, from, outcome, clock.timeOfDay());
  }
  for (const { to, condition } of plan.transitions[from]) {
    if (condition === undefined || applies(plan, from, to, () => condition(value))) {
      return target(plan, from, plan.specs[to].name);
    }
  }
  return END;
}

/** Whether a condition is met. @throws {ConditionFailed} */
function applies(plan: FsmPlan, from: number, to: number, condition: () => unknown): boolean {
  let answer: unknown;
  try {
    answer = condition();
  } catch (cause) {
    if (isPause(cause)) throw cause;
    const message = `${conditionLabel(plan, from, to)} threw: ${asSentence(messageOf(cause))} Correct it.`;
    throw new ConditionFailed(message, { cause });
  }
  const pending = pendingOf(answer);
  if (pending === undefined) return Boolean(answer);
  // A promise is truthy whatever it resolves to.
  abandon(pending);
  throw new TypeError(
    `${conditionLabel(plan, from, to)} returned a promise. Return a boolean, or let the state decide.`,
  );
}

function conditionLabel({ specs }: FsmPlan, from: number, to: number): string {
  return `The condition from "${specs[from].name}" to "${specs[to].name}"`;
}

function waitFrom(plan: FsmPlan, from: number, { events, after }: WaitForEvent, time: number): Wait {
  const targets = new Map<string, number>();
  const undeclared = plan.events && Array.from(events.keys()).find((event) => plan.events?.has(event) === false);
  if (undeclared !== undefined) throw undeclaredEvent(plan, from, undeclared);
  for (const [event, state] of events) targets.set(event, target(plan, from, state));
  return { events: targets, after: after && { at: time + after.ms, state: target(plan, from, after.state) } };
}

/** The error for a state that waits for an event that can't be sent. */
function undeclaredEvent(plan: FsmPlan, from: number, event: string): IllegalTarget {
  const declared = Array.from(plan.events?.keys() ?? []);
  const hint = suggestion(event, declared) || " Declare it, or wait for another one.";
  const message = `State "${plan.specs[from].name}" waits for the event "${event}", which is not among the "events" of the workflow.${hint}`;
  return new IllegalTarget(message, { exists: true });
}

/** @throws {IllegalTarget} */
function target(plan: FsmPlan, from: number, name: string): number {
  const index = plan.legal[from].get(name);
  if (index === undefined) throw illegalTarget(plan, from, name);
  return index;
}

function illegalTarget(plan: FsmPlan, from: number, name: string): IllegalTarget {
  const source = plan.specs[from].name;
  if (!plan.indexOf.has(name)) {
    const hint =
      (typeof name === "string" && suggestion(name, plan.indexOf.keys())) || " Define it, or correct the name.";
    const message = `State "${source}" leads to ${show(name)}, but there is no such state.${hint}`;
    return new IllegalTarget(message, { exists: false });
  }
  const legal = Array.from(plan.legal[from].keys(), (state) => `"${state}"`).join(", ") || "nowhere";
  const message = `State "${source}" leads to "${name}", but its "to" allows only: ${legal}. Add "${name}" to it, or return another state.`;
  return new IllegalTarget(message, { exists: true });
}
