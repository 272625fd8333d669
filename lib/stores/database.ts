import type { Dialect, Kysely, RawBuilder } from "kysely";
import type { Failure } from "./retry.js";
import type { Tables } from "./schema.js";
import type { BatchWriter } from "./batch-writer.js";

/** A kind of database, and what is particular about it. */
export interface DatabaseAdapter {
  readonly dialect: Dialect;
  /** The time of day in ms since 1970, by the clock that all who use the database share. */
  readonly clock: RawBuilder<number>;
  /** Transactions run beside each other, so that rows have to be locked which are read to be changed. */
  readonly hasRowLocks: boolean;
  /** Keeps other connections from changing the tables until the transaction ends, where its beginning does not. */
  readonly lockMigrations?: (db: Kysely<any>) => Promise<void>;
  /** What became of a statement that failed, and whether it is worth another try. */
  classify(error: unknown): Failure;
  /** What writes the batches of runs. */
  writer(db: Kysely<Tables>): BatchWriter;
  /** Called before the database is closed. */
  readonly beforeClose?: (db: Kysely<Tables>) => Promise<void>;
}

/** An open database. */
export interface Database extends Omit<DatabaseAdapter, "writer"> {
  readonly db: Kysely<Tables>;
  readonly writer: BatchWriter;
}
