import { PostgresDialect, sql, type PostgresPool, type PostgresPoolClient } from "kysely";
import type * as Pg from "pg";
import { StoreError } from "../base/errors.js";
import { messageOf } from "../base/message.js";
import { Semaphore } from "../base/semaphore.js";
import type { DatabaseAdapter } from "./database.js";
import { classify, isServerError } from "./postgres-failure.js";
import { PostgresWriter } from "./postgres-writer.js";

/** How many connections a store has at most. */
const CONNECTIONS = 10;

/**
 * How long to wait for a connection, for a lock and for an answer, in ms: nothing waits for ever for a server that is gone, nor
 * does a server for one of us that is. The server gives up first, so that it can say why.
 */
const CONNECTION_TIMEOUT = 10_000;
const LOCK_TIMEOUT = 10_000;
const STATEMENT_TIMEOUT = 25_000;
const QUERY_TIMEOUT = 30_000;

/** How long a transaction may wait for its next statement, in ms. Ours go from one to the next at once. */
const IDLE_TIMEOUT = 10_000;

/** The key under which migrations of this library exclude each other, in all databases of a server. */
const MIGRATION_LOCK = 0x6461_6777;

const CLOCK = "(extract(epoch from clock_timestamp()) * 1000)::double precision";

/**
 * Connects to a server with the package pg, through a pool of connections of its own.
 * @throws {StoreError} STORE when pg is not installed
 */
export async function openPostgres(url: string): Promise<DatabaseAdapter> {
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
    max: CONNECTIONS,
    connectionTimeoutMillis: CONNECTION_TIMEOUT,
    query_timeout: QUERY_TIMEOUT,
    statement_timeout: STATEMENT_TIMEOUT,
    lock_timeout: LOCK_TIMEOUT,
    idle_in_transaction_session_timeout: IDLE_TIMEOUT,
    keepAlive: true,
    allowExitOnIdle: true,
  });
  // A connection that breaks while nobody uses it, or between two statements. The next use finds out.
  pool.on("error", () => {});
  pool.on("connect", (client) => client.on("error", () => {}));
  return {
    dialect: new PostgresDialect({ pool: new QueueingPool(pool) }),
    clock: sql.raw<number>(CLOCK),
    hasRowLocks: true,
    lockMigrations: async (db) => {
      await sql`select pg_advisory_xact_lock(${MIGRATION_LOCK})`.execute(db);
    },
    classify,
    writer: (db) => new PostgresWriter(db, CLOCK),
  };
}

/**
 * A pool whose users wait for a connection in a line of their own, for as long as it takes, where the pool itself would turn
 * them away; and which has done with a connection once that has failed, be it that it only gave no answer.
 */
class QueueingPool implements PostgresPool {
  private readonly semaphore = new Semaphore(CONNECTIONS);

  constructor(private readonly pool: Pg.Pool) {}

  async connect(): Promise<PostgresPoolClient> {
    await this.semaphore.acquire();
    try {
      return new PooledClient(await this.pool.connect(), () => this.semaphore.release()) as unknown as PostgresPoolClient;
    } catch (error) {
      this.semaphore.release();
      throw error;
    }
  }

  end(): Promise<void> {
    return this.pool.end();
  }
}

/** A connection for the time that somebody uses it. */
class PooledClient {
  /** Why nothing more can be asked. */
  private failure: { readonly error: unknown } | undefined;

  constructor(
    private readonly client: Pg.PoolClient,
    private readonly released: () => void,
  ) {}

  async query(text: string, parameters: unknown[]): Promise<unknown> {
    if (this.failure !== undefined) {
      // The server has done that.
      if (text === "rollback") return NO_ROWS;
      throw this.failure.error;
    }
    requireMessageSize(parameters);
    try {
      return await this.client.query(text, parameters);
    } catch (error) {
      if (!isServerError(error)) this.failure = { error };
      throw error;
    }
  }

  release(): void {
    this.client.release(this.failure !== undefined);
    this.released();
  }
}

const NO_ROWS = { command: "ROLLBACK", rowCount: 0, rows: [] };

/** How long a message to the server may be, in bytes: one that is longer makes it close the connection, and say nothing. */
const MAX_MESSAGE_BYTES = 2 ** 30 - 2 ** 20;

/** @throws {RangeError} for parameters that are too long for one message */
function requireMessageSize(parameters: readonly unknown[]): void {
  let length = 0;
  for (const value of parameters) if (typeof value === "string") length += Buffer.byteLength(value);
  if (length <= MAX_MESSAGE_BYTES) return;
  throw new RangeError(
    `its data takes ${length} bytes, and Postgres takes 1 GB at a time. Keep large values elsewhere`,
  );
}
