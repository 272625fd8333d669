/** The types of what is known of a workflow: its inputs, events and results. */
import type { EventsOf } from "../definition/typings/typed-states.js";
import type { IsMachine } from "../definition/typings/typed-nesting.js";
import type { Fsm } from "../fsm/fsm.js";
import type { ChildRun, RunOf } from "../run/child-run.js";
import type { FsmResult, StateKey } from "../run/fsm-result.js";
import type { RunResult } from "../run/result.js";

// `unknown extends W` is true of any only: `IsAny` would be decided by the constraint of W.

/** A class, an instance of one, a dag, an fsm; or the name of a workflow. */
export type WorkflowRef = object | string;

/** The result of a workflow's runs, as `run` resolves to it. @inline */
export type ResultOf<W> = unknown extends W ? ChildRun : W extends string ? ChildRun : RunOf<W>;

/** The inputs of a workflow's runs, by name. @inline */
export type InputsOf<W> = unknown extends W
  ? AnyInputs
  : W extends { run(options?: infer O): Promise<unknown> }
    ? NonNullable<O> extends { inputs?: infer I }
      ? NonNullable<I>
      : AnyInputs
    : AnyInputs;

type AnyInputs = Readonly<Record<string, any>>;

/** The payloads of the events that a workflow's runs wait for, by name; any where the types do not tell. @inline */
export type PayloadsOf<W> = unknown extends W
  ? AnyPayloads
  : W extends Fsm<any, any, infer E>
    ? E
    : W extends abstract new (...args: never) => infer T
      ? IsMachine<T> extends true
        ? EventsOf<T>
        : AnyPayloads
      : AnyPayloads;

type AnyPayloads = Record<string, any>;

/** The names of the nodes or states whose results are in the result `R` of a run; any where the types do not tell. */
export type NodesIn<R> =
  R extends RunResult<infer N> ? keyof N & string : R extends FsmResult<infer S> ? StateKey<S> : string;
