/**
 * The compile-time half of state machines: where a state's `next` leads, and whether the value fits there.
 *
 * The line is drawn where the plain case would get ugly: a state with one input is checked against what `next` passes to
 * it; one with several takes them from the value's properties by name, and the names of parameters are no types. A
 * `next` without a value is not checked either, since a run input may stand in for it, nor are plain values, whose
 * transitions exist only at run time.
 */
import type { Next, Stop, WaitForEvent } from "./transitions.js";
import type { AnyFn, Inputs, WiringProblem } from "./typed-wiring.js";

type IsAny<T> = 0 extends 1 & T ? true : false;

/** The problem with going to `S` with a value, each possibility of a union on its own; never when there is none. */
type TargetProblem<T, S, V, Legal extends string> = S extends string
  ? string extends S
    ? never
    : S extends keyof T
      ? T[S] extends AnyFn
        ? S extends Legal
          ? ValueProblem<S, V, Inputs<Parameters<T[S]>>>
          : WiringProblem<`"to" does not list "${S}"`>
        : WiringProblem<`"${S}" is not a method`>
      : WiringProblem<`no method is named "${S}"`>
  : never;

type ValueProblem<S extends string, V, I extends readonly unknown[]> = I extends readonly [infer P]
  ? IsAny<V> extends true
    ? never
    : [V] extends [undefined]
      ? never
      : [V] extends [P]
        ? never
        : WiringProblem<`the value does not fit state "${S}"`, V, P>
  : never;

type OutcomeProblem<T, R, Legal extends string> =
  IsAny<R> extends true
    ? never
    : R extends Next<infer S, infer V>
      ? TargetProblem<T, S, V, Legal>
      : R extends WaitForEvent<infer S>
        ? TargetProblem<T, S, undefined, Legal>
        : never;

type NameProblem<T, S extends string, Option extends string> = S extends string
  ? string extends S
    ? never
    : S extends keyof T
      ? T[S] extends AnyFn
        ? never
        : WiringProblem<`"${Option}": "${S}" is not a method`>
      : WiringProblem<`"${Option}": no method is named "${S}"`>
  : never;

type Problem<P> = [P] extends [never] ? unknown : P;

/** `unknown` when all that a state's function returns leads somewhere, otherwise the problem. */
export type CheckOutcome<T, F extends AnyFn, Legal extends string = string> = Problem<
  OutcomeProblem<T, Awaited<ReturnType<F>>, Legal>
>;

/** The same, and that the options of the state name states. */
export type CheckState<T, F extends AnyFn, To extends readonly string[], E extends string> = CheckOutcome<
  T,
  F,
  To[number]
> &
  Problem<NameProblem<T, To[number], "to">> &
  Problem<NameProblem<T, E, "errorState">>;

/** The values of a class's states by name, as `run.get` gives them. */
export type StatesOf<T> = {
  [K in keyof T & string as T[K] extends AnyFn ? K : never]: T[K] extends AnyFn ? StateValue<T[K]> : never;
};

/** What a state's function leaves in the history: the value of `next` or `stop`, or a plain value. */
export type StateValue<F extends AnyFn, R = Awaited<ReturnType<F>>> =
  IsAny<R> extends true
    ? any
    : R extends Next<string, infer V>
      ? V
      : R extends Stop<infer V>
        ? V
        : R extends WaitForEvent
          ? undefined
          : R;
