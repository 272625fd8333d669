import type { Dialect, Kysely, RawBuilder } from "kysely";
import type { BatchWriter } from "../writing/batch-writer.js";
import type { Failure } from "./retry.js";
import type { Tables } from "./schema.js";

/** The differences between SQLite and Postgres. */
export interface DatabaseAdapter {
  readonly dialect: Dialect;
  /** The time in ms since 1970, by the clock that all clients of the database share. */
  readonly clock: RawBuilder<number>;
  /** A time that replaces the clock, without parameters where the database does not keep statements. */
  constant(time: number): RawBuilder<number>;
  /** Whether that clock may differ from the one of this process, since the database is on another machine. */
  readonly isRemote: boolean;
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
  /** Creates the writer of run batches. @param clock - {@link DatabaseAdapter.clock}, or what replaces it */
  writer(db: Kysely<Tables>, clock: () => RawBuilder<number>): BatchWriter;
  /** Undefined if the database can't send notices to its clients. */
  readonly notices?: Notices;
  readonly beforeClose?: (db: Kysely<Tables>) => Promise<void>;
}

/** Short texts that a client of a database sends to all clients. Some may get lost. */
export interface Notices {
  send(db: Kysely<any>, notice: string): Promise<void>;
  /**
   * @param onNotice - called with each notice, and with undefined when some may have been lost
   * @returns a function that stops it
   */
  listen(onNotice: (notice: string | undefined) => void): () => void;
}

/** An open, migrated database. */
export interface Database extends Omit<DatabaseAdapter, "writer"> {
  readonly db: Kysely<Tables>;
  readonly writer: BatchWriter;
}
