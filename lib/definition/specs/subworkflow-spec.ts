import { mark, markOf } from "../../base/brand.js";
import type { ChildWorkflow } from "../defined.js";

/** The options of {@link subworkflow}. */
export interface SubworkflowOptions<Output extends string = string> {
  /**
   * The node, or state, whose result is the value of the workflow.
   * @defaultValue its only sink; all sinks as a record if there are several; in an fsm, the last value
   */
  readonly output?: Output | undefined;
  /** The sources of its inputs, by name: `"node"` or `"node.output"`. Other inputs are found by their names. */
  readonly inputs?: Readonly<Record<string, string>> | undefined;
}

/** A workflow in the place of a node's function. */
export class Subworkflow<T = unknown> {
  static {
    mark(this, "Subworkflow");
  }

  /** Only for the compiler: the value of the node. */
  declare readonly type: T;
  private found: ChildWorkflow | undefined;

  constructor(
    private readonly find: () => ChildWorkflow,
    readonly options: SubworkflowOptions = {},
  ) {}

  /** @throws {InvalidNodeError} INVALID_NODE when its source is no workflow */
  get workflow(): ChildWorkflow {
    return (this.found ??= this.find());
  }
}

/** What may take the place of a function: a workflow, a class, or the result of {@link subworkflow}. @inline */
export type WorkflowLike = Subworkflow<any> | ChildWorkflow | (new () => object);

export function isSubworkflow(value: unknown): value is Subworkflow {
  return markOf(value) === "Subworkflow";
}
