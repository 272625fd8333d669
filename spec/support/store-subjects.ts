/** Kinds of stores for contracts, each on a database that is empty before each spec. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import type { BullmqOptions } from "dagwright/bullmq";
import type { ServiceQueue } from "dagwright/service";
import { postgresStore, sqliteStore, type StoreOptions } from "dagwright/store";
import { execute, type PostgresServer } from "./postgres.js";
import { openDatabase } from "./sqlite.js";
import type { StoreSubject } from "./stores.js";
import { until } from "./waiting.js";

/** A kind of store whose database specs read and block over connections of their own. */
export interface OpenSubject extends StoreSubject {
  /** The argument with which another process opens the database. */
  readonly address: () => string;
  rows(query: string): Promise<any[]>;
  /** Blocks all writes until the returned function is called. */
  lock(): Promise<() => Promise<void>>;
  /** What brings runs to services, unless the store does it alone. */
  readonly queue?: () => ServiceQueue;
  /** The options of that queue, for other processes. */
  readonly queueOptions?: () => BullmqOptions;
}

/** Executes a statement. Returns whether it did, and was not refused by a lock. */
function isExecuted(path: string, statement: string): boolean {
  const database = openDatabase(path);
  try {
    database.prepare(statement).run([]);
    return true;
  } catch (error) {
    if (!/locked/u.test((error as Error).message)) throw error;
    return false;
  } finally {
    database.close();
  }
}

export async function sqliteSubject(): Promise<OpenSubject> {
  const folder = mkdtempSync(join(tmpdir(), "dagwright-queue-"));
  let number = 0;
  const address = () => join(folder, `${number}.db`);
  const rows = async (query: string) => {
    const database = openDatabase(address());
    try {
      return database.prepare(query).all([]);
    } finally {
      database.close();
    }
  };
  return {
    address,
    rows,
    open: (options?: StoreOptions) => sqliteStore(address(), options),
    execute: async (statement) => {
      // Waiting for the lock would keep the store of this process, which may have it, from giving it back.
      await until(() => isExecuted(address(), statement));
    },
    count: async (table) => ((await rows(`select count(*) as n from ${table}`)) as { n: number }[])[0].n,
    reset: async () => void number++,
    close: async () => rmSync(folder, { recursive: true, force: true }),
    lock: async () => {
      const database = openDatabase(address());
      database.prepare("begin immediate").run([]);
      return async () => {
        database.prepare("rollback").run([]);
        database.close();
      };
    },
  };
}

export function postgresSubject({ url, empty }: PostgresServer): () => Promise<OpenSubject> {
  return async () => ({
    address: () => url,
    rows: (query) => execute(url, query),
    open: (options?: StoreOptions) => postgresStore(url, options),
    execute: async (statement) => void (await execute(url, statement)),
    count: async (table) => (await execute(url, `select count(*)::int as n from ${table}`))[0].n,
    reset: empty,
    close: async () => {},
    lock: async () => {
      const client = new pg.Client({ connectionString: url });
      await client.connect();
      await client.query("begin; lock table runs in exclusive mode");
      return () => client.end();
    },
  });
}
