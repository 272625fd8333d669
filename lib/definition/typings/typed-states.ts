/**
 * The compile-time checks of state machines: that each `next` leads to a state, and that the value fits.
 *
 * Only states with a single input are checked against the value that `next` passes: several inputs are taken from the
 * value's properties by name, and parameter names are not part of types. A `next` without a value is not
 * checked either, since a run input may take its place, nor are plain values, whose transitions exist only at run time.
 */
import type { Next, Stop, WaitForEvent } from "../transitions.js";
import type { Subworkflow } from "../specs/subworkflow-spec.js";
import type { Nearest } from "./typed-names.js";
import type { WithSources } from "./typed-nesting.js";
import type { Member, MethodNames, SchemaProblem } from "./typed-wiring.js";
import type { AnyFn, Inputs, IsAny, IsNever, Same } from "./typed-functions.js";

/** The problem with the name of a state, or never. */
type NameProblem<T, S extends string> = S extends string
  ? string extends S
    ? never
    : Member<T, S> extends AnyFn | Subworkflow<any>
      ? never
      : S extends keyof T
        ? { state: S; problem: "not a method" }
        : { state: S; problem: "no such method"; nearest: Nearest<S, MethodNames<T>> }
  : never;

/** The problem with going to `S` with a value, or never. Distributes over unions. */
type TargetProblem<T, S extends string, V, Legal extends string> = S extends string
  ? [NameProblem<T, S>] extends [never]
    ? S extends Legal
      ? ValueProblem<S, V, Member<T, S>>
      : string extends S
        ? never
        : { state: S; problem: `"to" does not list it` }
    : NameProblem<T, S>
  : never;

type ValueProblem<S extends string, V, F> = F extends AnyFn
  ? Inputs<Parameters<F>> extends readonly [infer P]
    ? IsNever<F, [V] extends [undefined] ? true : [V] extends [P] ? true : never> extends true
      ? { state: S; gives: V; takes: P }
      : never
    : never
  : never;

type OutcomeProblem<T, R, Legal extends string> =
  IsAny<R> extends true
    ? never
    : R extends Next<infer S, infer V>
      ? TargetProblem<T, S, V, Legal>
      : R extends WaitForEvent<infer S>
        ? TargetProblem<T, S, undefined, Legal>
        : never;

type StateProblem<T, F extends AnyFn, To extends readonly string[], E extends string, V> =
  | OutcomeProblem<T, Awaited<ReturnType<F>>, To[number]>
  | NameProblem<T, To[number]>
  | NameProblem<T, E>
  | SchemaProblem<F, StateValue<F>, V>;

/**
 * The return type of a state's decorator: void, or the problem with the targets of the state and its options. `V` is
 * what its schema makes.
 */
export type StateVerdict<
  T,
  F extends AnyFn,
  To extends readonly string[] = readonly string[],
  E extends string = string,
  V = never,
  Problem = StateProblem<T, F, To, E, V>,
> = Same<F, [Problem] extends [never] ? true : false, false> extends true ? Problem : void;

/** The values of a class's states by name, as `run.get` returns them. */
export type StatesOf<T> = {
  [K in keyof T & string as T[K] extends AnyFn | Subworkflow<any> ? K : never]: T[K] extends AnyFn
    ? StateValue<T[K]>
    : T[K] extends Subworkflow<infer V>
      ? V
      : never;
} & WithSources<T>;

/** The value of a state in the history: of a `next` or `stop`, or a plain value. */
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

/** The events that a class's states wait for, with their payloads; any event if no state declares one. */
export type EventsOf<T> = [Waits<T>] extends [never] ? Record<string, any> : PayloadsOf<T, Waits<T>>;

/** The payloads of the events that are declared: from their schemas, or else from the types of the class. */
export type DeclaredPayloads<E, Told> = {
  [K in keyof E]: unknown extends E[K] ? (K extends keyof Told ? Told[K] : E[K]) : E[K];
};

/** The next states by event, of all states that wait for events. */
type Waits<T> = { [K in keyof T]: T[K] extends AnyFn ? WaitsIn<Awaited<ReturnType<T[K]>>> : never }[keyof T];
type WaitsIn<R> = IsAny<R> extends true ? Record<string, any> : R extends WaitForEvent<string, infer E> ? E : never;

type PayloadsOf<T, W> = { [K in W extends unknown ? keyof W & string : never]: PayloadOf<T, TargetsOf<W, K>> };
type TargetsOf<W, K extends string> = W extends unknown ? (K extends keyof W ? W[K] : never) : never;

/** The type of the next state's only input; unknown if there are several, which come from the payload by name. */
type PayloadOf<T, S> = S extends string
  ? Member<T, S> extends infer F extends AnyFn
    ? Inputs<Parameters<F>> extends readonly [infer P]
      ? P
      : unknown
    : unknown
  : unknown;
