import type { StoreError } from "../base/errors.js";
import type { ChildRun } from "../run/child-run.js";
import type { WaitingFor } from "../run/waiting-for.js";
import type { Pause } from "../run/pause.js";
import type { RunDetails } from "../stores/reading/run-details.js";
import type { WorkflowKind } from "../stores/store.js";
import type { PendingResults } from "./pending-results.js";
import { SubmittedRun } from "./submitted-run.js";

/** A run as it is recorded, whichever process drives it. */
export class FoundRun<R = ChildRun, P = Record<string, any>> extends SubmittedRun<R, P> {
  /** The complete record; undefined if it can't be read, see {@link FoundRun.error}. */
  readonly details: RunDetails | undefined;

  /** @internal */
  constructor(
    runId: string,
    private readonly found: { readonly details: RunDetails } | { readonly unreadable: StoreError },
    pending: PendingResults,
  ) {
    super(runId, false, pending);
    this.details = "details" in found ? found.details : undefined;
  }

  /**
   * `queued` until a service begins the run, or continues it; `running` while it is driven, also if its process has just
   * died; `unreadable` if the record is damaged.
   */
  get status(): RunDetails["status"] | "unreadable" {
    return this.details?.status ?? "unreadable";
  }

  /** The name of its workflow; undefined if the record can't be read. */
  get workflow(): string | undefined {
    return this.details?.workflow;
  }

  /** The kind of its workflow; undefined if the record can't be read. */
  get kind(): WorkflowKind | undefined {
    return this.details?.kind;
  }

  /** When a queued, paused or waiting run goes on by itself, in ms since 1970; undefined if it does not. */
  get dueAt(): number | undefined {
    return this.details?.dueAt;
  }

  /** The events and the time that it waits for. */
  get waitingFor(): WaitingFor | undefined {
    return this.details?.waitingFor;
  }

  /** Why it is paused, by node. */
  get pauses(): readonly Pause[] {
    return this.details?.pauses ?? [];
  }

  /** The results of its sinks so far, by name; of an fsm, the latest value of its last state. */
  get outputs(): Readonly<Record<string, unknown>> {
    return this.details?.outputs ?? {};
  }

  /** What it rejected with, if it did; the {@link StoreError} of a record that can't be read. */
  get error(): unknown {
    return "unreadable" in this.found ? this.found.unreadable : this.found.details.error;
  }
}
