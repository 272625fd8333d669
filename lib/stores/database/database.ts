import type { Dialect, Kysely, RawBuilder } from "kysely";
import type { BatchWriter } from "../writing/batch-writer.js";
import type { Failure } from "./retry.js";
import type { Tables } from "./schema.js";

/** The differences between SQLite and Postgres. */
export interface DatabaseAdapter {
  readonly dialect: Dialect;
  /** The time in ms since 1970, by the clock that all clients of the database share. */
  readonly clock: RawBuilder<number>;
  /**
   * Transactions run concurrently, so reading a row in order to change it must lock it. Such databases also have
   * arrays.
   */
  readonly hasRowLocks: boolean;
  /**
   * Keeps other connections from migrating until the transaction ends. Undefined if beginning a transaction already
   * does so.
   */
  readonly lockMigrations?: (db: Kysely<any>) => Promise<void>;
  /** Whether a failed statement wrote anything, and whether retrying it may help. */
  classify(error: unknown): Failure;
  /** Creates the writer of run batches. */
  writer(db: Kysely<Tables>): BatchWriter;
  readonly beforeClose?: (db: Kysely<Tables>) => Promise<void>;
}

/** An open, migrated database. */
export interface Database extends Omit<DatabaseAdapter, "writer"> {
  readonly db: Kysely<Tables>;
  readonly writer: BatchWriter;
}
