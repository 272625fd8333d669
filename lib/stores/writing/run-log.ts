import { show } from "../../base/check.js";
import { nowChecked, toEpoch } from "../../base/clock.js";
import { deferred, type Deferred } from "../../base/deferred.js";
import { StoreError } from "../../base/errors.js";
import type { Pause } from "../../run/pause.js";
import type { RunStatus } from "../../run/status.js";
import { Batch, type NewRunRow, type RunBeginRow } from "./batch.js";
import type { ColumnDecoder } from "../reading/column-decoder.js";
import { Deliveries } from "./deliveries.js";
import { attemptRow, cycleRow, momentRow, traversalRows, waitRow, type RowHost } from "./entry-rows.js";
import { newEventRows } from "./event-rows.js";
import { ASKED_TO_PAUSE, NOT_PAUSED, pauseColumns, type PauseColumns } from "./pauses.js";
import { queuedEvent } from "../reading/recorded-run.js";
import type { EventRow } from "../database/schema.js";
import type {
  AttemptEntry,
  CycleEntry,
  DriverRequest,
  MomentEntry,
  QueuedEvent,
  RunDriver,
  RunEnd,
  RunLog,
  Traversal,
  WaitEntry,
} from "../store.js";
import { SKIP_HINT } from "../values/unstorable.js";

/** The services that a log uses of its store. */
export interface LogHost extends RowHost {
  /** Commits the log's pending entries at the next turn of the event loop. */
  commit(log: SqlRunLog): void;
  /** Commits them after a short delay. */
  commitLater(log: SqlRunLog): void;
  /** Makes the log's run available to other drivers. */
  giveBack(log: SqlRunLog): Promise<void>;
  /** Called when the end of the log's run is durable. */
  ended(log: SqlRunLog, status: RunStatus): void;
  /** Called when the log no longer drives its run. */
  released(log: SqlRunLog): void;
  listen(log: SqlRunLog): void;
  unlisten(log: SqlRunLog): void;
  pollEvents(): Promise<void>;
}

/** The columns of a run that was asked to pause: neither a time nor an event ends the pause. */
function askedToPause({ pauses }: PauseColumns): Partial<PauseColumns> {
  return { pauses: pauses ?? ASKED_TO_PAUSE, due_at: null };
}

/** A batch to write. */
interface Pending {
  readonly batch: Batch;
  /** Undefined until something waits for it. */
  written: Deferred<void> | undefined;
}

/** The write side of one run. Entries are pending here until the store commits them, see `group-commit.ts`. */
export class SqlRunLog implements RunLog {
  private pending: Pending | undefined;
  /** The batch of the commit in progress. */
  private writing: Pending | undefined;
  private failure: Error | undefined;
  private hasBadMetadata = false;
  /** Set until the first batch of a new run, which contains the run's row, is taken. */
  private creation: { readonly makeRow: (batch: Batch) => NewRunRow; readonly written: Deferred<void> } | undefined;
  /** The run's row names this store as its driver. */
  private isRegistered = false;
  private isEnding = false;
  private pauses: PauseColumns = NOT_PAUSED;
  private readonly deliveries = new Deliveries();
  /** A request made before its driver began, as recorded; null if there was none. */
  asked: string | null = null;
  private nextMoment = 0;
  /** The last request to the driver, and its recorded text. */
  private heard: { readonly kind: DriverRequest["kind"]; readonly text: string } | undefined;

  constructor(
    readonly runId: string,
    /** The fencing token: each new driver of a run has a higher one. */
    readonly token: number,
    private readonly driver: RunDriver,
    readonly host: LogHost,
    /** The outermost run that contains it. */
    readonly rootId: string,
    private lastMetadata: string | null = null,
  ) {}

  attempt(entry: AttemptEntry): void {
    const row = attemptRow(this, entry, this.store);
    this.pendingWrite().batch.addAttempt(row);
  }

  traversals(list: readonly Traversal[]): void {
    if (list.length > 0) this.pendingWrite().batch.traversals.set(list[0].to, traversalRows(this, list));
  }

  cycle(entry: CycleEntry): void {
    const row = cycleRow(this, entry, this.store);
    this.pendingWrite().batch.cycles.set(entry.cycle, row);
  }

  sent(events: readonly QueuedEvent[]): void {
    const rows = newEventRows(this, events, this.host.codec, this.store);
    for (const row of rows) this.pendingWrite().batch.sent.set(row.id, row);
  }

  wait(entry: WaitEntry): void {
    const row = waitRow(this, entry, this.store);
    this.pendingWrite().batch.waits.set(entry.node, row);
  }

  moment(entry: MomentEntry): void {
    const place = { token: this.token, number: this.nextMoment++ };
    const row = momentRow(this, entry, place, this.store);
    this.pendingWrite().batch.moments.push(row);
  }

  taken({ id }: Pick<QueuedEvent, "id">): void {
    const { batch } = this.pendingWrite();
    // An event that is taken before it is written needs no row: what it led to records it.
    if (!batch.sent.delete(id)) batch.taken.push(id);
  }

  listen(): void {
    this.host.listen(this);
  }

  unlisten(): void {
    this.host.unlisten(this);
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
    const { status, outputs, error }: RunEnd =
      unstorable === undefined ? end : { ...end, status: "failed", error: unstorable };
    const rests = status === "paused" || status === "waiting";
    // It may have come to rest for another reason before it could carry out the request.
    const carriedOut = status === "paused" && this.heard?.kind === "pause" ? this.heard.text : null;
    batch.end = {
      status,
      outputs: JSON.stringify(outputs),
      error: error === undefined ? null : batch.store(this.host.codec.encodeThrown(error)),
      finished_at: toEpoch(nowChecked()),
      ...this.pauses,
      due_at: rests ? this.pauses.due_at : null,
      ...(carriedOut !== null && askedToPause(this.pauses)),
      rests: rests ? 1 : 0,
      carried_out: carriedOut,
    };
    this.isEnding = true;
    this.host.commit(this);
    try {
      await this.whenWritten();
    } finally {
      this.host.released(this);
    }
    this.host.ended(this, status);
    if (unstorable !== undefined) throw unstorable;
  }

  async release(): Promise<void> {
    try {
      await this.written();
      this.isEnding = true;
      await this.host.giveBack(this);
    } finally {
      this.host.released(this);
    }
  }

  // --- used by the store ---

  /**
   * Records a new run. Must be called before anything is added.
   * @param makeRow - called when the first batch is taken
   * @throws {StoreError} RUN_EXISTS, UNSTORABLE, STORE
   */
  create(makeRow: (batch: Batch) => NewRunRow): Promise<this> {
    const written = deferred();
    if (this.rootId !== this.runId) this.deliveries.expectEarlier();
    this.creation = { makeRow, written };
    this.host.commit(this);
    return written.promise.then(() => this.markRegistered());
  }

  /**
   * Begins, or continues, a run that this store has reserved: its row changes together with the first entries. Must be
   * called before anything is added.
   * @param makeRow - its blobs go into the batch
   * @param events - those that the driver has already
   * @throws {StoreError} UNSTORABLE
   */
  begin(makeRow: (batch: Batch) => RunBeginRow, events: readonly QueuedEvent[]): void {
    const batch = new Batch();
    batch.begun = makeRow(batch);
    this.pending = { batch, written: undefined };
    this.scheduleCommit();
    this.deliveries.beginWith(events);
    this.markRegistered();
  }

  /** Called when the database records this store as the run's driver. */
  markRegistered(): this {
    this.isRegistered = true;
    return this;
  }

  /** Whether the run's row names this store as its driver, unless another driver has taken the run over. */
  get isDriven(): boolean {
    return this.isRegistered && !this.isEnding;
  }

  /** Whether entries wait to be written. */
  get isPending(): boolean {
    return this.pending !== undefined;
  }

  /**
   * Delivers new events to the driver. Returns those that were delivered before.
   * @param rows - ordered by number
   */
  deliver(rows: readonly EventRow[], decoder: ColumnDecoder): readonly EventRow[] {
    const { deliveries } = this;
    const delivered = rows.filter((row) => deliveries.has(row));
    const fresh = rows.filter((row) => !deliveries.has(row));
    if (fresh.length === 0 || this.failure !== undefined) return delivered;
    deliveries.add(fresh);
    this.pass(fresh, decoder);
    return delivered;
  }

  /** Whether events may have been recorded before the run. */
  get mayHaveEarlier(): boolean {
    return this.deliveries.mayHaveEarlier;
  }

  /** Delivers the events that were recorded before the run. @param rows - all that it has not taken, by number */
  deliverEarlier(rows: readonly EventRow[], decoder: ColumnDecoder): void {
    this.pass(this.deliveries.takeEarlier(rows), decoder);
  }

  /** Passes a request to the driver, once. @param text - as it is recorded */
  request(request: DriverRequest, text: string): void {
    const { kind } = request;
    if (this.heard?.kind === kind || !this.isDriven) return;
    this.heard = { kind, text };
    this.driver.onRequest(request);
  }

  private pass(rows: readonly EventRow[], decoder: ColumnDecoder): void {
    try {
      this.driver.onEvents(rows.map((row) => queuedEvent(row, decoder)));
    } catch (unreadable) {
      this.fail(unreadable as Error);
    }
  }

  /**
   * Takes the batch to write now. Must be followed by {@link SqlRunLog.committed}, {@link SqlRunLog.fencedOff} or
   * {@link SqlRunLog.fail}. The rest of a batch beyond the limits remains pending.
   * @param maxRows - approximate
   * @param maxLength - in characters, approximate
   */
  takeBatch(maxRows: number, maxLength: number): Batch | undefined {
    const { creation, pending } = this;
    if (this.failure !== undefined) return undefined;
    if (creation !== undefined) return this.creationBatch(creation);
    if (pending === undefined) return undefined;
    const { batch } = pending;
    // The other entries can still be written, and so can the failure of the run.
    const unstorable = this.addMetadata(batch);
    if (unstorable !== undefined) this.driver.onFailure(unstorable);
    if ((batch.size > maxRows || batch.length > maxLength) && batch.attempts.size > 1) {
      this.writing = { batch: batch.split(maxRows, maxLength), written: undefined };
    } else {
      this.pending = undefined;
      this.writing = pending;
    }
    return this.writing.batch;
  }

  /** The first batch of a new run, with its row; undefined, and the log fails, if the row can't be created. */
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

  /** Called when the batch that was taken is durable. */
  committed(): void {
    const { writing } = this;
    this.writing = undefined;
    writing?.written?.resolve();
  }

  /** Called when nothing was written, since the run has another driver, or the id of a new run is taken. */
  fencedOff(): void {
    this.fail(this.isRegistered ? leaseLost(this.runId) : runExists(this.runId));
  }

  /** Fails the log for good. */
  fail(error: Error): void {
    if (this.failure !== undefined) return;
    this.failure = error;
    const waiting = [this.creation?.written, this.writing?.written, this.pending?.written];
    this.creation = this.writing = this.pending = undefined;
    this.host.released(this);
    // For a new run, `create` rejects instead.
    if (this.isRegistered) this.driver.onFailure(error);
    for (const written of waiting) {
      written?.promise.catch(() => {});
      written?.reject(error);
    }
  }

  /** Resolves when all entries are durable. */
  private whenWritten(): Promise<void> | undefined {
    const last = this.pending ?? this.writing;
    return last === undefined ? undefined : (last.written ??= deferred()).promise;
  }

  /** Adds a text to the pending batch if it is long. Returns what the column holds. */
  private readonly store = (text: string): string => this.pendingWrite().batch.store(text);

  private pendingWrite(): Pending {
    if (this.pending === undefined) {
      this.pending = { batch: new Batch(), written: undefined };
      if (this.failure === undefined) this.scheduleCommit();
    }
    return this.pending;
  }

  private scheduleCommit(): void {
    if (this.driver.durability === "strict") this.host.commit(this);
    else this.host.commitLater(this);
  }

  /** Adds the metadata if it has changed. Returns the error if it can't be stored, but only once. */
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
  return new StoreError(`Run ${show(runId)} already exists. Resume it, or use another run id.`, "RUN_EXISTS");
}

export function leaseLost(runId: string): StoreError {
  const message = `Run ${show(runId)} was taken over by another process because its lease had expired. This process records nothing more of it. Raise the store option "lease" above the longest time that a node blocks the event loop.`;
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
