import type { StoreError } from "../../base/errors.js";
import { setImmediate } from "../../base/event-loop.js";
import type { FencedBatch } from "./batch-writer.js";
import { writeFailed } from "../database/database-access.js";
import type { Database } from "../database/database.js";
import { withRetries } from "../database/retry.js";
import type { SqlRunLog } from "./run-log.js";

/** How long a commit that nothing waits for is delayed, in ms. */
const MAX_DELAY = 50;

/**
 * About how many rows, and of how many runs, one transaction writes. That blocks the event loop for a few ms with
 * SQLite, and the runs that continue afterwards for about as long again.
 */
const MAX_ROWS = 500;
const MAX_RUNS = 50;

/**
 * About how many characters one transaction writes: a parameter of a statement is a single string, whose length is
 * limited.
 */
const MAX_LENGTH = 16 * 1024 * 1024;

type LoggedWrite = FencedBatch & { readonly log: SqlRunLog };

/**
 * Commits the entries of a store's runs: everything added in the same turn of the event loop in one transaction, or in
 * several if it is large, one after the other. A run that another driver has taken over is left out, and its log fails.
 * If the database rejects the data of a run, only that run's log fails.
 */
export class GroupCommit {
  private readonly pending = new Set<SqlRunLog>();
  private current: Promise<void> | undefined;
  private isScheduled = false;
  private timer: NodeJS.Timeout | undefined;
  private isFinished = false;

  constructor(private readonly open: () => Promise<Database>) {}

  /** Commits the pending entries of a log at the next turn of the event loop. */
  add(log: SqlRunLog): void {
    if (this.isFinished) return;
    this.pending.add(log);
    if (this.isScheduled) return;
    this.isScheduled = true;
    setImmediate(() => {
      this.isScheduled = false;
      this.start();
    });
  }

  /** Commits the pending entries of a log within {@link MAX_DELAY}. */
  addLater(log: SqlRunLog): void {
    if (this.isFinished) return;
    this.pending.add(log);
    this.timer ??= setTimeout(() => this.start(), MAX_DELAY).unref();
  }

  /** Resolves when everything that was added is written, or has failed. Later additions are ignored. */
  async finish(): Promise<void> {
    this.isFinished = true;
    this.start();
    await this.current;
  }

  private start(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.current !== undefined || this.pending.size === 0) return;
    this.current = this.drain().finally(() => (this.current = undefined));
  }

  private async drain(): Promise<void> {
    while (this.pending.size > 0) {
      for (const writes of this.nextTransactions()) await this.commit(writes);
      if (this.pending.size > 0) await new Promise((turn) => setImmediate(turn));
    }
  }

  /**
   * The contents of the next transactions: the logs that have waited longest, and each run once, since two logs may be
   * of the same run. An oversized batch gets a transaction of its own, so that its size and duration fail no other run.
   */
  private nextTransactions(): LoggedWrite[][] {
    const writes: LoggedWrite[] = [];
    const oversized: LoggedWrite[] = [];
    const runIds = new Set<string>();
    let rows = MAX_ROWS;
    let length = MAX_LENGTH;
    for (const log of this.pending) {
      if (rows <= 0 || length <= 0 || writes.length === MAX_RUNS) break;
      if (runIds.has(log.runId)) continue;
      this.pending.delete(log);
      const batch = log.takeBatch(rows, length);
      if (batch === undefined) continue;
      rows -= batch.size;
      length -= batch.length;
      runIds.add(log.runId);
      (batch.length > MAX_LENGTH ? oversized : writes).push({ log, runId: log.runId, token: log.token, batch });
      if (log.isPending) {
        this.pending.add(log);
        break;
      }
    }
    return [writes, oversized].filter(({ length }) => length > 0);
  }

  private async commit(writes: readonly LoggedWrite[]): Promise<void> {
    let database: Database;
    try {
      database = await this.open();
    } catch (error) {
      // Opening the database throws nothing else.
      return fail(writes, error as StoreError, error as StoreError);
    }
    await write(database, writes);
  }
}

/** Writes the batches and notifies their logs. If the database rejects them together, writes each by itself. */
async function write(database: Database, writes: readonly LoggedWrite[]): Promise<void> {
  const { writer, classify } = database;
  let written: ReadonlySet<string>;
  try {
    written = await withRetries(() => writer.write(writes), classify);
  } catch (error) {
    const failure = classify(error);
    if (failure !== "rejected" || writes.length === 1) {
      const ofNew = writeFailed(error, failure, "start the run again: it was not recorded");
      return fail(writes, ofNew, writeFailed(error, failure, "resume the run"));
    }
    for (const each of writes) await write(database, [each]);
    return;
  }
  for (const { log, runId } of writes) {
    if (written.has(runId)) log.committed();
    else log.fencedOff();
  }
}

function fail(writes: readonly LoggedWrite[], ofNew: StoreError, ofKnown: StoreError): void {
  for (const { log, batch } of writes) log.fail(batch.created === undefined ? ofKnown : ofNew);
}
