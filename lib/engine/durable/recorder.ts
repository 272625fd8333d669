import { deferred, type Deferred } from "../../base/deferred.js";
import { StoreError } from "../../base/errors.js";
import { messageOf } from "../../base/message.js";
import type { EventFacts } from "../../run/events.js";
import type { RunStatus } from "../../run/status.js";
import type { RunBase } from "../../run/run-base.js";
import type { RunDriver, Durability, QueuedEvent, RunLog, RunStore } from "../../stores/store.js";
import { enter, inTurn, leave, type LiveRun } from "./live-runs.js";

/** A run that is recorded. */
export interface Recordable extends LiveRun {
  /** Ends with an error: it can't be recorded. */
  unrecordable(error: Error): void;
}

/** Where a run is recorded. */
export interface Recording {
  readonly store: RunStore;
  /** @defaultValue "strict" */
  readonly durability?: Durability;
}

/**
 * Writes what happens in a run to its store, out of the same events that observers get.
 *
 * What can't be written ends the run. An attempt waits at the {@link Recorder.barrier} until all before it is durable, so that
 * nothing ever depends on what could still be lost.
 */
export abstract class Recorder implements RunDriver {
  /** Set by the run when it is made. */
  declare run: Recordable;
  readonly durability: Durability;
  protected log: RunLog | undefined;
  private readonly runId: string;
  private readonly store: RunStore;
  private opening: Promise<void> | undefined;
  /** Settles as {@link Recorder.opening} will, for those who ask before there is one. */
  private expected: Deferred<void> | undefined;
  /** What could not be kept of the run. */
  private unstorable: StoreError | undefined;

  constructor(
    private readonly recorded: RunBase,
    { store, durability = "strict" }: Recording,
    /** Makes the run known to the store; undefined when that is done already. */
    private readonly create?: (recorder: Recorder) => Promise<RunLog>,
  ) {
    this.runId = recorded.runId;
    this.store = store;
    this.durability = durability;
  }

  metadata(): Readonly<Record<string, unknown>> | undefined {
    return this.recorded.sharedMetadata;
  }

  /** Ends the run, but not in the middle of what it is doing. */
  onFailure(error: Error): void {
    queueMicrotask(() => this.run.unrecordable(error));
  }

  abstract onEvents(events: readonly QueuedEvent[]): void;

  /** The run is known to the store, and driven by this process. */
  attach(log: RunLog): void {
    this.log = log;
    enter(this.store, this.runId, this.run);
  }

  /** Makes the run known to the store. @throws {StoreError} RUN_EXISTS, UNSTORABLE, STORE */
  open(): Promise<void> {
    if (this.opening === undefined) {
      this.opening = this.openNow();
      this.opening.catch(() => {}); // Whoever waits for it is told, and not everybody does.
      if (this.expected !== undefined) this.opening.then(this.expected.resolve, this.expected.reject);
    }
    return this.opening;
  }

  /** Settles when the run has been made known to the store, or can't be. */
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
    return inTurn(this.store, this.runId, () => create(this).then((log) => this.attach(log))).then(begin);
  }

  /** Takes an event of the run in. */
  record(facts: EventFacts, at: number, node: number | undefined): void {
    this.guarded((log) => this.write(log, facts, at, node));
  }

  /** What has to be waited for before the next attempt; undefined when nothing has. */
  barrier(): Promise<void> | undefined {
    return this.log?.durable();
  }

  /** The store is to wait for `work`, of which the run's end is to come. */
  waitUntil(work: Promise<unknown>): void {
    this.store.waitUntil(work);
  }

  /** Makes all durable, with how the run ended. @throws {StoreError} when that fails, or something could not be kept */
  finish(status: RunStatus, error: unknown): Promise<void> {
    const { store, runId, run } = this;
    const opening = this.open();
    return inTurn(store, runId, async () => {
      await opening;
      await this.finishNow(status, error).finally(() => leave(store, runId, run));
    });
  }

  private async finishNow(status: RunStatus, error: unknown): Promise<void> {
    this.guarded((log) => this.end(log));
    // A run that ended in the same turn has not heard of it; one that was cancelled had other reasons.
    const missed = error === undefined && status !== "cancelled" ? this.unstorable : undefined;
    const end = missed === undefined ? { status, error } : { status: "failed" as const, error: missed };
    await this.log?.finish({ ...end, outputs: this.outputs() });
    if (missed !== undefined) throw missed;
  }

  /** What the run has before anything happens in it. */
  protected abstract begin(log: RunLog): void;
  protected abstract write(log: RunLog, facts: EventFacts, at: number, node: number | undefined): void;
  /** What no event tells. */
  protected abstract end(log: RunLog): void;
  /** The names of the nodes whose results are the run's. */
  protected abstract outputs(): string[];

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
