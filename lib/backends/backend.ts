import type { LazyAbort } from "../base/abort.js";
import type { Context } from "../definition/context.js";
import type { NodeSpec } from "../definition/specs/node-spec.js";
import type { ErrorSite } from "../run/errors.js";

/** One attempt of a node, ready to be executed. */
export interface AttemptCall {
  readonly spec: NodeSpec;
  /** The arguments in order, the context among them where the function takes one. */
  readonly args: readonly unknown[];
  readonly ctx: Context;
}

/** An attempt with what a backend may need that sends it elsewhere. */
export interface BackendCall extends AttemptCall {
  /** Where the attempt is, for errors. */
  readonly site: ErrorSite;
  /** The results of the node's needs, by name. Cost: O(needs) a read. */
  readonly needs: readonly (readonly [name: string, result: unknown])[];
  /**
   * The array buffers of arguments that the same backend made and no other node takes: the run gives them up, to be
   * transferred instead of copied.
   */
  takeBuffers(): ArrayBuffer[];
}

/** The port behind which attempts run: a backend knows where, and neither when nor why. */
export interface Backend {
  /** The name that places and results show. */
  readonly name: string;
  /** How many calls it may have at once. */
  readonly limit: number;
  /**
   * Calls the node's function once.
   * @param abort - aborts when the result is no longer wanted; what can be stopped then is
   * @param onStart - called when the function of a node with a timeout is, which counts from there
   * @returns its result, or a promise of it
   * @throws what the function throws; {BackendError} BACKEND when it can't be called, or its caller is lost
   */
  execute(call: BackendCall, abort: LazyAbort, onStart: () => void): unknown;
  /** Ends what it holds. Its owner calls this, a run never does. */
  close(): Promise<void>;
}
