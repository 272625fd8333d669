import { mark, markOf } from "../base/brand.js";
import { checkDuration, checkOptions, label, show, type OptionName } from "../base/check.js";
import { refusePromise } from "../base/coroutine.js";

/** A transition to a state, with a value. Made by {@link next}. */
export class Next<S extends string = string, V = unknown> {
  static {
    mark(this, "Next");
  }

  /** Only for the compiler, so that no other object is assignable. */
  declare protected readonly brand: "next";

  constructor(
    /** The name of the next state. */
    readonly state: S,
    /** What the next state gets; also this cycle's value in the history. */
    readonly value: V,
  ) {}
}

/** The end of an fsm's run. Made by {@link stop}. */
export class Stop<V = unknown> {
  static {
    mark(this, "Stop");
  }

  /** Only for the compiler. */
  declare protected readonly brand: "stop";

  constructor(
    /** The value of the run, and of this cycle in the history. */
    readonly value: V,
  ) {}
}

/** A wait for an external event. Made by {@link waitForEvent}. */
export class WaitForEvent<S extends string = string, E = Readonly<Record<string, string>>> {
  static {
    mark(this, "WaitForEvent");
  }

  /** Only for the compiler. */
  declare protected readonly brand: "waitForEvent";

  /** Only for the compiler: the next state by event. */
  declare protected readonly byEvent: E;

  constructor(
    /** The next state by event. */
    readonly events: ReadonlyMap<string, S>,
    /** The next state if no event arrives within `ms`. */
    readonly after: { readonly ms: number; readonly state: S } | undefined,
  ) {}
}

export function isNext(outcome: unknown): outcome is Next {
  return markOf(outcome) === "Next";
}

export function isStop(outcome: unknown): outcome is Stop {
  return markOf(outcome) === "Stop";
}

export function isWait(outcome: unknown): outcome is WaitForEvent {
  return markOf(outcome) === "WaitForEvent";
}

/**
 * Goes to a state and passes it `value`, which is also this cycle's value in the history.
 * @throws {TypeError} if `value` is a promise
 */
export function next<S extends string>(state: S): Next<S, undefined>;
export function next<S extends string, V>(state: S, value: V): Next<S, V>;
export function next(state: string, value?: unknown): Next {
  refusePromise('The value of "next"', value);
  return new Next(state, value);
}

/** Ends the run with a value. @throws {TypeError} if it is a promise */
export function stop(): Stop<undefined>;
export function stop<V>(value: V): Stop<V>;
export function stop(value?: unknown): Stop {
  refusePromise('The value of "stop"', value);
  return new Stop(value);
}

/**
 * Waits for an external event, see `fsm.start`. The next state gets the event's payload as its value.
 * @param events - the next state by event: `{ PAID: "shipping", CANCELLED: "refunded" }`
 * @param options - `after: [ms, state]` goes to `state`, without a value, if no event arrives within `ms`
 * @throws {TypeError} | {RangeError} when there is nothing to wait for, or a state or time is invalid
 */
export function waitForEvent<
  const E extends Readonly<Record<string, string>>,
  const A extends readonly [number, string] = never,
>(events: E, options: { readonly after?: A | undefined } = {}): WaitForEvent<E[keyof E] | A[1], E> {
  checkOptions(options, { after: checkAfter }, "waitForEvent");
  if (typeof events !== "object" || events === null) {
    throw new TypeError(`waitForEvent takes states by event, { PAID: "paid" }; received ${show(events)}.`);
  }
  const entries = Object.entries(events);
  const { after } = options;
  if (entries.length === 0 && after === undefined) {
    throw new TypeError('waitForEvent needs at least one event, or "after".');
  }
  for (const [event, state] of entries) checkState(`of event "${event}"`, state);
  const last = after === undefined ? undefined : { ms: after[0], state: after[1] };
  return new WaitForEvent(new Map(entries), last);
}

function checkAfter(option: OptionName, after: unknown): void {
  if (!Array.isArray(after)) {
    throw new TypeError(`${label(option)} must be [milliseconds, state]; received ${show(after)}.`);
  }
  checkDuration("after[0]", after[0]);
  checkState("in after[1]", after[1]);
}

function checkState(where: string, state: unknown): void {
  if (typeof state !== "string") throw new TypeError(`The state ${where} must be a name; received ${show(state)}.`);
}

/** The value of an outcome in the history: of a `next` or `stop`, or a plain value. */
export function valueOf(outcome: unknown): unknown {
  const kind = markOf(outcome);
  if (kind === "Next" || kind === "Stop") return (outcome as Next | Stop).value;
  return kind === "WaitForEvent" ? undefined : outcome;
}

/** The outcome with another value. A wait for an event keeps none, since it passes on the payload. */
export function withValue(outcome: unknown, value: unknown): unknown {
  if (Object.is(valueOf(outcome), outcome)) return value;
  if (isNext(outcome)) return new Next(outcome.state, value);
  return isStop(outcome) ? new Stop(value) : outcome;
}
