import type { Context } from "../definition/context.js";
import type { NodeSpec } from "../definition/specs/node-spec.js";

/** One attempt, ready to be executed. */
export interface AttemptCall {
  readonly spec: NodeSpec;
  /** The arguments in order, the context among them where the function takes one. */
  readonly args: readonly unknown[];
  readonly ctx: Context;
}

/** The port behind which an attempt runs: it knows where, and neither when nor why. */
export interface Backend {
  readonly name: string;
  /**
   * Calls the node's function once.
   * @returns its result, or a promise of it
   * @throws what the function throws
   */
  execute(call: AttemptCall): unknown;
}
