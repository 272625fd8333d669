/** The types of the nodes of what tests are given: a dag, an fsm, a class, or an instance of one. */
import type { ResultsOf, StandInsOf } from "../definition/typings/typed-results.js";
import type { AnyFn, Collected } from "../definition/typings/typed-functions.js";
import type { IsMachine } from "../definition/typings/typed-nesting.js";
import type { Next, Stop, WaitForEvent } from "../definition/transitions.js";
import type { Dag, Fsm } from "../index.js";

/** The instance of a class; anything else is its own. */
type InstanceOf<W> = W extends abstract new (...args: any[]) => infer T ? T : W;

/** What leads on from a state. */
type Transition = Next<any, any> | Stop<any> | WaitForEvent<any, any>;

/** The results of a workflow's nodes or states, by name. @inline */
export type ValuesOf<W> =
  W extends Dag<infer N, any, any> ? N : W extends Fsm<infer S, any, any> ? S : ResultsOf<InstanceOf<W>>;

/** The names of a workflow's nodes or states. @inline */
export type NamesOf<W> = keyof ValuesOf<W> & string;

/** What the function of a node or a state returns. @inline */
export type ReturnOf<W, K> =
  W extends Dag<infer N, any, any>
    ? N[K & keyof N]
    : W extends Fsm<infer S, any, any>
      ? S[K & keyof S] | Transition
      : K extends keyof InstanceOf<W>
        ? InstanceOf<W>[K] extends AnyFn
          ? Collected<Awaited<ReturnType<InstanceOf<W>[K]>>>
          : ResultsOf<InstanceOf<W>>[K & keyof ResultsOf<InstanceOf<W>>]
        : unknown;

/** What a function in the place of a node's may return. */
type MockReturn<W, K> =
  W extends Dag<infer N, any, infer G>
    ? N[K & keyof N] | (K extends keyof G ? G[K] : never)
    : W extends Fsm<infer S, any, any>
      ? S[K & keyof S] | Transition
      : IsMachine<InstanceOf<W>> extends true
        ? ReturnOf<W, K> | Transition
        : K extends keyof StandInsOf<InstanceOf<W>>
          ? StandInsOf<InstanceOf<W>>[K]
          : ReturnOf<W, K>;

/** Functions in the place of those of nodes or states, by name. */
export type MocksOf<W> = {
  readonly [K in NamesOf<W>]?: ((...args: any[]) => MockReturn<W, K> | Promise<MockReturn<W, K>>) | undefined;
};

/** The workflow that a source stands for. */
export type WorkflowFor<W> = W extends Dag<any, any, any> | Fsm<any, any, any>
  ? W
  : IsMachine<InstanceOf<W>> extends true
    ? Fsm<ResultsOf<InstanceOf<W>>>
    : Dag<ResultsOf<InstanceOf<W>>, Record<string, any>, StandInsOf<InstanceOf<W>>>;
