import type { Batch } from "./batch.js";

/** A batch of one run, written only while its driver still holds the run. */
export interface FencedBatch {
  readonly runId: string;
  /** The driver's fencing token: the batch is dropped if the run's row has another one. */
  readonly token: number;
  readonly batch: Batch;
}

/** Writes the batches of several runs in one transaction. Writing the same batches again is harmless. */
export interface BatchWriter {
  /**
   * @param writes - of different runs
   * @returns the ids of the runs that were written: not runs with another driver, nor new ones whose id is taken
   */
  write(writes: readonly FencedBatch[]): Promise<ReadonlySet<string>>;
}
