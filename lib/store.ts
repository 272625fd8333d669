/** `dagwright/store`: SQL databases of runs and cached results. */
import { MAX_TIMEOUT } from "./base/timer.js";
import { checkDuration, checkName, checkOptions, checkRecord, oneOf, type Rules } from "./base/check.js";
import { openPostgres } from "./stores/postgres/postgres.js";
import { openSqlite } from "./stores/sqlite/sqlite.js";
import type { OpenDatabase } from "./stores/sqlite/sqlite-packages.js";
import { SqlStore, type StoreOptions } from "./stores/sql-store.js";

export { SqlStore, type StoreOptions } from "./stores/sql-store.js";
export type { StoredType } from "./stores/values/codec.js";
export type { NodeDifference, RunDifference } from "./stores/reading/compare-runs.js";
export type { PruneOptions } from "./stores/prune.js";
export type {
  AttemptDetails,
  EdgeDetails,
  GetRunOptions,
  NodeDetails,
  RunDetails,
} from "./stores/reading/run-details.js";
export type { RunFilter, RunPage, UnreadableRun } from "./stores/reading/run-list.js";
export type { RunSummary } from "./stores/reading/run-summary.js";
export type { WaitingFor } from "./run/waiting-for.js";
export type { WorkflowGraph } from "./planning/workflow-graph.js";
export type { NodeStats, WorkflowStats } from "./stores/reading/workflow-stats.js";
export type { AttemptStatus, CycleStatus, RecordedCycle, RecordedWait, WorkflowKind } from "./stores/store.js";
export type { OpenDatabase } from "./stores/sqlite/sqlite-packages.js";

/**
 * A store in a SQLite file. Uses Node's own SQLite (from 22.13), or else the package libsql, a peer dependency.
 * @param database - a path, `:memory:`, or an open database of better-sqlite3 or libsql. Within a process, open a file
 *   with only one of these libraries: two of them do not see each other's locks
 * @throws {TypeError} | {RangeError} naming the option, its rule and the value received
 */
export function sqliteStore(database: string | OpenDatabase, options: StoreOptions = {}): SqlStore {
  if (typeof database !== "object" || database === null) checkName("database", database);
  checkStoreOptions(options);
  return new SqlStore(() => Promise.resolve(openSqlite(database)), options, nameOf(database));
}

/**
 * A store in a Postgres database, which processes on several machines can share. Needs the package pg, a peer
 * dependency.
 * @param url - `postgres://user:password@host:port/database`
 * @throws {TypeError} | {RangeError} naming the option, its rule and the value received
 */
export function postgresStore(url: string, options: StoreOptions = {}): SqlStore {
  checkName("url", url);
  checkStoreOptions(options);
  return new SqlStore(() => openPostgres(url), options, withoutSecrets(url));
}

function nameOf(database: string | OpenDatabase): string {
  if (typeof database === "string") return database;
  const { name } = database as { readonly name?: unknown };
  return typeof name === "string" ? name : "an open database";
}

/** The address of a server, without user, password and parameters. */
function withoutSecrets(url: string): string {
  if (!URL.canParse(url)) return "Postgres";
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`;
}

const RULES: Rules<StoreOptions> = {
  types: checkRecord,
  lease: (option, lease) => checkDuration(option, lease, 1, MAX_TIMEOUT),
  onUnstorable: oneOf(["fail", "skip"]),
};

function checkStoreOptions(options: StoreOptions): void {
  checkOptions(options, RULES, "a store");
}
