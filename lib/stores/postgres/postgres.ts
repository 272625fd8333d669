import { PostgresDialect, type PostgresPool, type PostgresPoolClient, sql } from "kysely";
import type * as Pg from "pg";
import { StoreError } from "../../base/errors.js";
import { messageOf } from "../../base/message.js";
import { outside } from "../../base/outside-work.js";
import { Semaphore } from "../../base/semaphore.js";
import type { DatabaseAdapter } from "../database/database.js";
import { classify, leavesConnectionUsable } from "./postgres-errors.js";
import { type NoticeClient, postgresNotices } from "./postgres-notices.js";
import { PostgresWriter } from "./postgres-writer.js";

/** The size of the connection pool. */
const MAX_CONNECTIONS = 10;

/**
 * How long to wait for a connection, a lock and an answer, in ms, so that neither a client nor the server waits forever
 * for a peer that is gone. The server times out first, because its error says why.
 */
const CONNECTION_TIMEOUT = 10_000;
const LOCK_TIMEOUT = 10_000;
const STATEMENT_TIMEOUT = 25_000;
const QUERY_TIMEOUT = 30_000;

/** How long a transaction may be idle between statements, in ms. Those of a store never are. */
const IDLE_TIMEOUT = 10_000;

/** The key of the advisory lock around migrations. */
const MIGRATION_LOCK = 0x6461_6777;

const CLOCK = "(extract(epoch from clock_timestamp()) * 1000)::double precision";

/**
 * Connects to a server through a connection pool of the package pg.
 * @throws {StoreError} STORE when pg is not installed
 */
export async function openPostgres(url: string): Promise<DatabaseAdapter> {
  let pg: typeof Pg;
  try {
    pg = await import("pg");
  } catch (cause) {
    const message = `The Postgres store needs the package pg, which can't be loaded: ${messageOf(cause)}. Run "npm install pg".`;
    throw new StoreError(message, "STORE", { cause });
  }
  const { Client, Pool } = "Pool" in pg ? pg : (pg as { default: typeof Pg }).default;
  const connection = { connectionString: url, connectionTimeoutMillis: CONNECTION_TIMEOUT, keepAlive: true };
  const pool = new Pool({
    ...connection,
    max: MAX_CONNECTIONS,
    query_timeout: QUERY_TIMEOUT,
    statement_timeout: STATEMENT_TIMEOUT,
    lock_timeout: LOCK_TIMEOUT,
    idle_in_transaction_session_timeout: IDLE_TIMEOUT,
    allowExitOnIdle: true,
  });
  // A connection broke while it was idle, or between two statements. Its next use fails.
  pool.on("error", () => {});
  pool.on("connect", (client) => client.on("error", () => {}));
  return {
    dialect: new PostgresDialect({ pool: new QueueingPool(pool) }),
    clock: sql.raw<number>(CLOCK),
    constant: (time) => sql.raw(`${time}::double precision`),
    isRemote: true,
    hasRowLocks: true,
    lockMigrations: async (db) => {
      await sql`select pg_advisory_xact_lock(${MIGRATION_LOCK})`.execute(db);
    },
    classify,
    notices: postgresNotices(() => new Client(connection) as NoticeClient),
    writer: (db, clock) => new PostgresWriter(db, () => clock().compile(db).sql),
  };
}

/**
 * A pool in which callers queue for a connection without a time limit, where pg's own pool would time them out. A
 * connection that has failed, or not answered, is discarded.
 */
class QueueingPool implements PostgresPool {
  private readonly semaphore = new Semaphore(MAX_CONNECTIONS);

  constructor(private readonly pool: Pg.Pool) {}

  async connect(): Promise<PostgresPoolClient> {
    await this.semaphore.acquire();
    try {
      return new PooledClient(await outside(this.pool.connect()), () =>
        this.semaphore.release(),
      ) as unknown as PostgresPoolClient;
    } catch (error) {
      this.semaphore.release();
      throw error;
    }
  }

  end(): Promise<void> {
    return this.pool.end();
  }
}

/** A connection between its checkout and its release. */
class PooledClient {
  /** The error that made the connection unusable. */
  private failure: { readonly error: unknown } | undefined;

  constructor(
    private readonly client: Pg.PoolClient,
    private readonly onRelease: () => void,
  ) {}

  async query(text: string, parameters: unknown[]): Promise<unknown> {
    if (this.failure !== undefined) {
      // The server rolls back when the connection ends.
      if (text === "rollback") return NO_ROWS;
      throw this.failure.error;
    }
    requireMessageSize(parameters);
    try {
      return await outside(this.client.query(text, parameters));
    } catch (error) {
      if (!leavesConnectionUsable(error)) this.failure = { error };
      throw error;
    }
  }

  release(): void {
    this.client.release(this.failure !== undefined);
    this.onRelease();
  }
}

const NO_ROWS = { command: "ROLLBACK", rowCount: 0, rows: [] };

/**
 * The maximum size of a message to the server, in bytes: it closes the connection without an error for a larger one.
 */
const MAX_MESSAGE_BYTES = 2 ** 30 - 2 ** 20;

/** @throws {RangeError} for parameters that are too large for one message */
function requireMessageSize(parameters: readonly unknown[]): void {
  let bytes = 0;
  for (const value of parameters) if (typeof value === "string") bytes += Buffer.byteLength(value);
  if (bytes <= MAX_MESSAGE_BYTES) return;
  throw new RangeError(
    `its data has ${bytes} bytes, and Postgres accepts at most 1 GB at a time. Store large values elsewhere`,
  );
}
