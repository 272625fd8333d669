/** The types of `dag.switch`: the labels and values of a route determine the cases and their parameters. */
import type { Route } from "../decisions.js";
import type { NodeHandle } from "../node-handle.js";
import type { NeedLike } from "../specs/need.js";
import type { NodeOptions } from "../specs/node-options.js";
import type { Case } from "../switch.js";
import type { ValueOf } from "./typed-builder.js";

type LabelOf<R> = R extends Route<infer Label, any> ? Label : never;

/** The value that goes with a label. */
type ValueAt<R, L> =
  R extends Route<infer Label, infer V> ? (L extends Label ? V : Label extends L ? V : never) : never;

/** The values whose labels have no case. */
type Remaining<R, Labels> = R extends Route<infer Label, infer V> ? (Label extends Labels ? never : V) : never;

/** The cases of a route: one for each label, or a `default`; any if the route is not known. */
type CasesFor<R> = 0 extends 1 & R
  ? Readonly<Record<string, Case>>
  : string extends LabelOf<R>
    ? Readonly<Record<string, (this: any, value: ValueAt<R, string>, ...others: any[]) => unknown>>
    : | { readonly [L in LabelOf<R>]: (this: any, value: ValueAt<R, L>, ...others: any[]) => unknown }
      | ({ readonly [L in LabelOf<R>]?: (this: any, value: ValueAt<R, L>, ...others: any[]) => unknown } & {
          readonly default: (this: any, value: Remaining<R, never>, ...others: any[]) => unknown;
        });

type RouteOf<D extends readonly NeedLike[]> = D extends readonly [infer N, ...unknown[]] ? ValueOf<N> : any;

export interface SwitchDefiner {
  <const N extends string, const D extends readonly NeedLike[], C extends CasesFor<RouteOf<D>>>(
    name: N,
    options: NodeOptions<D> & { cases: C },
  ): NodeHandle<Awaited<C[keyof C] extends (...args: any[]) => infer R ? R : never>, N>;
}
