/** The inputs and the result of a function, derived from its type. */
import type { Context } from "../context.js";

export type AnyFn = (...args: any[]) => any;

export type IsAny<T> = 0 extends 1 & T ? true : false;

/**
 * Whether two types are identical. A plain conditional type that depends on a type parameter of the user's class stays
 * deferred, and the compiler rejects a deferred decorator; function signatures can be compared nevertheless.
 * @param Source - the function or list that the types come from, which keeps the compiler from resolving the condition
 *   early
 */
export type Same<Source, A, B> = [Source, <X>() => X extends [A] ? 1 : 2] extends [
  unknown,
  <X>() => X extends [B] ? 1 : 2,
]
  ? true
  : false;

export type IsNever<Source, T> = Same<Source, T, never>;

type IsContext<Source, T> = Same<Source, T extends Context ? true : false, true>;

/** A parameter list without the context, at any position. */
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

/** The result of a function: what it returns, awaited; of a generator, the list of its items. */
export type ResultOfCall<F extends AnyFn> = Collected<Awaited<ReturnType<F>>>;

/** The list of the items of a generator; other results stay what they are. */
export type Collected<R> = 0 extends 1 & R
  ? R
  : R extends AsyncGenerator<infer T, any, any> | Generator<infer T, any, any>
    ? Awaited<T>[]
    : R;

/** The value that a fork passes on by default: its first input. */
export type FirstInput<F extends AnyFn> =
  Inputs<Parameters<F>> extends readonly [infer H, ...unknown[]] ? H : undefined;
