import {
  CompiledQuery,
  sql,
  SqliteDialect,
  type DatabaseConnection,
  type Driver,
  type TransactionSettings,
} from "kysely";
import { now } from "../base/clock.js";
import { DagwrightError, StoreError } from "../base/errors.js";
import { messageOf } from "../base/message.js";
import { load } from "../base/own-files.js";
import { Semaphore } from "../base/semaphore.js";
import { nextTurn } from "../base/turn.js";
import type { DatabaseAdapter } from "./database.js";
import { SqliteWriter } from "./sqlite-writer.js";

/** A database of one of the SQLite packages, as they have it in common: better-sqlite3, libsql. */
export interface OpenDatabase {
  close(): void;
  prepare(sql: string): OpenStatement;
}

/** A prepared statement. */
export interface OpenStatement {
  /** It gives rows. */
  readonly reader: boolean;
  all(parameters: readonly unknown[]): unknown[];
  run(parameters: readonly unknown[]): { changes: number | bigint; lastInsertRowid: number | bigint };
  iterate(parameters: readonly unknown[]): IterableIterator<unknown>;
}

interface NodeStatement {
  setReadBigInts(on: boolean): void;
  all(...parameters: unknown[]): unknown[];
  run(...parameters: unknown[]): { changes: number | bigint; lastInsertRowid: number | bigint };
  iterate(...parameters: unknown[]): IterableIterator<unknown>;
}

interface NodeDatabase {
  prepare(sql: string): NodeStatement;
  close(): void;
}

/** How long to wait for other connections, in ms. */
const BUSY_TIMEOUT = 5000;

const READS = /^\s*(?:select|with|pragma|explain|values)\b|\breturning\b/iu;

/**
 * Opens a file, or `:memory:`: with Node's own SQLite where there is one, otherwise with the package libsql. Uses a
 * write-ahead log, which is on the disk when a transaction ends, and waits for other connections without blocking the
 * thread, which may be theirs.
 * @throws {StoreError} STORE when there is no SQLite, or the file can't be opened
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
    hasRowLocks: false,
    classify: (error) => (isBusy(error) || error instanceof DagwrightError ? "fatal" : "rejected"),
    writer: (db) => new SqliteWriter(db, CLOCK),
    // A copy of the file alone has all of it then. Who reads at this moment keeps it from that, and does no harm.
    beforeClose: async (db) => void (await CHECKPOINT.execute(db)),
  };
}

/** The milliseconds of a Julian day since 1970. */
const CLOCK = sql<number>`((julianday('now') - 2440587.5) * 86400000.0)`;

const CHECKPOINT = sql`pragma wal_checkpoint(truncate)`;

/** How many statements are kept prepared. */
const MAX_STATEMENTS = 100;

/** Prepares a statement once: that takes as long as executing it a few times. */
function withStatementCache(database: OpenDatabase): OpenDatabase {
  const prepared = new Map<string, OpenStatement>();
  return {
    close: () => database.close(),
    prepare: (sql) => {
      let statement = prepared.get(sql);
      if (statement === undefined) {
        if (prepared.size >= MAX_STATEMENTS) prepared.clear();
        statement = withCachedReader(database.prepare(sql));
        prepared.set(sql, statement);
      }
      return statement;
    },
  };
}

/** The same statement, which is not asked time and again whether it reads: in libsql that is a call out of JavaScript. */
function withCachedReader(statement: OpenStatement): OpenStatement {
  const { reader } = statement;
  return {
    reader,
    all: (parameters) => statement.all(parameters),
    run: (parameters) => statement.run(parameters),
    iterate: (parameters) => statement.iterate(parameters),
  };
}

class RetryingDialect extends SqliteDialect {
  override createDriver(): Driver {
    return new RetryingDriver(super.createDriver());
  }
}

/**
 * Lets SQLite's driver try again what another connection is in the way of, and the event loop turn between what uses the
 * database: nothing of that ever waits for an answer, and thousands of uses would follow one another without it.
 */
class RetryingDriver implements Driver {
  private readonly semaphore = new Semaphore(1);

  constructor(private readonly driver: Driver) {}

  init(): Promise<void> {
    return this.driver.init();
  }

  async acquireConnection(): Promise<DatabaseConnection> {
    await this.semaphore.acquire();
    let connection: DatabaseConnection;
    try {
      await nextTurn();
      connection = await this.driver.acquireConnection();
    } catch (error) {
      this.semaphore.release();
      throw error;
    }
    return {
      executeQuery: (query) => retryWhileBusy(() => connection.executeQuery(query)),
      streamQuery: (query, size) => connection.streamQuery(query, size),
    };
  }

  /** Takes the lock for writing at once, where it may write: one that is asked for later may come too late for what was read before. */
  async beginTransaction(connection: DatabaseConnection, { accessMode }: TransactionSettings): Promise<void> {
    const begin = CompiledQuery.raw(accessMode === "read only" ? "begin" : "begin immediate");
    try {
      await connection.executeQuery(begin);
    } catch (error) {
      if (!/within a transaction/u.test(messageOf(error))) throw error;
      // The last one could not be rolled back then.
      await connection.executeQuery(CompiledQuery.raw("rollback"));
      await connection.executeQuery(begin);
    }
  }

  commitTransaction(connection: DatabaseConnection): Promise<void> {
    return this.driver.commitTransaction(connection);
  }

  /** What fails here is not what went wrong: SQLite rolls some transactions back itself, and the next one sees to the rest. */
  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    await this.driver.rollbackTransaction(connection).catch(() => {});
  }

  async releaseConnection(connection: DatabaseConnection): Promise<void> {
    try {
      await this.driver.releaseConnection(connection);
    } finally {
      this.semaphore.release();
    }
  }

  destroy(): Promise<void> {
    return this.driver.destroy();
  }
}

/** Tries again while another connection is in the way. */
function retryWhileBusy<T>(work: () => Promise<T>, deadline = now() + BUSY_TIMEOUT): Promise<T> {
  const again = async (error: unknown): Promise<T> => {
    if (!isBusy(error) || now() > deadline) throw error;
    await new Promise((resolve) => setTimeout(resolve, 1 + Math.random() * 10));
    return retryWhileBusy(work, deadline);
  };
  try {
    return work().catch(again);
  } catch (error) {
    return again(error); // Kysely's driver for SQLite throws at once.
  }
}

function isBusy(error: unknown): boolean {
  return /database (?:table )?is locked|SQLITE_BUSY/u.test(messageOf(error));
}

function openFile(path: string): OpenDatabase {
  try {
    return nodeDatabase(path) ?? libsqlDatabase(path);
  } catch (cause) {
    if (cause instanceof StoreError) throw cause;
    const message = `The SQLite database "${path}" can't be opened: ${messageOf(cause)}. Check the path and its permissions.`;
    throw new StoreError(message, "STORE", { cause });
  }
}

function nodeDatabase(path: string): OpenDatabase | undefined {
  const sqlite = withoutWarning(() => process.getBuiltinModule("node:sqlite") as unknown);
  if (sqlite === undefined) return undefined;
  const { DatabaseSync } = sqlite as { DatabaseSync: new (path: string) => NodeDatabase };
  const database = new DatabaseSync(path);
  return {
    close: () => database.close(),
    prepare: (sql) => {
      const statement = database.prepare(sql);
      return {
        reader: READS.test(sql),
        all: (parameters: readonly unknown[]) => allOf(statement, parameters),
        run: (parameters: readonly unknown[]) => statement.run(...parameters),
        iterate: (parameters: readonly unknown[]) => statement.iterate(...parameters),
      };
    },
  };
}

/** All rows. Where an integer, which no store writes, is too large for a number, it is a bigint: Node's SQLite would refuse the row. */
function allOf(statement: NodeStatement, parameters: readonly unknown[]): unknown[] {
  try {
    return statement.all(...parameters);
  } catch (error) {
    if ((error as { code?: unknown }).code !== "ERR_OUT_OF_RANGE") throw error;
  }
  statement.setReadBigInts(true);
  try {
    return statement.all(...parameters).map((row) => withNumbers(row as Record<string, unknown>));
  } finally {
    statement.setReadBigInts(false);
  }
}

function withNumbers(row: Record<string, unknown>): Record<string, unknown> {
  const isExact = (value: unknown) => typeof value === "bigint" && Number.isSafeInteger(Number(value));
  const columns = Object.entries(row).map(([name, value]) => [name, isExact(value) ? Number(value) : value]);
  return Object.fromEntries(columns) as Record<string, unknown>;
}

function libsqlDatabase(path: string): OpenDatabase {
  let Database: new (path: string) => OpenDatabase;
  try {
    Database = load("libsql") as typeof Database;
  } catch (cause) {
    const message =
      `Node ${process.versions.node} has no SQLite of its own, and the package libsql can't be loaded: ` +
      `${messageOf(cause).split("\n", 1)[0]}. Run "npm install libsql", or use Node 22.13 or later.`;
    throw new StoreError(message, "STORE", { cause });
  }
  return new Database(path);
}

/** Without the warning that Node's SQLite is experimental, which users of ours can do nothing about. */
function withoutWarning<T>(load: () => T): T {
  // eslint-disable-next-line @typescript-eslint/unbound-method -- it is put back as it is
  const { emitWarning } = process;
  process.emitWarning = () => {};
  try {
    return load();
  } finally {
    process.emitWarning = emitWarning;
  }
}
