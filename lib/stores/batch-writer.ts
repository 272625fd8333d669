import type { Batch } from "./batch.js";

/** What is to be written of one run by its driver. */
export interface FencedBatch {
  readonly runId: string;
  /** The number of this driver among all that the run has had: nothing is written for another one. */
  readonly token: number;
  readonly batch: Batch;
}

/** Writes what several runs add, all in one transaction, which does no harm when it is repeated. */
export interface BatchWriter {
  /**
   * @param writes - of different runs
   * @returns the ids of the runs that were written: not those that somebody else drives, nor new ones that exist already
   */
  write(writes: readonly FencedBatch[]): Promise<ReadonlySet<string>>;
}
