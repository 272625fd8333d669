import { PostgresDialect, sql } from "kysely";
import type * as Pg from "pg";
import { StoreError } from "../base/errors.js";
import { messageOf } from "../base/message.js";
import type { Connection } from "./connection.js";

/** How long to wait for a connection, and for an answer, in ms: nothing waits for ever for a server that is gone. */
const CONNECTION_TIMEOUT = 10_000;
const QUERY_TIMEOUT = 30_000;

/** The key under which migrations of this library exclude each other, in all databases of a server. */
const MIGRATION_LOCK = 0x6461_6777;

/**
 * Connects to a server with the package pg, through a pool of connections of its own.
 * @throws {StoreError} STORE when pg is not installed
 */
export async function openPostgres(url: string): Promise<Connection> {
  let pg: typeof Pg;
  try {
    pg = await import("pg");
  } catch (cause) {
    const message = `Postgres is reached through the package pg, which can't be loaded: ${messageOf(cause)}. Install it: npm install pg.`;
    throw new StoreError(message, "STORE", { cause });
  }
  const { Pool } = "Pool" in pg ? pg : (pg as { default: typeof Pg }).default;
  const pool = new Pool({
    connectionString: url,
    connectionTimeoutMillis: CONNECTION_TIMEOUT,
    query_timeout: QUERY_TIMEOUT,
    keepAlive: true,
    allowExitOnIdle: true,
  });
  // A connection that breaks while nobody uses it; the next use opens another one.
  pool.on("error", () => {});
  return {
    dialect: new PostgresDialect({ pool }),
    locksRows: true,
    serialize: async (db) => {
      await sql`select pg_advisory_xact_lock(${MIGRATION_LOCK})`.execute(db);
    },
  };
}
