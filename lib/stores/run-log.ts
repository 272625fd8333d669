import { show } from "../base/check.js";
import { nowChecked, toEpoch } from "../base/clock.js";
import { deferred, type Deferred } from "../base/deferred.js";
import { StoreError } from "../base/errors.js";
import type { Pause } from "../run/pause.js";
import { Batch, type NewRunRow } from "./batch.js";
import type { Codec } from "./codec.js";
import { newEventRows } from "./event-rows.js";
import { sanitize, requireStorable, escapeName, escapeInputName } from "./storable-text.js";
import { NOT_PAUSED, pauseColumns, type PauseColumns } from "./pauses.js";
import { queuedEvent } from "./records.js";
import { SKIP_HINT } from "./unstorable.js";
import type { EventRow } from "./schema.js";
import type { ColumnDecoder } from "./column-decoder.js";
import type {
  CycleStatus,
  AttemptEntry,
  CycleEntry,
  RunDriver,
  QueuedEvent,
  RunEnd,
  RunLog,
  Traversal,
} from "./store.js";

/** What a log needs of its store. */
export interface LogHost {
  readonly codec: Codec;
  /** Names this process. */
  readonly worker: string;
  /** What can't be kept is left out instead of being an error. */
  readonly skipsUnstorable: boolean;
  /** There is something to write. @param soon - when the event loop turns, and not some time later */
  scheduleCommit(log: SqlRunLog, soon: boolean): void;
  /** Nobody drives the run any more. */
  released(log: SqlRunLog): void;
  waits(log: SqlRunLog, isWaiting: boolean): void;
  pollEvents(): Promise<void>;
}

/** Something to be written, and who waits for that. */
interface Pending {
  readonly batch: Batch;
  written: Deferred<void> | undefined;
}

/** The writing of one run by its driver. What is added waits here until the store writes it, see `group-commit.ts`. */
export class SqlRunLog implements RunLog {
  private pending: Pending | undefined;
  /** What is being written. */
  private writing: Pending | undefined;
  private failure: Error | undefined;
  private lastMetadata: string | null;
  private hasBadMetadata = false;
  /** What makes the run's row, and who waits for that, while it is to be made. */
  private creation: { readonly makeRow: (batch: Batch) => NewRunRow; readonly written: Deferred<void> } | undefined;
  /** The database knows that the run is driven here. */
  private isRegistered = false;
  private isEnding = false;
  /** What paused the run. */
  private pauses: PauseColumns = NOT_PAUSED;
  /** The number of the latest event that others recorded. */
  private lastDelivered = -1;

  constructor(
    readonly runId: string,
    /** The number of this driver among all that the run has had. */
    readonly token: number,
    private readonly driver: RunDriver,
    private readonly host: LogHost,
    metadataText: string | null = null,
  ) {
    this.lastMetadata = metadataText;
  }

  attempt(entry: AttemptEntry): void {
    const { node, attempt, status, startedAt, finishedAt, output, branch, isCached, error, reason } = entry;
    if (branch !== undefined) requireStorable(`The branch of node "${node}"`, branch);
    const { codec, worker, skipsUnstorable } = this.host;
    let text: string | null = null;
    if (output !== undefined) {
      try {
        text = codec.encode(output.value, `The result of node "${node}"`, SKIP_HINT);
      } catch (unstorable) {
        if (!skipsUnstorable) throw unstorable;
      }
    }
    const { batch } = this.pendingWrite();
    batch.addAttempt({
      run_id: this.runId,
      node,
      attempt,
      status,
      worker: attempt === 0 ? null : worker,
      output: text === null ? null : batch.store(text),
      branch: branch ?? null,
      is_cached: isCached === true ? 1 : 0,
      error: error === undefined ? null : batch.store(codec.encodeThrown(error)),
      reason: reason === undefined ? null : sanitize(reason),
      started_at: startedAt ?? null,
      finished_at: finishedAt ?? null,
    });
  }

  traversals(list: readonly Traversal[]): void {
    if (list.length === 0) return;
    const { batch } = this.pendingWrite();
    const traversed_at = toEpoch(nowChecked());
    const rows = list.map(({ from, to, input, output }) => ({
      run_id: this.runId,
      target: to,
      input: escapeInputName(input),
      source: from,
      output: output === undefined ? null : escapeName(output),
      traversed_at,
    }));
    batch.traversals.set(list[0].to, rows);
  }

  cycle(entry: CycleEntry): void {
    const { cycle, state, status, attempts, startedAt, finishedAt, input, event, output, error, reason, wait } = entry;
    const { codec, worker } = this.host;
    const encoded = (value: { readonly value: unknown } | undefined, what: string) =>
      value === undefined ? undefined : codec.encode(value.value, `The ${what} of state "${state}"`);
    const inputText = encoded(input, "input");
    const outputText = encoded(output, "value");
    const { batch } = this.pendingWrite();
    const stored = (text: string | undefined) => (text === undefined ? null : batch.store(text));
    batch.cycles.set(cycle, {
      run_id: this.runId,
      cycle,
      state,
      status: status satisfies CycleStatus,
      attempts,
      worker,
      input: stored(inputText),
      event: event ?? null,
      output: stored(outputText),
      error: error === undefined ? null : batch.store(codec.encodeThrown(error)),
      reason: reason === undefined ? null : sanitize(reason),
      wait: wait === undefined ? null : JSON.stringify(wait),
      started_at: startedAt ?? null,
      finished_at: finishedAt ?? null,
    });
  }

  sent(events: readonly QueuedEvent[]): void {
    const keep = (text: string) => this.pendingWrite().batch.store(text);
    for (const row of newEventRows(this.runId, events, this.host.codec, keep))
      this.pendingWrite().batch.sent.set(row.id, row);
  }

  taken({ id }: Pick<QueuedEvent, "id">): void {
    const { batch } = this.pendingWrite();
    // What is taken before it was written is known by the cycle that it led to.
    if (!batch.sent.delete(id)) batch.taken.push(id);
  }

  waits(isWaiting: boolean): void {
    this.host.waits(this, isWaiting);
  }

  pollEvents(): Promise<void> {
    return this.host.pollEvents();
  }

  async written(): Promise<void> {
    if (this.failure !== undefined) throw this.failure;
    await this.whenWritten();
  }

  paused(reason: string | undefined, pauses: readonly Pause[], dueAt: number | undefined): void {
    this.pauses = pauseColumns(reason, pauses, dueAt, this.pendingWrite().batch, this.host);
  }

  durable(): Promise<void> | undefined {
    if (this.driver.durability === "relaxed") return undefined;
    return this.whenWritten();
  }

  async finish(end: RunEnd): Promise<void> {
    if (this.failure !== undefined) {
      this.host.released(this);
      throw this.failure;
    }
    const { batch } = this.pendingWrite();
    const unstorable = this.addMetadata(batch);
    const { status, outputs, error } = unstorable === undefined ? end : { ...end, status: "failed", error: unstorable };
    batch.end = {
      status,
      outputs: JSON.stringify(outputs),
      error: error === undefined ? null : batch.store(this.host.codec.encodeThrown(error)),
      finished_at: toEpoch(nowChecked()),
      ...this.pauses,
      due_at: status === "paused" ? this.pauses.due_at : null,
    };
    this.isEnding = true;
    this.host.scheduleCommit(this, true);
    try {
      await this.whenWritten();
    } finally {
      this.host.released(this);
    }
    if (unstorable !== undefined) throw unstorable;
  }

  // --- for the store ---

  /**
   * Makes a new run known to the database, which has to be done before anything else.
   * @param makeRow - makes its row, later
   * @throws {StoreError} RUN_EXISTS, UNSTORABLE, STORE
   */
  create(makeRow: (batch: Batch) => NewRunRow): Promise<this> {
    const written = deferred();
    this.creation = { makeRow, written };
    this.host.scheduleCommit(this, true);
    return written.promise.then(() => this.markRegistered());
  }

  /** From now on the database knows that the run is driven here. */
  markRegistered(): this {
    this.isRegistered = true;
    return this;
  }

  /** Whether the run's row says that it is driven here, unless somebody has taken it over. */
  get isDriven(): boolean {
    return this.isRegistered && !this.isEnding;
  }

  /** Whether there is something to be written. */
  get isPending(): boolean {
    return this.pending !== undefined;
  }

  /**
   * Passes on events that others recorded. Gives those that it has passed on before.
   * @param rows - in order
   */
  deliver(rows: readonly EventRow[], texts: ColumnDecoder): readonly EventRow[] {
    const known = rows.filter(({ number }) => number <= this.lastDelivered);
    const fresh = rows.slice(known.length);
    if (fresh.length === 0 || this.failure !== undefined) return known;
    this.lastDelivered = fresh[fresh.length - 1].number;
    try {
      this.driver.onEvents(fresh.map((row) => queuedEvent(row, texts)));
    } catch (unreadable) {
      this.fail(unreadable as Error);
    }
    return known;
  }

  /**
   * What is to be written now; {@link SqlRunLog.committed}, {@link SqlRunLog.fencedOff} or {@link SqlRunLog.fail} has to follow.
   * @param mostRows - about how many; what is beyond remains pending, as it does for
   * @param longest - about how many characters
   */
  takeBatch(mostRows: number, longest: number): Batch | undefined {
    const { creation, pending } = this;
    if (this.failure !== undefined) return undefined;
    if (creation !== undefined) return this.creationBatch(creation);
    if (pending === undefined) return undefined;
    const { batch } = pending;
    // The rest can be written, and with it how the run ends because of this.
    const unstorable = this.addMetadata(batch);
    if (unstorable !== undefined) this.driver.onFailure(unstorable);
    if ((batch.size > mostRows || batch.length > longest) && batch.attempts.size > 1) {
      this.writing = { batch: batch.split(mostRows, longest), written: undefined };
    } else {
      this.pending = undefined;
      this.writing = pending;
    }
    return this.writing.batch;
  }

  /** The batch with the row of a run that is new; undefined when that can't be made, and the log has failed. */
  private creationBatch({ makeRow, written }: NonNullable<SqlRunLog["creation"]>): Batch | undefined {
    const batch = new Batch();
    this.writing = { batch, written };
    this.creation = undefined;
    try {
      batch.created = makeRow(batch);
      this.lastMetadata = batch.created.metadata;
      return batch;
    } catch (error) {
      this.fail(error as Error);
      return undefined;
    }
  }

  /** What was taken is durable. */
  committed(): void {
    const { writing } = this;
    this.writing = undefined;
    writing?.written?.resolve();
  }

  /** Somebody else drives the run, or made it before this could. */
  fencedOff(): void {
    this.fail(this.isRegistered ? leaseLost(this.runId) : runExists(this.runId));
  }

  /** Nothing can be written any more. */
  fail(error: Error): void {
    if (this.failure !== undefined) return;
    this.failure = error;
    const waiting = [this.creation?.written, this.writing?.written, this.pending?.written];
    this.creation = this.writing = this.pending = undefined;
    this.host.released(this);
    // Who makes a new run known hears of it by that.
    if (this.isRegistered) this.driver.onFailure(error);
    for (const written of waiting) {
      written?.promise.catch(() => {});
      written?.reject(error);
    }
  }

  /** Resolves when all that was added is durable. */
  private whenWritten(): Promise<void> | undefined {
    const last = this.pending ?? this.writing;
    return last === undefined ? undefined : (last.written ??= deferred()).promise;
  }

  private pendingWrite(): Pending {
    if (this.pending === undefined) {
      this.pending = { batch: new Batch(), written: undefined };
      if (this.failure === undefined) this.host.scheduleCommit(this, this.driver.durability === "strict");
    }
    return this.pending;
  }

  /** Adds the metadata, when it has changed. Gives the error when it can't be kept, the first time. */
  private addMetadata(batch: Batch): Error | undefined {
    const metadata = this.driver.metadata();
    if (metadata === undefined || this.hasBadMetadata) return undefined;
    try {
      const text = encodeMetadata(metadata, this.host);
      if (text !== this.lastMetadata) batch.metadata = batch.store(text);
      this.lastMetadata = text;
      return undefined;
    } catch (error) {
      this.hasBadMetadata = true;
      return error as Error;
    }
  }
}

export function runExists(runId: string): StoreError {
  return new StoreError(`There is a run ${show(runId)} already. Resume that, or run under another id.`, "RUN_EXISTS");
}

function leaseLost(runId: string): StoreError {
  const message = `The run ${show(runId)} was taken over by another process, because its lease had run out. Nothing more of it is written here. Raise the store option "lease" above the longest time that a node blocks the event loop.`;
  return new StoreError(message, "LEASE_LOST");
}

/** @throws {StoreError} UNSTORABLE naming the path */
export function encodeMetadata(
  metadata: Readonly<Record<string, unknown>>,
  { codec, skipsUnstorable }: Pick<LogHost, "codec" | "skipsUnstorable">,
): string {
  try {
    return codec.encode({ ...metadata }, "The metadata", SKIP_HINT);
  } catch (error) {
    if (!skipsUnstorable || !(error instanceof StoreError)) throw error;
    const storable = Object.entries(metadata).filter(([, value]) => codec.canEncode(value));
    return codec.encode(Object.fromEntries(storable));
  }
}
