/** `dagwright/store`: databases that keep results. */
import { checkName, checkOptions, checkType } from "./base/check.js";
import { openSqlite, type OpenDatabase } from "./stores/sqlite.js";
import { SqlStore, type StoreOptions } from "./stores/sql-store.js";

export { SqlStore, type StoreOptions } from "./stores/sql-store.js";
export type { StoredType } from "./stores/codec.js";
export type { OpenDatabase } from "./stores/sqlite.js";

/**
 * A store in a SQLite file, which needs no server: with Node's own SQLite where there is one (from 22.13), otherwise with
 * the package libsql, an optional dependency of dagwright.
 * @param database - a path, `:memory:`, or an open database of better-sqlite3 or libsql
 * @throws {TypeError} naming the option, its rule and the value received
 */
export function sqliteStore(database: string | OpenDatabase, options: StoreOptions = {}): SqlStore {
  if (typeof database !== "object" || database === null) checkName("database", database);
  checkOptions(options, ["types"], "a store");
  checkType("types", options.types, "object");
  return new SqlStore(() => openSqlite(database), options);
}
