import { deferred, type Deferred } from "../../base/deferred.js";
import { StoreError } from "../../base/errors.js";
import { messageOf } from "../../base/message.js";
import type { EventFacts } from "../../run/events.js";
import type { RunStatus } from "../../run/status.js";
import type { RunBase } from "../../run/run-base.js";
import type {
  DriverRequest,
  RunDriver,
  Durability,
  QueuedEvent,
  RunLog,
  RunStore,
  SentEvent,
} from "../../stores/store.js";
import type { RecordedPast } from "../telemetry/telemetry.js";
import { addLiveRun, removeLiveRun, runExclusive, type LiveRun } from "./live-runs.js";

/** A run that is recorded. */
export interface Recordable extends LiveRun {
  /** Called when the run can't be recorded. */
  recordingFailed(error: Error): void;
  /** Called when another process asks the run to end. */
  requested(request: DriverRequest): void;
  /** The trace to record with it; undefined if there is none. */
  readonly trace: string | undefined;
}

/** Where and how a run is recorded. */
export interface Recording {
  readonly store: RunStore;
  /** @defaultValue "strict" */
  readonly durability?: Durability;
}

/** Passes events to a run. Returns a promise that resolves when the run has them; nothing if it has them at once. */
type EventListener = (events: readonly QueuedEvent[]) => Promise<void> | void;

/**
 * Writes the events of a run to its store.
 *
 * A failed write ends the run. At the durability barrier, an attempt waits until everything before it is durable, so
 * that nothing depends on a result that could still be lost.
 */
export abstract class Recorder implements RunDriver {
  /** Set when the run is created. */
  declare run: Recordable;
  /** What is recorded of the run that it continues; undefined for a new run. */
  past: RecordedPast | undefined = undefined;
  readonly durability: Durability;
  protected log: RunLog | undefined;
  readonly runId: string;
  private readonly store: RunStore;
  private opening: Promise<void> | undefined;
  /** Settles as `opening` does. Set if {@link Recorder.opened} is read before that. */
  private expected: Deferred<void> | undefined;
  /** Events that came before {@link Recorder.subscribe}, or before the run was in the store. */
  private readonly earlyEvents: QueuedEvent[] = [];
  /** Events that were refused before this process drove the run. */
  private readonly earlyTaken: string[] = [];
  /** A request that came before this process drove the run. */
  private earlyRequest: DriverRequest | undefined = undefined;
  private listener: EventListener | undefined = undefined;
  /** Settles when the run has received the events so far; undefined if it has. */
  private receiving: Promise<void> | void = undefined;
  /** The first error of a value that can't be stored. */
  private unstorable: StoreError | undefined;
  /** Whether the run goes on elsewhere if it can't be recorded here, instead of failing. */
  isReturnable = false;
  /** Whether the run has been given back, and nothing more of it is recorded. */
  isGivenBack = false;

  constructor(
    private readonly recorded: RunBase,
    { store, durability = "strict" }: Recording,
    /** Adds the run to the store; undefined if it is there. */
    private readonly create?: (recorder: Recorder) => Promise<RunLog>,
  ) {
    this.runId = recorded.runId;
    this.store = store;
    this.durability = durability;
  }

  metadata(): Readonly<Record<string, unknown>> | undefined {
    return this.recorded.sharedMetadata;
  }

  /** Ends the run, after its current callback. */
  onFailure(error: Error): void {
    queueMicrotask(() => this.run.recordingFailed(error));
  }

  /** Carries out a request of another process, after the run's current callback. */
  onRequest(request: DriverRequest): void {
    if (this.log === undefined) this.earlyRequest = request;
    else queueMicrotask(() => this.run.requested(request));
  }

  onEvents(events: readonly QueuedEvent[]): void {
    if (this.listener === undefined || this.log === undefined) this.earlyEvents.push(...events);
    else this.receiving = this.listener(events);
  }

  /**
   * Once this process drives the run, calls `listener` with the events that other processes record for it, including
   * those that came before. If it fails to claim the run, none is lost.
   * @param recorded - those that are recorded of the run
   */
  subscribe(listener: EventListener, recorded: readonly QueuedEvent[] = []): void {
    this.listener = listener;
    this.earlyEvents.unshift(...recorded);
    this.passEarlyEvents();
  }

  private passEarlyEvents(): void {
    if (this.earlyEvents.length > 0 && this.log !== undefined) this.onEvents(this.earlyEvents.splice(0));
  }

  /** In ms since 1970, by the clock that all processes which may drive the run share. */
  timeOfDay(): number {
    return this.store.timeOfDay();
  }

  /** Records events sent to the run: all, or none. The run must be in its store. @throws {StoreError} UNSTORABLE */
  sent(events: readonly QueuedEvent[]): void {
    this.log?.sent(events);
  }

  /** See `RunStore.copyOf`. */
  copyOf<T>(value: T): T {
    return this.store.copyOf(value);
  }

  /** Records an event for a run inside, which has not begun. @throws {StoreError} */
  sendInside(event: SentEvent): Promise<void> {
    return this.store.send(event);
  }

  /** Records that an event was taken or refused. */
  taken(id: string): void {
    if (this.log === undefined) this.earlyTaken.push(id);
    else this.guarded((log) => log.taken({ id }));
  }

  /** Starts polling for events that other processes record. */
  listen(): void {
    this.log?.listen();
  }

  /** Stops what {@link Recorder.listen} started. */
  unlisten(): void {
    this.log?.unlisten();
  }

  /**
   * Resolves when the run has received all events that other processes have recorded.
   * @throws {StoreError} when that fails
   */
  async pollEvents(): Promise<void> {
    await this.log?.pollEvents();
    await this.receiving;
  }

  /** Resolves when everything so far is durable. @throws {StoreError} when that fails */
  async written(): Promise<void> {
    await this.log?.written();
  }

  /** The run is in the store, and this process drives it. */
  attach(log: RunLog): void {
    this.log = log;
    addLiveRun(this.store, this.runId, this.run);
    for (const id of this.earlyTaken.splice(0)) this.taken(id);
    this.passEarlyEvents();
    if (this.earlyRequest !== undefined) this.onRequest(this.earlyRequest);
  }

  /** Adds the run to its store. @throws {StoreError} RUN_EXISTS, UNSTORABLE, STORE */
  open(): Promise<void> {
    if (this.opening === undefined) {
      this.opening = this.openNow();
      this.opening.catch(() => {}); // It may have no other handler.
      if (this.expected !== undefined) this.opening.then(this.expected.resolve, this.expected.reject);
    }
    return this.opening;
  }

  /** Ends the run before it was added to its store. */
  refuse(error: Error): void {
    this.opening = Promise.reject(error);
    this.opening.catch(() => {});
    this.expected?.reject(error);
  }

  /** Settles as {@link Recorder.open} does, when that is called. */
  get opened(): Promise<void> {
    if (this.opening !== undefined) return this.opening;
    if (this.expected === undefined) {
      this.expected = deferred();
      this.expected.promise.catch(() => {});
    }
    return this.expected.promise;
  }

  private openNow(): Promise<void> {
    const { create } = this;
    const begin = () => this.guarded((log) => this.begin(log));
    if (this.log !== undefined || create === undefined) return Promise.resolve(begin());
    return runExclusive(this.store, this.runId, () => create(this).then((log) => this.attach(log))).then(begin);
  }

  /** Records an event of the run. @param node - the index of its node or state */
  record(facts: EventFacts, at: number, node: number | undefined): void {
    this.guarded((log) => this.write(log, facts, at, node));
  }

  /** The durability barrier: resolves when the next attempt may start; undefined when it may at once. */
  barrier(): Promise<void> | undefined {
    return this.log?.durable();
  }

  /** Delays the store's look-ups and its `close` until `work`, which records the end of the run, has settled. */
  waitUntil(work: Promise<unknown>): void {
    this.store.waitUntil(work);
  }

  /**
   * Makes everything durable, together with the run's end.
   * @throws {StoreError} when that fails, or a value can't be stored
   */
  finish(status: RunStatus, error: unknown): Promise<void> {
    const { store, runId, run } = this;
    if (this.isGivenBack) return this.release();
    const opening = this.open();
    return runExclusive(store, runId, async () => {
      await opening;
      await this.finishNow(status, error).finally(() => removeLiveRun(store, runId, run));
    });
  }

  /** Stops recording. The run stops here without an end, as if this process had crashed, and can continue elsewhere. */
  giveBack(): void {
    this.isGivenBack = true;
  }

  /** Makes everything durable, and leaves the run to another driver. */
  private async release(): Promise<void> {
    const { store, runId, run, opening } = this;
    if (opening === undefined && this.log === undefined) return; // It is not in the store.
    await runExclusive(store, runId, async () => {
      await opening;
      await this.log?.release().finally(() => removeLiveRun(store, runId, run));
    });
  }

  private async finishNow(status: RunStatus, error: unknown): Promise<void> {
    this.guarded((log) => this.end(log, status));
    // A run that ended in the same turn has not failed because of it yet; a cancelled run ended for another reason.
    const missed = error === undefined && status !== "cancelled" ? this.unstorable : undefined;
    const end = missed === undefined ? { status, error } : { status: "failed" as const, error: missed };
    await this.log?.finish({ ...end, outputs: this.outputs() });
    if (missed !== undefined) throw missed;
  }

  /** Writes the initial state of the run. */
  protected abstract begin(log: RunLog): void;
  /** Writes an event. */
  protected abstract write(log: RunLog, facts: EventFacts, at: number, node: number | undefined): void;
  /** Writes the data of the run's end that is in no event. */
  protected abstract end(log: RunLog, status: RunStatus): void;
  /** The names of the nodes whose results are the run's. */
  protected abstract outputs(): string[];

  /** Calls `work` with the log, if there is one. If it throws, ends the run. */
  protected guarded(work: (log: RunLog) => void): void {
    if (this.log === undefined || this.isGivenBack) return;
    try {
      work(this.log);
    } catch (cause) {
      const error =
        cause instanceof StoreError
          ? cause
          : new StoreError(`The run can't be recorded: ${messageOf(cause)}. See the cause.`, "UNSTORABLE", { cause });
      this.unstorable ??= error;
      this.onFailure(error);
    }
  }
}
