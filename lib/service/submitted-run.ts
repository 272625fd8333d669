import { brand } from "../base/brand.js";
import type { ChildRun } from "../run/child-run.js";
import type { PendingResults } from "./pending-results.js";

/** A run that was submitted. `R` is its result, `P` the payloads of its events by name. */
export class SubmittedRun<R = ChildRun, P = Record<string, any>> {
  static {
    brand(this, "SubmittedRun");
  }

  /** Only for the compiler: the payloads of its events. */
  declare readonly payloads: P;

  /** Whether it did not exist before: false for a run that had been submitted with the same key. */
  readonly isNew: boolean;
  readonly #pending: PendingResults;

  /** @internal */
  constructor(
    readonly runId: string,
    pending: PendingResults,
    { isNew }: { readonly isNew: boolean },
  ) {
    this.isNew = isNew;
    this.#pending = pending;
  }

  /**
   * Settles as `run` does, wherever the run is driven. A paused or waiting run keeps it open.
   * @throws what the run rejected with, as recorded; {StoreError} NOT_FOUND when it is deleted, POISONED when it keeps
   *   killing its drivers, STORE when its record can't be read; {ClosedError} when the client is closed first
   */
  result(): Promise<R> {
    return this.#pending.of(this.runId) as Promise<R>;
  }

  /** For `JSON.stringify`. */
  toJSON(): object {
    const { runId, isNew } = this;
    return { runId, isNew };
  }

  /** For `console.log`. */
  [Symbol.for("nodejs.util.inspect.custom")](): object {
    return this.toJSON();
  }

  /** `Run 1f3a`, for logs. */
  toString(): string {
    return `Run ${this.runId}`;
  }
}
