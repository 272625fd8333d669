import type { LazyAbort } from "../base/abort.js";
import type { Context } from "../definition/context.js";
import type { Backend } from "../definition/specs/backend.js";
import type { CallSite } from "../definition/specs/call-site.js";
import type { NodeSpec } from "../definition/specs/node-spec.js";

/** One attempt of a node, ready to be executed. */
export interface AttemptCall {
  readonly spec: NodeSpec;
  /** The arguments in order, including the context if the function takes one. */
  readonly args: readonly unknown[];
  readonly ctx: Context;
}

/** An attempt, with everything a runner needs to execute it elsewhere. */
export interface RemoteCall extends AttemptCall {
  /** The location of the attempt, for errors. */
  readonly site: CallSite;
  /** The trace that it belongs to, for telemetry where it is executed; undefined if there is none. */
  readonly trace?: string | undefined;
  /** The store that records the run; undefined if none does. */
  readonly store?: object | undefined;
  /** How many earlier attempts of the node were interrupted, as the drivers of the run died. */
  readonly interrupted?: number;
  /** The results of the node's needs, by name. Cost: O(needs) per read. */
  readonly needs: readonly (readonly [name: string, result: unknown])[];
  /**
   * Returns the array buffers in the arguments that this runner created and no other node takes. They are transferred
   * instead of copied, and the run drops the results that hold them.
   */
  takeBuffers(): ArrayBuffer[];
  /** The trips that it may go with; undefined for a call that goes alone. */
  readonly trips?: Trips | undefined;
}

/** Calls that a runner may send together. */
export interface Trips {
  /** The maximum number of calls in a trip, at present. */
  readonly size: number;
}

/**
 * Executes attempts, as the engine asks for it: on this thread, on worker threads, or on a backend of the user's. It knows
 * where they run, but neither when nor why.
 */
export interface Runner {
  /** The name shown in places and results. */
  readonly name: string;
  /** The backend of the user's whose calls it makes; undefined for those that every run has. */
  readonly backend?: Backend | undefined;
  /** The maximum number of concurrent calls in one run. */
  readonly limit: number;
  /**
   * Calls the node's function once.
   * @param abort - aborts when the result is no longer needed; stops the function if possible
   * @param onStart - called when the function starts, at least for nodes with a timeout, which counts from then
   * @returns its result, or a promise of it
   * @throws what the function throws; {BackendError} BACKEND when it can't be called, or its outcome is lost
   */
  execute(call: RemoteCall, abort: LazyAbort, onStart: () => void): unknown;
  /**
   * Trips for calls of one node; undefined in a runner where sending costs nothing.
   * @param size - the number of calls in a trip; undefined to choose it by how long they take
   * @param limit - returns how many trips may be under way at a time
   */
  newTrips?(size: number | undefined, limit: () => number): Trips;
}
