import { createRequire } from "node:module";
import type { OpenDatabase } from "dagwright/store";

type Libsql = new (path: string) => OpenDatabase;

interface NodeSqlite {
  DatabaseSync: new (path: string) => {
    prepare(
      sql: string,
    ): Record<"all" | "run" | "iterate", (...parameters: unknown[]) => any> & { columns?(): unknown[] };
    close(): void;
  };
}

/**
 * Opens a SQLite database with the library that a store uses: two libraries in one process do not see each other's
 * locks.
 */
export function openDatabase(path: string): OpenDatabase {
  const sqlite = process.getBuiltinModule("node:sqlite" as "fs") as unknown as NodeSqlite | undefined;
  if (sqlite === undefined) return libsql(path);
  const database = new sqlite.DatabaseSync(path);
  return {
    close: () => database.close(),
    prepare: (sql) => {
      const statement = database.prepare(sql);
      return {
        reader: /^\s*(?:select|with|pragma)\b|\breturning\b/iu.test(sql),
        all: (parameters) => statement.all(...parameters) as unknown[],
        run: (parameters) => statement.run(...parameters) as { changes: number; lastInsertRowid: number },
        iterate: (parameters) => statement.iterate(...parameters) as IterableIterator<unknown>,
      };
    },
  };
}

/** Opens a SQLite database with the package libsql. */
export function libsql(path: string): OpenDatabase {
  return new (createRequire(import.meta.url)("libsql") as Libsql)(path);
}

/**
 * A database whose statement number `at`, counted from 0, fails.
 * @param lasting - all later statements fail, too, until the database is healed
 */
export function faulty(path: string, at: number, { lasting = false } = {}) {
  const database = openDatabase(path);
  let count = 0;
  const failed: string[] = [];
  const statements: string[] = [];
  let isHealed = false;
  const tick = (sql: string) => {
    const number = count++;
    statements.push(sql);
    if (isHealed) return;
    if (number !== at && !(lasting && number > at)) return;
    failed.push(sql);
    throw new Error("disk I/O error");
  };
  const wrapped: OpenDatabase = {
    close: () => database.close(),
    prepare: (sql) => {
      const statement = database.prepare(sql);
      return {
        reader: statement.reader,
        all: (parameters) => (tick(sql), statement.all(parameters)),
        run: (parameters) => (tick(sql), statement.run(parameters)),
        iterate: (parameters) => (tick(sql), statement.iterate(parameters)),
      };
    },
  };
  return { database: wrapped, failed, statements, count: () => count, heal: () => void (isHealed = true) };
}

/**
 * The database of a process that dies at statement number `at`, counted from 0: its transaction is rolled back, and no
 * later statement is executed.
 */
export function dying(path: string, at: number) {
  const database = openDatabase(path);
  let count = 0;
  let isDead = false;
  const tick = () => {
    if (!isDead && count++ < at) return;
    if (!isDead) {
      isDead = true;
      try {
        database.prepare("rollback").run([]);
      } catch {
        // There was no transaction.
      }
      database.close();
    }
    throw new Error("this process is dead");
  };
  const wrapped: OpenDatabase = {
    close: () => isDead || database.close(),
    prepare: (sql) => {
      if (isDead) throw new Error("this process is dead");
      const statement = database.prepare(sql);
      return {
        reader: statement.reader,
        all: (parameters) => (tick(), statement.all(parameters)),
        run: (parameters) => (tick(), statement.run(parameters)),
        iterate: (parameters) => (tick(), statement.iterate(parameters)),
      };
    },
  };
  return { database: wrapped, count: () => count };
}
