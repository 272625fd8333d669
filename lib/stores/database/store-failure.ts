import { processWide } from "../../base/process-wide.js";
import type { StoreError } from "../../base/errors.js";
import type { Failure } from "./retry.js";

/**
 * How a store itself failed, as opposed to something recorded in it.
 *
 * - `unreachable`: its database can't be reached, is locked, or is out of service for now: trying again may help;
 * - `refused`: its database rejects the statement, and would reject it again;
 * - `closed`: it is closed for good.
 */
type StoreFailure = "unreachable" | "refused" | "closed";

const failures = processWide("store-failures", () => new WeakMap<object, StoreFailure>());

/** Marks the error of a store that has failed. */
export function failed(error: StoreError, how: StoreFailure): StoreError {
  failures.set(error, how);
  return error;
}

/** Marks the error of a statement that has failed. */
export function statementFailed(error: StoreError, failure: Failure): StoreError {
  return failed(error, failure === "rejected" ? "refused" : "unreachable");
}

/** How the store failed; undefined for an error about something else, such as a damaged record. */
export function storeFailure(error: unknown): StoreFailure | undefined {
  return typeof error === "object" && error !== null ? failures.get(error) : undefined;
}

/** Whether the store is out of service, for now or for good. */
export function isOutOfService(error: unknown): boolean {
  const failure = storeFailure(error);
  return failure === "unreachable" || failure === "closed";
}

export function isUnreachable(error: unknown): boolean {
  return storeFailure(error) === "unreachable";
}
