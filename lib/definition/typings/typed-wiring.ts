/**
 * The compile-time half of wiring: what a need gives, what a parameter takes, and whether they fit.
 *
 * A decorator whose needs are wrong returns what is wrong, which the compiler shows, since a decorator may return nothing.
 * Needs that are not literal strings, and methods typed `any`, are not checked. The type parameters of a generic class may
 * stand for anything: what could fit is not refused.
 */
import type { Context } from "../context.js";
import type { Decision, Route } from "../decisions.js";
import type { OptionalNeed } from "../specs/need.js";
import type { NodeKind } from "../specs/node-spec.js";
import type { Nearest } from "./typed-names.js";

export type AnyFn = (...args: any[]) => any;

/** A need in a decorator: the name of a method, with or without an output, or `optional(…)` of it. */
export type MethodNeed = string | OptionalNeed<string>;
export type MethodNeeds = readonly MethodNeed[];

export type IsAny<T> = 0 extends 1 & T ? true : false;

/**
 * Whether two types are the same. A plain condition on what depends on a type parameter of the user's class stays undecided,
 * and an undecided decorator is refused; signatures can be told apart, whatever the parameter stands for.
 * @param Source - the function or list that the types are taken from, which keeps the compiler from deciding too early
 */
export type Same<Source, A, B> = [Source, <X>() => X extends [A] ? 1 : 2] extends [
  unknown,
  <X>() => X extends [B] ? 1 : 2,
]
  ? true
  : false;

export type IsNever<Source, T> = Same<Source, T, never>;
type IsContext<Source, T> = Same<Source, T extends Context ? true : false, true>;

/** A parameter list without the context, wherever it stands. */
export type Inputs<P extends readonly unknown[]> = P extends readonly []
  ? []
  : P extends readonly [infer H, ...infer R]
    ? IsContext<P, H> extends true
      ? Inputs<R>
      : [H, ...Inputs<R>]
    : number extends P["length"]
      ? P
      : P extends readonly [(infer H)?, ...infer R]
        ? IsContext<P, H> extends true
          ? Inputs<R>
          : [H | undefined, ...Inputs<R>]
        : [];

/** What a function returns, or its promise resolves with. */
type ResultOfCall<F extends AnyFn> = Awaited<ReturnType<F>>;

/** What a fork passes on that says only which branch to take. */
type FirstInput<F extends AnyFn> = Inputs<Parameters<F>> extends readonly [infer H, ...unknown[]] ? H : undefined;

/** The same along a branch of a condition: a type predicate tells more. */
type Narrowed<F extends AnyFn, Branch extends string> = F extends
  | ((input: any, ...others: any[]) => input is infer Is)
  | ((ctx: any, input: any, ...others: any[]) => input is infer Is)
  ? Branch extends "true"
    ? Is
    : Exclude<FirstInput<F>, Is>
  : FirstInput<F>;

/** The values a bare need may give, each in a tuple: a plain result, or what a condition or select passes on. */
type Given<F extends AnyFn, R = ResultOfCall<F>> =
  | (Extract<R, Decision | Route> extends never ? [R] : never)
  | ([Passed<F, R>] extends [never] ? never : [Passed<F, R>["value"]]);

/** What a fork passes on; never when its results are no fork's. */
type Passed<F extends AnyFn, R> =
  R extends Decision<infer V>
    ? { value: V }
    : R extends Route<string, infer V>
      ? { value: V }
      : R extends boolean
        ? { value: FirstInput<F> }
        : R extends string
          ? string extends R
            ? never
            : { value: FirstInput<F> }
          : never;

/** The values `"node.output"` may give, each in a tuple; never when the result has no such output or branch. */
type GivenOutput<F extends AnyFn, O extends string, R = ResultOfCall<F>> =
  | ([Property<R, O>] extends [never] ? never : [Property<R, O>["value"]])
  | ([Along<F, R, O>] extends [never] ? never : [Along<F, R, O>["value"]])
  | (O extends "default" ? ByDefault<F, R> : never);

type Property<R, O extends string> = R extends Decision | Route ? never : O extends keyof R ? { value: R[O] } : never;

type Along<F extends AnyFn, R, O extends string> =
  R extends Decision<infer V, infer B>
    ? O extends "true" | "false"
      ? { value: O extends `${B}` ? V : never }
      : never
    : R extends Route<infer B, infer V>
      ? O extends `${B}`
        ? { value: V }
        : never
      : R extends boolean
        ? O extends "true" | "false"
          ? { value: Narrowed<F, O> }
          : never
        : R extends string
          ? O extends `${R}`
            ? { value: FirstInput<F> }
            : never
          : never;

/** Which branches are left for `default` is not known: one of them has to fit. */
type ByDefault<F extends AnyFn, R> =
  R extends Route<string, infer V> ? [V] : R extends string ? [FirstInput<F>] : never;

/** In a record, since the compiler would show the name of a union instead of what is in it. */
type Outputs<R> = {
  names:
    | (R extends boolean | Decision ? "true" | "false" : never)
    | (R extends Route<infer B> ? `${B}` | "default" : never)
    | (R extends string ? `${R}` | "default" : never)
    | (R extends Decision | Route | string ? never : R extends object ? keyof R & string : never);
};

/** A member of a class, be it protected or private: these are seen through an intersection. `unknown` when there is none. */
export type Member<T, S extends string> = S extends keyof T ? T[S] : (T & { [K in S]: unknown })[S];

/** The text of a need, and its parts. */
type Text<N> = N extends OptionalNeed<infer S> ? (S extends string ? S : never) : N extends string ? N : never;
type NodeOf<S extends string> = S extends `${infer Node}.${string}` ? Node : S;
type OutputOf<S extends string> = S extends `${string}.${infer Output}` ? Output : never;

/** What is wrong with the name of a method; never when nothing is. */
type NameProblem<T, Need extends string, S extends string> =
  Member<T, S> extends AnyFn
    ? never
    : S extends keyof T
      ? { need: Need; problem: "not a method" }
      : { need: Need; problem: "no such method"; nearest: Nearest<S, MethodNames<T>> };

/** What a need gives, each possibility in a tuple. */
type Gives<F, N, S extends string> = F extends AnyFn
  ? MaybeUndefined<N, [OutputOf<S>] extends [never] ? Given<F> : GivenOutput<F, OutputOf<S>>>
  : never;

type MaybeUndefined<N, G> = N extends OptionalNeed ? (G extends [infer V] ? [V | undefined] : never) : G;

type Fits<G, P> = G extends [infer V] ? ([V] extends [P] ? true : never) : never;
type Values<G> = G extends [infer V] ? V : never;

/** What is wrong with a need for a parameter of type `P`; never when nothing is. */
type NeedProblem<T, N, P> =
  Text<N> extends infer S extends string
    ? string extends S
      ? never
      : NameProblem<T, S, NodeOf<S>> extends infer Problem
        ? [Problem] extends [never]
          ? ValueProblem<Member<T, NodeOf<S>>, N, S, P>
          : Problem
        : never
    : never;

type ValueProblem<F, N, S extends string, P, G = Gives<F, N, S>> =
  IsNever<F, G> extends true
    ? F extends AnyFn
      ? { need: S; problem: "no such output"; nearest: Nearest<OutputOf<S>, Outputs<ResultOfCall<F>>["names"]> }
      : never
    : IsNever<F, Fits<G, P>> extends true
      ? { need: S; gives: Values<G>; takes: P }
      : never;

/** The first problem of several needs, one a parameter. A method without parameters waits for all of them. */
type PositionalProblem<T, D extends MethodNeeds, I extends readonly unknown[]> = I extends readonly []
  ? EachProblem<T, D, unknown>
  : InOrderProblem<T, D, I>;

type InOrderProblem<T, D extends MethodNeeds, I extends readonly unknown[]> = D extends readonly [
  infer N,
  ...infer Others extends MethodNeeds,
]
  ? I extends readonly [infer P, ...infer More]
    ? NeedProblem<T, N, P> extends infer Problem
      ? [Problem] extends [never]
        ? InOrderProblem<T, Others, More>
        : Problem
      : never
    : number extends I["length"]
      ? EachProblem<T, D, I[number]>
      : { need: Text<N>; problem: "no parameter takes it" }
  : never;

/** The first problem of several needs for one parameter. */
type EachProblem<T, D extends MethodNeeds, P> = D extends readonly [infer N, ...infer Others extends MethodNeeds]
  ? NeedProblem<T, N, P> extends infer Problem
    ? [Problem] extends [never]
      ? EachProblem<T, Others, P>
      : Problem
    : never
  : never;

/** An `any`: with one parameter every need must fit it, with several each may be undefined. */
type AnyProblem<T, D extends MethodNeeds, I extends readonly unknown[]> = I extends readonly [infer P]
  ? EachProblem<T, D, P>
  : PositionalProblem<T, { [K in keyof D]: D[K] extends string ? OptionalNeed<D[K]> : D[K] }, I>;

/** The key of a need in an `all`'s record: its node, or `node.output` where several needs share the node. */
type RecordKey<S, All> = S extends `${infer Node}.${string}`
  ? [Extract<Exclude<All, S>, Node | `${Node}.${string}`>] extends [never]
    ? Node
    : S
  : S;

type Keys<D extends MethodNeeds> = RecordKey<Text<D[number]>, Text<D[number]>>;
type RequiredKeys<P> = keyof { [K in keyof P as string extends K ? never : object extends Pick<P, K> ? never : K]: 1 };

type RecordProblem<T, D extends MethodNeeds, P, All> = D extends readonly [infer N, ...infer Others extends MethodNeeds]
  ? NeedProblem<
      T,
      N,
      RecordKey<Text<N>, All> extends keyof P ? P[RecordKey<Text<N>, All>] : unknown
    > extends infer Problem
    ? [Problem] extends [never]
      ? RecordProblem<T, Others, P, All>
      : Problem
    : never
  : never;

/** An `all`: positional, or a record when one parameter takes several needs. */
type AllProblem<T, D extends MethodNeeds, I extends readonly unknown[]> = I extends readonly [infer P]
  ? D extends readonly [MethodNeed, MethodNeed, ...MethodNeeds]
    ? [Exclude<RequiredKeys<P>, Keys<D>>] extends [never]
      ? RecordProblem<T, D, P, Text<D[number]>>
      : { key: Exclude<RequiredKeys<P>, Keys<D>>; problem: "no need gives it"; needs: Keys<D> }
    : PositionalProblem<T, D, I>
  : PositionalProblem<T, D, I>;

/** What a fork has to return. */
type ReturnProblem<K extends NodeKind, F, R> = K extends "condition"
  ? IsNever<F, [R] extends [boolean | Decision] ? true : never> extends true
    ? { returns: R; problem: "a condition returns a boolean or decide(boolean, value)" }
    : never
  : K extends "select"
    ? IsNever<F, [R] extends [string | Route] ? true : never> extends true
      ? { returns: R; problem: "a select returns a branch name or route(branch, value)" }
      : never
    : never;

type WiringProblem<K extends NodeKind, T, D extends MethodNeeds, I extends readonly unknown[]> = K extends "any"
  ? AnyProblem<T, D, I>
  : K extends "all"
    ? AllProblem<T, D, I>
    : PositionalProblem<T, D, I>;

/** What the decorator of a node returns: nothing, or what is wrong with the method. */
export type NodeVerdict<K extends NodeKind, T, D extends MethodNeeds, F extends AnyFn> =
  ReturnProblem<K, F, ResultOfCall<F>> extends infer Problem
    ? [Problem] extends [never]
      ? WiringVerdict<WiringProblem<K, T, D, Inputs<Parameters<F>>>>
      : Problem
    : never;

type WiringVerdict<Problem> = [Problem] extends [never] ? void : Problem;

/** The names of a class's public methods. */
export type MethodNames<T> = keyof { [K in keyof T & string as T[K] extends AnyFn ? K : never]: K };

/** The results of a class's methods by name, as `run.get` gives them. */
export type ResultsOf<T> = {
  [K in keyof T & string as T[K] extends AnyFn ? K : never]: T[K] extends AnyFn ? ResultOf<T[K]> : never;
};

/** A boolean method may be a condition, whose result is its first input; a select's branches are literal strings. */
export type ResultOf<F extends AnyFn, R = ResultOfCall<F>> =
  IsAny<R> extends true
    ? any
    : | Exclude<R, Decision | Route>
      | (R extends Decision<infer V> ? V : never)
      | (R extends Route<string, infer V> ? V : never)
      | (Extract<R, boolean> extends never ? never : MaybePassed<F>)
      | (string extends R ? never : Extract<R, string> extends never ? never : MaybePassed<F>);

type MaybePassed<F extends AnyFn> = Inputs<Parameters<F>> extends readonly [infer H, ...unknown[]] ? H : never;

/** The only result there is, of whatever method; unknown where there are several. */
export type OnlyResult<N, K = keyof N> = [K] extends [never]
  ? unknown
  : K extends keyof N
    ? [keyof N] extends [K]
      ? N[K]
      : unknown
    : never;

/** What may be given for the results of a class's methods, by name: what they return, or what a fork could. */
export type StandInsOf<T> = {
  [K in keyof T & string as T[K] extends AnyFn ? K : never]: T[K] extends AnyFn ? StandIn<T[K]> : never;
};

/** Whatever one likes for a method that returns nothing, such as one that only pauses the run. */
type StandIn<F extends AnyFn, R = ResultOfCall<F>> = [R] extends [void]
  ? unknown
  : | R
    | (Extract<R, boolean> extends never ? never : Decision<FirstInput<F>>)
    | (Extract<R, string> extends never ? never : Route<Extract<R, string>, FirstInput<F>>);
