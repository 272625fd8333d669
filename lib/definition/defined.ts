/** The parts of a workflow's definition that planning and workers read. */
import type { Origin } from "./origin/origin.js";
import type { DeclaredInputs } from "./specs/input-schemas.js";
import type { Need } from "./specs/need.js";
import type { NodeHooks } from "./specs/node-options.js";
import type { NodeSpec } from "./specs/node-spec.js";
import type { StateSpec } from "./specs/state-spec.js";

/** A need that `connect` added to a node. */
export interface Connection extends Need {
  /** The index of the input it goes to; -1 when a collecting input takes it along with others. */
  readonly input: number;
  /** The key in an `all`'s record, when one was given. */
  readonly key: string | undefined;
}

/** A dag as it is defined now. */
export interface DefinedDag {
  readonly name: string;
  /** Tells workers where to find this definition. */
  readonly origin: Origin;
  /** All nodes by name, in order of definition. */
  readonly nodes: ReadonlyMap<string, NodeSpec>;
  /** Whether parameters find their node by name or by class, or only by explicit needs. */
  readonly wiring: "name" | "type" | "explicit";
  /** The inputs with a schema; undefined if there are none. */
  readonly declaredInputs: DeclaredInputs | undefined;
  /** The connections that `connect` added to a node, in order. */
  connectionsOf(node: string): readonly Connection[];
  /** The hooks of one node. */
  nodeHooks(node: string): NodeHooks | undefined;
}

/**
 * Decides whether a plain value takes a transition; `"default"` takes all values that no other transition of the state
 * takes.
 */
export type TransitionCondition = ((value: any) => boolean) | "default";

/** The transition of a plain value. */
export interface Transition {
  readonly to: string;
  readonly condition: TransitionCondition;
}

/** An fsm as it is defined now. */
export interface DefinedFsm {
  readonly name: string;
  /** All states by name, in order of definition. */
  readonly states: ReadonlyMap<string, StateSpec>;
  /** The inputs with a schema; undefined if there are none. */
  readonly declaredInputs: DeclaredInputs | undefined;
  /** The transitions that `addTransition` added, by source state. */
  readonly transitions: ReadonlyMap<string, readonly Transition[]>;
  readonly initialState: string | undefined;
  readonly terminalStates: ReadonlySet<string>;
  /** The next state when a state without its own `errorState` fails. */
  readonly errorState: string | undefined;
  /** The hooks of one state. */
  nodeHooks(state: string): NodeHooks | undefined;
}
