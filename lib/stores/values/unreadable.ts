/** Errors for rows that no store wrote. */
import { show } from "../../base/check.js";
import { StoreError } from "../../base/errors.js";
import { messageOf } from "../../base/message.js";

/** @param place - the column or table @param reason - what is wrong with it */
export function unreadable(runId: string, place: string, reason: string, cause?: unknown): StoreError {
  const message = `Run ${show(runId)} can't be read: ${place} is corrupt: ${reason}. Restore it from a backup, or delete the run.`;
  return new StoreError(message, "STORE", cause === undefined ? undefined : { cause });
}

/** Like {@link unreadable}, for an entry of a cache. */
export function unreadableEntry(key: string, column: string, reason: string, cause?: unknown): StoreError {
  const message = `A stored value can't be read: column "${column}" of cache entry ${show(key)} is corrupt: ${reason}. Delete the entry.`;
  return new StoreError(message, "STORE", cause === undefined ? undefined : { cause });
}

/** The reason in an error of reading a column, without a final period. */
export function reasonOf(error: unknown): string {
  return messageOf(error instanceof StoreError && error.cause !== undefined ? error.cause : error).replace(/\.$/u, "");
}
