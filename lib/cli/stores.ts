import { existsSync } from "node:fs";
import { show } from "../base/check.js";
import { messageOf } from "../base/message.js";
import { postgresStore, sqliteStore, type SqlStore } from "../store.js";
import { UsageError } from "./exit.js";

const POSTGRES = /^postgres(?:ql)?:\/\//u;

/**
 * Passes a store to `work`, and closes it in the end.
 * @param address - the path of a SQLite file, or the URL of a Postgres database
 * @param mustExist - whether a file that is not there is wrong usage, instead of being created
 * @throws {UsageError} when it can't be opened
 */
export async function withStore<T>(
  address: string,
  work: (store: SqlStore) => Promise<T>,
  { mustExist = true }: { readonly mustExist?: boolean } = {},
): Promise<T> {
  const isPostgres = POSTGRES.test(address);
  if (mustExist && !isPostgres && !existsSync(address)) throw new UsageError(`There is no store ${show(address)}.`);
  const store = isPostgres ? postgresStore(address) : sqliteStore(address);
  try {
    await requireReadable(store);
    return await work(store);
  } finally {
    await store.close();
  }
}

async function requireReadable(store: SqlStore): Promise<void> {
  try {
    await store.listRuns({ limit: 1 });
  } catch (error) {
    throw new UsageError(messageOf(error), { cause: error });
  }
}
