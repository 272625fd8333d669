/** The types of workflows inside a class, by the fields that hold them. */
import type { Subworkflow } from "../specs/subworkflow-spec.js";
import type { Next, Stop, WaitForEvent } from "../transitions.js";
import type { AnyFn, IsAny } from "./typed-functions.js";

declare const SOURCES: unique symbol;

/** Types of results by name, with the sources of the nodes that are workflows. Only for the compiler. */
export type WithSources<T> = {
  readonly [SOURCES]?: {
    [K in keyof T & string as T[K] extends Subworkflow<any, any> ? K : never]: T[K] extends Subworkflow<any, infer S>
      ? S
      : never;
  };
};

/** The sources of the nodes that are workflows, by name. */
export type SourcesIn<N> =
  IsAny<N> extends true ? object : N extends { readonly [SOURCES]?: infer S } ? NonNullable<S> : object;

/** Whether a class is an fsm for sure: one of its methods says which state is next, or waits, or stops. */
export type IsMachine<T> = [{ [K in keyof T]: T[K] extends AnyFn ? Steps<ReturnType<T[K]>> : never }[keyof T]] extends [
  never,
]
  ? false
  : true;

type Steps<R> =
  IsAny<R> extends true ? never : Extract<Awaited<R>, Next<any, any> | Stop<any> | WaitForEvent<any, any>>;
