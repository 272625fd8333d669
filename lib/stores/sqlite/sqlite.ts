import {
  CompiledQuery,
  type DatabaseConnection,
  type Driver,
  sql,
  SqliteDialect,
  type TransactionSettings,
} from "kysely";
import { outsideTime } from "../../base/clockwork.js";
import { DagwrightError } from "../../base/errors.js";
import { messageOf } from "../../base/message.js";
import { Semaphore } from "../../base/semaphore.js";
import { nextTurn } from "../../base/event-loop.js";
import type { DatabaseAdapter } from "../database/database.js";
import { type OpenDatabase, openFile } from "./sqlite-packages.js";
import { SqliteWriter } from "./sqlite-writer.js";
import { withStatementCache } from "./statement-cache.js";

/** How long to wait for the locks of other connections, in ms. */
const BUSY_TIMEOUT = 5000;

/**
 * Opens a file, or `:memory:`, with Node's own SQLite if there is one, otherwise with the package libsql. Uses a
 * write-ahead log that is synced to disk at every commit. Waits for other connections without blocking the thread,
 * which may be theirs, too.
 * @throws {StoreError} STORE when no SQLite is available, or the file can't be opened
 */
export function openSqlite(source: string | OpenDatabase): DatabaseAdapter {
  const dialect = new RetryingDialect({
    database: () => Promise.resolve(withStatementCache(typeof source === "string" ? openFile(source) : source)),
    onCreateConnection: async (connection) => {
      for (const pragma of ["busy_timeout = 0", "journal_mode = wal", "synchronous = full"]) {
        await retryWhileBusy(() => connection.executeQuery(CompiledQuery.raw(`pragma ${pragma}`)));
      }
    },
  });
  return {
    dialect,
    clock: CLOCK,
    constant: (time) => sql`cast(${time} as real)`,
    isRemote: false,
    hasRowLocks: false,
    classify: (error) => (isBusy(error) || isUnfit(error) || error instanceof DagwrightError ? "fatal" : "rejected"),
    writer: (db, clock) => new SqliteWriter(db, clock),
    // Moves the write-ahead log into the file, so that a copy of the file is complete. A concurrent reader prevents it,
    // harmlessly.
    beforeClose: async (db) => void (await CHECKPOINT.execute(db)),
  };
}

/** The current Julian day, as ms since 1970. */
const CLOCK = sql<number>`((julianday('now') - 2440587.5) * 86400000.0)`;

const CHECKPOINT = sql`pragma wal_checkpoint(truncate)`;

class RetryingDialect extends SqliteDialect {
  override createDriver(): Driver {
    return new RetryingDriver(super.createDriver());
  }
}

/**
 * A driver for SQLite that retries while another connection holds a lock, and yields to the event loop before each use
 * of the connection: SQLite answers synchronously, so thousands of operations would otherwise run in one turn.
 */
class RetryingDriver implements Driver {
  private readonly mutex = new Semaphore(1);

  constructor(private readonly driver: Driver) {}

  init(): Promise<void> {
    return this.driver.init();
  }

  async acquireConnection(): Promise<DatabaseConnection> {
    await this.mutex.acquire();
    let connection: DatabaseConnection;
    try {
      await nextTurn();
      connection = await this.driver.acquireConnection();
    } catch (error) {
      this.mutex.release();
      throw error;
    }
    return {
      executeQuery: (query) => retryWhileBusy(() => connection.executeQuery(query)),
      streamQuery: (query, size) => connection.streamQuery(query, size),
    };
  }

  /**
   * A transaction that may write takes the write lock first: upgrading a read lock later fails if the data
   * has changed meanwhile.
   */
  async beginTransaction(connection: DatabaseConnection, { accessMode }: TransactionSettings): Promise<void> {
    const begin = CompiledQuery.raw(accessMode === "read only" ? "begin" : "begin immediate");
    try {
      await connection.executeQuery(begin);
    } catch (error) {
      if (!/within a transaction/u.test(messageOf(error))) throw error;
      // The rollback of the last transaction failed.
      await connection.executeQuery(CompiledQuery.raw("rollback"));
      await connection.executeQuery(begin);
    }
  }

  commitTransaction(connection: DatabaseConnection): Promise<void> {
    return this.driver.commitTransaction(connection);
  }

  /** Ignores errors, which would hide the cause. If SQLite has not rolled back by itself, the next transaction does. */
  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    await this.driver.rollbackTransaction(connection).catch(() => {});
  }

  async releaseConnection(connection: DatabaseConnection): Promise<void> {
    try {
      await this.driver.releaseConnection(connection);
    } finally {
      this.mutex.release();
    }
  }

  destroy(): Promise<void> {
    return this.driver.destroy();
  }
}

/** Retries while another connection holds a lock. */
function retryWhileBusy<T>(work: () => Promise<T>, deadline = outsideTime().now() + BUSY_TIMEOUT): Promise<T> {
  const retry = async (error: unknown): Promise<T> => {
    if (!isBusy(error) || outsideTime().now() > deadline) throw error;
    await outsideTime().sleep(1 + Math.random() * 10);
    return retryWhileBusy(work, deadline);
  };
  try {
    return work().catch(retry);
  } catch (error) {
    return retry(error); // Kysely's SQLite driver throws synchronously.
  }
}

function isBusy(error: unknown): boolean {
  return /database (?:table )?is locked|SQLITE_BUSY/u.test(messageOf(error));
}

/** Whether the error is of the file rather than the statement: no room, no access, a broken disk. */
function isUnfit(error: unknown): boolean {
  return UNFIT.test(messageOf(error));
}

const UNFIT =
  /disk is full|disk I\/O error|readonly database|unable to open database|disk image is malformed|not a database|locking protocol/u;
