import { postgresStore, sqliteStore, type SqlStore } from "dagwright/store";

/** What the backend of the driver and its workers have in common. */
export const queue = { connection: process.env.REDIS_URL ?? "redis://127.0.0.1:6379", queue: "site" };

/** The store of the runs: a Postgres, or a file. */
export function openStore(): SqlStore {
  const { STORE = "runs.db" } = process.env;
  return STORE.startsWith("postgres:") ? postgresStore(STORE) : sqliteStore(STORE);
}
