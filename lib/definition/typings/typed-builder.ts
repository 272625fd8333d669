/** The types of `dag.node(…)` and its variants: the handles in the needs determine the types of the parameters. */
import type { Context } from "../context.js";
import type { Decision, Route } from "../decisions.js";
import type { NeedLike, OptionalNeed } from "../specs/need.js";
import type { NodeHandle, OutputHandle } from "../node-handle.js";
import type { NodeOptions } from "../specs/node-options.js";
import type { CacheOptions } from "../specs/policy-options.js";
import type { AnyFn } from "./typed-wiring.js";

/** @inline */
type Needs = readonly NeedLike[];

/** The value of a need; `any` if it is only a name. */
type ValueOf<N> =
  N extends OptionalNeed<infer S>
    ? ValueOf<S> | undefined
    : N extends NodeHandle<infer T, any>
      ? T
      : N extends OutputHandle<infer T>
        ? T
        : any;

type Values<D extends Needs> = { -readonly [K in keyof D]: ValueOf<D[K]> };
type MaybeValues<D extends Needs> = { -readonly [K in keyof D]: ValueOf<D[K]> | undefined };
type First<D extends Needs> = D extends readonly [infer N, ...unknown[]] ? ValueOf<N> : any;

type KeyOf<N> =
  N extends OptionalNeed<infer S>
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

export interface NodeDefiner {
  <R>(fn: (...args: any[]) => R): NodeHandle<Awaited<R>>;
  <const N extends string, R>(name: N, fn: (...args: any[]) => R): NodeHandle<Awaited<R>, N>;
  <const D extends Needs, R, V = Awaited<R>>(options: NodeOptions<D, V>, fn: Positional<D, R>): NodeHandle<V>;
  <const N extends string, const D extends Needs, R, V = Awaited<R>>(
    name: N,
    options: NodeOptions<D, V>,
    fn: Positional<D, R>,
  ): NodeHandle<V, N>;
}

export interface CachedDefiner {
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

export interface ForkDefiner<K extends "condition" | "select"> {
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
export interface AllDefiner {
  <F extends AnyFn>(fn: F): NodeHandle<Awaited<ReturnType<F>>>;
  <const N extends string, F extends AnyFn>(name: N, fn: F): NodeHandle<Awaited<ReturnType<F>>, N>;
  <const N extends string, const D extends Needs, R, V = Awaited<R>>(
    name: N,
    options: NodeOptions<D, V>,
    fn: (values: AllValue<D>) => R,
  ): NodeHandle<V, N>;
  <const N extends string, const D extends Needs, R, V = Awaited<R>>(
    name: N,
    options: NodeOptions<D, V>,
    fn: Positional<D, R>,
  ): NodeHandle<V, N>;
  <const N extends string, const D extends Needs, R, V = Awaited<R>>(
    name: N,
    options: NodeOptions<D, V>,
    fn: (values: AllValue<D>, ctx: Context) => R,
  ): NodeHandle<V, N>;
  <const D extends Needs, R, V = Awaited<R>>(options: NodeOptions<D, V>, fn: (...args: any[]) => R): NodeHandle<V>;
}

/**
 * A single parameter takes the value of the winner, several parameters one need each, undefined if not completed yet.
 * As in {@link AllDefiner}, several parameters must be annotated.
 */
export interface AnyDefiner {
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
