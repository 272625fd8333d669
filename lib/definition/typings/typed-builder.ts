/** The types of `dag.node(…)` and its variants: the handles in the needs determine the types of the parameters. */
import type { Context } from "../context.js";
import type { Decision, Route } from "../decisions.js";
import type { NeedLike, OptionalNeed, StreamNeed } from "../specs/need.js";
import type { NodeHandle, OutputHandle } from "../node-handle.js";
import type { EventOptions } from "../specs/event-spec.js";
import type { MapOptions } from "../specs/map-options.js";
import type { NodeOptions } from "../specs/node-options.js";
import type { Backend, BackendName } from "../specs/backend.js";
import type { CacheOptions } from "../specs/policy-options.js";
import type { ChildWorkflow } from "../defined.js";
import type { Subworkflow, WorkflowInstance } from "../specs/subworkflow-spec.js";
import type { CaseResult, CaseTable } from "../switch.js";
import type { ItemOf } from "./typed-wiring.js";
import type { AnyFn, Collected } from "./typed-functions.js";

/** @inline */
type Needs = readonly NeedLike[];

/** The value of a need; `any` if it is only a name. */
export type ValueOf<N> =
  N extends StreamNeed<infer S>
    ? AsyncIterable<ItemOf<ValueOf<S>>>
    : N extends OptionalNeed<infer S>
      ? ValueOf<S> | undefined
      : N extends NodeHandle<infer T, any>
        ? T
        : N extends OutputHandle<infer T>
          ? T
          : any;

/** The result of a function that returns `R`. */
type ResultOf<R> = Collected<Awaited<R>>;

type Values<D extends Needs> = { -readonly [K in keyof D]: ValueOf<D[K]> };
type MaybeValues<D extends Needs> = { -readonly [K in keyof D]: ValueOf<D[K]> | undefined };
type First<D extends Needs> = D extends readonly [infer N, ...unknown[]] ? ValueOf<N> : any;

type KeyOf<N> = N extends OptionalNeed<infer S> | StreamNeed<infer S>
  ? KeyOf<S>
  : N extends NodeHandle<any, infer Name>
    ? Name
    : N extends string
      ? N
      : never;

type RecordOf<D extends Needs> = { [N in D[number] as KeyOf<N>]: ValueOf<N> };

type Positional<D extends Needs, R> = (...args: [...Values<D>, ...any[]]) => R;

/** The value that a fork passes on. */
type PassedOn<R, D extends Needs> =
  Awaited<R> extends infer A
    ? A extends Decision<infer V>
      ? V
      : A extends Route<string, infer V>
        ? V
        : First<D>
    : never;

/** A node without a function, whose backend knows what it does. Its value is any, unless a schema says what it is. */
interface Elsewhere {
  readonly backend: BackendName | Backend;
}

interface ElsewhereDefiner<O = unknown> {
  <V = any>(options: NodeOptions<Needs, V> & O & Elsewhere & { readonly name: string }): NodeHandle<V>;
  <const N extends string, V = any>(name: N, options: NodeOptions<Needs, V> & O & Elsewhere): NodeHandle<V, N>;
}

/** A workflow in the place of a function. Its value is any, unless `subworkflow` names an output of a known type. */
type WorkflowOf<R> = Subworkflow<R> | ChildWorkflow | (new () => object);
type ValueIn<W> = W extends Subworkflow<infer V> ? V : any;

/**
 * The call forms of {@link Dag.node}: a function, whose name becomes the node's; a name and a function; options and a
 * function; a name, options and a function. Handles in `needs` give the parameters their types. The function may be left
 * out with a `backend` that knows what the node does.
 */
export interface NodeDefiner extends ElsewhereDefiner {
  <R>(fn: (...args: any[]) => R): NodeHandle<ResultOf<R>>;
  <const N extends string, R>(name: N, fn: (...args: any[]) => R): NodeHandle<ResultOf<R>, N>;
  <const D extends Needs, R, V = ResultOf<R>>(options: NodeOptions<D, V>, fn: Positional<D, R>): NodeHandle<V>;
  <const N extends string, const D extends Needs, R, V = ResultOf<R>>(
    name: N,
    options: NodeOptions<D, V>,
    fn: Positional<D, R>,
  ): NodeHandle<V, N>;
  <const N extends string, W extends WorkflowOf<any>>(name: N, workflow: W): NodeHandle<ValueIn<W>, N, W>;
  <const N extends string, W extends WorkflowOf<any>>(
    name: N,
    options: NodeOptions,
    workflow: W,
  ): NodeHandle<ValueIn<W>, N, W>;
  <const N extends string, W extends WorkflowInstance>(
    name: N,
    options: NodeOptions,
    workflow: W,
  ): NodeHandle<any, N, W>;
}

/** The result of a map over a collection. */
type MapOf<C, R> = 0 extends 1 & C
  ? any
  : C extends readonly unknown[]
    ? R[]
    : C extends ReadonlyMap<infer K, any>
      ? Map<K, R>
      : C extends Iterable<any> | AsyncIterable<any>
        ? R[]
        : C extends object
          ? { [K in keyof C]: R }
          : any;

/** The result of a map with options that change its form. */
type MapResult<O, C, R> = O extends { reduce: { initial: infer A } }
  ? Widened<A>
  : O extends { flatten: true }
    ? (R extends readonly (infer T)[] ? T : R)[]
    : MapOf<C, O extends { onItemError: "settle" } ? PromiseSettledResult<R> : R>;

/** The type of a literal, as the start of what a reducer makes. */
type Widened<A> = A extends number ? number : A extends string ? string : A extends boolean ? boolean : A;

type Rest<D extends Needs> = D extends readonly [unknown, ...infer Others extends Needs] ? Values<Others> : any[];

/** Cases in the place of a map's function. */
interface Cases<C extends CaseTable> {
  readonly cases: C;
}

/**
 * The call forms of {@link Dag.map}: a name, options, and what is done with each item: a function, a workflow or cases.
 * A handle as the first need gives the item, and the result, their types.
 */
export interface MapDefiner {
  <const N extends string>(name: N, options: MapOptions & Elsewhere): NodeHandle<any, N>;
  <const N extends string, R>(name: N, fn: (item: any, ...args: any[]) => R): NodeHandle<any, N>;
  <const N extends string, W extends WorkflowOf<any>>(name: N, workflow: W): NodeHandle<any, N, W>;
  <const N extends string>(name: N, cases: Cases<CaseTable>): NodeHandle<any, N>;
  <const N extends string, const D extends Needs, const O extends MapOptions<D>, R>(
    name: N,
    options: O & { readonly needs: D },
    fn: (item: ItemOf<First<D>>, ...args: [...Rest<D>, ...any[]]) => R,
  ): NodeHandle<MapResult<O, First<D>, Awaited<R>>, N>;
  <const N extends string, const D extends Needs, const O extends MapOptions<D>, W extends WorkflowOf<any>>(
    name: N,
    options: O & { readonly needs: D },
    workflow: W,
  ): NodeHandle<MapResult<O, First<D>, ValueIn<W>>, N, W>;
  <const N extends string, const D extends Needs, const O extends MapOptions<D>, const C extends CaseTable>(
    name: N,
    options: O & { readonly needs: D },
    cases: Cases<C>,
  ): NodeHandle<MapResult<O, First<D>, CaseResult<C>>, N>;
  <const N extends string, const D extends Needs, const O extends MapOptions<D>, W extends WorkflowInstance>(
    name: N,
    options: O & { readonly needs: D },
    workflow: W,
  ): NodeHandle<MapResult<O, First<D>, any>, N, W>;
  <const N extends string, W extends WorkflowOf<any>>(
    name: N,
    options: MapOptions & { readonly needs?: undefined },
    workflow: W,
  ): NodeHandle<any, N, W>;
  <const N extends string, R>(
    name: N,
    options: MapOptions & { readonly needs?: undefined },
    work: ((item: any, ...args: any[]) => R) | Cases<CaseTable>,
  ): NodeHandle<any, N>;
}

/**
 * The call forms of {@link Dag.event}: a name; options; a function that takes the payload, and then the needs. Without
 * one, the result is the payload.
 */
export interface EventDefiner {
  <const N extends string>(name: N): NodeHandle<any, N>;
  <const N extends string, R>(name: N, fn: (payload: any, ...args: any[]) => R): NodeHandle<ResultOf<R>, N>;
  <const N extends string, const D extends Needs, P = any>(
    name: N,
    options: EventOptions<D, P, P>,
    fn?: undefined,
  ): NodeHandle<P, N>;
  <const N extends string, const D extends Needs, P, R, V = ResultOf<R>>(
    name: N,
    options: EventOptions<D, V, P>,
    fn: (payload: P, ...args: [...Values<D>, ...any[]]) => R,
  ): NodeHandle<V, N>;
}

/** The call forms of {@link Dag.cachedNode}, which take options of the node and of its cache in one object. */
export interface CachedDefiner extends ElsewhereDefiner<CacheOptions> {
  <const N extends string, R>(name: N, fn: (...args: any[]) => R): NodeHandle<Awaited<R>, N>;
  <const D extends Needs, R, V = Awaited<R>>(
    options: NodeOptions<D, V> & CacheOptions,
    fn: Positional<D, R>,
  ): NodeHandle<V>;
  <const N extends string, const D extends Needs, R, V = Awaited<R>>(
    name: N,
    options: NodeOptions<D, V> & CacheOptions,
    fn: Positional<D, R>,
  ): NodeHandle<V, N>;
}

type ForkResult<K extends "condition" | "select"> = K extends "condition"
  ? boolean | Decision | Promise<boolean | Decision>
  : string | Route | Promise<string | Route>;

/**
 * The call forms of {@link Dag.condition} and {@link Dag.select}: those of {@link NodeDefiner}. The handle's type is that
 * of the value passed on: the one given to `decide` or `route`, else the fork's first input.
 */
export interface ForkDefiner<K extends "condition" | "select"> extends ElsewhereDefiner {
  <R extends ForkResult<K>>(fn: (...args: any[]) => R): NodeHandle<PassedOn<R, Needs>>;
  <const N extends string, R extends ForkResult<K>>(
    name: N,
    fn: (...args: any[]) => R,
  ): NodeHandle<PassedOn<R, Needs>, N>;
  <const D extends Needs, R extends ForkResult<K>, V = PassedOn<R, D>>(
    options: NodeOptions<D, V>,
    fn: Positional<D, R>,
  ): NodeHandle<V>;
  <const N extends string, const D extends Needs, R extends ForkResult<K>, V = PassedOn<R, D>>(
    name: N,
    options: NodeOptions<D, V>,
    fn: Positional<D, R>,
  ): NodeHandle<V, N>;
}

type AllValue<D extends Needs> = D extends readonly [infer N] ? ValueOf<N> : RecordOf<D>;

/**
 * A single parameter takes a record of all needs, several parameters one need each. The compiler infers parameter types
 * from the first overload that matches, so several parameters must be annotated.
 */
export interface AllDefiner extends ElsewhereDefiner {
  <F extends AnyFn>(fn: F): NodeHandle<ResultOf<ReturnType<F>>>;
  <const N extends string, F extends AnyFn>(name: N, fn: F): NodeHandle<ResultOf<ReturnType<F>>, N>;
  <const N extends string, const D extends Needs, R, V = ResultOf<R>>(
    name: N,
    options: NodeOptions<D, V>,
    fn: (values: AllValue<D>) => R,
  ): NodeHandle<V, N>;
  <const N extends string, const D extends Needs, R, V = ResultOf<R>>(
    name: N,
    options: NodeOptions<D, V>,
    fn: Positional<D, R>,
  ): NodeHandle<V, N>;
  <const N extends string, const D extends Needs, R, V = ResultOf<R>>(
    name: N,
    options: NodeOptions<D, V>,
    fn: (values: AllValue<D>, ctx: Context) => R,
  ): NodeHandle<V, N>;
  <const D extends Needs, R, V = ResultOf<R>>(options: NodeOptions<D, V>, fn: (...args: any[]) => R): NodeHandle<V>;
}

/**
 * A single parameter takes the value of the winner, several parameters one need each, undefined if not completed yet.
 * As in {@link AllDefiner}, several parameters must be annotated.
 */
export interface AnyDefiner extends ElsewhereDefiner {
  <F extends AnyFn>(fn: F): NodeHandle<Awaited<ReturnType<F>>>;
  <const N extends string, F extends AnyFn>(name: N, fn: F): NodeHandle<Awaited<ReturnType<F>>, N>;
  <const N extends string, const D extends Needs, R, V = Awaited<R>>(
    name: N,
    options: NodeOptions<D, V>,
    fn: (winner: ValueOf<D[number]>) => R,
  ): NodeHandle<V, N>;
  <const N extends string, const D extends Needs, R, V = Awaited<R>>(
    name: N,
    options: NodeOptions<D, V>,
    fn: (...args: [...MaybeValues<D>, ...any[]]) => R,
  ): NodeHandle<V, N>;
  <const N extends string, const D extends Needs, R, V = Awaited<R>>(
    name: N,
    options: NodeOptions<D, V>,
    fn: (winner: ValueOf<D[number]>, ctx: Context) => R,
  ): NodeHandle<V, N>;
  <const D extends Needs, R, V = Awaited<R>>(options: NodeOptions<D, V>, fn: (...args: any[]) => R): NodeHandle<V>;
}
