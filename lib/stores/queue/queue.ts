/** The queue port: what services and clients need of a store. All times are by the clock that the store's clients share. */
import type { WorkflowKind } from "../../definition/defined.js";
import type { RecordedRun } from "../store.js";

/** Runs that are submitted by some processes and driven by others. */
export interface RunQueue {
  /**
   * Records a run for the services to drive. Of runs with the same key, only the first is recorded.
   * @returns the run that has the key, or the new one
   * @throws {StoreError} RUN_EXISTS, KEY_CONFLICT when the run with this key has other inputs, UNSTORABLE
   */
  submit(run: Submission): Promise<Submitted>;
  /**
   * Reserves runs that are ready, in order: those of the highest priority first, then those that are due first, then the
   * oldest. A reserved run is begun or continued with `RunStore.claim`, by the same store. Until then it keeps its status.
   */
  claimNext(request: ClaimRequest): Promise<Claimed>;
  /** Makes due runs ready. */
  promoteDue(workflows: readonly string[]): Promise<Promoted>;
  /**
   * Gives back runs that this store has reserved, or no longer drives: they are queued again. A run that has been
   * claimed again since then is left alone.
   * @param delay - how long nobody may claim them, in ms; only for runs that it has not begun to drive
   */
  release(runs: readonly HeldRun[], delay?: number): Promise<void>;
  /**
   * Fails a run that this store has reserved and can't begin, or has driven and can't record. A run that has been
   * claimed again since then is left alone.
   */
  fail(run: HeldRun, error: unknown): Promise<void>;
  /**
   * Carries out at once the request to a run that this store has reserved and can't begin yet. A run that has been
   * claimed again since then is left alone.
   */
  carryOut(run: HeldRun): Promise<void>;
  /** The workflow of a run; undefined when there is no run with this id. */
  workflowOf(runId: string): Promise<RunWorkflow | undefined>;
  /**
   * Cancels or pauses a run. A run without a driver is cancelled or paused at once; otherwise, the request is recorded,
   * and reaches the driver within a second.
   * @throws {StoreError} NOT_FOUND, RUN_ENDED; {ValidationError} for a run inside another one
   */
  request(runId: string, request: DriverRequest): Promise<RequestOutcome>;
  /**
   * Queues a run again that is paused or waiting, or that failed or was cancelled. A run that had yet to begin begins
   * at the time that it was submitted for.
   * @throws {ValidationError} for a run inside another one, and for one that is queued; {StoreError} NOT_FOUND, RUN_ENDED
   *   when it is completed, LEASE_HELD while it has a driver, UNSTORABLE; whatever the check of the answers throws
   */
  resume(runId: string, answers?: Answers): Promise<void>;
  /**
   * Looks after the runs whose drivers are gone, and those that came to rest before they got a request or took an
   * event: they become ready, or are cancelled or paused. A run whose drivers have died more than `maxRecoveries` times
   * in a row, without completing a node or a cycle in between, fails as `POISONED`.
   * @returns how many became ready
   * @throws {StoreError} for the first run that can't be read, after all others were looked after
   */
  sweep(workflows: readonly ServedWorkflow[], maxRecoveries: number): Promise<number>;
  /** How often to sweep, in ms: a few times per lease. */
  readonly sweepInterval: number;
  /** When the first lease that others held at the last sweep ends, in ms since 1970; Infinity if there was none. */
  readonly nextLapse: number;
  /** Counts the runs of workflows, taken together. */
  health(workflows: readonly string[]): Promise<QueueHealth>;
  /** Counts the runs of each of the workflows, in one query. */
  healthByWorkflow(workflows: readonly string[]): Promise<ReadonlyMap<string, QueueHealth>>;
  /** How the runs ended; only those that have. */
  endsOf(runIds: readonly string[]): Promise<ReadonlyMap<string, RunEndKind>>;
  /**
   * Calls `listener` when there may be something to do: at once for what this store does, and, if the database has
   * notices, for what others do. Calls may be unnecessary, and some may be missed, so poll as well.
   * @returns a function that stops it
   */
  onWake(listener: OnWake): () => void;
  /** Those of the runs that nobody has claimed and that are ready, or due at some time. */
  unclaimed(runIds: readonly string[]): Promise<readonly UnclaimedRun[]>;
  /** The first runs that are ready, in the order in which they would be claimed. */
  ready(workflows: readonly ServedWorkflow[], limit: number): Promise<readonly UnclaimedRun[]>;
}

/**
 * What happened: runs became ready, or will be due; runs came to rest; runs ended; there is a request to a driver, or
 * to one that has yet to begin; or a schedule changed. Runs at rest, and requests to drivers that have yet to begin,
 * are told in this process only.
 */
export type Wake = "ready" | "rested" | "ended" | "requested" | "asked" | "scheduled";

/**
 * @param runIds - the runs that this store made ready or that came to rest here, or whose drivers have a request;
 *   otherwise undefined
 */
export type OnWake = (what: Wake, runIds?: readonly string[]) => void;

/** A run that is ready, or due at some time. */
export interface UnclaimedRun {
  readonly runId: string;
  readonly workflow: string;
  readonly priority: number;
  /** See {@link ClaimedRun.isFresh}. */
  readonly isFresh: boolean;
  /** The fencing token, which is new after each claim. */
  readonly token: number;
  /** How long until it is ready, in ms; 0 if it is ready now. */
  readonly readyIn: number;
  /** Whether it is, or was, due at a certain time. */
  readonly isTimed: boolean;
}

/** A request of another process to the driver of a run. */
export interface DriverRequest {
  readonly kind: "cancel" | "pause";
  readonly reason?: unknown;
}

/** The results with which a run is resumed. */
export interface Answers {
  /** By the names of the nodes that paused, see `RecordedRun.provided`. */
  readonly provide: Readonly<Record<string, unknown>>;
  /** Throws if the run does not take them. Nothing is added to the run in between. */
  readonly check: (run: RecordedRun) => void;
}

/** What became of a request: it was carried out, or recorded for the run's driver. */
export type RequestOutcome = "done" | "requested";

/** How a run ended. `gone`: there is no run with this id. */
export type RunEndKind = "completed" | "failed" | "cancelled" | "gone";

/** The number of runs, without those inside others. */
export interface QueueHealth {
  readonly running: number;
  /** Waiting for times or events, and not ready. */
  readonly waiting: number;
  /** Ready for a service, or put off since none could drive them. */
  readonly due: number;
  /** How long the first of these has been due, in ms. */
  readonly lag: number;
  /** When the first of these became due, in ms since 1970; undefined if there is none. */
  readonly oldestDue: number | undefined;
  /** Reserved by services that have yet to begin or continue them. */
  readonly claimed: number;
}

export interface Submission {
  readonly runId: string;
  readonly workflow: string;
  /** Undefined, as is the structure, if the submitter knows the workflow only by its name. */
  readonly kind: WorkflowKind | undefined;
  /** Undefined if the submitter does not know the workflow. */
  readonly structure: string | undefined;
  readonly inputs: Readonly<Record<string, unknown>>;
  /** The inputs before schemas parsed them. Two submissions with the same key are equal if these are. */
  readonly given?: Readonly<Record<string, unknown>> | undefined;
  readonly metadata?: Readonly<Record<string, unknown>> | undefined;
  /** Unique among the runs of the workflow. */
  readonly key?: string | undefined;
  /** From 0 to 100. @defaultValue 50 */
  readonly priority?: number | undefined;
  /**
   * When it is due: a time in ms since 1970, or a delay in ms. A time in the past means at once.
   * @defaultValue at once
   */
  readonly due?: { readonly at: number } | { readonly in: number } | undefined;
  /** The name of the schedule that submits it. */
  readonly schedule?: string | undefined;
  /** See {@link NewRun.trace}. */
  readonly trace?: string | undefined;
  /** The run that it replays, and the first node to compute again. */
  readonly parent?: ReplayedRun | undefined;
}

export interface RunWorkflow {
  readonly workflow: string;
  /** Undefined until it begins for a submitted run whose submitter did not know it. */
  readonly kind: WorkflowKind | undefined;
  /** Undefined for such a run, too, and for that of a schedule. */
  readonly structure: string | undefined;
}

export interface ReplayedRun {
  readonly runId: string;
  readonly node: string;
}

export interface Submitted {
  readonly runId: string;
  readonly isNew: boolean;
}

/** A workflow that a service drives. */
export interface ServedWorkflow {
  readonly name: string;
  readonly kind: WorkflowKind;
  /** Those that its runs may have: of its current version, and of earlier ones. */
  readonly structures: readonly string[];
}

/** A workflow whose runs may be claimed, within limits that all clients of the store share. */
export interface ClaimableWorkflow extends ServedWorkflow {
  /** How many of its runs may be driven at once. */
  readonly maxRunning?: number | undefined;
  /** How many runs may begin in any window of `interval` ms. */
  readonly rate?: { readonly limit: number; readonly interval: number } | undefined;
}

export interface ClaimRequest {
  readonly workflows: readonly ClaimableWorkflow[];
  /** The maximum number of runs. */
  readonly limit: number;
  /** Claims only these, whether they are ready or due. @defaultValue all that are ready */
  readonly runIds?: readonly string[] | undefined;
}

export interface Claimed {
  /** In order. */
  readonly runs: readonly ClaimedRun[];
  /** How long until a rate allows more runs, in ms; undefined if no rate is used up. */
  readonly nextIn: number | undefined;
  /** Whether limits or rates kept it from claiming more. */
  readonly isLimited: boolean;
}

/** A reserved run. */
export interface HeldRun {
  readonly runId: string;
  /** Its fencing token, which no other reservation of it has. */
  readonly token: number;
}

export interface ClaimedRun extends HeldRun {
  readonly workflow: string;
  readonly kind: WorkflowKind;
  /** Undefined for a fresh run whose submitter did not know it. */
  readonly structure: string | undefined;
  /** Whether nobody has begun it: only what was submitted is recorded. */
  readonly isFresh: boolean;
  /** How many drivers of it have died in a row, without completing a node or a cycle in between. */
  readonly recoveries: number;
  /** The run that a fresh run replays, and the first node to compute again. */
  readonly parent: ReplayedRun | undefined;
}

export interface Promoted {
  /** How many runs became ready. */
  readonly promoted: number;
  /** How long until the next run is due, in ms; undefined if none is, or if none of the due runs can be made ready. */
  readonly nextIn: number | undefined;
  /** Whether there are ready runs, perhaps of versions that nobody here has. */
  readonly hasReady: boolean;
}
