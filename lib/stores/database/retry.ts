import { outsideTime } from "../../base/clockwork.js";

/**
 * Why a statement or a transaction failed.
 *
 * - `transient`: it wrote nothing, and may succeed if retried;
 * - `disconnected`: the connection broke, and whether it wrote anything is unknown;
 * - `timeout`: the server did not answer in time, and whether it wrote anything is unknown;
 * - `rejected`: the database rejected it, perhaps because of its data;
 * - `fatal`: it failed for a reason outside its data, such as a lock or a full disk, and may succeed much later.
 */
export type Failure = "transient" | "disconnected" | "timeout" | "rejected" | "fatal";

/** How long to keep retrying after the first failure, in ms. */
const RETRY_PERIOD = 5000;

const FIRST_DELAY = 10;
const MAX_DELAY = 500;

/** The delay before a retry when the server did not answer, in ms. */
const DELAY_AFTER_TIMEOUT = 1000;

/**
 * Retries an operation for about 5 s, with exponential backoff, as long as its failures may be transient.
 * @param work - must be idempotent: it is retried even when it may have succeeded
 */
export async function withRetries<T>(work: () => Promise<T>, classify: (error: unknown) => Failure): Promise<T> {
  let deadline = Infinity;
  for (let maxDelay = FIRST_DELAY; ; maxDelay = Math.min(2 * maxDelay, MAX_DELAY)) {
    try {
      return await work();
    } catch (error) {
      const failure = classify(error);
      const isRetryable = failure === "transient" || failure === "disconnected" || failure === "timeout";
      const time = outsideTime().now();
      deadline = Math.min(deadline, time + RETRY_PERIOD);
      if (!isRetryable || time >= deadline) throw error;
      const delay = failure === "timeout" ? DELAY_AFTER_TIMEOUT : maxDelay * (0.5 + Math.random() / 2);
      await outsideTime().sleep(delay);
    }
  }
}
