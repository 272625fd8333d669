import { sql, type RawBuilder } from "kysely";
import type { CacheEntry, CacheStore } from "../definition/specs/policy-options.js";
import type { Codec } from "./codec.js";
import type { Database } from "./database.js";
import { isStorable, requireKey } from "./storable-text.js";
import { skipLocked } from "./row-locks.js";
import { checkedEntry, reasonOf, unreadableEntry } from "./rows.js";

/** Behind all keys that begin with a prefix. */
const MAX_SUFFIX = "\u{10ffff}";

/** The longest key, in bytes. */
const MAX_KEY_BYTES = 2000;

/** Cached results in a table: they are there after a restart, and for other processes. */
export class SqlCache implements CacheStore {
  readonly serializes = true;

  /** @param repeatedly - does what can be done again, until it is done */
  constructor(
    private readonly repeatedly: <T>(work: (database: Database) => Promise<T>) => Promise<T>,
    private readonly codec: Codec,
  ) {}

  /** @throws {StoreError} STORE when the entry can't be read */
  async get(key: string): Promise<CacheEntry | undefined> {
    if (!isStorable(key)) return undefined;
    const row = await this.repeatedly(({ db }) =>
      db.selectFrom("cache_entries").selectAll().where("key", "=", key).executeTakeFirst(),
    );
    if (row === undefined) return undefined;
    const { value, stored_at, expires_at } = checkedEntry(row);
    return { value: this.decoded(key, value), storedAt: stored_at, expiresAt: expires_at ?? undefined };
  }

  /** Also forgets what has expired. @throws {StoreError} UNSTORABLE for a key or a value that can't be kept */
  async set(key: string, { value, storedAt, expiresAt }: CacheEntry): Promise<void> {
    requireKey("The cache key", key, MAX_KEY_BYTES);
    const row = { value: this.codec.encode(value), stored_at: storedAt, expires_at: expiresAt ?? null };
    await this.repeatedly(async (database) => {
      await database.db
        .insertInto("cache_entries")
        .values({ key, ...row })
        .onConflict((conflict) => conflict.column("key").doUpdateSet(row))
        .execute();
      await remove(database, sql`expires_at <= ${storedAt}`);
    });
  }

  async delete(key: string): Promise<void> {
    await this.repeatedly(({ db }) => db.deleteFrom("cache_entries").where("key", "=", key).execute());
  }

  async clear(prefix: string): Promise<void> {
    await this.repeatedly((database) => {
      // Where a text comes in the order of a language says nothing of how it begins.
      const begins = database.hasRowLocks
        ? sql`starts_with(key, ${prefix})`
        : sql`key >= ${prefix} and key < ${prefix + MAX_SUFFIX}`;
      return remove(database, begins);
    });
  }

  private decoded(key: string, text: string): unknown {
    try {
      return this.codec.decode(text);
    } catch (cause) {
      throw unreadableEntry(key, 'column "value"', reasonOf(cause), cause);
    }
  }
}

/** Removes entries, but for those that somebody is just writing, or removing. */
async function remove(database: Database, condition: RawBuilder<unknown>): Promise<void> {
  const { db } = database;
  const doomed = sql`select key from cache_entries where ${condition} ${skipLocked(database)}`;
  await sql`delete from cache_entries where key in (${doomed})`.execute(db);
}
