import { StoreError } from "../../base/errors.js";
import { messageOf } from "../../base/message.js";
import { load } from "../../base/own-files.js";

/** The interface that the SQLite packages better-sqlite3 and libsql share. */
export interface OpenDatabase {
  /** Closes the database. Called when its store is closed. */
  close(): void;
  /** Compiles one statement. */
  prepare(sql: string): OpenStatement;
}

/**
 * A prepared statement.
 * @inline
 */
export interface OpenStatement {
  /** Whether it returns rows. */
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

/** Statements that return rows. */
const READER = /^\s*(?:select|with|pragma|explain|values)\b|\breturning\b/iu;

/** @throws {StoreError} STORE when no SQLite is available, or the file can't be opened */
export function openFile(path: string): OpenDatabase {
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
        reader: READER.test(sql),
        all: (parameters: readonly unknown[]) => allOf(statement, parameters),
        run: (parameters: readonly unknown[]) => statement.run(...parameters),
        iterate: (parameters: readonly unknown[]) => statement.iterate(...parameters),
      };
    },
  };
}

/** All rows. An unsafe integer, which no store writes, becomes a bigint, where Node's SQLite would throw. */
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
      `Node ${process.versions.node} has no built-in SQLite, and the package libsql can't be loaded: ` +
      `${messageOf(cause).split("\n", 1)[0]}. Run "npm install libsql", or use Node 22.13 or later.`;
    throw new StoreError(message, "STORE", { cause });
  }
  return new Database(path);
}

/** Suppresses the warning that Node's SQLite is experimental, which users can do nothing about. */
function withoutWarning<T>(load: () => T): T {
  // eslint-disable-next-line @typescript-eslint/unbound-method -- it is restored unchanged
  const { emitWarning } = process;
  process.emitWarning = () => {};
  try {
    return load();
  } finally {
    process.emitWarning = emitWarning;
  }
}
