/** The store port: the only part of a store that engines depend on. */
import type { WorkflowKind } from "../definition/defined.js";
import type { Pause } from "../run/pause.js";
import type { NodeWait } from "../run/state.js";
import type { RunStatus } from "../run/status.js";
import type { DriverRequest, RunQueue } from "./queue/queue.js";
import type { Codec } from "./values/codec.js";

/**
 * When a completion becomes durable. `strict`: before anything that depends on it starts. `relaxed`: within 100 ms,
 * without delaying the run.
 */
export type Durability = "strict" | "relaxed";

export type { DriverRequest } from "./queue/queue.js";
export type { WorkflowKind } from "../definition/defined.js";

/** A database of runs, created by `sqliteStore` or `postgresStore` from `dagwright/store`. */
export interface RunStore {
  /** @internal */
  readonly queue: RunQueue;
  /** @internal */
  readonly values: ValueStore;
  /**
   * Records a new run, driven by the caller.
   * @throws {StoreError} RUN_EXISTS when the id is taken, UNSTORABLE when its inputs can't be stored
   * @internal
   */
  create(run: NewRun): Promise<RunLog>;
  /**
   * Passes a run without a driver to `accept`, and makes the caller its driver unless `accept` returns undefined. One
   * transaction: nothing is added to the run in between.
   * @param held - the token of a reservation: only as long as this store has it, and no run that is free otherwise
   * @throws {StoreError} NOT_FOUND, LEASE_HELD while the run has a driver, LEASE_LOST when the reservation is lost,
   *   UNSTORABLE for an event; whatever `accept` throws
   * @internal
   */
  claim(runId: string, accept: (run: RecordedRun) => Claim | undefined, held?: number): Promise<RunLog | undefined>;
  /**
   * Reads the record of a run. @throws {StoreError} NOT_FOUND
   * @internal
   */
  read(runId: string): Promise<RecordedRun>;
  /**
   * The time of day in ms since 1970, by the clock that all clients of the store share.
   * @internal
   */
  timeOfDay(): number;
  /**
   * A copy of what the caller may change while it is checked, as it would be stored; the value itself if it can't be.
   * @internal
   */
  copyOf<T>(value: T): T;
  /**
   * Records an event for a run, once per key. The run's driver takes it, now or after the run is recovered.
   * @param after - must resolve first
   * @throws {StoreError} UNSTORABLE, NOT_FOUND, RUN_ENDED; {ValidationError} for a run of another workflow
   * @internal
   */
  send(event: SentEvent, after?: Promise<unknown>): Promise<void>;
  /**
   * The cycles of an fsm's run after the given one, in order, including those this store has yet to write.
   * @internal
   */
  cyclesAfter(runId: string, cycle: number): Promise<readonly StateVisit[]>;
  /**
   * The runs of a workflow that are ready to continue, and those that drivers elsewhere hold.
   * @internal
   */
  recoverable(workflow: string, kind: WorkflowKind): Promise<RecoverableRuns>;
  /**
   * Delays lookups and `close` until `work`, which records the end of a settled run, has settled.
   * @internal
   */
  waitUntil(work: Promise<unknown>): void;
}

/** What nodes that run in other processes need from a store. */
export interface ValueStore {
  /** Encodes the inputs and results of runs with this store. */
  readonly codec: Codec;
  /** Keeps a text, at least as long as the record of the run. @returns the hash that finds it */
  put(runId: string, text: string): Promise<string>;
  /** @throws {StoreError} NOT_FOUND if it has been deleted */
  get(hash: string): Promise<string>;
  /** For each attempt, whether its outcome is recorded or its run has been deleted. */
  haveOutcome(attempts: readonly AttemptPlace[]): Promise<readonly boolean[]>;
}

/** An attempt of a node or, with the index of an item, of an item of a map. */
export interface AttemptPlace {
  readonly runId: string;
  readonly node: string;
  readonly item: number | undefined;
  readonly attempt: number;
}

/** Ids of runs, oldest first. */
export interface RecoverableRuns {
  /** Without a driver: unfinished runs, and paused runs that are due or have received an event they wait for. */
  readonly free: readonly string[];
  /** Running, with a driver elsewhere that holds an unexpired lease. */
  readonly held: readonly string[];
}

/** The driver of a run: the callbacks of its log. */
export interface RunDriver {
  readonly durability: Durability;
  /** The current metadata of the run, stored with every write. */
  metadata(): Readonly<Record<string, unknown>> | undefined;
  /** Called once when a write fails: from then on the run has another driver or is not durable. */
  onFailure(error: Error): void;
  /** Called with events that other processes recorded for the run: in order, each once. */
  onEvents(events: readonly QueuedEvent[]): void;
  /** Called when another process makes a request. */
  onRequest(request: DriverRequest): void;
}

export interface NewRun {
  readonly driver: RunDriver;
  readonly runId: string;
  readonly workflow: string;
  readonly kind: WorkflowKind;
  /** Decides which workflows can continue the run, see `planning/structure.ts`. */
  readonly structure: string;
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly parent: Parent | undefined;
  /** The nodes that a partial run computes; undefined for all nodes. */
  readonly scope: readonly string[] | undefined;
  /** The trace that it belongs to, for telemetry; undefined if there is none. */
  readonly trace: string | undefined;
}

/** The run that a new run is inside of, and its node; or the run that it replays, and the first node computed again. */
export interface Parent {
  readonly runId: string;
  readonly node: string;
  /** Whether the new run is inside of it. */
  readonly isOuter?: boolean;
  /** The outermost run that contains the new run, if that is not the new run itself. */
  readonly rootId?: string;
}

export interface Claim {
  readonly driver: RunDriver;
  /** The structure that the run continues with, if it changed. */
  readonly structure: string | undefined;
  /** The kind of its workflow, if it was not known before. */
  readonly kind?: WorkflowKind | undefined;
  /** Nodes whose results are no longer valid. */
  readonly discard: readonly string[];
  /** Events to add to the run, behind those already recorded. */
  readonly sent: readonly QueuedEvent[];
  /** Whether the run is being resumed, which ends a requested pause. @defaultValue false */
  readonly endsPause?: boolean | undefined;
  /** The inputs with which the run starts over. Its results are superseded. */
  readonly restart?: Readonly<Record<string, unknown>> | undefined;
  /** The trace to record, if there is none yet. */
  readonly trace?: string | undefined;
}

/** The record of a node's attempt. Attempt 0 records a node that settled without one: skipped, cached or provided. */
export interface AttemptEntry extends AttemptOutcome {
  readonly node: string;
  readonly attempt: number;
  readonly status: AttemptStatus;
  /** In ms since 1970. */
  readonly startedAt: number | undefined;
  readonly finishedAt: number | undefined;
}

export interface AttemptOutcome {
  /** The result, if there is one. */
  readonly output?: { readonly value: unknown };
  /** The branch that a condition or select took. */
  readonly branch?: string;
  readonly isCached?: boolean;
  readonly error?: unknown;
  /** Why the node was skipped or paused. */
  readonly reason?: string;
}

/**
 * The status of an attempt. `copied`: the result comes from another run. `superseded`: the node runs again, since the
 * workflow has changed.
 */
export type AttemptStatus =
  "running" | "completed" | "failed" | "skipped" | "cancelled" | "paused" | "waiting" | "copied" | "superseded";

/** A result passed along an edge. */
export interface Traversal {
  readonly from: string;
  readonly to: string;
  /** The output of the result that was passed; undefined for the whole result. */
  readonly output: string | undefined;
  /** The parameter it was passed to. */
  readonly input: string;
}

/** The record of an fsm's cycle, written when the cycle begins and again when it ends. */
export interface CycleEntry {
  /** Counted from 0. */
  readonly cycle: number;
  /** The name of the state. */
  readonly state: string;
  /** As of the run's last write. */
  readonly status: CycleStatus;
  /** How many attempts the state made in this cycle. */
  readonly attempts: number;
  /** In ms since 1970; undefined if it has not started. */
  readonly startedAt: number | undefined;
  /** In ms since 1970; undefined if it has not ended. */
  readonly finishedAt: number | undefined;
  /** The state's input, unless it is the value of the previous cycle. */
  readonly input: { readonly value: unknown } | undefined;
  /** The event that led to this cycle. */
  readonly event: string | undefined;
  /** The value that the state left in the history, if it completed. */
  readonly output?: { readonly value: unknown };
  /** What the state failed with. */
  readonly error?: unknown;
  /** Why it paused. */
  readonly reason?: string;
  /** The wait that follows the cycle. */
  readonly wait?: RecordedWait;
  /** When its delay ends, in ms since 1970. */
  readonly dueAt?: number | undefined;
}

/** The status of a cycle. `entered`: it is the run's next one, and has not started yet. */
export type CycleStatus = "entered" | "running" | "completed" | "failed" | "cancelled" | "paused" | "waiting";

/** The wait of an fsm for an event, as `waitForEvent` began it. */
export interface RecordedWait {
  /** The next state by event. */
  readonly events: readonly (readonly [event: string, state: string])[];
  /** The deadline, in ms since 1970, and the state that it leads to. */
  readonly after: { readonly at: number; readonly state: string } | undefined;
}

/** The wait of a dag's node. Without event and time, the node no longer waits. */
export interface WaitEntry {
  /** A name with a dot is that of a node inside, whose own run has the wait. */
  readonly node: string;
  /** Undefined while it waits for its delay. */
  readonly event: string | undefined;
  /** When its delay ends, or the latest time for its event, in ms since 1970. */
  readonly until: number | undefined;
  /** The payload of the event, once it has come. */
  readonly payload?: { readonly value: unknown } | undefined;
}

/** Something that happened and is in no other entry. */
export interface MomentEntry {
  readonly type: "run.paused" | "node.waiting" | "node.failed" | "attempt.started" | "attempt.failed";
  /** In ms since 1970. */
  readonly at: number;
  /** The name of the node or state. */
  readonly node?: string | undefined;
  readonly attempt?: number | undefined;
  /** The index of an item of a map. */
  readonly item?: number | undefined;
  /** The cycle of an fsm. */
  readonly cycle?: number | undefined;
  readonly waitingFor?: NodeWait | undefined;
  readonly error?: unknown;
}

/** A cycle, and the state that it executed. */
export type StateVisit = Pick<CycleEntry, "cycle" | "state">;

/** An event that a run has not taken yet. */
export interface QueuedEvent {
  /** Unique within the run. */
  readonly id: string;
  readonly event: string;
  readonly payload: unknown;
  /** In ms since 1970. */
  readonly sentAt: number;
  /** Whether the sender did not know the workflow, so that the driver has yet to check the payload. */
  readonly isUnchecked?: boolean;
}

/** An event sent to a run through the store, wherever the run is driven. */
export interface SentEvent {
  readonly runId: string;
  /** Undefined if the sender knows only the run. */
  readonly workflow: string | undefined;
  /** Undefined if the sender knows only the name. */
  readonly kind: WorkflowKind | undefined;
  /** The keys of the runs inside that lead to the one that takes it. */
  readonly way?: readonly string[];
  /** The nodes of a dag that wait for it; undefined if that is not known. */
  readonly nodes?: readonly string[] | undefined;
  readonly event: string;
  readonly payload: unknown;
  /** See {@link QueuedEvent.isUnchecked}. */
  readonly isUnchecked?: boolean;
  /** Of several events with the same key, a run receives only the first. */
  readonly key: string | undefined;
}

/**
 * The write side of one run, used by its driver. Entries are encoded when they are added. They become durable in order,
 * together with everything added to any run of the store in the same turn of the event loop.
 */
export interface RunLog {
  /** @throws {StoreError} UNSTORABLE naming the path of the value that can't be stored */
  attempt(entry: AttemptEntry): void;
  /** @param list - all results passed to one node */
  traversals(list: readonly Traversal[]): void;
  /** @throws {StoreError} UNSTORABLE */
  cycle(entry: CycleEntry): void;
  /** Replaces what is recorded of a node's wait. @throws {StoreError} UNSTORABLE */
  wait(entry: WaitEntry): void;
  moment(entry: MomentEntry): void;
  /** Adds all of the events, or none. @throws {StoreError} UNSTORABLE */
  sent(events: readonly QueuedEvent[]): void;
  /** Marks an event as taken. Add it together with the cycle that the event leads to. */
  taken(event: Pick<QueuedEvent, "id">): void;
  /** Starts polling for events that other processes record, for {@link RunDriver.onEvents}. */
  listen(): void;
  /** Stops what {@link RunLog.listen} started. */
  unlisten(): void;
  /** Resolves when {@link RunDriver.onEvents} has received all events recorded before the call. */
  pollEvents(): Promise<void>;
  /**
   * Resolves when all entries are durable, whatever the run's durability.
   * @throws {StoreError} when writing them fails
   */
  written(): Promise<void>;
  /**
   * Records why the run paused, or what it waits for. Called before {@link RunLog.finish}.
   * @param pauses - the nodes that paused the run
   * @param dueAt - when the run continues at the latest, in ms since 1970
   * @throws {StoreError} UNSTORABLE
   */
  paused(reason: string | undefined, pauses: readonly Pause[], dueAt: number | undefined): void;
  /** Resolves when all entries are durable; never, once the log has failed. Undefined if nothing needs to wait. */
  durable(): Promise<void> | undefined;
  /**
   * Makes all entries durable together with the run's end, and releases the run.
   * @throws {StoreError} when that fails
   */
  finish(end: RunEnd): Promise<void>;
  /**
   * Makes all entries durable and gives the run back without an end: an outermost run is queued, for any driver.
   * @throws {StoreError} when that fails
   */
  release(): Promise<void>;
}

export interface RunEnd {
  readonly status: RunStatus;
  /** The nodes whose results are the run's outputs. */
  readonly outputs: readonly string[];
  readonly error: unknown;
}

/** The record of a run. */
export interface RecordedRun {
  readonly runId: string;
  readonly workflow: string;
  /** Undefined for a submitted run that has not had a driver yet, if its submitter did not know it. */
  readonly kind: WorkflowKind | undefined;
  readonly status: "queued" | "running" | RunStatus;
  /** "" for a submitted run that has not had a driver yet, if its submitter did not know it. */
  readonly structure: string;
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly scope: readonly string[] | undefined;
  /** The nodes whose results are the run's outputs. */
  readonly outputs: readonly string[];
  /** The error that the run rejected with, if it did. */
  readonly error: unknown;
  /** See {@link NewRun.trace}. */
  readonly trace: string | undefined;
  /** In ms since 1970. */
  readonly createdAt: number;
  readonly finishedAt: number | undefined;
  readonly nodes: ReadonlyMap<string, RecordedNode>;
  /** The items of maps, by map and index. */
  readonly items: ReadonlyMap<string, ReadonlyMap<number, RecordedNode>>;
  readonly cycles: readonly RecordedCycle[];
  /** The records of the runs inside that have ended, by the key that ends their ids. */
  readonly children: ReadonlyMap<string, RecordedRun>;
  readonly events: readonly QueuedEvent[];
  /** What the nodes of a dag wait for, or waited for, by node. */
  readonly waits: ReadonlyMap<string, WaitEntry>;
  /**
   * The results with which a service resumes it, by the nodes that paused. If an earlier driver died, some may already
   * be recorded. Decoded on access.
   * @throws {StoreError} STORE for unreadable data
   */
  readonly provided: Readonly<Record<string, unknown>> | undefined;
  /** When a paused or waiting run is due, in ms since 1970. */
  readonly dueAt: number | undefined;
  /** The pauses in order, decoded on access. @throws {StoreError} STORE for unreadable data */
  readonly pauses: readonly Pause[];
}

/** The recorded progress of a node. */
export interface RecordedNode {
  readonly status: AttemptStatus;
  readonly attempts: number;
  /** How many of these were interrupted by the death of their driver. */
  readonly interrupted: number;
  readonly output: { readonly value: unknown } | undefined;
  readonly branch: string | undefined;
  readonly isCached: boolean;
  readonly reason: string | undefined;
  readonly error: unknown;
  readonly startedAt: number | undefined;
  readonly finishedAt: number | undefined;
}

/** The record of an fsm's cycle, as it is read. */
export interface RecordedCycle extends CycleEntry {
  /** The host and process that executed it. */
  readonly worker: string | undefined;
}
