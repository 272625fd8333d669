/** The results of the methods of a class, as a run returns them, and the values that may replace them. */
import type { Decision, Route } from "../decisions.js";
import type { ItemKind } from "../item.js";
import type { Subworkflow } from "../specs/subworkflow-spec.js";
import type { Switch } from "../switch.js";
import type { AnyFn, ResultOfCall, Inputs, IsAny, FirstInput } from "./typed-functions.js";
import type { WithSources } from "./typed-nesting.js";

/** The results of a class's methods by name, as `run.get` returns them. */
export type ResultsOf<T> = {
  [K in keyof T & string as T[K] extends AnyFn | Subworkflow<any> ? K : never]: T[K] extends AnyFn
    ? MappedOf<T[K]>
    : T[K] extends Subworkflow<infer V>
      ? V
      : never;
} & WithSources<T>;

/** The result of a method; a list if its first input, or that of a case, is marked as the item of one. */
type MappedOf<F extends AnyFn> =
  F extends Switch<infer C>
    ? "item" extends KindOfCases<C>
      ? ResultOfCall<F>[]
      : "entry" extends KindOfCases<C>
        ? any
        : ResultOf<F>
    : ItemsOrResult<F>;

/** The marks of the values that cases take. */
type KindOfCases<C> = {
  [K in keyof C]: C[K] extends (value: infer V, ...others: any[]) => any ? ItemKind<V> : never;
}[keyof C];

type ItemsOrResult<F extends AnyFn> =
  Inputs<Parameters<F>> extends readonly [infer H, ...unknown[]]
    ? [ItemKind<H>] extends [never]
      ? ResultOf<F>
      : ItemKind<H> extends "item"
        ? Awaited<ReturnType<F>>[]
        : any
    : ResultOf<F>;

/**
 * The result of a method. One that returns a boolean or literal strings may be a fork, whose result is its first input.
 */
export type ResultOf<F extends AnyFn, R = ResultOfCall<F>> =
  IsAny<R> extends true
    ? any
    : | Exclude<R, Decision | Route>
      | (R extends Decision<infer V> ? V : never)
      | (R extends Route<string, infer V> ? V : never)
      | (Extract<R, boolean> extends never ? never : MaybePassed<F>)
      | (string extends R ? never : Extract<R, string> extends never ? never : MaybePassed<F>);

type MaybePassed<F extends AnyFn> = Inputs<Parameters<F>> extends readonly [infer H, ...unknown[]] ? H : never;

/** The result of the only method; unknown if there are several. */
export type OnlyResult<N, K = keyof N & string> = [K] extends [never]
  ? unknown
  : K extends keyof N & string
    ? [keyof N & string] extends [K]
      ? N[K]
      : unknown
    : never;

/** The values that may replace the results of a class's methods, by name: the results, or the decisions of forks. */
export type StandInsOf<T> = {
  [K in keyof T & string as T[K] extends AnyFn ? K : never]: T[K] extends AnyFn ? StandIn<T[K]> : never;
};

/** Any value for a method that returns nothing, such as one that only pauses the run. */
type StandIn<F extends AnyFn, R = ResultOfCall<F>> = [R] extends [void]
  ? unknown
  : | R
    | (Extract<R, boolean> extends never ? never : Decision<FirstInput<F>>)
    | (Extract<R, string> extends never ? never : Route<Extract<R, string>, FirstInput<F>>);
