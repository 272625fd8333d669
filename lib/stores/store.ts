/** The port to where runs are recorded. Engines know stores by it, and nothing of what is behind it. */
import type { Pause } from "../run/pause.js";
import type { RunStatus } from "../run/status.js";

/**
 * `strict`: a completion is durable before anything that depends on it starts. `relaxed`: within 100 ms, and nothing waits
 * for it.
 */
export type Durability = "strict" | "relaxed";

export type WorkflowKind = "dag" | "fsm";

/** Where runs are kept. Made by `sqliteStore` and `postgresStore` of `dagwright/store`. */
export interface RunStore {
  /**
   * Records a new run, which the caller drives from then on.
   * @throws {StoreError} RUN_EXISTS when there is one of this id, UNSTORABLE when its inputs can't be kept
   */
  create(run: NewRun): Promise<RunLog>;
  /**
   * Shows a run that nobody drives to `accept`, and unless that gives undefined, lets the caller drive it: all in one
   * transaction, so that nothing is added to the run between.
   * @throws {StoreError} NOT_FOUND, LEASE_HELD while somebody drives it, UNSTORABLE for an event; what `accept` throws
   */
  claim(runId: string, accept: (run: RecordedRun) => Claim | undefined): Promise<RunLog | undefined>;
  /** What is recorded of a run. @throws {StoreError} NOT_FOUND */
  read(runId: string): Promise<RecordedRun>;
  /**
   * Records an event for a run of an fsm, once for each key: whoever drives the run takes it, now or when it is taken up.
   * @param behind - what has to resolve before
   * @throws {StoreError} UNSTORABLE, NOT_FOUND, RUN_ENDED; {ValidationError} for a run of another workflow
   */
  send(event: SentEvent, behind?: Promise<unknown>): Promise<void>;
  /** The cycles of a run of an fsm that came after one, in order, with those that are still to be written here. */
  cyclesAfter(runId: string, cycle: number): Promise<readonly StateVisit[]>;
  /** The runs of a workflow that have to go on and that this store does not drive. */
  recoverable(workflow: string, kind: WorkflowKind): Promise<RecoverableRuns>;
  /** Whoever looks into the store, or closes it, waits until `work` has settled: the recording of an end that is known. */
  waitUntil(work: Promise<unknown>): void;
}

/** Ids of runs, oldest first. */
export interface RecoverableRuns {
  /** Driven by nobody: unfinished ones, and paused ones whose time has come, or an event that they wait for. */
  readonly free: readonly string[];
  /** Driven by somebody else, whose lease has not run out. */
  readonly held: readonly string[];
}

/** Who drives a run, and how it writes. */
export interface RunDriver {
  readonly durability: Durability;
  /** What the nodes share, as it is when it is asked for; kept with every write. */
  metadata(): Readonly<Record<string, unknown>> | undefined;
  /** Called once, when something can't be written: the run is nobody's, or not durable, from then on. */
  onFailure(error: Error): void;
  /** Called with events that others recorded for the run: in order, and once with each. */
  onEvents(events: readonly QueuedEvent[]): void;
}

export interface NewRun {
  readonly driver: RunDriver;
  readonly runId: string;
  readonly workflow: string;
  readonly kind: WorkflowKind;
  /** Identifies what the run can be continued with, see `planning/structure.ts`. */
  readonly structure: string;
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly parent: Parent | undefined;
  /** The nodes that a partial run computes; undefined for all. */
  readonly scope: readonly string[] | undefined;
}

/** The run that a new one takes results from, and the first node that it computes anew. */
export interface Parent {
  readonly runId: string;
  readonly node: string;
}

export interface Claim {
  readonly driver: RunDriver;
  /** The structure that the run goes on with, if it is another one. */
  readonly structure: string | undefined;
  /** Nodes whose results don't hold any more. */
  readonly discard: readonly string[];
  /** Events that the run is sent with it, behind those that are recorded. */
  readonly sent: readonly QueuedEvent[];
}

/** What is written of a node's attempt. Attempt 0 is what became of the node without one: it was skipped, cached, given. */
export interface AttemptEntry extends AttemptOutcome {
  readonly node: string;
  readonly attempt: number;
  readonly status: AttemptStatus;
  /** In ms since 1970. */
  readonly startedAt: number | undefined;
  readonly finishedAt: number | undefined;
}

export interface AttemptOutcome {
  /** Of a node with a result. */
  readonly output?: { readonly value: unknown };
  /** Of a fork: the branch it took. */
  readonly branch?: string;
  readonly isCached?: boolean;
  readonly error?: unknown;
  /** Why it was skipped, or paused. */
  readonly reason?: string;
}

export type AttemptStatus =
  "running" | "completed" | "failed" | "skipped" | "cancelled" | "paused" | "copied" | "superseded";

/** A result that went from one node to another. */
export interface Traversal {
  readonly from: string;
  readonly to: string;
  /** The part of the result that went; undefined for all of it. */
  readonly output: string | undefined;
  /** The parameter it went to. */
  readonly input: string;
}

/** What is written of an fsm's cycle, when it begins and again when it is over. */
export interface CycleEntry {
  /** Counted from 0. */
  readonly cycle: number;
  readonly state: string;
  /** `entered`: it is the run's next cycle. */
  readonly status: CycleStatus;
  readonly attempts: number;
  readonly startedAt: number | undefined;
  readonly finishedAt: number | undefined;
  /** What the state got, unless that is the value of the cycle before. */
  readonly input: { readonly value: unknown } | undefined;
  /** The event that led to it. */
  readonly event: string | undefined;
  readonly output?: { readonly value: unknown };
  readonly error?: unknown;
  /** Why it paused. */
  readonly reason?: string;
  /** What it waits for, after it was over. */
  readonly wait?: RecordedWait;
}

export type CycleStatus = "entered" | "running" | "completed" | "failed" | "cancelled" | "paused";

export interface RecordedWait {
  /** The next state by event. */
  readonly events: readonly (readonly [event: string, state: string])[];
  /** Where to go, and when, in ms since 1970. */
  readonly after: { readonly at: number; readonly state: string } | undefined;
}

/** That a run was in a state. */
export type StateVisit = Pick<CycleEntry, "cycle" | "state">;

/** An event that an fsm has not taken yet. */
export interface QueuedEvent {
  /** Unique in the run. */
  readonly id: string;
  readonly event: string;
  readonly payload: unknown;
  /** In ms since 1970. */
  readonly sentAt: number;
}

/** An event that is sent to a run of an fsm, whoever drives that. */
export interface SentEvent {
  readonly runId: string;
  readonly workflow: string;
  readonly event: string;
  readonly payload: unknown;
  /** Of several events with the same key, a run gets the first. */
  readonly key: string | undefined;
}

/**
 * What the driver of a run writes. Entries are encoded as they are added, and become durable in their order, together with
 * all that is added, to any run of the store, in the same turn of the event loop.
 */
export interface RunLog {
  /** @throws {StoreError} UNSTORABLE naming the path of what can't be kept */
  attempt(entry: AttemptEntry): void;
  /** @param list - all that went to one node */
  traversals(list: readonly Traversal[]): void;
  /** @throws {StoreError} UNSTORABLE */
  cycle(entry: CycleEntry): void;
  /** Adds all of some events, or none. @throws {StoreError} UNSTORABLE */
  sent(events: readonly QueuedEvent[]): void;
  /** To be added together with what the event leads to. */
  taken(event: Pick<QueuedEvent, "id">): void;
  /** Whether the run waits for events, so that {@link RunDriver.onEvents} is soon told of those that others record. */
  waits(isWaiting: boolean): void;
  /** Resolves when {@link RunDriver.onEvents} has been told of all events that were recorded before. */
  pollEvents(): Promise<void>;
  /** Resolves when all that was added is durable, however the run is driven. @throws {StoreError} when that fails */
  written(): Promise<void>;
  /**
   * What of the run paused it, which is about to end, and when it goes on by itself in any case, in ms since 1970.
   * @throws {StoreError} UNSTORABLE
   */
  paused(reason: string | undefined, pauses: readonly Pause[], dueAt: number | undefined): void;
  /** Resolves when all that was added is durable; never, once the log has failed. Undefined when nobody has to wait. */
  durable(): Promise<void> | undefined;
  /** Makes all durable, with how the run ended, and ceases to drive it. @throws {StoreError} when that fails */
  finish(end: RunEnd): Promise<void>;
}

export interface RunEnd {
  readonly status: RunStatus;
  /** The nodes whose results are the run's outputs. */
  readonly outputs: readonly string[];
  readonly error: unknown;
}

/** A run as it is recorded. */
export interface RecordedRun {
  readonly runId: string;
  readonly workflow: string;
  readonly kind: WorkflowKind;
  readonly status: "running" | RunStatus;
  readonly structure: string;
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly scope: readonly string[] | undefined;
  /** The nodes whose results are the run's. */
  readonly outputs: readonly string[];
  /** What the run rejected with; undefined when it did not. */
  readonly error: unknown;
  /** In ms since 1970. */
  readonly createdAt: number;
  readonly finishedAt: number | undefined;
  readonly nodes: ReadonlyMap<string, RecordedNode>;
  readonly cycles: readonly RecordedCycle[];
  readonly events: readonly QueuedEvent[];
  /** When a paused run is to be taken up again, in ms since 1970. */
  readonly dueAt: number | undefined;
  /** What its pauses say, in their order; read when it is asked for. @throws {StoreError} STORE for unreadable data */
  readonly pauses: readonly Pause[];
}

/** What became of a node so far. */
export interface RecordedNode {
  readonly status: AttemptStatus;
  readonly attempts: number;
  readonly output: { readonly value: unknown } | undefined;
  readonly branch: string | undefined;
  readonly isCached: boolean;
  readonly reason: string | undefined;
  readonly error: unknown;
  readonly startedAt: number | undefined;
  readonly finishedAt: number | undefined;
}

export interface RecordedCycle extends CycleEntry {
  /** The host and process it was executed in. */
  readonly worker: string | undefined;
}
