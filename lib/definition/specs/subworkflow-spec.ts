import { mark, markOf } from "../../base/brand.js";
import { ValidationError } from "../../base/errors.js";
import type { ChildWorkflow } from "../defined.js";

/** The options of {@link subworkflow}. */
export interface SubworkflowOptions<
  Output extends string = string,
  E extends "item" | "entry" | undefined = "item" | "entry" | undefined,
> {
  /**
   * The node, or state, whose result is the value of the workflow.
   * @defaultValue its only sink; all sinks as a record if there are several; in an fsm, the last value
   */
  readonly output?: Output | undefined;
  /** The sources of its inputs, by name: `"node"` or `"node.output"`. Other inputs are found by their names. */
  readonly inputs?: Readonly<Record<string, string>> | undefined;
  /**
   * Of a field with `@map`, what its workflow runs for, so that the result is typed, as a parameter is that is an
   * `Item` or an `Entry`: the items of a list, which give a list, or the entries of a `Map` or a record.
   */
  readonly each?: E;
}

/** A workflow in the place of a node's function. */
export class Subworkflow<T = unknown, S = any> {
  static {
    mark(this, "Subworkflow");
  }

  /** Only for the compiler: the value of the node. */
  declare readonly type: T;
  /** Only for the compiler: what the workflow is made of. */
  declare readonly source: S;
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

/** An instance of an annotated class. Types see no more of it than that it is no function, and no cases. */
export type WorkflowInstance = object & { readonly apply?: never; readonly cases?: never };

/** @throws {ValidationError} VALIDATION for `each`, where no field with `@map` is */
export function refuseEach({ options }: Subworkflow, label: string): void {
  if (options.each === undefined) return;
  throw new ValidationError(
    `${label} has a subworkflow with the option "each", which is for a field with @map. Leave it out.`,
  );
}

export function isSubworkflow(value: unknown): value is Subworkflow {
  return markOf(value) === "Subworkflow";
}
