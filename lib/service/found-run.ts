import type { StoreError } from "../base/errors.js";
import { withJson } from "../base/json.js";
import type { Priority } from "../definition/specs/node-options.js";
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

  readonly #unreadable: StoreError | undefined;

  /** @internal */
  constructor(
    runId: string,
    found: { readonly details: RunDetails } | { readonly unreadable: StoreError },
    pending: PendingResults,
  ) {
    super(runId, pending, { isNew: false });
    this.details = "details" in found ? found.details : undefined;
    this.#unreadable = "details" in found ? undefined : withJson(found.unreadable);
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

  /** The key that it was submitted with. */
  get key(): string | undefined {
    return this.details?.key;
  }

  /** The priority that it was submitted with; undefined if the record can't be read. */
  get priority(): Priority | undefined {
    return this.details?.priority;
  }

  /** The values that its nodes share, as of its last write. */
  get metadata(): Readonly<Record<string, unknown>> {
    return this.details?.metadata ?? {};
  }

  /** When a queued, paused or waiting run begins, or goes on, by itself, in ms since 1970; undefined if it does not. */
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
    return this.#unreadable ?? this.details?.error;
  }

  /** For `JSON.stringify`: all but the details. */
  override toJSON(): object {
    const { runId, workflow, kind, status, key, priority, metadata } = this;
    const { dueAt, waitingFor, pauses, outputs, error } = this;
    const about = { runId, workflow, kind, status, key, priority, metadata };
    return { ...about, dueAt, waitingFor, pauses, outputs, error };
  }

  /** `Run 1f3a of "etl" (completed)`, for logs. */
  override toString(): string {
    const of = this.workflow === undefined ? "" : ` of "${this.workflow}"`;
    return `${super.toString()}${of} (${this.status})`;
  }
}
