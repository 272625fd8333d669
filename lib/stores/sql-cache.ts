import { type RawBuilder, sql } from "kysely";
import type { CacheEntry, CacheStore } from "../definition/specs/policy-options.js";
import type { Codec } from "./values/codec.js";
import type { Database } from "./database/database.js";
import { checkEntry } from "./reading/row-checks.js";
import { skipLocked } from "./database/row-locks.js";
import { isStorable, requireKey } from "./values/storable-text.js";
import { reasonOf, unreadableEntry } from "./values/unreadable.js";

/** A prefix followed by this sorts after all keys with the prefix. */
const MAX_SUFFIX = "\u{10ffff}";

/** The maximum length of a key, in bytes. */
const MAX_KEY_BYTES = 2000;

/** Cached results in a table: they survive a restart, and are shared with other processes. */
export class SqlCache implements CacheStore {
  readonly serializes = true;

  /** For `console.log`. */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return "SqlCache {}";
  }

  /** For `JSON.stringify`. */
  toJSON(): object {
    return {};
  }

  /** @param retry - executes an idempotent operation */
  constructor(
    private readonly retry: <T>(work: (database: Database) => Promise<T>) => Promise<T>,
    private readonly codec: Codec,
  ) {}

  /** @throws {StoreError} STORE when the entry can't be read */
  async get(key: string): Promise<CacheEntry | undefined> {
    if (!isStorable(key)) return undefined;
    const row = await this.retry(({ db }) =>
      db.selectFrom("cache_entries").selectAll().where("key", "=", key).executeTakeFirst(),
    );
    if (row === undefined) return undefined;
    const { value, stored_at, expires_at } = checkEntry(row);
    return { value: this.decoded(key, value), storedAt: stored_at, expiresAt: expires_at ?? undefined };
  }

  /**
   * Sets an entry, and deletes expired ones.
   * @throws {StoreError} UNSTORABLE for a key or a value that can't be stored
   */
  async set(key: string, { value, storedAt, expiresAt }: CacheEntry): Promise<void> {
    requireKey("The cache key", key, MAX_KEY_BYTES);
    const row = { value: this.codec.encode(value), stored_at: storedAt, expires_at: expiresAt ?? null };
    await this.retry(async (database) => {
      await database.db
        .insertInto("cache_entries")
        .values({ key, ...row })
        .onConflict((conflict) => conflict.column("key").doUpdateSet(row))
        .execute();
      await deleteEntries(database, sql`expires_at <= ${storedAt}`);
    });
  }

  async delete(key: string): Promise<void> {
    await this.retry(({ db }) => db.deleteFrom("cache_entries").where("key", "=", key).execute());
  }

  async clear(prefix: string): Promise<void> {
    await this.retry((database) => {
      // Postgres may sort by a locale, where keys with the same prefix need not be adjacent.
      const begins = database.hasRowLocks
        ? sql`starts_with(key, ${prefix})`
        : sql`key >= ${prefix} and key < ${prefix + MAX_SUFFIX}`;
      return deleteEntries(database, begins);
    });
  }

  private decoded(key: string, text: string): unknown {
    try {
      return this.codec.decode(text);
    } catch (cause) {
      throw unreadableEntry(key, "value", reasonOf(cause), cause);
    }
  }
}

/** Deletes entries, except for those that another transaction has locked. */
async function deleteEntries(database: Database, condition: RawBuilder<unknown>): Promise<void> {
  const { db } = database;
  const keys = sql`select key from cache_entries where ${condition} ${skipLocked(database)}`;
  await sql`delete from cache_entries where key in (${keys})`.execute(db);
}
