/**
 * The compile-time checks of wiring: that each need exists, and that its value fits the parameter.
 *
 * A decorator with wrong needs has the problem as its return type, which the compiler shows, since decorators must not
 * return a value. Needs that are not literal strings, and methods typed `any`, are not checked. Types that depend on
 * the type parameters of a generic class are accepted if they could fit.
 */
import type { Decision, Route } from "../decisions.js";
import type { OptionalNeed, StreamNeed } from "../specs/need.js";
import type { ItemKind } from "../item.js";
import type { Subworkflow } from "../specs/subworkflow-spec.js";
import type { NodeKind } from "../specs/node-spec.js";
import type { Switch } from "../switch.js";
import type { Nearest } from "./typed-names.js";
import type { AnyFn, Same, ResultOfCall, IsNever, IsAny, Inputs, FirstInput } from "./typed-functions.js";

/** A need in a decorator: the name of a method, with or without an output, or `stream(…)` or `optional(…)` of one. */
export type MethodNeed = string | StreamNeed<string> | OptionalNeed<string | StreamNeed<string>>;
export type MethodNeeds = readonly MethodNeed[];

/** The first input on a branch of a condition, narrowed by a type predicate. */
type Narrowed<F extends AnyFn, Branch extends string> = F extends
  | ((input: any, ...others: any[]) => input is infer Is)
  | ((ctx: any, input: any, ...others: any[]) => input is infer Is)
  ? Branch extends "true"
    ? Is
    : Exclude<FirstInput<F>, Is>
  : FirstInput<F>;

/**
 * The possible values of a need without an output, each in a tuple: a plain result, or the value that a fork passes on.
 */
type Given<F extends AnyFn, R = ResultOfCall<F>> =
  | (Extract<R, Decision | Route> extends never ? [R] : never)
  | ([Passed<F, R>] extends [never] ? never : [Passed<F, R>["value"]]);

/** The value that a fork passes on; never if the function can't be a fork. */
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

/** The possible values of `"node.output"`, each in a tuple; never if there is no such output or branch. */
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

/** The values of the branch `default`. Since the remaining branches are not known, one fitting value is enough. */
type ByDefault<F extends AnyFn, R> =
  R extends Route<string, infer V> ? [V] : R extends string ? [FirstInput<F>] : never;

/** The names of all outputs. In a record, since the compiler would show a union by its name instead of its members. */
type Outputs<R> = {
  names:
    | (R extends boolean | Decision ? "true" | "false" : never)
    | (R extends Route<infer B> ? `${B}` | "default" : never)
    | (R extends string ? `${R}` | "default" : never)
    | (R extends Decision | Route | string ? never : R extends object ? keyof R & string : never);
};

/**
 * A member of a class, including protected and private ones, which an intersection exposes. `unknown` if there is none.
 */
export type Member<T, S extends string> = S extends keyof T ? T[S] : (T & { [K in S]: unknown })[S];

/** A need as text, and its parts. */
type Text<N> = N extends OptionalNeed<infer S> | StreamNeed<infer S> ? Text<S> : N extends string ? N : never;
type NodeOf<S extends string> = S extends `${infer Node}.${string}` ? Node : S;
type OutputOf<S extends string> = S extends `${string}.${infer Output}` ? Output : never;

/** The problem with the name of a method, or never. */
type NameProblem<T, Need extends string, S extends string> =
  Member<T, S> extends AnyFn | Subworkflow<any>
    ? never
    : S extends keyof T
      ? { need: Need; problem: "not a method" }
      : { need: Need; problem: "no such method"; nearest: Nearest<S, MethodNames<T>> };

/**
 * The possible values of a need, each in a tuple. Those of nodes inside a workflow are not checked. A field's type does
 * not tell whether its workflow runs once, or as a map for each item.
 */
type Gives<F, N, S extends string> = F extends AnyFn
  ? MaybeUndefined<
      N,
      IsStream<N> extends true
        ? Streamed<F>
        : [OutputOf<S>] extends [never]
          ? GivenByMember<F>
          : GivenOutput<F, OutputOf<S>>
    >
  : F extends Subworkflow<infer V>
    ? MaybeUndefined<
        N,
        [OutputOf<S>] extends [never]
          ? IsStream<N> extends true
            ? [AsyncIterable<ItemIn<V>>]
            : [V] | [V[]] | [Map<any, V>] | [Record<string, V>]
          : [any]
      >
    : never;

/** The type of a list's items; of other values, any. */
type ItemIn<V> = 0 extends 1 & V ? any : V extends readonly (infer T)[] ? T : any;

type IsStream<N> = N extends StreamNeed | OptionalNeed<StreamNeed> ? true : false;

/** The items of a generator or a map, in a tuple; never if the function is neither. */
type Streamed<F extends AnyFn, R = ReturnType<F>> =
  IsAny<R> extends true
    ? [any]
    : R extends AsyncIterable<infer T> | IterableIterator<infer T>
      ? [AsyncIterable<T>]
      : Inputs<Parameters<F>> extends readonly [infer H, ...unknown[]]
        ? [ItemKind<H>] extends [never]
          ? never
          : [AsyncIterable<Awaited<R>>]
        : never;

/** What a map gives, if the first input is marked as an item. Cases may be those of a map, or of a switch. */
type GivenByMember<F extends AnyFn> =
  F extends Switch<any>
    ? Given<F> | [ResultOfCall<F>[]] | [Map<any, ResultOfCall<F>>] | [Record<string, ResultOfCall<F>>]
    : Inputs<Parameters<F>> extends readonly [infer H, ...unknown[]]
      ? Same<F, ItemKind<H>, "item"> extends true
        ? [ResultOfCall<F>[]]
        : Same<F, ItemKind<H>, "entry"> extends true
          ? [any]
          : Given<F>
      : Given<F>;

type MaybeUndefined<N, G> = N extends OptionalNeed ? (G extends [infer V] ? [V | undefined] : never) : G;

type Fits<G, P> = G extends [infer V] ? ([V] extends [P] ? true : never) : never;
type Values<G> = G extends [infer V] ? V : never;

/** The problem with a need for a parameter of type `P`, or never. */
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
      ? IsStream<N> extends true
        ? { need: S; problem: "produces no items: it is no generator and no map" }
        : { need: S; problem: "no such output"; nearest: Nearest<OutputOf<S>, Outputs<ResultOfCall<F>>["names"]> }
      : never
    : IsNever<F, Fits<G, P>> extends true
      ? { need: S; gives: Values<G>; takes: P }
      : never;

/** The first problem of needs with one parameter each. A method without parameters only waits for its needs. */
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

/** The first problem of several needs for the same parameter. */
type EachProblem<T, D extends MethodNeeds, P> = D extends readonly [infer N, ...infer Others extends MethodNeeds]
  ? NeedProblem<T, N, P> extends infer Problem
    ? [Problem] extends [never]
      ? EachProblem<T, Others, P>
      : Problem
    : never
  : never;

/** The problem of an `any`: all needs must fit a single parameter; several parameters must accept undefined. */
type AnyProblem<T, D extends MethodNeeds, I extends readonly unknown[]> = I extends readonly [infer P]
  ? EachProblem<T, D, P>
  : PositionalProblem<T, { [K in keyof D]: D[K] extends string ? OptionalNeed<D[K]> : D[K] }, I>;

/** The key of a need in the record of an `all`: its node, or `node.output` if several needs share the node. */
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

/** The problem of an `all`: with a record if a single parameter takes several needs, otherwise positional. */
type AllProblem<T, D extends MethodNeeds, I extends readonly unknown[]> = I extends readonly [infer P]
  ? D extends readonly [MethodNeed, MethodNeed, ...MethodNeeds]
    ? [Exclude<RequiredKeys<P>, Keys<D>>] extends [never]
      ? RecordProblem<T, D, P, Text<D[number]>>
      : { key: Exclude<RequiredKeys<P>, Keys<D>>; problem: "no need provides it"; needs: Keys<D> }
    : PositionalProblem<T, D, I>
  : PositionalProblem<T, D, I>;

/** The problem with the return type of a fork. */
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

/**
 * The problem with the schema of a result: what it makes must fit the method's type, by which others know the result.
 * The value that a fork passes on is not checked.
 */
type OutputProblem<K extends NodeKind, F extends AnyFn, V> = K extends "condition" | "select"
  ? never
  : SchemaProblem<F, ResultOfCall<F>, V>;

/** The problem with a schema that makes a `V` of a method's `R`, or never. */
export type SchemaProblem<F extends AnyFn, R, V> =
  IsNever<F, [V] extends [R] ? true : never> extends true
    ? { output: V; returns: R; problem: "the method's type does not tell what the schema makes of its result" }
    : never;

/** The return type of a node's decorator: void, or the problem with the method. `V` is what its schema makes. */
export type NodeVerdict<K extends NodeKind, T, D extends MethodNeeds, F extends AnyFn, V = never> =
  ReturnProblem<K, F, ResultOfCall<F>> extends infer Problem
    ? [Problem] extends [never]
      ? WiringVerdict<WiringProblem<K, T, D, Inputs<Parameters<F>>>, OutputProblem<K, F, V>>
      : Problem
    : never;

type WiringVerdict<Problem, Other> = [Problem] extends [never] ? ([Other] extends [never] ? void : Other) : Problem;

/** The return type of the decorator of a field that holds a workflow: void, or the problem with its needs. */
export type FieldVerdict<T, D extends MethodNeeds> = WiringVerdict<EachProblem<T, D, any>, never>;

/** The names of a class's public methods, and of the fields that hold workflows. */
export type MethodNames<T> = keyof {
  [K in keyof T & string as T[K] extends AnyFn | Subworkflow<any> ? K : never]: K;
};

/**
 * The return type of a map's decorator: void, or the problem with its needs. The items of the first one must fit the
 * first parameter, the values of the others those after it.
 */
export type MapVerdict<T, D extends MethodNeeds, F extends AnyFn> = D extends readonly [
  infer N,
  ...infer Others extends MethodNeeds,
]
  ? CollectionProblem<T, N, Text<N>, F> extends infer Problem
    ? [Problem] extends [never]
      ? WiringVerdict<
          PositionalProblem<T, Others, Inputs<Parameters<F>> extends readonly [any, ...infer R] ? R : []>,
          never
        >
      : Problem
    : never
  : void;

/**
 * The return type of an event's decorator: void, or the problem with its needs or schemas. The first parameter takes the
 * payload. `V` is what the schema of its result makes, `P` what that of its payload makes.
 */
export type EventVerdict<T, D extends MethodNeeds, F extends AnyFn, V = never, P = never> = WiringVerdict<
  PositionalProblem<T, D, Inputs<Parameters<F>> extends readonly [any, ...infer R] ? R : []>,
  WiringVerdict<PayloadProblem<F, P>, OutputProblem<"node", F, V>> extends infer Other
    ? [Other] extends [void]
      ? never
      : Other
    : never
>;

/** The problem with a schema whose payload the first parameter does not take, or never. */
type PayloadProblem<F extends AnyFn, P> =
  IsNever<F, [P] extends [FirstInput<F>] ? true : never> extends true
    ? Same<F, FirstInput<F>, undefined> extends true
      ? never
      : { schema: P; takes: FirstInput<F>; problem: "the first parameter does not take what the schema makes" }
    : never;

type CollectionProblem<T, N, S extends string, F extends AnyFn> = string extends S
  ? never
  : NameProblem<T, S, NodeOf<S>> extends infer Problem
    ? [Problem] extends [never]
      ? Inputs<Parameters<F>> extends readonly [infer P, ...unknown[]]
        ? ItemProblem<F, Gives<Member<T, NodeOf<S>>, N, S>, S, P>
        : never
      : Problem
    : never;

/** The problem with the items of a collection for a parameter of type `P`. Outputs without a known type are accepted. */
type ItemProblem<F, G, S extends string, P> =
  IsNever<F, G> extends true
    ? never
    : IsNever<F, ItemFits<G, P>> extends true
      ? { need: S; givesItems: ItemOf<Values<G>>; takes: P }
      : never;

type ItemFits<G, P> = G extends [infer V] ? ([ItemOf<V>] extends [P] ? true : never) : never;

/** The type of a collection's items. */
export type ItemOf<C> =
  IsAny<C> extends true
    ? any
    : C extends readonly (infer T)[]
      ? T
      : C extends ReadonlyMap<any, infer T>
        ? T
        : C extends Iterable<infer T> | AsyncIterable<infer T>
          ? T
          : C extends Readonly<Record<string, infer T>>
            ? T
            : any;
