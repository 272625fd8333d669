/** The types of what is known of a workflow: its inputs, events and results. */
import type { EventsOf } from "../definition/typings/typed-states.js";
import type { IsMachine } from "../definition/typings/typed-nesting.js";
import type { Fsm } from "../fsm/fsm.js";
import type { ChildRun, RunOf } from "../run/child-run.js";

/** A class, an instance of one, a dag, an fsm; or the name of a workflow. */
export type WorkflowRef = object | string;

/** The result of a workflow's runs, as `run` resolves to it. @inline */
export type ResultOf<W> = W extends string ? ChildRun : RunOf<W>;

/** The inputs of a workflow's runs, by name. @inline */
export type InputsOf<W> = W extends { run(options?: infer O): Promise<unknown> }
  ? NonNullable<O> extends { inputs?: infer I }
    ? NonNullable<I>
    : AnyInputs
  : AnyInputs;

type AnyInputs = Readonly<Record<string, any>>;

/** The payloads of the events that a workflow's runs wait for, by name; any where the types do not tell. @inline */
export type PayloadsOf<W> =
  W extends Fsm<any, any, infer E>
    ? E
    : W extends abstract new (...args: never) => infer T
      ? IsMachine<T> extends true
        ? EventsOf<T>
        : AnyPayloads
      : AnyPayloads;

type AnyPayloads = Record<string, any>;
