/** The parts of a workflow's definition that planning and workers read. */
import type { ValidationIssue } from "../base/errors.js";
import type { JsonSchema, StandardSchema } from "../base/standard-schema.js";
import type { Origin } from "./origin/origin.js";
import type { DeclaredEvents } from "./specs/event-schemas.js";
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

/** The kind of workflow that a run belongs to. */
export type WorkflowKind = "dag" | "fsm";

/** The word for the members of a workflow. */
export type MemberWord = "node" | "state";

/** An input of a workflow's runs. */
export interface WorkflowInput {
  readonly name: string;
  /** Whether a run needs it: a parameter without a default value takes it. */
  readonly required: boolean;
}

/** The schemas of one input of a workflow. */
export interface SchemaTree {
  /** That of the workflow itself. */
  readonly schema: StandardSchema<any, any> | undefined;
  /** Those of the workflows inside that take the input, as that schema has made it, by their nodes. */
  readonly inside: readonly { readonly node: string; readonly tree: SchemaTree }[];
  readonly told: ToldSchema;
}

/** A description of the schemas of an input. */
export interface ToldSchema {
  /** Whether there is a value when it is not given. */
  readonly hasDefault: boolean;
  /** That value; undefined without one. */
  readonly default: unknown;
  /** Undefined if their library can't say it. */
  readonly schema: JsonSchema | undefined;
}

/** What a workflow that contains another one takes of that one's plan. */
export interface Surface {
  /** In the order in which positional needs fill them. */
  readonly inputs: readonly WorkflowInput[];
  /** The schemas of these inputs, by name; undefined if there are none. */
  readonly schemas: ReadonlyMap<string, SchemaTree> | undefined;
  /** The nodes whose results its runs give. */
  readonly sinks: readonly string[];
  /** The errors of its definition. */
  readonly errors: readonly ValidationIssue[];
}

/** A workflow, as one that contains it sees it. */
export interface ChildWorkflow {
  readonly kind: WorkflowKind;
  readonly name: string;
  /**
   * Increases with every change of its definition; those of workflows inside do not count.
   * @internal
   */
  readonly revision: number;
  /** The workflows in it, by node. */
  readonly subworkflows: ReadonlyMap<string, { readonly workflow: ChildWorkflow }>;
  /**
   * The events that an fsm declares; undefined if it declares none, and for a dag, whose nodes name theirs.
   * @internal
   */
  readonly declaredEvents?: DeclaredEvents | undefined;
  /** In the order in which positional needs fill them. */
  readonly inputs: readonly WorkflowInput[];
  /**
   * Its nodes or states, by name.
   * @internal
   */
  readonly members: ReadonlyMap<string, unknown>;
  /**
   * Its plan, as it was last made.
   * @internal
   */
  readonly planned: Planned;
}

/** The plan of a workflow, as one that contains it sees it. */
export interface Planned {
  /** Makes the plan, and those of the workflows inside, unless they are current. */
  update(): void;
  /** Makes the plan and its surface, unless they are current. Those of the workflows inside are. */
  refresh(): void;
  /** Drops the plan, since the workflow contains itself: it is made when it is looked at. */
  forget(): void;
  /** How many levels of workflows there are, this one included; 0 until the plan is made. */
  readonly levels: number;
  /** What identifies the plan; undefined until it is made. */
  readonly version: object | undefined;
  readonly surface: Surface;
}

/** A dag as it is defined now. */
export interface DefinedDag extends ChildWorkflow {
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
  /** The name of the next state. */
  readonly to: string;
  /** Which values take it. The conditions of a state are asked in order of addition, `"default"` last. */
  readonly condition: TransitionCondition;
}

/** An fsm as it is defined now. */
export interface DefinedFsm extends ChildWorkflow {
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
