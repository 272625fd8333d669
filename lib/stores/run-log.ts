import { show } from "../base/check.js";
import { nowChecked, toEpoch } from "../base/clock.js";
import { deferred, type Deferred } from "../base/deferred.js";
import { StoreError } from "../base/errors.js";
import type { Pause } from "../run/pause.js";
import { Batch, type NewRunRow } from "./batch.js";
import type { Codec } from "./codec.js";
import { rowsOfEvents } from "./event-rows.js";
import { kept, requireKept, toColumn, toInputColumn } from "./names.js";
import { NOT_PAUSED, pauseColumns, type PauseColumns } from "./pauses.js";
import { queuedEvent } from "./records.js";
import { SKIPPING } from "./refusal.js";
import type { EventRow } from "./schema.js";
import type { Texts } from "./texts.js";
import type {
  CycleStatus,
  AttemptEntry,
  CycleEntry,
  Driving,
  QueuedEvent,
  RunEnd,
  RunLog,
  Traversal,
} from "./store.js";

/** What a log needs of its store. */
export interface LogKeeper {
  readonly codec: Codec;
  /** Names this process. */
  readonly worker: string;
  /** What can't be kept is left out instead of being an error. */
  readonly skipsUnstorable: boolean;
  /** There is something to write. @param soon - when the event loop turns, and not some time later */
  changed(log: SqlRunLog, soon: boolean): void;
  /** Nobody drives the run any more. */
  released(log: SqlRunLog): void;
  waits(log: SqlRunLog, isWaiting: boolean): void;
  look(): Promise<void>;
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
  private metadataText: string | null;
  private hasBadMetadata = false;
  /** What makes the run's row, and who waits for that, while it is to be made. */
  private creation: { readonly makeRow: (batch: Batch) => NewRunRow; readonly written: Deferred<void> } | undefined;
  /** The database knows that the run is driven here. */
  private isKnown = false;
  private isEnding = false;
  /** What paused the run. */
  private pauses: PauseColumns = NOT_PAUSED;
  /** The number of the latest event that others recorded. */
  private lastReceived = -1;

  constructor(
    readonly runId: string,
    /** The number of this driver among all that the run has had. */
    readonly token: number,
    private readonly driving: Driving,
    private readonly keeper: LogKeeper,
    metadataText: string | null = null,
  ) {
    this.metadataText = metadataText;
  }

  attempt(entry: AttemptEntry): void {
    const { node, attempt, status, startedAt, finishedAt, output, branch, isCached, error, reason } = entry;
    if (branch !== undefined) requireKept(`The branch of node "${node}"`, branch);
    const { codec, worker, skipsUnstorable } = this.keeper;
    let text: string | null = null;
    if (output !== undefined) {
      try {
        text = codec.encode(output.value, `The result of node "${node}"`, SKIPPING);
      } catch (unstorable) {
        if (!skipsUnstorable) throw unstorable;
      }
    }
    const { batch } = this.open();
    batch.addAttempt({
      run_id: this.runId,
      node,
      attempt,
      status,
      worker: attempt === 0 ? null : worker,
      output: text === null ? null : batch.keep(text),
      branch: branch ?? null,
      is_cached: isCached === true ? 1 : 0,
      error: error === undefined ? null : batch.keep(codec.encodeThrown(error)),
      reason: reason === undefined ? null : kept(reason),
      started_at: startedAt ?? null,
      finished_at: finishedAt ?? null,
    });
  }

  traversals(list: readonly Traversal[]): void {
    if (list.length === 0) return;
    const { batch } = this.open();
    const traversed_at = toEpoch(nowChecked());
    const rows = list.map(({ from, to, input, output }) => ({
      run_id: this.runId,
      target: to,
      input: toInputColumn(input),
      source: from,
      output: output === undefined ? null : toColumn(output),
      traversed_at,
    }));
    batch.traversals.set(list[0].to, rows);
  }

  cycle(entry: CycleEntry): void {
    const { cycle, state, status, attempts, startedAt, finishedAt, input, event, output, error, reason, wait } = entry;
    const { codec, worker } = this.keeper;
    const encoded = (value: { readonly value: unknown } | undefined, what: string) =>
      value === undefined ? undefined : codec.encode(value.value, `The ${what} of state "${state}"`);
    const inputText = encoded(input, "input");
    const outputText = encoded(output, "value");
    const { batch } = this.open();
    const stored = (text: string | undefined) => (text === undefined ? null : batch.keep(text));
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
      error: error === undefined ? null : batch.keep(codec.encodeThrown(error)),
      reason: reason === undefined ? null : kept(reason),
      wait: wait === undefined ? null : JSON.stringify(wait),
      started_at: startedAt ?? null,
      finished_at: finishedAt ?? null,
    });
  }

  sent(events: readonly QueuedEvent[]): void {
    const keep = (text: string) => this.open().batch.keep(text);
    for (const row of rowsOfEvents(this.runId, events, this.keeper.codec, keep))
      this.open().batch.sent.set(row.id, row);
  }

  taken({ id }: Pick<QueuedEvent, "id">): void {
    const { batch } = this.open();
    // What is taken before it was written is known by the cycle that it led to.
    if (!batch.sent.delete(id)) batch.taken.push(id);
  }

  waits(isWaiting: boolean): void {
    this.keeper.waits(this, isWaiting);
  }

  look(): Promise<void> {
    return this.keeper.look();
  }

  async written(): Promise<void> {
    if (this.failure !== undefined) throw this.failure;
    await this.whenWritten();
  }

  paused(reason: string | undefined, pauses: readonly Pause[], dueAt: number | undefined): void {
    this.pauses = pauseColumns(reason, pauses, dueAt, this.open().batch, this.keeper);
  }

  durable(): Promise<void> | undefined {
    if (this.driving.durability === "relaxed") return undefined;
    return this.whenWritten();
  }

  async finish(end: RunEnd): Promise<void> {
    if (this.failure !== undefined) {
      this.keeper.released(this);
      throw this.failure;
    }
    const { batch } = this.open();
    const unstorable = this.keepMetadata(batch);
    const { status, outputs, error } = unstorable === undefined ? end : { ...end, status: "failed", error: unstorable };
    batch.end = {
      status,
      outputs: JSON.stringify(outputs),
      error: error === undefined ? null : batch.keep(this.keeper.codec.encodeThrown(error)),
      finished_at: toEpoch(nowChecked()),
      ...this.pauses,
      due_at: status === "paused" ? this.pauses.due_at : null,
    };
    this.isEnding = true;
    this.keeper.changed(this, true);
    try {
      await this.whenWritten();
    } finally {
      this.keeper.released(this);
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
    this.keeper.changed(this, true);
    return written.promise.then(() => this.claimed());
  }

  /** From now on the database knows that the run is driven here. */
  claimed(): this {
    this.isKnown = true;
    return this;
  }

  /** Whether the run's row says that it is driven here, unless somebody has taken it over. */
  get isDriven(): boolean {
    return this.isKnown && !this.isEnding;
  }

  /** Whether there is something to be written. */
  get isPending(): boolean {
    return this.pending !== undefined;
  }

  /**
   * Passes on events that others recorded. Gives those that it has passed on before.
   * @param rows - in order
   */
  receive(rows: readonly EventRow[], texts: Texts): readonly EventRow[] {
    const known = rows.filter(({ number }) => number <= this.lastReceived);
    const fresh = rows.slice(known.length);
    if (fresh.length === 0 || this.failure !== undefined) return known;
    this.lastReceived = fresh[fresh.length - 1].number;
    try {
      this.driving.onEvents(fresh.map((row) => queuedEvent(row, texts)));
    } catch (unreadable) {
      this.fail(unreadable as Error);
    }
    return known;
  }

  /**
   * What is to be written now; {@link SqlRunLog.wrote}, {@link SqlRunLog.refused} or {@link SqlRunLog.fail} has to follow.
   * @param mostRows - about how many; what is beyond remains pending, as it does for
   * @param longest - about how many characters
   */
  take(mostRows: number, longest: number): Batch | undefined {
    const { creation, pending } = this;
    if (this.failure !== undefined) return undefined;
    if (creation !== undefined) return this.newBatch(creation);
    if (pending === undefined) return undefined;
    const { batch } = pending;
    // The rest can be written, and with it how the run ends because of this.
    const unstorable = this.keepMetadata(batch);
    if (unstorable !== undefined) this.driving.onFailure(unstorable);
    if ((batch.size > mostRows || batch.length > longest) && batch.attempts.size > 1) {
      this.writing = { batch: batch.split(mostRows, longest), written: undefined };
    } else {
      this.pending = undefined;
      this.writing = pending;
    }
    return this.writing.batch;
  }

  /** The batch with the row of a run that is new; undefined when that can't be made, and the log has failed. */
  private newBatch({ makeRow, written }: NonNullable<SqlRunLog["creation"]>): Batch | undefined {
    const batch = new Batch();
    this.writing = { batch, written };
    this.creation = undefined;
    try {
      batch.created = makeRow(batch);
      this.metadataText = batch.created.metadata;
      return batch;
    } catch (error) {
      this.fail(error as Error);
      return undefined;
    }
  }

  /** What was taken is durable. */
  wrote(): void {
    const { writing } = this;
    this.writing = undefined;
    writing?.written?.resolve();
  }

  /** Somebody else drives the run, or made it before this could. */
  refused(): void {
    this.fail(this.isKnown ? leaseLost(this.runId) : runExists(this.runId));
  }

  /** Nothing can be written any more. */
  fail(error: Error): void {
    if (this.failure !== undefined) return;
    this.failure = error;
    const waiting = [this.creation?.written, this.writing?.written, this.pending?.written];
    this.creation = this.writing = this.pending = undefined;
    this.keeper.released(this);
    // Who makes a new run known hears of it by that.
    if (this.isKnown) this.driving.onFailure(error);
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

  private open(): Pending {
    if (this.pending === undefined) {
      this.pending = { batch: new Batch(), written: undefined };
      if (this.failure === undefined) this.keeper.changed(this, this.driving.durability === "strict");
    }
    return this.pending;
  }

  /** Adds the metadata, when it has changed. Gives the error when it can't be kept, the first time. */
  private keepMetadata(batch: Batch): Error | undefined {
    const metadata = this.driving.metadata();
    if (metadata === undefined || this.hasBadMetadata) return undefined;
    try {
      const text = metadataText(metadata, this.keeper);
      if (text !== this.metadataText) batch.metadata = batch.keep(text);
      this.metadataText = text;
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
export function metadataText(
  metadata: Readonly<Record<string, unknown>>,
  { codec, skipsUnstorable }: Pick<LogKeeper, "codec" | "skipsUnstorable">,
): string {
  try {
    return codec.encode({ ...metadata }, "The metadata", SKIPPING);
  } catch (error) {
    if (!skipsUnstorable || !(error instanceof StoreError)) throw error;
    const storable = Object.entries(metadata).filter(([, value]) => codec.canEncode(value));
    return codec.encode(Object.fromEntries(storable));
  }
}
