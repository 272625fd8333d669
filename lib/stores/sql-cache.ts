import type { Kysely } from "kysely";
import type { CacheEntry, CacheStore } from "../definition/policy-options.js";
import type { Codec } from "./codec.js";
import { checkedEntry, reasonOf, unreadableEntry } from "./rows.js";
import type { Tables } from "./schema.js";

/** Behind all keys that begin with a prefix. */
const LAST = "\u{10ffff}";

/** Cached results in a table: they are there after a restart, and for other processes. */
export class SqlCache implements CacheStore {
  readonly serializes = true;

  /** @param repeatedly - does what can be done again, until it is done */
  constructor(
    private readonly repeatedly: <T>(work: (db: Kysely<Tables>) => Promise<T>) => Promise<T>,
    private readonly codec: Codec,
  ) {}

  /** @throws {StoreError} STORE when the entry can't be read */
  async get(key: string): Promise<CacheEntry | undefined> {
    const row = await this.repeatedly((db) =>
      db.selectFrom("cache_entries").selectAll().where("key", "=", key).executeTakeFirst(),
    );
    if (row === undefined) return undefined;
    const { value, stored_at, expires_at } = checkedEntry(row);
    return { value: this.decoded(key, value), storedAt: stored_at, expiresAt: expires_at ?? undefined };
  }

  /** Also forgets what has expired. @throws {StoreError} UNSTORABLE for a value that can't be kept */
  async set(key: string, { value, storedAt, expiresAt }: CacheEntry): Promise<void> {
    const row = { value: this.codec.encode(value), stored_at: storedAt, expires_at: expiresAt ?? null };
    await this.repeatedly(async (db) => {
      await db
        .insertInto("cache_entries")
        .values({ key, ...row })
        .onConflict((conflict) => conflict.column("key").doUpdateSet(row))
        .execute();
      await db.deleteFrom("cache_entries").where("expires_at", "<=", storedAt).execute();
    });
  }

  async delete(key: string): Promise<void> {
    await this.repeatedly((db) => db.deleteFrom("cache_entries").where("key", "=", key).execute());
  }

  async clear(prefix: string): Promise<void> {
    await this.repeatedly((db) =>
      db
        .deleteFrom("cache_entries")
        .where("key", ">=", prefix)
        .where("key", "<", prefix + LAST)
        .execute(),
    );
  }

  private decoded(key: string, text: string): unknown {
    try {
      return this.codec.decode(text);
    } catch (cause) {
      throw unreadableEntry(key, 'column "value"', reasonOf(cause), cause);
    }
  }
}
