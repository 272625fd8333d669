import { setImmediate } from "../base/turn.js";
import { StoreError } from "../base/errors.js";
import { writeFailed } from "./access.js";
import type { Database } from "./connection.js";
import { persistently } from "./failure.js";
import type { SqlRunLog } from "./run-log.js";
import type { Write } from "./writer.js";

/** How long what nobody waits for may wait to be written, in ms. */
const LONGEST_DELAY = 50;

/**
 * About how many rows, and of how many runs, are written in one transaction: a few ms, in which a database in this process lets
 * nothing else happen, and as much again for what the runs do then.
 */
const MOST_ROWS = 500;
const MOST_RUNS = 50;

/** About how many characters go into one transaction: a statement's parameter is one string, which has its limit. */
const MOST_CHARACTERS = 16 * 1024 * 1024;

type LoggedWrite = Write & { readonly log: SqlRunLog };

/**
 * Writes what the runs of a store add: in one transaction for all that was added in the same turn of the event loop, or some
 * where that is much, and one transaction after the other. A run that somebody else has taken over is left out, and its log
 * fails. So does the log alone whose data the database refuses.
 */
export class GroupCommit {
  private readonly changed = new Set<SqlRunLog>();
  private current: Promise<void> | undefined;
  private isDue = false;
  private timer: NodeJS.Timeout | undefined;
  private isOver = false;

  constructor(private readonly open: () => Promise<Database>) {}

  /** @param soon - when the event loop turns */
  add(log: SqlRunLog, soon: boolean): void {
    if (this.isOver) return;
    this.changed.add(log);
    if (!soon) {
      this.timer ??= setTimeout(() => this.start(), LONGEST_DELAY).unref();
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
    this.isOver = true;
    this.start();
    await this.current;
  }

  private start(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.current !== undefined || this.changed.size === 0) return;
    this.current = this.writeAll().finally(() => (this.current = undefined));
  }

  private async writeAll(): Promise<void> {
    while (this.changed.size > 0) {
      for (const writes of this.take()) await this.commit(writes);
      if (this.changed.size > 0) await new Promise((turn) => setImmediate(turn));
    }
  }

  /**
   * What goes into the next transactions: what has waited for longest, and each run once, whoever has driven it here. What is long
   * has a transaction of its own, so that nobody else's fails because of its size, or of the time that takes.
   */
  private take(): LoggedWrite[][] {
    const writes: LoggedWrite[] = [];
    const long: LoggedWrite[] = [];
    const runIds = new Set<string>();
    let rows = MOST_ROWS;
    let characters = MOST_CHARACTERS;
    for (const log of this.changed) {
      if (rows <= 0 || characters <= 0 || writes.length === MOST_RUNS) break;
      if (runIds.has(log.runId)) continue;
      this.changed.delete(log);
      const batch = log.take(rows, characters);
      if (batch === undefined) continue;
      rows -= batch.size;
      characters -= batch.length;
      runIds.add(log.runId);
      (batch.length > MOST_CHARACTERS ? long : writes).push({ log, runId: log.runId, token: log.token, batch });
      if (log.isPending) {
        this.changed.add(log);
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
  const { writer, failureOf } = database;
  let written: ReadonlySet<string>;
  try {
    written = await persistently(() => writer.write(writes), failureOf);
  } catch (error) {
    if (failureOf(error) !== "data" || writes.length === 1) return fail(writes, error);
    for (const part of writes) await write(database, [part]);
    return;
  }
  for (const { log, runId } of writes) {
    if (written.has(runId)) log.wrote();
    else log.refused();
  }
}

function fail(writes: readonly LoggedWrite[], cause: unknown): void {
  const ofNew = cause instanceof StoreError ? cause : writeFailed(cause, "The run has not begun: run it again when");
  const ofBegun = cause instanceof StoreError ? cause : writeFailed(cause, "The run can be resumed when");
  for (const { log, batch } of writes) log.fail(batch.created === undefined ? ofBegun : ofNew);
}
