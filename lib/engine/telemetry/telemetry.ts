/**
 * The telemetry port: what follows runs from outside. Like an observer, it gets every event. It also carries a
 * context of its own: into the functions that a run calls, into runs inside, to other threads, and through the store to
 * whoever drives the run next.
 *
 * It must not throw, except for what the `work` that it calls throws.
 */
import type { WorkflowKind } from "../../definition/defined.js";
import type { EventFacts } from "../../run/events.js";

/** Made by `otel` of `dagwright/otel`. */
export interface Telemetry {
  /**
   * Follows a run that is being created, in the context of its caller.
   * @internal
   */
  follow(run: FollowedRun): RunTelemetry;
  /**
   * Calls `send`, which records a run of a workflow for others to drive, with the trace to record with it.
   * @internal
   */
  submit<T extends { readonly runId: string }>(
    workflow: string,
    send: (trace: string | undefined) => Promise<T>,
  ): Promise<T>;
  /**
   * Starts to report how many runs wait.
   * @returns a function that stops it
   * @internal
   */
  watch(count: () => Promise<WaitingRuns>): () => void;
}

/** A run that is followed. */
export interface FollowedRun {
  readonly runId: string;
  readonly workflow: string;
  readonly kind: WorkflowKind | undefined;
  /** Undefined for a new run. */
  readonly past: RecordedPast | undefined;
}

/** What is recorded of a run that begins, or continues, from its record. */
export interface RecordedPast {
  /** The trace that it belongs to; undefined if there is none. */
  readonly trace: string | undefined;
  /** Whether it has had a driver before. */
  readonly isResumed: boolean;
}

/** How many runs of a store wait: at rest until a time or an event, and for a service. */
export interface WaitingRuns {
  readonly waiting: number;
  readonly due: number;
}

/** Follows one run. */
export interface RunTelemetry {
  /** The trace to record with the run, for whoever drives it next; undefined if there is none. */
  readonly trace: string | undefined;
  /** Calls `work`, with which the run begins, as part of the run. */
  within<T>(work: () => T): T;
  /** Called with every event. @param node - the name of its node or state */
  record(facts: EventFacts, node: string | undefined): void;
  /**
   * Called when an attempt of a node, or of an item of a map, begins.
   * @param attempt - counted from 1
   * @param item - its index
   */
  attempt(node: string, attempt: number, item: number | undefined): AttemptTelemetry;
  /**
   * The cached result of a node, or of an item of a map, is computed anew in the background. The run goes on, or is over.
   * @returns undefined if it is not followed
   */
  refresh(node: string, item: number | undefined): RefreshTelemetry | undefined;
  /** Called when the run continues elsewhere. Nothing more is reported here. */
  lost(): void;
}

/** Follows a computation in the background. */
export interface RefreshTelemetry {
  /** Called when an attempt begins. @param attempt - counted from 1 */
  attempt(attempt: number): AttemptTelemetry;
  /** Called once. */
  ended(how: "completed"): void;
  ended(how: "failed", error: unknown): void;
}

/** How an attempt ends. */
export type AttemptEnd = "completed" | "failed" | "paused" | "cancelled";

/** Follows one attempt. */
export interface AttemptTelemetry extends Pick<Telemetry, "follow"> {
  /** The trace to pass on when the function is called in another thread; undefined if there is none. */
  readonly trace: string | undefined;
  /** Calls `work` as part of the attempt. */
  within<T>(work: () => T): T;
  /** @param outcome - what the function returned, or threw */
  ended(how: AttemptEnd, outcome?: unknown): void;
}
