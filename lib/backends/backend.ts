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

/** An attempt, with all that a backend needs to execute it elsewhere. */
export interface BackendCall extends AttemptCall {
  /** Where the attempt is, for errors. */
  readonly site: ErrorSite;
  /** The results of the node's needs, by name. Cost: O(needs) a read. */
  readonly needs: readonly (readonly [name: string, result: unknown])[];
  /**
   * The array buffers among the arguments that this backend has made and no other node takes, to be transferred instead
   * of copied. The run drops the results that hold them.
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
   * @param abort - aborts when the result is no longer wanted; the function is stopped if it can be
   * @param onStart - called when the function is called, at least for nodes with a timeout, which counts from there
   * @returns its result, or a promise of it
   * @throws what the function throws; {BackendError} BACKEND when it can't be called, or its outcome is lost
   */
  execute(call: BackendCall, abort: LazyAbort, onStart: () => void): unknown;
  /** Ends what it holds, such as threads. Its owner calls this, a run never does. */
  close(): Promise<void>;
}
