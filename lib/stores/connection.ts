import type { Dialect, Kysely, RawBuilder } from "kysely";
import type { Failure } from "./failure.js";
import type { Tables } from "./schema.js";
import type { Writer } from "./writer.js";

/** A kind of database, and what is particular about it. */
export interface Connection {
  readonly dialect: Dialect;
  /** The time of day in ms since 1970, by the clock that all who use the database share. */
  readonly clock: RawBuilder<number>;
  /** Transactions run beside each other, so that rows have to be locked which are read to be changed. */
  readonly locksRows: boolean;
  /** Keeps other connections from changing the tables until the transaction ends, where its beginning does not. */
  readonly serialize?: (db: Kysely<any>) => Promise<void>;
  /** What became of a statement that failed, and whether it is worth another try. */
  failureOf(error: unknown): Failure;
  /** What writes the batches of runs. */
  writer(db: Kysely<Tables>): Writer;
  /** Called before the database is closed. */
  readonly tidy?: (db: Kysely<Tables>) => Promise<void>;
}

/** An open database. */
export interface Database extends Omit<Connection, "writer"> {
  readonly db: Kysely<Tables>;
  readonly writer: Writer;
}
