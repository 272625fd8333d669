/** The types of the results of runs inside, as far as the class of the outer run shows them. */
import type { WorkflowKind } from "../definition/defined.js";
import type { Subworkflow } from "../definition/specs/subworkflow-spec.js";
import type { IsMachine, SourcesIn } from "../definition/typings/typed-nesting.js";
import type { StatesOf } from "../definition/typings/typed-states.js";
import type { ResultsOf } from "../definition/typings/typed-results.js";
import type { IsAny } from "../definition/typings/typed-functions.js";
import type { FsmResult } from "./fsm-result.js";
import type { RunResult } from "./result.js";

/** The result of a run inside another one, of a dag or an fsm. */
export type ChildRun<N = any> = RunResult<N> & FsmResult<N>;

/**
 * The result of the run of node `K`. A template is any for any `K`, so that results of known nodes remain assignable to
 * those of unknown ones.
 * @inline
 */
export type ChildOf<N, K> = K extends `${infer Node}`
  ? Node extends keyof SourcesIn<N>
    ? RunOf<SourcesIn<N>[Node]>
    : ChildRun
  : any;

/** The result of the run of a workflow that a handle knows. */
export type ChildOfWorkflow<W> = unknown extends W ? ChildRun : RunOf<W extends Subworkflow<any, infer S> ? S : W>;

/** The result of the runs of a workflow, a class or an instance of one. @inline */
export type RunOf<S> =
  IsAny<S> extends true
    ? ChildRun
    : S extends { readonly kind: WorkflowKind; run(options?: any): Promise<infer R> }
      ? R
      : S extends abstract new (...args: never) => infer T
        ? RunOfClass<T>
        : S extends () => infer R
          ? RunOf<R>
          : RunOfClass<S>;

type RunOfClass<T> = IsMachine<T> extends true ? FsmResult<StatesOf<T>> : ChildRun<ResultsOf<T>>;

/** The result that a path such as `check.verdict` leads to; any where the types do not tell. @inline */
export type InnerValue<N, Path> = Path extends `${infer K}.${infer Rest}`
  ? K extends keyof SourcesIn<N>
    ? ValueIn<RunOf<SourcesIn<N>[K]>, Rest>
    : any
  : any;

type ValueIn<R, Path> =
  R extends RunResult<infer N>
    ? Path extends keyof N
      ? N[Path]
      : InnerValue<N, Path>
    : R extends FsmResult<infer S>
      ? Path extends keyof S
        ? S[Path] | undefined
        : InnerValue<S, Path>
      : any;
