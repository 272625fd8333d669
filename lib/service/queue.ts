/** The queue port: how a service learns which runs there are to drive, and when. */
import type { ClaimableWorkflow, Claimed, ClaimedRun, RunQueue } from "../stores/queue/queue.js";

/** What brings the runs of a store to its services: see `bullmq` of `dagwright/bullmq`. */
export interface ServiceQueue {
  /** @internal */
  open(runs: RunQueue): OpenQueue;
}

/**
 * The queue of a service or a client. The store says which runs there are, and who drives them: a queue only has to bring
 * each run that is ready to some service.
 *
 * @internal
 */
export interface OpenQueue {
  /** Resolves when runs can be claimed. @throws {StoreError} when they can't */
  start(): Promise<void>;
  /** Claims runs that are ready, as far as the queue gives them in order. @throws {StoreError} when the store fails */
  claim(request: QueueRequest): Promise<Taken>;
  /** Called when a claimed run is no longer driven here: there may be room for others of its workflow. */
  over(run: ClaimedRun): void;
  /**
   * Calls `listener` when there may be runs to claim. It may be called for nothing, and a call may be missed.
   * @returns a function that stops it
   */
  onReady(listener: () => void): () => void;
  /** Stops claiming until it is started again. The runs that it knows of are left to other services. */
  stop(): Promise<void>;
  /** Closes it for good, after passing on what was submitted. */
  close(): Promise<void>;
}

/** @internal */
export interface QueueRequest {
  readonly workflows: readonly ClaimableWorkflow[];
  /** The maximum number of runs; 0 while no slot is free. */
  readonly limit: number;
}

/** @internal */
export interface Taken extends Pick<Claimed, "runs"> {
  /** In how many ms to ask again, if nothing happens; undefined if nothing is known to become ready. */
  readonly nextIn: number | undefined;
}
