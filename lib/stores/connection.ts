import type { Dialect, Kysely } from "kysely";

/** A kind of database, and what is particular about it. */
export interface Connection {
  readonly dialect: Dialect;
  /** Transactions run beside each other, so that rows have to be locked which are read to be changed. */
  readonly locksRows: boolean;
  /** Keeps other connections from changing the tables until the transaction ends, where its beginning does not. */
  readonly serialize?: (db: Kysely<any>) => Promise<void>;
}
