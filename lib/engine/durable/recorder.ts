import { deferred, type Deferred } from "../../base/deferred.js";
import { StoreError } from "../../base/errors.js";
import { messageOf } from "../../base/message.js";
import type { EventFacts } from "../../run/events.js";
import type { RunStatus } from "../../run/status.js";
import type { RunBase } from "../../run/run-base.js";
import type { RunDriver, Durability, QueuedEvent, RunLog, RunStore } from "../../stores/store.js";
import { addLiveRun, removeLiveRun, runExclusive, type LiveRun } from "./live-runs.js";

/** A run that is recorded. */
export interface Recordable extends LiveRun {
  /** Called when the run can't be recorded. */
  recordingFailed(error: Error): void;
}

/** Where and how a run is recorded. */
export interface Recording {
  readonly store: RunStore;
  /** @defaultValue "strict" */
  readonly durability?: Durability;
}

/**
 * Writes the events of a run to its store.
 *
 * A failed write ends the run. At the durability barrier, an attempt waits until everything before it is durable, so
 * that nothing depends on a result that could still be lost.
 */
export abstract class Recorder implements RunDriver {
  /** Set when the run is created. */
  declare run: Recordable;
  readonly durability: Durability;
  protected log: RunLog | undefined;
  private readonly runId: string;
  private readonly store: RunStore;
  private opening: Promise<void> | undefined;
  /** Settles as `opening` does. Set if {@link Recorder.opened} is read before that. */
  private expected: Deferred<void> | undefined;
  /** The first error of a value that can't be stored. */
  private unstorable: StoreError | undefined;

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

  abstract onEvents(events: readonly QueuedEvent[]): void;

  /** The run is in the store, and this process drives it. */
  attach(log: RunLog): void {
    this.log = log;
    addLiveRun(this.store, this.runId, this.run);
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
    const opening = this.open();
    return runExclusive(store, runId, async () => {
      await opening;
      await this.finishNow(status, error).finally(() => removeLiveRun(store, runId, run));
    });
  }

  private async finishNow(status: RunStatus, error: unknown): Promise<void> {
    this.guarded((log) => this.end(log));
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
  /** Writes the data of the run's end that no event has. */
  protected abstract end(log: RunLog): void;
  /** The names of the nodes whose results are the run's. */
  protected abstract outputs(): string[];

  /** Calls `work` with the log, if there is one. If it throws, ends the run. */
  protected guarded(work: (log: RunLog) => void): void {
    if (this.log === undefined) return;
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
