import { setImmediate } from "../base/turn.js";
import { StoreError } from "../base/errors.js";
import { messageOf } from "../base/message.js";
import type { Batch } from "./batch.js";
import type { SqlRunLog } from "./run-log.js";
import { Statements, type Database } from "./statements.js";

/** How long what nobody waits for may wait to be written, in ms. */
const LONGEST_DELAY = 50;

/**
 * Writes what the runs of a store add: in one transaction for all that was added in the same turn of the event loop, and one
 * transaction after the other. A run that somebody else has taken over is left out, and its log fails.
 */
export class GroupCommit {
  private readonly changed = new Set<SqlRunLog>();
  private current: Promise<void> | undefined;
  private isDue = false;
  private timer: NodeJS.Timeout | undefined;
  private statements: Statements | undefined;

  constructor(private readonly open: () => Promise<Database>) {}

  /** @param soon - when the event loop turns */
  add(log: SqlRunLog, soon: boolean): void {
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

  /** Resolves when all that was added is written, or can't be. */
  async settled(): Promise<void> {
    this.start();
    while (this.current !== undefined) await this.current;
  }

  private start(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.current !== undefined || this.changed.size === 0) return;
    this.current = this.writeAll().finally(() => (this.current = undefined));
  }

  private async writeAll(): Promise<void> {
    while (this.changed.size > 0) {
      const batches: [SqlRunLog, Batch][] = [];
      for (const log of this.changed) {
        this.changed.delete(log);
        const batch = log.take();
        if (batch !== undefined) batches.push([log, batch]);
      }
      try {
        const lost = await this.write(batches);
        for (const [log] of batches) if (!lost.has(log)) log.wrote();
        for (const log of lost) log.fail(leaseLost(log.runId));
      } catch (cause) {
        const error = cause instanceof StoreError ? cause : writeFailed(cause);
        for (const [log] of batches) log.fail(error);
      }
    }
  }

  /** Gives the runs that somebody else has taken over. */
  private async write(batches: readonly [SqlRunLog, Batch][]): Promise<ReadonlySet<SqlRunLog>> {
    const database = await this.open();
    const statements = (this.statements ??= new Statements(database));
    return database.db.transaction().execute(async (trx) => {
      const tokens = await statements.tokensOf(
        trx,
        batches.map(([log]) => log.runId),
      );
      const lost = new Set<SqlRunLog>();
      const live: [SqlRunLog, Batch][] = [];
      for (const entry of batches) {
        if (tokens.get(entry[0].runId) === entry[0].token) live.push(entry);
        else lost.add(entry[0]);
      }
      await statements.write(trx, live);
      return lost;
    });
  }
}

export function leaseLost(runId: string): StoreError {
  const message = `The run "${runId}" was taken over by another process, because its lease had run out. Nothing more of it is written here. Raise the store option "lease" above the longest time that a node blocks the event loop.`;
  return new StoreError(message, "LEASE_LOST");
}

export function writeFailed(cause: unknown): StoreError {
  const message = `The store can't be written: ${messageOf(cause)}. The run can be resumed when that is mended.`;
  return new StoreError(message, "STORE", { cause });
}
