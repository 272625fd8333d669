/**
 * The compile-time half of wiring: what a need gives, what a parameter takes, and whether they fit.
 *
 * A wrong need makes the decorator's argument type a {@link WiringProblem}, so the compiler's message shows what is wrong.
 * Needs that are not literal strings, and methods typed `any`, are not checked.
 */
import type { Context } from "./context.js";
import type { Decision, Route } from "./decisions.js";
import type { OptionalNeed } from "./need.js";

export type AnyFn = (...args: any[]) => any;

/** A need in a decorator: the name of a method, with or without an output, or `optional(…)` of it. */
export type MethodNeed = string | OptionalNeed<string>;
export type MethodNeeds = readonly MethodNeed[];

/** What the compiler shows when a need does not fit. */
export interface WiringProblem<Message extends string, Gives = never, Takes = never> {
  readonly "wiring problem": Message;
  readonly gives: Gives;
  readonly takes: Takes;
}

type IsAny<T> = 0 extends 1 & T ? true : false;
type IsContext<T> = IsAny<T> extends true ? false : [T] extends [never] ? false : [T] extends [Context] ? true : false;

/** A parameter list without the context, wherever it stands. */
export type Inputs<P extends readonly unknown[]> = P extends readonly []
  ? []
  : P extends readonly [infer H, ...infer R]
    ? IsContext<H> extends true
      ? Inputs<R>
      : [H, ...Inputs<R>]
    : number extends P["length"]
      ? P
      : P extends readonly [(infer H)?, ...infer R]
        ? IsContext<H> extends true
          ? Inputs<R>
          : [H | undefined, ...Inputs<R>]
        : [];

type FirstInput<F extends AnyFn> = Inputs<Parameters<F>> extends readonly [infer H, ...unknown[]] ? H : undefined;

/** The values a bare need may give, each in a tuple: a plain result, or what a condition or select passes on. */
type Given<F extends AnyFn, R = Awaited<ReturnType<F>>> =
  IsAny<R> extends true ? [any] : [Exclude<R, Decision | Route>] | Passed<F, R>;

/** What a condition or a select passes along its branches; never when `F` can be neither. */
type Passed<F extends AnyFn, R> =
  | (R extends Decision<infer V> ? [V] : never)
  | (R extends Route<string, infer V> ? [V] : never)
  | (Extract<R, boolean | string> extends never ? never : [FirstInput<F>]);

type BranchNames<R> =
  | (Extract<R, boolean | Decision> extends never ? never : "true" | "false")
  | (R extends string ? R | "default" : never)
  | (R extends Route<infer B, unknown> ? B | "default" : never);

/** The values `"node.output"` may give, each in a tuple; never when the result has no such output or branch. */
type GivenOutput<F extends AnyFn, O extends string, R = Awaited<ReturnType<F>>> =
  IsAny<R> extends true
    ? [any]
    : | (R extends Decision | Route ? never : O extends keyof R ? [R[O]] : never)
      | (O extends BranchNames<R> ? Passed<F, R> : never);

type NeedText<N> = N extends OptionalNeed<infer S> ? (S extends string ? S : never) : N;

/** What a need gives, each possibility in a tuple; a {@link WiringProblem} when it names nothing. */
type Gives<T, N> =
  NeedText<N> extends infer S extends string
    ? string extends S
      ? [any]
      : S extends `${infer Node}.${infer Output}`
        ? Node extends keyof T
          ? T[Node] extends AnyFn
            ? [GivenOutput<T[Node], Output>] extends [never]
              ? WiringProblem<`the result of "${Node}" has no output "${Output}"`>
              : MaybeUndefined<N, GivenOutput<T[Node], Output>>
            : WiringProblem<`"${Node}" is not a method`>
          : WiringProblem<`no method is named "${Node}"`>
        : S extends keyof T
          ? T[S] extends AnyFn
            ? MaybeUndefined<N, Given<T[S]>>
            : WiringProblem<`"${S}" is not a method`>
          : WiringProblem<`no method is named "${S}"`>
    : never;

type MaybeUndefined<N, G> = N extends OptionalNeed ? (G extends [infer V] ? [V | undefined] : never) : G;

type Text<N> = NeedText<N> extends infer S extends string ? S : "?";
type Fits<G, P> = true extends (G extends [infer V] ? ([V] extends [P] ? true : false) : never) ? true : false;
type Values<G> = G extends [infer V] ? V : never;

/** `unknown` when the need's value fits the parameter, otherwise the problem. */
type CheckOne<T, N, P, G = Gives<T, N>> =
  G extends WiringProblem<string>
    ? G
    : Fits<G, P> extends true
      ? unknown
      : WiringProblem<`need "${Text<N>}" does not fit its parameter`, Values<G>, P>;

/** Positional wiring, one need a parameter. */
export type CheckPositional<T, D extends MethodNeeds, I extends readonly unknown[]> = D extends readonly [
  infer N,
  ...infer Rest extends MethodNeeds,
]
  ? I extends readonly [infer P, ...infer More]
    ? CheckOne<T, N, P> & CheckPositional<T, Rest, More>
    : number extends I["length"]
      ? CheckOne<T, N, I[number]> & CheckPositional<T, Rest, I>
      : CheckOne<T, N, unknown> & CheckPositional<T, Rest, []>
  : unknown;

type CheckEach<T, D extends MethodNeeds, P> = D extends readonly [infer N, ...infer Rest extends MethodNeeds]
  ? CheckOne<T, N, P> & CheckEach<T, Rest, P>
  : unknown;

/** An `any`: with one parameter every need must fit it, with several each may be undefined. */
export type CheckAny<T, D extends MethodNeeds, I extends readonly unknown[]> = I extends readonly [infer P]
  ? CheckEach<T, D, P>
  : CheckPositional<T, { [K in keyof D]: D[K] extends string ? OptionalNeed<D[K]> : D[K] }, I>;

/** The key of a need in an `all`'s record: its node, or `node.output` where several needs share the node. */
export type RecordKey<S, All> = S extends `${infer Node}.${string}`
  ? [Extract<Exclude<All, S>, Node | `${Node}.${string}`>] extends [never]
    ? Node
    : S
  : S;

type Keys<D extends MethodNeeds> = RecordKey<Text<D[number]>, Text<D[number]>>;
type RequiredKeys<P> = { [K in keyof P]-?: object extends Pick<P, K> ? never : K }[keyof P];

type CheckRecord<T, D extends MethodNeeds, P, All> = D extends readonly [infer N, ...infer Rest extends MethodNeeds]
  ? CheckOne<T, N, RecordKey<Text<N>, All> extends keyof P ? P[RecordKey<Text<N>, All>] : unknown> &
      CheckRecord<T, Rest, P, All>
  : unknown;

/** An `all`: positional, or a record when one parameter takes several needs. */
export type CheckAll<T, D extends MethodNeeds, I extends readonly unknown[]> = I extends readonly [infer P]
  ? D extends readonly [MethodNeed, MethodNeed, ...MethodNeeds]
    ? [Exclude<RequiredKeys<P>, Keys<D>>] extends [never]
      ? CheckRecord<T, D, P, Text<D[number]>>
      : WiringProblem<"no need gives what the record should hold", Keys<D>, keyof P>
    : CheckPositional<T, D, I>
  : CheckPositional<T, D, I>;

/** The results of a class's methods by name, as `run.get` gives them. */
export type ResultsOf<T> = {
  [K in keyof T & string as T[K] extends AnyFn ? K : never]: T[K] extends AnyFn ? ResultOf<T[K]> : never;
};

/** A boolean method may be a condition, whose result is its first input; a select's branches are literal strings. */
export type ResultOf<F extends AnyFn, R = Awaited<ReturnType<F>>> =
  IsAny<R> extends true
    ? any
    : | Exclude<R, Decision | Route>
      | (R extends Decision<infer V> ? V : never)
      | (R extends Route<string, infer V> ? V : never)
      | (Extract<R, boolean> extends never ? never : MaybePassed<F>)
      | (string extends R ? never : Extract<R, string> extends never ? never : MaybePassed<F>);

type MaybePassed<F extends AnyFn> = Inputs<Parameters<F>> extends readonly [infer H, ...unknown[]] ? H : never;
