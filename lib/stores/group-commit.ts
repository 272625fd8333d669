import { setImmediate } from "../base/turn.js";
import { StoreError } from "../base/errors.js";
import { writeFailed } from "./database-access.js";
import type { Database } from "./database.js";
import { withRetries } from "./retry.js";
import type { SqlRunLog } from "./run-log.js";
import type { FencedBatch } from "./batch-writer.js";

/** How long what nobody waits for may wait to be written, in ms. */
const MAX_DELAY = 50;

/**
 * About how many rows, and of how many runs, are written in one transaction: a few ms, in which a database in this process lets
 * nothing else happen, and as much again for what the runs do then.
 */
const MAX_ROWS = 500;
const MAX_RUNS = 50;

/** About how many characters go into one transaction: a statement's parameter is one string, which has its limit. */
const MAX_LENGTH = 16 * 1024 * 1024;

type LoggedWrite = FencedBatch & { readonly log: SqlRunLog };

/**
 * Writes what the runs of a store add: in one transaction for all that was added in the same turn of the event loop, or some
 * where that is much, and one transaction after the other. A run that somebody else has taken over is left out, and its log
 * fails. So does the log alone whose data the database refuses.
 */
export class GroupCommit {
  private readonly pending = new Set<SqlRunLog>();
  private current: Promise<void> | undefined;
  private isDue = false;
  private timer: NodeJS.Timeout | undefined;
  private isFinished = false;

  constructor(private readonly open: () => Promise<Database>) {}

  /** @param soon - when the event loop turns */
  add(log: SqlRunLog, soon: boolean): void {
    if (this.isFinished) return;
    this.pending.add(log);
    if (!soon) {
      this.timer ??= setTimeout(() => this.start(), MAX_DELAY).unref();
      return;
    }
    if (this.isDue) return;
    this.isDue = true;
    setImmediate(() => {
      this.isDue = false;
      this.start();
    });
  }

  /** Resolves when all that was added is written, or can't be. What is added later is not. */
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
   * What goes into the next transactions: what has waited for longest, and each run once, whoever has driven it here. What is long
   * has a transaction of its own, so that nobody else's fails because of its size, or of the time that takes.
   */
  private nextTransactions(): LoggedWrite[][] {
    const writes: LoggedWrite[] = [];
    const long: LoggedWrite[] = [];
    const runIds = new Set<string>();
    let rows = MAX_ROWS;
    let characters = MAX_LENGTH;
    for (const log of this.pending) {
      if (rows <= 0 || characters <= 0 || writes.length === MAX_RUNS) break;
      if (runIds.has(log.runId)) continue;
      this.pending.delete(log);
      const batch = log.takeBatch(rows, characters);
      if (batch === undefined) continue;
      rows -= batch.size;
      characters -= batch.length;
      runIds.add(log.runId);
      (batch.length > MAX_LENGTH ? long : writes).push({ log, runId: log.runId, token: log.token, batch });
      if (log.isPending) {
        this.pending.add(log);
        break;
      }
    }
    return [writes, long].filter(({ length }) => length > 0);
  }

  private async commit(writes: readonly LoggedWrite[]): Promise<void> {
    let database: Database;
    try {
      database = await this.open();
    } catch (error) {
      return fail(writes, error);
    }
    await write(database, writes);
  }
}

/** Writes all, or what of them the database does not refuse; tells the logs. */
async function write(database: Database, writes: readonly LoggedWrite[]): Promise<void> {
  const { writer, classify } = database;
  let written: ReadonlySet<string>;
  try {
    written = await withRetries(() => writer.write(writes), classify);
  } catch (error) {
    if (classify(error) !== "rejected" || writes.length === 1) return fail(writes, error);
    for (const part of writes) await write(database, [part]);
    return;
  }
  for (const { log, runId } of writes) {
    if (written.has(runId)) log.committed();
    else log.fencedOff();
  }
}

function fail(writes: readonly LoggedWrite[], cause: unknown): void {
  const ofNew = cause instanceof StoreError ? cause : writeFailed(cause, "The run has not begun: run it again when");
  const ofBegun = cause instanceof StoreError ? cause : writeFailed(cause, "The run can be resumed when");
  for (const { log, batch } of writes) log.fail(batch.created === undefined ? ofBegun : ofNew);
}
