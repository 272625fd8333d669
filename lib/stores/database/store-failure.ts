import { processWide } from "../../base/process-wide.js";
import type { StoreError } from "../../base/errors.js";

/**
 * What failed of a store, as opposed to what is recorded in it. `unreachable`: its database can't be reached, or does
 * not do what it is told, so that trying again may help. `closed`: it never will again.
 */
type StoreFailure = "unreachable" | "closed";

const failures = processWide("store-failures", () => new WeakMap<object, StoreFailure>());

/** Marks the error of a store that has failed. */
export function failed(error: StoreError, how: StoreFailure): StoreError {
  failures.set(error, how);
  return error;
}

/** How the store failed; undefined for an error about something else, such as a damaged record. */
export function storeFailure(error: unknown): StoreFailure | undefined {
  return typeof error === "object" && error !== null ? failures.get(error) : undefined;
}

export function isUnreachable(error: unknown): boolean {
  return storeFailure(error) === "unreachable";
}
