/** The types of `dag.when` and its like: the result is that of one of the branches. */
import type { NodeHandle } from "../node-handle.js";
import type { BranchSource, GuardOptions, WhenOptions } from "../specs/choice-spec.js";
import type { ValueOf } from "./typed-builder.js";

export interface WhenDefiner {
  <const N extends string, T extends BranchSource, E extends BranchSource = never>(
    name: N,
    options: WhenOptions<BranchSource, T, E>,
  ): NodeHandle<ValueOf<T> | ValueOf<E>, N>;
}

export interface GuardDefiner {
  <const N extends string, T extends BranchSource>(
    name: N,
    options: GuardOptions<BranchSource, T>,
  ): NodeHandle<ValueOf<T>, N>;
}

export interface CoalesceDefiner {
  <const N extends string, const C extends readonly BranchSource[]>(
    name: N,
    candidates: C,
  ): NodeHandle<NonNullable<ValueOf<C[number]>>, N>;
}
